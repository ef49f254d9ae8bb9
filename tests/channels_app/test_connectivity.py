"""Whether it is our own network that is gone. No database, no clock."""

import pytest

from channels_app import connectivity
from channels_app.connectivity import Host, Witness
from tests.support.readings import MINUTE, NOON
from tests.support.servers import SECOND

GONE = Host(NOON - MINUTE, NOON, NOON)
LONG_DEAD_NEARBY = Host(NOON - 9000 * MINUTE, NOON - 9000 * MINUTE, NOON - 9000 * MINUTE)
FAILS_FAR_AWAY = Host(NOON - MINUTE, NOON + SECOND, None)
WAS_DOWN_BEFORE = Host(NOON - 60 * MINUTE, NOON - 60 * MINUTE, None)
NOT_ASKED_SINCE = Host(NOON - SECOND, None, None)
ANSWERS = Host(NOON + SECOND, None, None)


@pytest.mark.parametrize(
    ("hosts", "since"),
    [
        pytest.param([GONE] * 3, NOON, id="three hosts"),
        pytest.param([GONE] * 2, None, id="two are too few"),
        pytest.param([GONE] * 3 + [NOT_ASKED_SINCE] * 5, NOON, id="others have not been asked since"),
        pytest.param([GONE] * 3 + [ANSWERS], None, id="another answers"),
        pytest.param([GONE] * 3 + [FAILS_FAR_AWAY], None, id="another fails further away"),
        pytest.param([GONE] * 3 + [WAS_DOWN_BEFORE], NOON, id="another was down before"),
        pytest.param([GONE] * 3 + [LONG_DEAD_NEARBY], NOON, id="another, in our own network, was down before"),
        pytest.param([GONE] * 2 + [LONG_DEAD_NEARBY], None, id="which is not a third"),
        pytest.param([], None, id="nobody"),
    ],
)
def test_without_a_witness_three_hosts_with_local_errors_alone_say_it(hosts, since):
    assert connectivity.offline_since(hosts, None) == since


@pytest.mark.parametrize(
    ("answered_at", "since"),
    [
        pytest.param(NOON + SECOND, None, id="it answered since: it is the servers'"),
        pytest.param(NOON - SECOND, NOON, id="it answered before"),
        pytest.param(None, NOON, id="it has never answered"),
    ],
)
def test_a_witness_that_answers_denies_what_began_before_it_did(answered_at, since):
    assert connectivity.offline_since([GONE] * 3, Witness(answered_at)) == since


def failing_witness(since=NOON):
    return Witness(failing_since=since)


def test_a_witness_that_fails_too_says_that_it_is_ours_unless_somebody_answers():
    far = [FAILS_FAR_AWAY]

    assert connectivity.offline_since(far, failing_witness()) == NOON
    assert connectivity.offline_since([*far, ANSWERS], failing_witness()) is None


def test_a_witness_that_fails_says_nothing_where_the_server_that_fails_is_answered():
    bad_gateway = Host(NOON - MINUTE, NOON + SECOND, None, was_reached=True)
    back_by_now = Host(NOON - MINUTE, None, None, was_reached=True)

    assert connectivity.offline_since([bad_gateway], failing_witness()) is None
    assert connectivity.offline_since([GONE, GONE, GONE, bad_gateway], None) is None
    assert connectivity.offline_since([FAILS_FAR_AWAY, back_by_now], failing_witness()) == NOON


def test_a_witness_that_fails_says_nothing_where_no_server_began_to_fail_since_any_answered():
    ten_minutes_ago = Host(NOON - 10 * MINUTE, None, None)

    assert connectivity.offline_since([WAS_DOWN_BEFORE, ten_minutes_ago], failing_witness()) is None
    assert connectivity.offline_since([WAS_DOWN_BEFORE, ten_minutes_ago, FAILS_FAR_AWAY], failing_witness()) == NOON

"""What a single look cannot know: rules over a server's looks and a channel's history. No database, no clock."""

from dataclasses import replace
from datetime import timedelta

import pytest

from channels_app import circuit, connectivity, verdicts
from channels_app.circuit import History, Limits, ServerState, observe
from channels_app.connectivity import Host, Witness
from channels_app.verdicts import settle
from incidents.readings import Reading, Status
from tests.support.readings import MINUTE, NOON, healthy, reading

SECOND = timedelta(seconds=1)
WELL = History(status=Status.OPEN, cause="connected", is_paired=True)
ILL = History(status=Status.DISCONNECTED, cause="logged_out", is_paired=True)
FRESH = ServerState()


def failed(at=NOON, cause="server_unreachable", **fields) -> Reading:
    return reading(cause, Status.ERROR, at, **fields)


def after(*looks: tuple[Reading, History], server: ServerState = FRESH, **facts) -> ServerState:
    return observe(server, looks, **facts)


def verdict(seen: Reading, history: History = WELL, server: ServerState = FRESH, **facts) -> Reading:
    return settle(seen, history, server, limits=Limits(), **facts)


def three_failures(history: History = WELL) -> ServerState:
    return after(*((failed(NOON + n * SECOND), history) for n in range(3)))


# --- A server as a whole -------------------------------------------------------------------------------------------


def is_dark(server: ServerState, *, others_answer: bool = True) -> bool:
    if not circuit.may_be_dark(server):
        return False
    return circuit.darken(server, "server_unreachable", others_answer=others_answer).is_dark


def test_three_failed_looks_in_a_row_darken_a_server():
    assert not is_dark(after((failed(), WELL), (failed(NOON + SECOND), WELL)))
    assert is_dark(three_failures())


def test_a_server_is_dark_since_its_first_failed_look():
    dark = circuit.darken(three_failures(), "server_error", others_answer=False)

    assert (dark.dark_since, dark.dark_cause) == (NOON, "server_error")


def test_a_clock_that_was_set_back_lets_a_dark_server_come_back():
    dark = circuit.darken(three_failures(), "server_error", others_answer=False)
    dark = replace(dark, last_success_at=NOON - SECOND)

    back = after((healthy(NOON - 60 * MINUTE), WELL), server=dark)

    assert not back.is_dark
    assert back.back_at == NOON - 60 * MINUTE


def test_a_clock_that_was_set_back_lets_a_server_fail():
    well = ServerState(last_success_at=NOON, back_at=NOON)

    failing = after((failed(NOON - 60 * MINUTE), WELL), server=well)

    assert failing.failed_looks == 1
    assert failing.back_at == NOON - 60 * MINUTE


def test_failures_of_numbers_that_were_ill_anyway_darken_nothing_while_others_are_well():
    ill = three_failures(ILL)

    assert not is_dark(ill, others_answer=True)
    assert is_dark(ill, others_answer=False)


def test_two_of_the_three_have_to_be_of_numbers_that_were_well():
    one_well = after((failed(), WELL), (failed(NOON + SECOND), ILL), (failed(NOON + 2 * SECOND), ILL))
    two_well = after((failed(), WELL), (failed(NOON + SECOND), WELL), (failed(NOON + 2 * SECOND), ILL))

    assert not is_dark(one_well)
    assert is_dark(two_well)


@pytest.mark.parametrize(
    "answer",
    [
        healthy(NOON + 2 * SECOND),
        reading("logged_out", Status.DISCONNECTED, NOON + 2 * SECOND),
        reading("instance_missing", Status.ERROR, NOON + 2 * SECOND),
        reading("unknown_state", Status.ERROR, NOON + 2 * SECOND),
        reading("not_verifiable", Status.UNKNOWN, NOON + 2 * SECOND),
        reading("asked_to_wait", None, NOON + 2 * SECOND, code=429),
    ],
    ids=lambda seen: seen.cause,
)
def test_an_answer_of_any_kind_starts_the_count_anew(answer):
    server = after((failed(), WELL), (failed(NOON + SECOND), WELL), (answer, WELL), (failed(NOON + 3 * SECOND), WELL))

    assert server.failed_looks == 1
    assert server.failing_since == NOON + 3 * SECOND


@pytest.mark.parametrize(
    "cause",
    [
        "server_unreachable",
        "server_error",
        "certificate",
        "wrong_address",
        "key_rejected",
        "invalid_answer",  # a proxy that says "maintenance" in JSON
        "address_refused",  # by us: it is the server's address
    ],
)
def test_what_concerns_every_number_counts_against_the_server(cause):
    assert after((failed(cause=cause), WELL)).failed_looks == 1


@pytest.mark.parametrize("cause", ["instance_missing", "unknown_state"])
def test_what_concerns_one_number_does_not(cause):
    assert after((failed(cause=cause), WELL)).failed_looks == 0


def test_a_token_of_the_numbers_own_that_is_refused_does_not_count_against_the_server():
    server = after((failed(cause="key_rejected"), replace(WELL, has_own_token=True)))

    assert (server.failed_looks, server.refused_since) == (0, NOON)


def test_a_slow_failure_of_a_look_that_began_before_the_last_success_does_not_count():
    server = after((healthy(NOON + SECOND), WELL))

    assert after((failed(NOON), WELL), server=server).failed_looks == 0


def test_looks_are_told_in_the_order_in_which_they_began():
    looks = [(healthy(NOON + 5 * SECOND), WELL), *((failed(NOON + n * SECOND), WELL) for n in range(3))]

    assert after(*looks).failed_looks == 0


def test_nobody_learns_from_what_was_inferred():
    server = three_failures()

    assert after((verdicts.infer("server_unreachable", at=NOON + MINUTE), WELL), server=server) == server


def test_one_success_ends_the_darkness():
    dark = circuit.darken(three_failures(), "server_unreachable", others_answer=False)

    back = after((healthy(NOON + MINUTE), ILL), server=dark)

    assert not back.is_dark
    assert (back.was_dark_since, back.back_at) == (NOON, NOON + MINUTE)


def test_a_dark_server_has_another_cause_when_its_looks_have_had_it_for_five_minutes():
    dark = circuit.darken(three_failures(), "server_unreachable", others_answer=False)
    one_probe = after((failed(NOON + MINUTE, cause="certificate"), WELL), server=dark)
    two_causes = after(
        (failed(NOON + 4 * MINUTE), WELL), (failed(NOON + 5 * MINUTE, cause="certificate"), WELL), server=one_probe
    )

    def cause(server, minutes):
        return circuit.turn(server, at=NOON + minutes * MINUTE, limits=Limits()).dark_cause

    assert [cause(one_probe, minutes) for minutes in (1, 5, 6)] == ["server_unreachable", "server_unreachable", "certificate"]
    assert cause(two_causes, 9) == "server_unreachable"
    assert circuit.turn(FRESH, at=NOON, limits=Limits()) == FRESH


OWN_TOKEN = replace(WELL, has_own_token=True)


def test_a_storm_is_the_cause_whatever_failed_long_before_it():
    refused = failed(NOON + 10 * MINUTE, cause="key_rejected")
    storm = circuit.darken_by_storm(after((failed(), WELL), (refused, OWN_TOKEN)))

    assert circuit.turn(storm, at=NOON + 10 * MINUTE, limits=Limits()).dark_cause == "server_error"


@pytest.mark.parametrize(
    ("seen", "history"),
    [
        (reading("asked_to_wait", None, NOON + MINUTE, code=429), WELL),
        (reading("key_rejected", Status.ERROR, NOON + MINUTE, code=401), OWN_TOKEN),
    ],
    ids=["it has no time for us", "it refuses a number's own token"],
)
def test_so_does_whatever_else_only_a_server_that_is_there_can_say(seen, history):
    back = after((seen, history), server=circuit.darken(three_failures(), "server_unreachable", others_answer=False))

    assert not back.is_dark
    assert back.back_at == NOON + MINUTE


def test_a_token_that_was_refused_before_the_server_died_tells_afterwards_that_it_is_back():
    refused = failed(NOON - MINUTE, cause="key_rejected")
    dead = after((refused, OWN_TOKEN), *((failed(NOON + n * SECOND), WELL) for n in range(3)))
    dark = circuit.darken(dead, "server_unreachable", others_answer=False)

    back = after((replace(refused, at=NOON + MINUTE), OWN_TOKEN), server=dark)

    assert not back.is_dark
    assert back.refused_since == NOON + MINUTE


def test_a_refused_token_ends_no_darkness_that_is_made_of_them():
    storm = circuit.darken_by_storm(after((failed(cause="key_rejected"), OWN_TOKEN)))

    assert after((failed(NOON + MINUTE, cause="key_rejected"), OWN_TOKEN), server=storm).is_dark


def test_an_outage_has_the_moments_between_its_first_failure_and_the_first_answer():
    dark = circuit.darken(three_failures(), "server_unreachable", others_answer=False)
    back = after((healthy(NOON + MINUTE), WELL), server=dark)

    moments = [None, NOON - SECOND, NOON, NOON + MINUTE, NOON + MINUTE + SECOND]
    assert [circuit.is_in_outage(dark, at) for at in moments] == [False, False, True, True, True]
    assert [circuit.is_in_outage(back, at) for at in moments] == [False, False, True, True, False]
    assert not circuit.is_in_outage(FRESH, NOON)


def test_the_latency_follows_slowly():
    server = after((healthy(NOON, took_ms=100), WELL), (healthy(NOON + SECOND, took_ms=200), WELL))

    assert server.latency_ms == pytest.approx(120)


# --- Grace ---------------------------------------------------------------------------------------------------------


def test_within_a_minute_after_a_server_is_back_nothing_counts_as_bad():
    back = ServerState(back_at=NOON)
    seen = verdict(reading("starting", Status.CONNECTING, NOON + 20 * SECOND), server=back)

    assert (seen.status, seen.cause, seen.again_in) == (None, "server_back", 40 * SECOND)


def test_what_is_healthy_in_that_minute_is_healthy():
    assert verdict(healthy(NOON + SECOND), server=ServerState(back_at=NOON)).status is Status.OPEN


def test_after_that_minute_what_is_down_is_down():
    seen = verdict(reading("logged_out", at=NOON + MINUTE), server=ServerState(back_at=NOON))

    assert seen.status is Status.DISCONNECTED


# --- A storm of refused tokens -------------------------------------------------------------------------------------


def test_a_server_that_refuses_every_token_has_an_error_of_its_own():
    own_token = replace(WELL, has_own_token=True)
    refused = failed(cause="key_rejected", code=401)

    assert verdict(refused, own_token, is_storm=True).cause == "server_error"
    assert verdict(refused, own_token, is_storm=False).cause == "key_rejected"
    assert verdict(refused, WELL, is_storm=True).cause == "key_rejected"


@pytest.mark.parametrize(
    ("refused", "looked_at", "storm"), [(2, 2, True), (60, 60, True), (1, 1, False), (2, 3, False), (0, 0, False)]
)
def test_a_storm_is_all_of_two_or_more(refused, looked_at, storm):
    assert circuit.refuses_all(refused, looked_at) is storm


# --- Our own network -----------------------------------------------------------------------------------------------

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


def test_a_witness_that_fails_says_nothing_where_no_server_began_to_fail_since_any_answered():
    ten_minutes_ago = Host(NOON - 10 * MINUTE, None, None)

    assert connectivity.offline_since([WAS_DOWN_BEFORE, ten_minutes_ago], failing_witness()) is None
    assert connectivity.offline_since([WAS_DOWN_BEFORE, ten_minutes_ago, FAILS_FAR_AWAY], failing_witness()) == NOON


def test_what_failed_while_our_network_was_gone_says_nothing_of_a_server():
    failing = three_failures()
    back_at = NOON + MINUTE

    came_late = after((failed(NOON + 59 * SECOND), WELL), server=failing, online_since=back_at)
    fails_now = after((failed(back_at + SECOND), WELL), server=failing, online_since=back_at)

    assert (came_late.failed_looks, came_late.failing_since) == (0, None)
    assert (fails_now.failed_looks, fails_now.failed_on_healthy, fails_now.failing_since) == (1, 1, back_at + SECOND)


def test_a_server_that_was_dark_before_our_network_went_is_dark_still_when_it_is_back():
    dark = circuit.darken(three_failures(), "server_unreachable", others_answer=False)

    still_dark = after((failed(NOON + 2 * MINUTE), WELL), server=dark, online_since=NOON + MINUTE)

    assert (still_dark.dark_since, still_dark.failing_cause_since) == (NOON, NOON + 2 * MINUTE)


def test_a_clock_that_was_set_back_hides_no_failure_behind_the_return_of_our_network():
    assert after((failed(), WELL), online_since=NOON + 60 * MINUTE).failed_looks == 1


def test_while_our_network_is_gone_a_failed_look_is_no_verdict():
    assert verdict(failed(), is_offline=True).status is None
    assert verdict(verdicts.infer("server_unreachable", at=NOON), is_offline=True).cause == "own_network"
    assert verdict(healthy(), is_offline=True).status is Status.OPEN


# --- A channel's own history ---------------------------------------------------------------------------------------

STARTING = reading("starting", Status.CONNECTING, NOON, raw_state="absent")
BETWEEN_TWO_STATES = replace(STARTING, raw_state="connecting")
RECONNECTING = reading("reconnecting", Status.CONNECTING, NOON, raw_state="connecting")
MISSING = reading("instance_missing", Status.ERROR, NOON, code=404)


def since(length: timedelta, cause: str, **fields) -> History:
    return History(cause=cause, cause_since=NOON - length, is_paired=True, **fields)


@pytest.mark.parametrize(
    ("seen", "history", "status", "cause"),
    [
        pytest.param(STARTING, WELL, "connecting", "starting", id="starting"),
        pytest.param(STARTING, since(5 * MINUTE - SECOND, "starting"), "connecting", "starting", id="starting, nearly 5 min"),
        pytest.param(STARTING, since(5 * MINUTE, "starting"), "error", "not_loaded", id="starting for 5 min"),
        pytest.param(STARTING, since(SECOND, "not_loaded"), "error", "not_loaded", id="not loaded still"),
        pytest.param(
            STARTING, since(60 * MINUTE, "reconnecting"), "connecting", "starting", id="starting after something else"
        ),
        pytest.param(
            BETWEEN_TWO_STATES, since(6 * MINUTE, "starting"), "connecting", "starting", id="between two states for 6 min"
        ),
        pytest.param(
            BETWEEN_TWO_STATES, since(15 * MINUTE, "starting"), "connecting", "stuck_connecting", id="between two states for 15"
        ),
        pytest.param(RECONNECTING, WELL, "connecting", "reconnecting", id="reconnecting"),
        pytest.param(RECONNECTING, since(14 * MINUTE, "reconnecting"), "connecting", "reconnecting", id="reconnecting for 14"),
        pytest.param(
            RECONNECTING, since(15 * MINUTE, "reconnecting"), "connecting", "stuck_connecting", id="reconnecting for 15 min"
        ),
        pytest.param(RECONNECTING, since(SECOND, "stuck_connecting"), "connecting", "stuck_connecting", id="stuck still"),
        pytest.param(MISSING, WELL, "error", "server_error", id="the first 404"),
        pytest.param(
            MISSING, since(MINUTE, "server_error", code=404, cause_streak=1), "error", "server_error", id="the second 404"
        ),
        pytest.param(
            MISSING, since(MINUTE, "server_error", code=404, cause_streak=2), "error", "instance_missing", id="the third 404"
        ),
        pytest.param(
            MISSING, since(59 * SECOND, "server_error", code=404, cause_streak=9), "error", "server_error", id="404s too quick"
        ),
        pytest.param(
            MISSING, since(9 * MINUTE, "server_error", code=500, cause_streak=9), "error", "server_error", id="404 after 500s"
        ),
        pytest.param(
            MISSING,
            since(9 * MINUTE, "server_error", code=404, cause_streak=9, is_listed=True),
            "error",
            "server_error",
            id="404, but the list has it",
        ),
        pytest.param(MISSING, since(SECOND, "instance_missing", code=404), "error", "instance_missing", id="missing still"),
        pytest.param(
            reading("awaiting_scan", Status.QR_PENDING), WELL, "qr_pending", "logged_out", id="a QR on a number once paired"
        ),
        pytest.param(
            reading("awaiting_scan", Status.QR_PENDING), History(), "qr_pending", "awaiting_scan", id="a QR on a new number"
        ),
        pytest.param(reading("qr_expired"), WELL, "disconnected", "logged_out", id="an expired QR on a number once paired"),
        pytest.param(reading("never_paired"), WELL, "disconnected", "logged_out", id="made anew under the same name"),
    ],
)
def test_a_reading_is_settled_by_its_history(seen, history, status, cause):
    settled = verdict(seen, history)

    assert (settled.status, settled.cause) == (status, cause)


LAST_OPEN = replace(WELL, last_open_at=NOON - MINUTE)


@pytest.mark.parametrize(
    ("ended_at", "cause"),
    [
        pytest.param(NOON - 24 * 60 * MINUTE, "reason_unknown", id="yesterday's"),
        pytest.param(NOON - 30 * SECOND, "logged_out", id="fresh"),
        pytest.param(NOON - 4 * MINUTE, "logged_out", id="by a clock that is late"),
        pytest.param(None, "logged_out", id="without a date"),
    ],
)
def test_a_reason_is_believed_where_it_is_newer_than_the_last_open_seen(ended_at, cause):
    settled = verdict(reading("logged_out", code=401, ended_at=ended_at), LAST_OPEN)

    assert settled.cause == cause
    assert (settled.code is None) is (cause == "reason_unknown")


def test_what_nobody_saw_stays_unseen():
    unseen = reading("asked_to_wait", None)

    assert verdict(unseen, since(60 * MINUTE, "starting")) == unseen

"""Whether a server is down as a whole, by all its looks. No database, no clock."""

from dataclasses import replace

import pytest

from channels_app import circuit, verdicts
from channels_app.circuit import Limits, ServerState
from incidents.readings import Status
from tests.support.readings import MINUTE, NOON, healthy, reading
from tests.support.servers import FRESH, ILL, SECOND, WELL, after, failed, three_failures


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


def test_a_number_with_a_token_that_is_to_wait_says_nothing_of_the_servers_own_key():
    dark = ServerState(dark_since=NOON, dark_cause="key_rejected")
    wait = reading("asked_to_wait", None, NOON + SECOND, code=429)

    assert after((wait, replace(WELL, has_own_token=True)), server=dark).is_dark
    assert not after((wait, WELL), server=dark).is_dark


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


@pytest.mark.parametrize(
    ("refused", "looked_at", "storm"), [(2, 2, True), (60, 60, True), (1, 1, False), (2, 3, False), (0, 0, False)]
)
def test_a_storm_is_all_of_two_or_more(refused, looked_at, storm):
    assert circuit.refuses_all(refused, looked_at) is storm


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


# --- A server that keeps falling -------------------------------------------------------------------------------------


def fallen(*minutes, server=FRESH, **facts):
    """It goes dark in each of these minutes after noon, and answers two minutes later; so after the last as well."""
    for minute in minutes:
        at = NOON + minute * MINUTE
        looks = ((failed(at + n * SECOND), WELL) for n in range(3))
        server = circuit.darken(after(*looks, server=server, **facts), "server_unreachable", others_answer=False)
        server = after((healthy(at + 2 * MINUTE), WELL), server=server, **facts)
    return server


@pytest.mark.parametrize(
    ("minutes", "since"),
    [
        ((0, 6), None),
        ((0, 6, 12), 0),
        ((0, 15, 30), 0),
        ((0, 15, 31), None),
        ((0, 31, 40, 45), 31),
        ((0, 6, 12, 18, 40), 0),
    ],
    ids=["twice", "three times", "in just half an hour", "in more", "the last three count", "one that did keeps falling"],
)
def test_a_server_that_falls_three_times_within_half_an_hour_keeps_falling(minutes, since):
    assert fallen(*minutes).falling_since == (None if since is None else NOON + since * MINUTE)


def test_the_last_three_falls_are_remembered():
    assert fallen(0, 6, 12, 18).falls == tuple(NOON + minute * MINUTE for minute in (6, 12, 18))


def test_a_storm_that_darkens_a_server_is_a_fall_too():
    refused = failed(NOON + 12 * MINUTE, cause="key_rejected")

    assert circuit.darken_by_storm(after((refused, OWN_TOKEN), server=fallen(0, 6))).falling_since == NOON


def test_it_keeps_falling_until_it_has_been_up_for_half_an_hour():
    server = fallen(0, 6, 12)

    def falling_since(minute):
        return circuit.steady(server, at=NOON + minute * MINUTE, limits=Limits()).falling_since

    assert [falling_since(minute) for minute in (14, 43.9, 44)] == [NOON, NOON, None]


def test_or_down_for_half_an_hour():
    down = circuit.darken(
        after(*((failed(NOON + 20 * MINUTE + n * SECOND), WELL) for n in range(3)), server=fallen(0, 6, 12)),
        "server_unreachable",
        others_answer=False,
    )

    def falling_since(minute):
        return circuit.steady(down, at=NOON + minute * MINUTE, limits=Limits()).falling_since

    assert [falling_since(minute) for minute in (49.9, 50)] == [NOON, None]


def test_falls_of_before_our_own_network_was_back_do_not_count():
    server = fallen(0, 6, 12)

    assert after((healthy(NOON + 20 * MINUTE), WELL), server=server, online_since=NOON + 19 * MINUTE).falling_since is None
    assert fallen(20, 26, server=fallen(0, 6), online_since=NOON + 19 * MINUTE).falling_since is None
    assert fallen(32, server=fallen(20, 26), online_since=NOON + 19 * MINUTE).falling_since == NOON + 20 * MINUTE


def test_falls_ahead_of_a_clock_that_was_set_back_are_none():
    far_apart = fallen(60, 120, 180)

    assert after((healthy(NOON), WELL), server=far_apart).falls == ()
    assert fallen(0, server=far_apart).falling_since is None


def test_a_server_that_kept_falling_when_the_clock_was_set_back_is_steady_half_an_hour_later():
    server = after((healthy(NOON), WELL), server=fallen(60, 66, 72))

    assert circuit.steady(server, at=NOON + 29 * MINUTE, limits=Limits()).falling_since == NOON
    assert circuit.steady(server, at=NOON + 30 * MINUTE, limits=Limits()).falling_since is None

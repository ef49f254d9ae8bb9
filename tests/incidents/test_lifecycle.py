"""Design section 5, row by row. Seconds are counted from NOON; looks are made as in production (I = 120 s, D = 8 s)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from incidents import lifecycle
from incidents.lifecycle import NO_RUN, Policy, Step, WatchState
from incidents.readings import Status
from tests.incidents.record import (
    DEADLINE,
    INTERVAL,
    LONGEST_GAP,
    MICROSECOND,
    NOON,
    RECHECK,
    Channel,
    after,
    bad,
    good,
    owed,
    unknown,
    unseen,
)


@pytest.fixture
def channel():
    return Channel()


# 5 minutes, seen all the way; the incident opens at the last of them
FIVE_BAD_MINUTES = (bad(0), bad(10), bad(130), bad(250), bad(300))

ROWS = [
    # healthy, no bad run
    ("a healthy first look stays well", [good(0)], Step.STAYS_WELL, 120),
    ("a healthy look after a healthy one stays well", [good(0), good(120)], Step.STAYS_WELL, 120),
    ("a healthy look after blind hours stays well", [good(0), good(9000)], Step.STAYS_WELL, 120),
    # unhealthy, no bad run
    ("a bad first look starts a run", [bad(0)], Step.RUN_STARTS, 10),
    ("a bad look after a healthy one starts a run", [good(0), bad(120)], Step.RUN_STARTS, 10),
    ("a bad look after blind hours starts a run with no bad time", [good(0), bad(9000)], Step.RUN_STARTS, 10),
    # unhealthy after unhealthy
    ("far from the threshold the next look is after I", [bad(0), bad(10)], Step.RUN_GOES_ON, 120),
    ("I before the threshold the next look is after I", [bad(0), bad(60), bad(180)], Step.RUN_GOES_ON, 120),
    ("while its reason is owed it is looked at again soon", [bad(0), owed(10)], Step.RUN_GOES_ON, 10),
    ("but not for long", [bad(0), owed(10), owed(70)], Step.RUN_GOES_ON, 120),
    ("near the threshold the next look falls upon it", [bad(0), bad(10), bad(130), bad(250)], Step.RUN_GOES_ON, 50),
    ("the sum reaches the threshold", [*FIVE_BAD_MINUTES], Step.INCIDENT_OPENS, 60),
    ("a blind gap adds I and no more", [bad(0), bad(10), bad(9000)], Step.RUN_GOES_ON, 120),
    ("three blind gaps reach five minutes", [bad(0), bad(9000), bad(18000), bad(27000)], Step.INCIDENT_OPENS, 60),
    ("a clock set back adds nothing", [bad(0), bad(100), bad(-500)], Step.RUN_GOES_ON, 120),
    ("after a clock set back time counts from there", [bad(0), bad(100), bad(-500), bad(-400)], Step.RUN_GOES_ON, 100),
    # unhealthy, incident open
    ("a bad look at an open incident leaves it open", [*FIVE_BAD_MINUTES, bad(360)], Step.INCIDENT_STAYS, 60),
    ("an incident outlives blind hours", [*FIVE_BAD_MINUTES, bad(9000)], Step.INCIDENT_STAYS, 60),
    # healthy in a bad run or incident, first
    ("one healthy look does not end a run", [bad(0), good(10)], Step.RECOVERS, 10),
    ("one healthy look does not resolve an incident", [*FIVE_BAD_MINUTES, good(360)], Step.RECOVERS, 10),
    # ... second in a row
    ("two healthy looks end a run", [bad(0), good(10), good(20)], Step.RUN_ENDS, 120),
    ("two healthy looks resolve an incident", [*FIVE_BAD_MINUTES, good(360), good(370)], Step.INCIDENT_RESOLVES, 120),
    ("two healthy looks at the longest gap end a run", [bad(0), good(10), good(10 + LONGEST_GAP)], Step.RUN_ENDS, 120),
    ("a clock set back between them ends a run too", [bad(0), good(10), good(-500)], Step.RUN_ENDS, 120),
    ("a third healthy look stays well", [bad(0), good(10), good(20), good(140)], Step.STAYS_WELL, 120),
    ("a bad look after the end starts another run", [bad(0), good(10), good(20), bad(140)], Step.RUN_STARTS, 10),
    # unhealthy between the two, or a blind gap
    ("a bad look between them: the run goes on", [bad(0), good(10), bad(20)], Step.RUN_GOES_ON, 120),
    ("a bad look between them: the incident stays", [*FIVE_BAD_MINUTES, good(360), bad(370)], Step.INCIDENT_STAYS, 60),
    ("a bad look between them: the streak starts anew", [bad(0), good(10), bad(20), good(30)], Step.RECOVERS, 10),
    (
        "a blind gap between them: the streak starts anew",
        [bad(0), good(10), good(10 + LONGEST_GAP + MICROSECOND)],
        Step.RECOVERS,
        10,
    ),
    ("after the blind gap two more are needed", [bad(0), good(10), good(9000), good(9010)], Step.RUN_ENDS, 120),
    # unseen
    ("unseen and told nothing: look after I", [unseen(0)], Step.UNSEEN, 120),
    ("a wait below I is I", [unseen(0, wait=119)], Step.UNSEEN, 120),
    ("a wait above I is kept", [unseen(0, wait=121)], Step.UNSEEN, 121),
    ("a wait of ten minutes is kept", [unseen(0, wait=600)], Step.UNSEEN, 600),
    ("a wait above ten minutes is ten minutes", [unseen(0, wait=601)], Step.UNSEEN, 600),
    ("unseen between two healthy looks does not break the row", [bad(0), good(10), unseen(20), good(30)], Step.RUN_ENDS, 120),
    ("unseen between two bad looks: their time counts", [bad(0), unseen(60), bad(100), bad(200)], Step.RUN_GOES_ON, 100),
    (
        "unseen between two bad looks still adds at most I",
        [bad(0), unseen(60), unseen(180), bad(240), bad(360)],
        Step.RUN_GOES_ON,
        60,
    ),
    ("unseen does not make a blind gap shorter", [bad(0), good(10), unseen(130), unseen(250), good(300)], Step.RECOVERS, 10),
    (
        "where one more healthy look ends a run, no wait makes a blind gap",
        [bad(0), good(10), unseen(20, wait=600)],
        Step.UNSEEN,
        230,
    ),
    (
        "once nobody has seen it for two intervals it is waited for as long as the server asks",
        [bad(0), good(10), unseen(20, wait=600), unseen(250, wait=600)],
        Step.UNSEEN,
        600,
    ),
    ("and with the next look it ends", [bad(0), good(10), unseen(20, wait=600), good(250)], Step.RUN_ENDS, 120),
    # unknown
    ("unknown with no run changes nothing", [unknown(0)], Step.UNKNOWABLE, 120),
    ("unknown ends a run", [bad(0), unknown(10)], Step.RUN_ENDS, 120),
    ("unknown resolves an incident", [*FIVE_BAD_MINUTES, unknown(360)], Step.INCIDENT_RESOLVES, 120),
    ("a bad look after unknown starts another run", [bad(0), bad(100), unknown(200), bad(210)], Step.RUN_STARTS, 10),
]


@pytest.mark.parametrize(("readings", "step", "seconds"), [pytest.param(*row, id=sentence) for sentence, *row in ROWS])
def test_what_follows_from_the_last_reading(channel, readings, step, seconds):
    decided = channel.reads(*readings)

    assert (decided.step, decided.look_again_in) == (step, timedelta(seconds=seconds))


def test_an_incident_of_a_number_that_nobody_calls_paired_any_more_ends_when_looking_cannot_tell(channel):
    channel.reads(*FIVE_BAD_MINUTES)
    channel.state = replace(channel.state, is_paired=False)

    assert channel.reads(bad(360)).step is Step.INCIDENT_STAYS
    assert channel.reads(unknown(420)).step is Step.INCIDENT_RESOLVES


def test_a_reason_that_is_owed_puts_no_incident_off():
    decided = Channel(threshold_minutes=1).reads(bad(0), owed(55))
    assert decided.look_again_in == timedelta(seconds=5)
    assert Channel(threshold_minutes=1).reads(bad(0), owed(60)).step is Step.INCIDENT_OPENS


@pytest.mark.parametrize("status", [Status.CONNECTING, Status.QR_PENDING, Status.DISCONNECTED, Status.ERROR])
def test_every_unhealthy_status_starts_a_run_at_its_own_time(channel, status):
    decided = channel.reads(bad(7, status))

    assert decided.step is Step.RUN_STARTS
    assert (decided.run.first_unhealthy_at, decided.run.bad_for) == (after(7), timedelta(0))


# The threshold


@pytest.mark.parametrize("minutes", [1, 2, 5, 59, 60])
def test_a_phone_down_and_looked_at_as_asked_opens_on_the_exact_second_of_the_threshold(minutes):
    channel = Channel(threshold_minutes=minutes)
    channel.reads(bad(0))

    channel.is_seen_bad_as_asked(times=minutes + 2)  # more looks than needed: the incident opens once and stays

    assert channel.incidents == [{"started_at": NOON, "opened_at": after(minutes * 60), "resolved_at": None}]


@pytest.mark.parametrize("minutes", [1, 60])
def test_one_microsecond_before_the_threshold_nothing_opens_and_the_next_look_is_a_microsecond_away(minutes):
    channel = Channel(threshold_minutes=minutes)
    channel.reads(*[bad(second) for second in range(0, minutes * 60, 60)])

    decided = channel.reads(bad(minutes * 60 - MICROSECOND))

    assert (decided.step, channel.incidents) == (Step.RUN_GOES_ON, [])
    assert decided.look_again_in == timedelta(microseconds=1)


def test_a_threshold_lowered_below_the_sum_opens_at_the_next_bad_look(channel):
    channel.reads(bad(0), bad(100))

    channel.threshold_minutes = 1
    decided = channel.reads(bad(100))

    assert decided.step is Step.INCIDENT_OPENS


def test_a_threshold_raised_during_an_incident_leaves_it_open(channel):
    channel.reads(*FIVE_BAD_MINUTES)

    channel.threshold_minutes = 60

    assert channel.reads(bad(360)).step is Step.INCIDENT_STAYS


def test_a_threshold_raised_before_the_incident_takes_more_bad_time(channel):
    channel.reads(bad(0), bad(10), bad(130), bad(250))

    channel.threshold_minutes = 60

    assert channel.reads(bad(300)).step is Step.RUN_GOES_ON


# What counts as bad time


def test_a_phone_that_falls_and_returns_each_second_for_an_hour_has_no_bad_time(channel):
    for second in range(0, 3600, 2):
        channel.reads(bad(second), good(second + 1))

    assert channel.state.run.bad_for == timedelta(0)


def test_time_on_either_side_of_a_healthy_look_is_not_bad_time(channel):
    channel.reads(bad(0), bad(100), good(150), bad(200), bad(230))

    assert channel.state.run.bad_for == timedelta(seconds=100 + 30)
    assert channel.state.run.first_unhealthy_at == NOON


def test_bad_time_before_a_run_ended_is_forgotten(channel):
    channel.reads(bad(0), bad(100), bad(200), good(210), good(220), bad(300), bad(400), bad(500))

    assert channel.incidents == []
    assert channel.state.run.bad_for == timedelta(seconds=200)


# Recovery


@pytest.mark.parametrize(
    ("readings", "resolved_at"),
    [
        pytest.param([good(360), good(370)], 360, id="at the first of the two healthy looks"),
        pytest.param([good(360), unseen(370), good(490)], 360, id="at the first, though one look between saw nothing"),
        pytest.param([good(360), bad(370), good(430), good(440)], 430, id="at the first after the last bad look"),
        pytest.param([good(360), good(9000), good(9010)], 9000, id="at the first after a blind gap"),
        pytest.param([good(9000), good(9010)], 9000, id="at the first after a blind gap behind a bad look"),
        pytest.param([unknown(360)], 360, id="at the look that cannot tell"),
        pytest.param([good(360), unknown(370)], 360, id="at the healthy look before the one that cannot tell"),
        # The look that cannot tell is no healthy one: it does not begin the streak anew, however blind the gap before it.
        pytest.param([good(360), unknown(9000)], 360, id="at the healthy look, though a blind gap came before unknown"),
        pytest.param([good(360), bad(370), unknown(430)], 430, id="at the look that cannot tell, the streak being broken"),
    ],
)
def test_an_incident_resolves(channel, readings, resolved_at):
    channel.reads(*FIVE_BAD_MINUTES, *readings)

    assert channel.incidents == [{"started_at": NOON, "opened_at": after(300), "resolved_at": after(resolved_at)}]
    assert channel.state.run == NO_RUN


def test_an_incident_whose_run_is_not_known_any_more_resolves_at_a_healthy_look():
    state = WatchState(run=NO_RUN, incident_open=True, last_verdict_at=after(0))
    decision = lifecycle.judge(state, good(120), Policy(INTERVAL, RECHECK, DEADLINE, timedelta(minutes=5)))
    assert (decision.step, decision.resolved_at) == (Step.INCIDENT_RESOLVES, after(120))


def test_a_new_fall_after_recovery_is_a_new_incident(channel):
    channel.reads(*FIVE_BAD_MINUTES, good(360), good(370))

    channel.reads(bad(400), bad(500), bad(600), bad(700))

    assert [incident["started_at"] for incident in channel.incidents] == [NOON, after(400)]


def test_switched_off_and_on_a_bad_channel_begins_a_new_run(channel):
    channel.reads(*FIVE_BAD_MINUTES)

    channel.is_switched_off_and_on()
    decided = channel.reads(bad(360))

    assert (decided.step, decided.run.first_unhealthy_at) == (Step.RUN_STARTS, after(360))


# Could not look


@pytest.mark.parametrize(
    ("readings", "unseen_since", "is_too_long"),
    [
        pytest.param([unseen(0)], 0, False, id="a first unseen look begins the count"),
        pytest.param([unseen(0), unseen(900 - MICROSECOND)], 0, False, id="a microsecond below 15 minutes is not too long"),
        pytest.param([unseen(0), unseen(900)], 0, True, id="15 minutes are too long"),
        pytest.param([unseen(0), unseen(900), unseen(1020)], 0, True, id="and stay too long"),
        pytest.param([unseen(0), good(600), unseen(900)], 900, False, id="a healthy look ends the count"),
        pytest.param([unseen(0), bad(600), unseen(900)], 900, False, id="a bad look ends the count"),
        pytest.param([unseen(0), unknown(600), unseen(900)], 900, False, id="a look that cannot tell ends the count"),
        pytest.param([unseen(0), unknown(900)], None, False, id="unknown is not unseen"),
        pytest.param([bad(0), good(10), unseen(20)], 20, False, id="the count begins at the unseen look, not at the verdict"),
    ],
)
def test_unseen_for_15_minutes_is_for_the_operator_to_hear(channel, readings, unseen_since, is_too_long):
    decided = channel.reads(*readings)

    assert decided.unseen_since == (None if unseen_since is None else after(unseen_since))
    assert decided.unseen_too_long is is_too_long


def test_an_unseen_look_leaves_the_run_as_it_was(channel):
    before = channel.reads(bad(0), bad(100), good(200)).run

    assert channel.reads(unseen(9000, wait=300)).run == before


def test_an_unseen_look_leaves_an_open_incident_open(channel):
    channel.reads(*FIVE_BAD_MINUTES, unseen(420), unseen(1400))

    assert channel.state.incident_open
    assert channel.incidents[0]["resolved_at"] is None


# Never paired


def test_a_number_never_paired_is_never_a_bad_run(channel):
    channel.state = WatchState(is_paired=False)

    steps = {channel.reads(bad(second)).step for second in range(0, 7200, 120)}

    assert steps == {Step.NOT_PAIRED}
    assert (channel.decision.look_again_in, channel.state.run) == (INTERVAL, NO_RUN)


def test_once_paired_the_run_starts_at_the_first_bad_look_since(channel):
    channel.state = WatchState(is_paired=False)
    channel.reads(bad(0), bad(120))

    channel.state = replace(channel.state, is_paired=True)
    decided = channel.reads(bad(240))

    assert (decided.step, decided.run.first_unhealthy_at) == (Step.RUN_STARTS, after(240))


# Asked beforehand


@pytest.mark.parametrize(
    ("readings", "at", "is_past"),
    [
        pytest.param([], 300, False, id="a first look is not"),
        pytest.param(FIVE_BAD_MINUTES[:-1], 300 - MICROSECOND, False, id="not a microsecond before the threshold"),
        pytest.param(FIVE_BAD_MINUTES[:-1], 300, True, id="on the second of the threshold"),
        pytest.param([*FIVE_BAD_MINUTES[:-1], good(260)], 300, False, id="not over a healthy look"),
        pytest.param(FIVE_BAD_MINUTES, 360, True, id="still, while the incident is open"),
    ],
)
def test_whether_a_bad_look_would_be_past_the_threshold(channel, readings, at, is_past):
    if readings:
        channel.reads(*readings)

    assert lifecycle.is_past_threshold(channel.state, after(at), channel.policy) is is_past


@pytest.mark.parametrize(
    ("last_verdict_at", "is_blind"),
    [
        pytest.param(None, False, id="before the first verdict nothing is blind"),
        pytest.param(after(-LONGEST_GAP), False, id="2 I + D is still seen"),
        pytest.param(after(-LONGEST_GAP - MICROSECOND), True, id="a microsecond more is blind"),
        pytest.param(after(500), False, id="a clock set back is not blind"),
    ],
)
def test_when_nobody_looked(channel, last_verdict_at, is_blind):
    assert lifecycle.is_blind(last_verdict_at, NOON, channel.policy) is is_blind

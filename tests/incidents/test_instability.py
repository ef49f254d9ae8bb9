"""A channel that keeps falling: one incident, not one for each fall. Seconds are counted from NOON."""

import random
from dataclasses import replace
from datetime import timedelta
from statistics import mean

import pytest

from incidents import instability, lifecycle
from incidents.lifecycle import Step, WatchState
from incidents.readings import Reading, Status
from tests.incidents.record import MICROSECOND, NOON, Channel, after, bad, good, unknown, unseen

HALF_AN_HOUR = 30 * 60
DAY = timedelta(hours=24)


@pytest.fixture
def channel():
    made = Channel()
    made.reads(good(-120))
    return made


def by_turns(*seconds: float) -> list[Reading]:
    """Down at the first moment, up at the second, and so on."""
    return [(bad, good)[number % 2](at) for number, at in enumerate(seconds)]


def outage(start: float) -> list[Reading]:
    """Down for exactly the threshold of five minutes, then up."""
    return [bad(start + at) for at in (0, 10, 130, 250, 300)] + [good(start + 310), good(start + 320)]


THREE_FALLS = by_turns(0, 100, 200, 300, 400, 500)
TWO_OUTAGES = [*outage(0), *outage(1800)]


def unstable_one(channel: Channel) -> Channel:
    """The channel, with an incident of instability open since NOON; it was last seen up, 500 seconds later."""
    channel.reads(*THREE_FALLS)
    return channel


def stays_up(channel: Channel, *, until: float) -> None:
    """See it up as often as was asked, the last time at the latest at this moment."""
    while (at := channel.state.last_verdict_at + channel.decision.look_again_in) <= after(until):
        assert at > channel.state.last_verdict_at, "the next look is now"
        channel.reads(good((at - NOON).total_seconds()))


# Six changes of health


def test_the_sixth_change_of_health_within_half_an_hour_opens_an_incident_that_starts_at_the_first(channel):
    channel.reads(*THREE_FALLS[:-1])
    assert channel.incidents == []

    decided = channel.reads(THREE_FALLS[-1])

    assert (decided.step, decided.look_again_in) == (Step.UNSTABLE_OPENS, timedelta(seconds=60))
    assert channel.incidents == [{"started_at": NOON, "opened_at": after(500), "resolved_at": None}]


@pytest.mark.parametrize(
    ("last", "step"),
    [(HALF_AN_HOUR, Step.UNSTABLE_OPENS), (HALF_AN_HOUR + MICROSECOND, Step.RECOVERS)],
    ids=["exactly half an hour", "a microsecond more"],
)
def test_six_changes_count_where_they_lie_within_half_an_hour(channel, last, step):
    assert channel.reads(*by_turns(0, 100, 200, 300, 400, last)).step is step


@pytest.mark.parametrize(
    ("readings", "step"),
    [
        pytest.param([good(0), *by_turns(10, 20, 30, 40, 50)], Step.RUN_GOES_ON, id="five are too few"),
        pytest.param(
            [bad(0), bad(10), good(20), good(30), bad(40), good(50), good(60), bad(70), good(80)],
            Step.UNSTABLE_OPENS,
            id="looks that repeat the last one do not matter, nor runs that ended",
        ),
        pytest.param(
            [*by_turns(0, 10, 20, 30), unseen(35), *by_turns(40, 50)], Step.UNSTABLE_OPENS, id="what was not seen is no verdict"
        ),
        pytest.param(
            [*by_turns(0, 10, 20, 30), unknown(35), *by_turns(40, 50, 60)],
            Step.RUN_GOES_ON,
            id="what cannot be known is a verdict after which the count begins anew",
        ),
        pytest.param(by_turns(0, 10, 20, 30, 40, -7200), Step.RECOVERS, id="a clock set back: nobody knows how long it took"),
    ],
)
def test_what_is_a_change_of_health(channel, readings, step):
    assert channel.reads(*readings).step is step


def test_a_number_that_is_paired_for_the_first_time_has_not_changed(channel):
    channel.state = WatchState(is_paired=False)
    channel.reads(bad(0))
    channel.state = WatchState(is_paired=True, was_healthy=channel.state.was_healthy)

    assert channel.reads(good(10)).health_changes == ()


def test_only_the_last_six_changes_are_remembered(channel):
    changes = channel.reads(*by_turns(0, 1000, 2000, 3000, 4000, 5000, 6000)).health_changes
    assert changes == tuple(after(second) for second in (1000, 2000, 3000, 4000, 5000, 6000))


def test_runs_that_ended_in_between_do_not_make_the_start_a_later_one(channel):
    channel.reads(bad(0), good(10), good(20), bad(30), good(40), good(50), bad(60), good(70))
    assert channel.incidents == [{"started_at": NOON, "opened_at": after(70), "resolved_at": None}]


def test_a_run_that_began_before_the_six_changes_is_the_start(channel):
    channel.reads(*by_turns(0, 1000, 1200, 1400, 1500, 1900))

    channel.reads(bad(1950))

    assert channel.incidents == [{"started_at": NOON, "opened_at": after(1950), "resolved_at": None}]


def test_where_the_first_change_was_a_return_the_fall_after_it_is_the_start(channel):
    channel.reads(bad(0), good(1000), good(1010), *by_turns(1200, 1400, 1500, 1900), bad(1950))
    assert channel.incidents == [{"started_at": after(1200), "opened_at": after(1950), "resolved_at": None}]


# An outage that becomes one


def test_an_open_incident_becomes_one_of_instability_and_keeps_its_start(channel):
    decided = channel.reads(*[bad(at) for at in (0, 10, 130, 250, 300)], *by_turns(360, 420)[1:], *by_turns(430, 500, 510, 570))

    assert decided.step is Step.UNSTABLE_STAYS
    assert channel.incidents == [{"started_at": NOON, "opened_at": after(300), "resolved_at": None}]


# The third incident


def test_the_third_incident_within_two_hours_is_one_of_instability(channel):
    channel.reads(*TWO_OUTAGES)

    decided = channel.reads(*outage(7200)[:5])

    assert decided.step is Step.UNSTABLE_OPENS
    assert channel.incidents[-1]["started_at"] == after(7200)


def test_two_hours_after_the_first_opened_it_counts_no_more(channel):
    channel.reads(*TWO_OUTAGES)
    assert channel.reads(*outage(7200 + MICROSECOND)[:5]).step is Step.INCIDENT_OPENS


def test_incidents_that_did_not_recover_do_not_count(channel):
    channel.reads(*outage(0), *outage(1800)[:5])
    channel.is_switched_off_and_on()

    assert channel.reads(*outage(3600)[:5]).step is Step.INCIDENT_OPENS


# While it is open


def test_it_stays_open_while_it_has_been_up_for_less_than_half_an_hour(channel):
    unstable_one(channel)

    stays_up(channel, until=500 + HALF_AN_HOUR - 1)

    assert channel.decision.step is Step.UNSTABLE_STAYS
    assert channel.decision.look_again_in == timedelta(seconds=60)


def test_the_last_look_falls_upon_the_half_hour(channel):
    unstable_one(channel)
    stays_up(channel, until=2240)
    assert channel.reads(good(2280)).look_again_in == timedelta(seconds=20)


def test_after_half_an_hour_up_it_resolves_at_the_last_return(channel):
    unstable_one(channel)

    stays_up(channel, until=500 + HALF_AN_HOUR)

    assert channel.decision.step is Step.INCIDENT_RESOLVES
    assert channel.incidents == [{"started_at": NOON, "opened_at": after(500), "resolved_at": after(500)}]
    assert channel.state.run == lifecycle.NO_RUN


def test_a_fall_begins_the_half_hour_anew(channel):
    unstable_one(channel)
    stays_up(channel, until=2240)

    channel.reads(bad(2290), good(2300))
    stays_up(channel, until=2300 + HALF_AN_HOUR)

    assert channel.incidents == [{"started_at": NOON, "opened_at": after(500), "resolved_at": after(2300)}]


def test_a_time_in_which_nobody_looked_is_no_half_hour_up(channel):
    unstable_one(channel)

    assert channel.reads(good(9000)).step is Step.UNSTABLE_STAYS
    stays_up(channel, until=9000 + HALF_AN_HOUR)

    assert channel.incidents[0]["resolved_at"] == after(9000)


def test_while_it_falls_and_returns_it_is_unstable_and_once_down_for_half_an_hour_it_is_simply_down(channel):
    unstable_one(channel)

    steps = [channel.reads(bad(at)).step for at in range(600, 600 + HALF_AN_HOUR + 1, 60)]

    assert set(steps[:-1]) == {Step.UNSTABLE_STAYS}
    assert steps[-1] is Step.INCIDENT_STAYS


def test_simply_down_for_hours_it_still_takes_half_an_hour_up_to_resolve(channel):
    unstable_one(channel)
    channel.reads(*[bad(at) for at in range(600, 9000, 60)], good(9000), good(9010))
    assert channel.state.unstable_open

    stays_up(channel, until=9000 + HALF_AN_HOUR)

    assert channel.incidents == [{"started_at": NOON, "opened_at": after(500), "resolved_at": after(9000)}]


def test_it_closes_where_looking_can_no_longer_tell(channel):
    unstable_one(channel)
    assert channel.reads(unknown(560)).step is Step.INCIDENT_RESOLVES


def test_what_could_not_be_seen_leaves_it_open(channel):
    unstable_one(channel)
    assert channel.reads(unseen(560), good(620)).step is Step.UNSTABLE_STAYS


def test_after_it_resolved_old_changes_open_nothing_again(channel):
    unstable_one(channel)
    stays_up(channel, until=500 + HALF_AN_HOUR)

    assert channel.reads(bad(2400), good(2410), good(2420)).step is Step.RUN_ENDS


# What people are told of it


@pytest.mark.parametrize(
    ("seconds", "is_down", "told"),
    [
        pytest.param((0, 100, 200, 300, 400, 500), False, (3, 9), id="three falls, the last of them over"),
        pytest.param((0, 100, 200, 300, 400, 480), True, (3, 7), id="three falls, the last of them not over"),
        pytest.param((0, 1), False, (1, 1), id="a minute that has begun is a minute"),
        pytest.param((0,), True, (1, 1), id="one fall"),
        pytest.param((0,), False, (0, 0), id="a return alone"),
        pytest.param((), True, (0, 0), id="nothing"),
    ],
)
def test_how_often_it_fell_and_in_how_many_minutes(seconds, is_down, told):
    assert instability.count([after(second) for second in seconds], is_down=is_down) == told


# A day of two sessions that fight over a number


def incidents_of_a_day(seed: int, *, forgets: bool) -> int:
    """Count those that open while each look finds the number open, connecting or closed, as chance has it."""
    chance, channel, at = random.Random(seed), Channel(), NOON
    while at < NOON + DAY and len(channel.incidents) < 100:
        status = chance.choices([Status.OPEN, Status.CONNECTING, Status.DISCONNECTED], [20, 65, 15])[0]
        at += channel.reads(Reading(at=at, status=status, cause="made_up")).look_again_in
        if forgets:
            channel.state = replace(channel.state, health_changes=(), opened_before=())
    return len(channel.incidents)


def test_two_sessions_that_fight_for_a_day_make_an_incident_or_two_and_without_the_rule_dozens():
    """Of 50 such days: 1.3 incidents on average with the rule, at most 3; 41 without it, at least 32."""
    with_rule = [incidents_of_a_day(seed, forgets=False) for seed in range(50)]
    without = [incidents_of_a_day(seed, forgets=True) for seed in range(50)]

    assert mean(with_rule) < 2
    assert max(with_rule) <= 4
    assert min(without) >= 20

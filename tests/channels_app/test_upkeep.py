"""What every tick keeps in order."""

import random
from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest
from django.utils import timezone

from channels_app import deadman, fleet_week, outage, stretches, upkeep
from channels_app.flush import Look, flush
from channels_app.models import Channel, ConnectionPeriod, Pulse, Watch
from channels_app.stretches import State
from channels_app.turns import Turns
from incidents.models import Incident
from notifications.models import Notification
from tests.support import numbers, people
from tests.support.readings import NOON, healthy, reading


@pytest.fixture
def down(clinic):
    """A channel with an open incident."""
    channel = people.channel(clinic, heartbeat_threshold_minutes=1)
    upkeep.keep_up()
    for seen in (healthy(NOON), *(reading(at=NOON + timedelta(seconds=after)) for after in (10, 20, 70))):
        Watch.objects.update(next_look_at=timezone.now(), lease_until=None)
        (order,) = Turns().claim(1)
        flush([Look(order, seen)])
    assert Incident.objects.open().exists()
    return channel


@pytest.mark.parametrize(
    ("last_tick", "ticks"),
    [
        pytest.param(timedelta(seconds=1), False, id="another process has just done so"),
        pytest.param(timedelta(seconds=5), True, id="some time ago"),
        pytest.param(timedelta(seconds=-60), True, id="the clock was set back"),
    ],
)
def test_one_process_of_several_does_a_ticks_work(clinic, last_tick, ticks):
    upkeep.keep_up()
    Pulse.objects.update(last_tick_at=timezone.now() - last_tick)
    outage.forget_tick()
    channel = people.channel(clinic)

    upkeep.keep_up_in_turn()

    assert Watch.objects.filter(channel=channel).exists() is ticks
    assert outage.has_just_ticked()
    assert deadman.last_sign()


def test_a_new_channel_gets_its_watch_and_an_old_one_keeps_it(clinic):
    channel = people.channel(clinic)
    upkeep.keep_up()
    Turns().claim(1)
    upkeep.keep_up()
    assert Watch.objects.get(channel=channel).look_no == 1


def test_what_is_watched_is_left_alone(down):
    before = Watch.objects.values().get()
    upkeep.keep_up()
    assert Watch.objects.values().get() == before


@pytest.mark.parametrize(
    ("way", "resolution"),
    [
        ("switched off", "switched_off"),
        ("of another provider", "switched_off"),
        ("archived", "archived"),
        ("of an inactive clinic", "tenant_inactive"),
    ],
)
def test_a_channel_that_is_no_longer_watched_is_forgotten_but_for_its_pairing(way, resolution, down, clinic):
    match way:
        case "switched off":
            Channel.objects.update(is_active=False)
        case "of another provider":
            Channel.objects.update(provider=Channel.Provider.OTHER)
        case "archived":
            Channel.objects.update(archived_at=timezone.now())
        case "of an inactive clinic":
            clinic.is_active = False
            clinic.save()

    upkeep.keep_up()
    upkeep.keep_up()

    watch = Watch.objects.get()
    assert Incident.objects.get().resolution == resolution
    assert not ConnectionPeriod.objects.filter(ended_at=None).exists()
    assert (watch.connection_status, watch.first_unhealthy_at, watch.bad_seconds) == ("unknown", None, 0)
    assert watch.paired_at == NOON


def test_a_channel_that_has_moved_starts_anew(down):
    Channel.objects.update(instance_name="another")
    assert Turns().claim(1) == []  # not before it was forgotten

    upkeep.keep_up()

    watch = Watch.objects.get()
    assert Incident.objects.get().resolution == "moved"
    assert (watch.paired_at, watch.integration, watch.owner_jid) == (None, "", "")
    assert len(Turns().claim(1)) == 1


def test_a_look_in_flight_when_its_channel_was_forgotten_is_dropped(down):
    Watch.objects.update(next_look_at=timezone.now())
    (order,) = Turns().claim(1)
    Channel.objects.update(is_active=False)
    upkeep.keep_up()
    Channel.objects.update(is_active=True)

    assert flush([Look(order, reading(at=NOON))])["dropped"] == 1
    assert Watch.objects.get().connection_status == "unknown"


def test_a_channel_switched_on_again_starts_a_new_run(down):
    Channel.objects.update(is_active=False)
    upkeep.keep_up()
    Channel.objects.update(is_active=True)
    (order,) = Turns().claim(1)
    later = NOON + timedelta(days=2)

    flush([Look(order, reading(at=later))])

    assert Watch.objects.get().first_unhealthy_at == later
    assert not Incident.objects.open().exists()


def test_the_pulse_tells_of_the_oldest_look_that_is_overdue(clinic):
    people.channel(clinic)
    upkeep.keep_up()
    Watch.objects.update(next_look_at=timezone.now() - timedelta(minutes=7))

    upkeep.keep_up()

    pulse = Pulse.objects.get()
    assert pulse.channels_watched == 1
    assert 420 <= pulse.oldest_overdue_seconds < 480
    assert timezone.now() - pulse.last_tick_at < timedelta(minutes=1)


def test_the_pulse_leaves_out_a_number_that_ends_its_process_while_there_are_others(clinic):
    deadly, other = people.channel(clinic), people.channel(clinic)
    upkeep.keep_up()
    Watch.objects.filter(channel=deadly).update(next_look_at=timezone.now() - timedelta(hours=1), strikes=2)
    Watch.objects.filter(channel=other).update(next_look_at=timezone.now() + timedelta(minutes=1))

    upkeep.keep_up()

    assert (Pulse.objects.get().oldest_overdue_seconds, Pulse.objects.get().channels_watched) == (0, 2)

    Channel.objects.filter(pk=other.pk).update(is_active=False)
    upkeep.keep_up()
    assert Pulse.objects.get().oldest_overdue_seconds > 3000


def test_of_a_number_that_ends_its_process_the_operators_hear_once_by_name(clinic, operator, admin):
    deadly, struck, off = people.channel(clinic, name="Recepção"), people.channel(clinic), people.channel(clinic)
    upkeep.keep_up()
    Watch.objects.filter(channel=struck).update(strikes=1)
    Watch.objects.exclude(channel=struck).update(strikes=2)
    Channel.objects.filter(pk=off.pk).update(is_active=False)
    Watch.objects.filter(channel=deadly).update(lease_until=timezone.now() + timedelta(minutes=1))
    upkeep.keep_up()
    assert not Notification.objects.exists()  # its look may end well

    Watch.objects.filter(channel=deadly).update(lease_until=timezone.now() - timedelta(seconds=1))
    upkeep.keep_up()
    upkeep.keep_up()

    warning = Notification.objects.get()
    assert (warning.user, warning.event, warning.link) == (operator, "warning", f"/saas/whatsapp/{deadly.pk}")
    assert f"{clinic.name} · Recepção" in warning.title
    assert f"{clinic.name} · Recepção" in warning.body


# --- The fleet's seven days

DAY = timedelta(days=1)


@pytest.fixture
def number(clinic):
    """Make a number, paired so long ago, with a history: number(30 * DAY, ("open", 8 * DAY, None))."""
    server = people.server()

    def make(paired: timedelta, *periods, verdict=timedelta(), **fields):
        channel = numbers.number(clinic, server, **fields)
        numbers.was(channel, *periods)
        now = timezone.now()
        Watch.objects.filter(channel=channel).update(paired_at=now - paired, last_verdict_at=now - verdict)
        return channel

    return make


def measured() -> tuple[int, float, float, float]:
    """Return how many numbers, and their days up, down and blind, to a thousandth."""
    upkeep.keep_up()
    pulse = Pulse.objects.get()
    seconds = (pulse.week_up_seconds, pulse.week_down_seconds, pulse.week_blind_seconds)
    return pulse.week_numbers, *(round(each / DAY.total_seconds(), 3) for each in seconds)


def test_the_week_is_cut_to_seven_days_and_to_after_the_pairing(number):
    number(30 * DAY, ("disconnected", 20 * DAY, 8 * DAY), ("open", 8 * DAY, 1 * DAY), ("qr_pending", 1 * DAY, None))
    number(2 * DAY, ("disconnected", 5 * DAY, 1 * DAY), ("open", 1 * DAY, None))

    assert measured() == (2, 7, 2, 0)


def test_time_without_a_look_and_time_that_cannot_be_known_is_blind(number):
    number(
        30 * DAY,
        ("open", 10 * DAY, 5 * DAY),
        ("error", 4 * DAY, 3 * DAY),
        ("unknown", 3 * DAY, 2 * DAY),
        ("open", 2 * DAY, None),
    )

    assert measured() == (1, 4, 1, 2)


def test_an_open_period_ends_with_the_last_verdict_where_that_is_long_ago(number):
    number(30 * DAY, ("open", 10 * DAY, None), verdict=DAY)
    number(30 * DAY, ("open", 10 * DAY, None), verdict=timedelta(minutes=2))

    assert measured() == (2, 13, 0, 1)


@pytest.mark.parametrize(
    "fields",
    [{"is_active": False}, {"archived_at": timezone.now()}, {"status": "unknown", "cause": "not_verifiable"}],
    ids=["not watched", "archived", "not verifiable"],
)
def test_a_number_outside_the_count_is_outside_the_week_too(number, fields):
    number(30 * DAY, ("disconnected", 10 * DAY, None), **fields)

    assert measured() == (0, 0, 0, 0)


def test_the_week_agrees_with_what_is_said_of_each_number(number):
    """`stretches` says it of one, in Python; the fleet's sum is PostgreSQL's."""
    chance, now, whole = random.Random(7), timezone.now(), Counter()
    for _number in range(20):
        hours, periods = sorted(chance.sample(range(1, 300), 8), reverse=True), []
        for began, ended in pairwise(hours):
            if chance.random() < 0.8:  # else a gap
                status = chance.choice(["open", "connecting", "qr_pending", "disconnected", "error", "unknown"])
                periods.append((status, timedelta(hours=began), timedelta(hours=ended)))
        paired, verdict = timedelta(hours=chance.randint(1, 400)), timedelta(hours=chance.choice([0, 0, 1]))
        channel = number(paired, *periods, ("open", timedelta(hours=hours[-1]), None), verdict=verdict)
        start = now - min(paired, 7 * DAY)
        seen = stretches.within(
            stretches.of(ConnectionPeriod.objects.filter(channel=channel), now=now, seen_until=now - verdict), start, now
        )
        lengths = {state: stretches.total(seen, state) / DAY for state in (State.UP, State.DOWN)}
        whole.update(lengths | {State.BLIND: (now - start) / DAY - sum(lengths.values())})

    numbers_measured, *days = measured()

    assert numbers_measured == 20
    assert days == [pytest.approx(whole[state], abs=0.01) for state in (State.UP, State.DOWN, State.BLIND)]


def test_the_week_is_measured_every_five_minutes_by_one_worker(number):
    number(30 * DAY, ("open", 10 * DAY, None))
    measured()
    number(30 * DAY, ("open", 10 * DAY, None))
    assert measured()[0] == 1
    assert not fleet_week.measure_if_due()

    Pulse.objects.update(week_measured_at=timezone.now() - timedelta(minutes=5))
    assert fleet_week.measure_if_due()
    assert not fleet_week.measure_if_due()
    assert Pulse.objects.get().week_numbers == 2


def test_a_clock_that_went_back_does_not_stop_the_week(number):
    number(30 * DAY, ("open", 10 * DAY, None))
    measured()
    Pulse.objects.update(week_measured_at=timezone.now() + timedelta(hours=1))

    assert fleet_week.measure_if_due()


def test_the_first_number_in_the_count_is_measured_at_once(number):
    assert measured()[0] == 0

    number(30 * DAY, ("open", 10 * DAY, None))

    assert measured()[0] == 1

"""After an outage of Vigia itself the operators read one summary, and nobody is alarmed by time in which nobody looked."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.db.utils import IntegrityError
from django.utils import timezone

from channels_app import outage, upkeep
from channels_app.flush import Look, flush
from channels_app.models import Pulse, Watch
from channels_app.turns import Turns
from incidents.models import Incident
from incidents.readings import Status
from notifications.models import Notification
from tests.support import people
from tests.support.readings import NOON, healthy, reading

INTERVAL = timedelta(seconds=120)
SECOND = timedelta(seconds=1)
AWAY = timedelta(hours=3, minutes=30)


@pytest.fixture
def number(clinic):
    channel = people.channel(clinic)
    upkeep.keep_up()
    return channel


def sees(channel, seen) -> None:
    """Let one look at it have seen this."""
    Watch.objects.update(next_look_at=timezone.now() + timedelta(minutes=5), lease_until=None)
    Watch.objects.filter(channel=channel).update(next_look_at=timezone.now())
    (order,) = Turns().claim(1)
    assert flush([Look(order, seen)])["failed"] == 0


def is_away_for(length: timedelta) -> None:
    """Let the last tick be that long ago, and the watch come back now, in a worker that was started since."""
    outage.forget_tick()
    the_clock_jumps_ahead(length)


def the_clock_jumps_ahead(by: timedelta) -> None:
    """Let the last tick be that long ago by the database's clock, and the next one come."""
    Pulse.objects.update(last_tick_at=timezone.now() - by)
    upkeep.keep_up()


def told() -> list[str]:
    return list(Notification.objects.filter(dedupe_key__startswith="outage:").values_list("body", flat=True))


def fallen() -> int:
    """How many numbers the summary says are down now."""
    (body,) = told()
    count = re.search(r"; (\d+) ", body)
    return int(count[1]) if count else 0


def on_record() -> tuple:
    return Pulse.objects.values_list("outage_started_at", "outage_ended_at").get()


def test_it_counts_the_numbers_that_were_connected_before_and_are_down_now(clinic, operator):
    upkeep.keep_up()
    before = timezone.now() - AWAY - 5 * SECOND
    falls, was_down, stays, has_fallen_in_the_last_look, is_new = (people.channel(clinic) for _ in range(5))
    upkeep.keep_up()
    for channel in (falls, was_down, stays, has_fallen_in_the_last_look):
        sees(channel, healthy(before - INTERVAL))
    sees(was_down, reading(at=before))
    sees(has_fallen_in_the_last_look, reading(at=before + 10 * SECOND))

    is_away_for(AWAY)
    after = timezone.now() + SECOND
    for channel in (falls, was_down, has_fallen_in_the_last_look):
        sees(channel, reading(at=after))
    sees(is_new, reading("awaiting_scan", Status.QR_PENDING, after))
    upkeep.keep_up()
    assert told() == []  # one has not been looked at again

    sees(stays, healthy(after))
    upkeep.keep_up()

    assert fallen() == 1


def test_a_number_that_fell_long_before_is_not_counted_though_it_was_switched_off_meanwhile(number, operator):
    sees(number, healthy(timezone.now() - AWAY - timedelta(days=2)))
    is_away_for(AWAY)
    sees(number, reading(at=timezone.now() + SECOND))

    upkeep.keep_up()

    assert fallen() == 0


def test_the_operators_read_from_when_to_when_and_nobody_else_does(number, admin, operator):
    started, ended = datetime(2026, 11, 24, 5, 10, tzinfo=UTC), datetime(2026, 11, 24, 8, 40, tzinfo=UTC)
    Pulse.objects.update(outage_started_at=started, outage_ended_at=ended)

    upkeep.keep_up()

    notice = Notification.objects.get()
    assert (notice.user, notice.event, notice.tenant, notice.incident) == (operator, "warning", None, None)
    assert "02:10" in notice.body
    assert "05:40" in notice.body  # in São Paulo
    assert notice.link == "/saas/whatsapp"


def test_it_is_told_once_though_every_tick_asks(number, operator):
    sees(number, healthy(timezone.now() - AWAY))
    is_away_for(AWAY)
    sees(number, healthy(timezone.now() + SECOND))

    upkeep.keep_up()
    upkeep.keep_up()

    assert len(told()) == 1
    assert on_record() == (None, None)


def test_it_waits_two_intervals_for_numbers_that_nobody_looks_at(number, operator):
    is_away_for(AWAY)
    Pulse.objects.update(outage_ended_at=timezone.now() - 2 * INTERVAL + 5 * SECOND)
    upkeep.keep_up()
    assert told() == []

    Pulse.objects.update(outage_ended_at=timezone.now() - 2 * INTERVAL)
    upkeep.keep_up()

    assert fallen() == 0


def test_a_clock_that_jumps_ahead_while_a_worker_ticks_is_no_outage(number):
    the_clock_jumps_ahead(AWAY)

    assert on_record() == (None, None)


@pytest.mark.parametrize(("length", "is_one"), [(3 * INTERVAL - 5 * SECOND, False), (3 * INTERVAL + SECOND, True)])
def test_a_gap_of_more_than_three_intervals_is_an_outage(number, length, is_one):
    is_away_for(length)

    assert (on_record() != (None, None)) is is_one


def test_the_first_tick_ever_comes_back_from_nowhere(clinic, operator):
    people.channel(clinic)

    upkeep.keep_up()
    upkeep.keep_up()

    assert on_record() == (None, None)


def test_while_nothing_was_watched_nobody_was_missed(db, operator):
    upkeep.keep_up()

    is_away_for(AWAY)

    assert told() == []


def test_away_again_before_it_was_told_is_one_outage_from_the_first_beginning(number, operator):
    is_away_for(AWAY)
    first, _ = on_record()

    is_away_for(4 * INTERVAL)

    started_at, ended_at = on_record()
    assert started_at == first
    assert ended_at == Pulse.objects.get().last_tick_at


def test_an_outage_has_both_its_ends_or_none(number):
    with pytest.raises(IntegrityError, match="outage_has_both_its_ends"), transaction.atomic():
        Pulse.objects.update(outage_started_at=NOON)


def test_without_an_operator_it_is_over_all_the_same(number):
    Pulse.objects.update(outage_started_at=NOON, outage_ended_at=NOON + AWAY)

    upkeep.keep_up()

    assert on_record() == (None, None)


def test_a_number_that_is_bad_before_and_after_two_blind_hours_gains_one_interval_and_opens_nothing(number, admin, operator):
    two_hours_later = NOON + timedelta(hours=2)
    for seen in (healthy(NOON - INTERVAL), reading(at=NOON), reading(at=NOON + 10 * SECOND)):
        sees(number, seen)

    sees(number, reading(at=two_hours_later))

    assert Watch.objects.get().bad_seconds == (10 * SECOND + INTERVAL).total_seconds()
    assert not Incident.objects.exists()
    assert not Notification.objects.exists()

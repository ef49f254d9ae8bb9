"""When a worker or a beat counts as deaf; that it then ends itself is told in `whole_way/test_deaf`."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from celery import current_app
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from channels_app import bell, deadman, errands, upkeep, watch
from channels_app.deadman import Silence
from channels_app.models import Pulse, Watch
from tests.support import people
from tests.support.raw_server import refusing_url

MINUTE = timedelta(minutes=1)
ENOUGH = Silence.LONGEST  # peeks


@pytest.mark.parametrize(
    ("signs", "is_too_long"),
    [
        pytest.param([0.0] * (ENOUGH - 1), False, id="one peek too few"),
        pytest.param([0.0] * ENOUGH, True, id="never a sign"),
        pytest.param([7.0] * ENOUGH, False, id="the first peek heard something"),
        pytest.param([7.0] * (ENOUGH + 1), True, id="nothing since the first peek"),
        pytest.param([0.0] * (ENOUGH - 1) + [7.0] + [7.0] * (ENOUGH - 1), False, id="a sign at the last moment"),
        pytest.param([0.0] * ENOUGH + [7.0], False, id="a sign after it was too long"),
        pytest.param([float(n) for n in range(1, 3 * ENOUGH)], False, id="signs all the time"),
    ],
)
def test_silence_is_counted_in_peeks_without_a_new_sign(signs, is_too_long):
    silence = Silence()

    assert [silence.is_too_long(sign) for sign in signs][-1] is is_too_long


def test_a_loop_that_still_runs_the_silence_and_the_leave_are_over_within_three_intervals(settings):
    peek = settings.HEARTBEAT_INTERVAL_SECONDS / deadman.PEEKS

    latest = watch.LONGEST_LOOP + (Silence.LONGEST + 1) * peek + deadman.LEAVE_SECONDS

    assert latest < 3 * settings.HEARTBEAT_INTERVAL_SECONDS


def test_each_tick_is_a_sign(db):
    before = deadman.last_sign()

    upkeep.keep_up()

    assert deadman.last_sign() > before


@pytest.fixture
def unanswered(transactional_db, settings):
    """A ring waits, a look is due, and nobody has ticked for a while."""
    settings.REDIS_URL = current_app.conf.broker_url
    every = IntervalSchedule.objects.create(every=10, period="seconds")
    PeriodicTask.objects.create(name="ring the watch", task=bell.RING, interval=every)
    people.channel(people.clinic())
    upkeep.keep_up()
    Watch.objects.update(next_look_at=timezone.now() - MINUTE)
    Pulse.objects.update(last_tick_at=timezone.now() - 2 * MINUTE)
    bell.silence()
    bell.ring()
    yield
    bell.silence()


def test_a_ring_that_waits_while_a_look_is_due_is_missed(unanswered):
    assert deadman.rings_are_missed()


def test_a_broker_that_does_not_answer_lets_no_ring_through(unanswered, settings):
    settings.REDIS_URL = refusing_url().replace("http", "redis")

    assert deadman.rings_are_missed()


def test_while_nothing_is_due_nothing_is_missed(unanswered):
    Watch.objects.update(next_look_at=timezone.now() + MINUTE)

    assert not deadman.rings_are_missed()


def test_where_nobody_rings_the_worker_is_not_the_deaf_one(unanswered):
    bell.silence()

    assert not deadman.rings_are_missed()


def test_where_another_worker_ticks_nothing_is_missed(unanswered):
    Pulse.objects.update(last_tick_at=timezone.now())

    assert not deadman.rings_are_missed()


def test_a_tick_that_is_switched_off_is_nobody_s_deafness(unanswered):
    PeriodicTask.objects.update(enabled=False)

    assert not deadman.rings_are_missed()


def test_without_a_database_nobody_can_tell(unanswered, unanswered_errand):
    connection.close()
    there = dict(connection.settings_dict)
    connection.settings_dict |= {"HOST": "127.0.0.1", "PORT": urlsplit(refusing_url()).port}
    try:
        assert not deadman.rings_are_missed()
        assert not deadman.errands_are_missed()
    finally:
        connection.settings_dict |= there


# --- Errands -------------------------------------------------------------------------------------------------------


@pytest.fixture
def unanswered_errand(transactional_db):
    """An errand was asked for more than two intervals ago, and the watch ticks."""
    now = timezone.now()
    fields = {"oldest_overdue_seconds": 0, "channels_watched": 1, "errand_asked_at": now - 5 * MINUTE}
    Pulse.objects.update_or_create(pk=1, defaults={"last_tick_at": now, **fields})


def test_an_errand_that_was_asked_for_long_ago_is_missed(unanswered_errand):
    assert deadman.errands_are_missed()


def test_an_errand_that_has_just_been_asked_for_is_not(unanswered_errand):
    Pulse.objects.update(errand_asked_at=timezone.now() - MINUTE)

    assert not deadman.errands_are_missed()


def test_where_nobody_ticks_nobody_asks_for_errands(unanswered_errand):
    Pulse.objects.update(last_tick_at=timezone.now() - 5 * MINUTE)

    assert not deadman.errands_are_missed()


def test_an_errand_that_may_still_take_its_time_is_no_deafness(unanswered_errand):
    deadman.errand_begins(errands.HARD_SECONDS)
    assert not deadman.errands_are_missed()

    deadman.errand_is_back()
    assert deadman.errands_are_missed()


def test_an_errand_that_takes_longer_than_any_may_is_one(unanswered_errand):
    deadman.errand_begins(0)

    assert deadman.errands_are_missed()

"""Beat's own doings: it rings on when the clock is set back."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from celery import current_app
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import ModelEntry

from channels_app import bell
from config.beat import Entry, Scheduler

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


class Clock:
    """The wall's, as Python, Django and Celery read it."""

    now = NOON

    def moves(self, by: timedelta) -> None:
        self.now += by


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(time, "time", lambda: clock.now.timestamp())
    monkeypatch.setattr(timezone, "now", lambda: clock.now)
    monkeypatch.setattr(ModelEntry, "_default_now", lambda _entry: clock.now)
    return clock


@pytest.fixture
def ring(transactional_db, clock):
    """The ring, as its default has it: every ten seconds."""
    every = IntervalSchedule.objects.create(every=10, period="seconds")
    return PeriodicTask.objects.create(
        name="ring the watch", task=bell.RING, queue=bell.QUEUE, interval=every, last_run_at=NOON
    )


@pytest.fixture
def beat(ring):
    bell.silence()
    beat = Scheduler(app=current_app)
    yield beat
    beat.sync()  # else it would do so when the tests end, without a database
    bell.silence()


def turns(beat: Scheduler) -> None:
    """Let it do all that is due now."""
    for _ in range(5):
        beat.tick()


def rings() -> int:
    """How many it has sent; they are taken away."""
    with current_app.connection_for_write() as connection:
        return connection.default_channel.queue_purge(bell.QUEUE)


def test_a_last_run_in_the_future_is_a_clock_that_was_set_back(ring, clock):
    ring.last_run_at = NOON + HOUR

    assert Entry(ring, app=current_app).is_due().next <= 10


def test_a_beat_whose_clock_is_set_back_by_an_hour_rings_on(beat, clock):
    clock.moves(11 * SECOND)
    turns(beat)
    assert rings() == 1

    clock.moves(-HOUR)
    turns(beat)
    clock.moves(11 * SECOND)
    turns(beat)

    assert rings() == 1

"""Checking everything: asked for once, joined by whoever asks while it runs; and the watch's own pulse."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from channels_app import on_demand
from channels_app.models import Pulse, Sweep
from core.database import Lock
from tenants.models import User


@dataclass(frozen=True, slots=True)
class Progress:
    sweep: Sweep
    total: int
    waiting: int
    now: datetime

    @property
    def done(self) -> int:
        return self.total - self.waiting

    @property
    def is_running(self) -> bool:
        return self.waiting > 0 and self.now - self.sweep.started_at < Sweep.WAITED_FOR

    @property
    def left(self) -> timedelta | None:
        """About how long still, by the pace so far; None while there is none."""
        passed = self.now - self.sweep.started_at
        return passed / self.done * self.waiting if self.done and passed.total_seconds() >= 2 else None


def check_everything(*, by: User) -> Sweep:
    """Ask for a look at everything; where somebody has asked and it still runs, join that."""
    with connection.cursor() as cursor:  # two at the same moment: the second waits for the first's request to end
        cursor.execute("select pg_advisory_xact_lock(%s)", [Lock.CHECK_EVERYTHING])
    return Sweep.objects.running().order_by("-started_at").first() or on_demand.request(by=by)


def last_sweep() -> Sweep | None:
    return Sweep.objects.of_everything().select_related("requested_by").order_by("-started_at").first()


def progress(sweep: Sweep, now: datetime) -> Progress:
    """How far it has come. Two queries."""
    return Progress(sweep, sweep.channels().count(), sweep.waiting().count(), now)


def pulse() -> Pulse | None:
    """Return what the watch says of itself; None before its first round."""
    return Pulse.objects.first()

"""What time it is: asked here, once, at the edge, and passed inward.

The watch lives by the database's clock alone, so that several machines agree: `Anchor` carries that clock
forward by the local monotonic one, which no clock change can move.
"""

import mmap
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection


def database_now() -> datetime:
    """Return the database's clock, aware UTC. One query."""
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        return cursor.fetchone()[0]


def shared_second() -> memoryview:
    """Return a second, at [0], that this process shares with those it forks; 0 at first.

    Without a lock: one that a killed process held would be held for ever.
    """
    return memoryview(mmap.mmap(-1, 8)).cast("d")


def seconds_since_boot() -> float:
    """Like monotonic time, but it also passes while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class Anchor:
    """An instant of the database's clock and the local monotonic second at which it was read."""

    at: datetime
    monotonic: float

    def now(self) -> datetime:
        return self.at + timedelta(seconds=time.monotonic() - self.monotonic)


def anchor(at: datetime) -> Anchor:
    """Anchor an instant that the database has just told us."""
    return Anchor(at, time.monotonic())

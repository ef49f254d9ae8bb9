"""A worker or a beat that has gone deaf ends itself, so that its supervisor starts it anew.

A worker of the watch gives a sign of life with each tick's work, whichever of its processes does it; one of errands with each
errand that comes back; beat with each ring that went out.
A thread of the main process waits for signs. Two intervals without one, and the end comes before the third is over, where an
interval is as long as a loop and the leaving may take (a minute; production's is two). A worker that has no ring to answer
because another takes them all gives no sign either: so none ends while the fleet's tick is fresh, deaf or not.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import structlog
from celery.worker import state as celery_state
from django.conf import settings
from django.db import Error, connection

from channels_app import health
from channels_app.health import Dead
from core.clock import shared_second

log = structlog.get_logger(__name__)

SILENT_INTERVALS = 2
PEEKS = 8  # an interval
LEAVE_SECONDS = 10.0  # that a worker has for what it still runs; then it is killed

_sign, _errand_sign, _errand_ends_by = shared_second(), shared_second(), shared_second()  # monotonic


def give_sign() -> None:
    """Say that a ring got through. Costs nothing."""
    _sign[0] = time.monotonic()


def last_sign() -> float:
    """Return the monotonic second of the last sign; 0 before the first."""
    return _sign[0]


def errand_begins(longest_seconds: float) -> None:
    """Say that an errand is being run, which may take as long as this."""
    _errand_ends_by[0] = time.monotonic() + longest_seconds


def errand_is_back() -> None:
    """Say that an errand got through, and came back."""
    _errand_sign[0], _errand_ends_by[0] = time.monotonic(), 0.0


def last_errand() -> float:
    """Return the monotonic second in which the last errand came back; 0 before the first."""
    return _errand_sign[0]


def watch_worker() -> None:
    """Let this worker end itself when rings wait, looks are due, and none of its processes hears."""
    _stand_by("worker", last_sign, rings_are_missed, _end_worker)


def watch_errands() -> None:
    """Let this worker end itself when errands are asked for, none comes back, and none that it runs may still take its time."""
    _stand_by("errands", last_errand, errands_are_missed, _end_worker)


def watch_beat() -> None:
    """Let beat end itself when no ring of its has gone out."""
    _stand_by("beat", last_sign, lambda: True, lambda: os._exit(os.EX_SOFTWARE))


class Silence:
    """Counts peeks without a new sign. Not seconds: a process that was frozen has not been deaf meanwhile."""

    LONGEST = SILENT_INTERVALS * PEEKS

    def __init__(self) -> None:
        self._heard, self._peeks = 0.0, 0

    def is_too_long(self, sign: float) -> bool:
        """Peek, and say whether the silence has lasted too long."""
        self._peeks = 0 if sign != self._heard else self._peeks + 1
        self._heard = sign
        return self._peeks >= self.LONGEST


def rings_are_missed() -> bool:
    """Say whether looks are due and rings do not get through: they wait, or the broker cannot be reached.

    Where nobody rings, or others answer, no worker is deaf; where the database is away, nobody can tell.
    """
    try:
        known = health.read()
        return known.overdue_seconds > 0 and health.dead_part(known) in (Dead.WORKER, Dead.BROKER)
    except Error:
        return False
    finally:
        connection.close()  # this thread's own: it asks once in a long while, if ever


def errands_are_missed() -> bool:
    """Say whether the watch asks for errands and none comes back, from here or from another worker.

    Where nobody ticks nobody asks; where the database is away, nobody can tell. One row.
    """
    if time.monotonic() < _errand_ends_by[0]:
        return False
    silent = timedelta(seconds=SILENT_INTERVALS * settings.HEARTBEAT_INTERVAL_SECONDS)
    try:
        with connection.cursor() as cursor:
            cursor.execute(_ERRANDS_ARE_MISSED, {"fresh": health.fresh_for(), "silent": silent})
            return cursor.fetchone()[0]
    except Error:
        return False
    finally:
        connection.close()


def _stand_by(process: str, sign: Callable[[], float], is_deaf: Callable[[], bool], end: Callable[[], None]) -> None:
    arguments = (process, sign, is_deaf, end)
    threading.Thread(target=_wait_for_silence, args=arguments, name="dead-man switch", daemon=True).start()


def _wait_for_silence(process: str, sign: Callable[[], float], is_deaf: Callable[[], bool], end: Callable[[], None]) -> None:
    silence = Silence()
    while True:
        time.sleep(settings.HEARTBEAT_INTERVAL_SECONDS / PEEKS)
        if silence.is_too_long(sign()) and is_deaf():
            log.error("deaf: it ends itself, to be started again", process=process)
            end()
            return


def _end_worker() -> None:
    celery_state.should_stop = os.EX_SOFTWARE  # as SIGTERM does; but that ends with 0, which supervisors may take for "done"
    time.sleep(LEAVE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


_ERRANDS_ARE_MISSED = """
select exists (
    select from channels_app_pulse
    where last_tick_at >= statement_timestamp() - %(fresh)s and errand_asked_at < statement_timestamp() - %(silent)s
)
"""

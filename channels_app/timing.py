"""Lengths of time, as the watch uses them: most come from the settings."""

from datetime import UTC, datetime, timedelta
from functools import cache

from django.conf import settings

from channels_app.circuit import Limits
from incidents.lifecycle import Policy

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
WEEK = timedelta(days=7)  # that people are shown


def intervals(count: int) -> timedelta:
    return count * timedelta(seconds=settings.HEARTBEAT_INTERVAL_SECONDS)


def lease() -> timedelta:
    """How long a claim holds: the look, its flush, and some air."""
    return timedelta(seconds=2 * settings.HEARTBEAT_TIMEOUT_SECONDS + 10)


def limits() -> Limits:
    return Limits(minute=timedelta(seconds=settings.HEARTBEAT_MINUTE_SECONDS))


def policy(threshold_minutes: int) -> Policy:
    """The settings as lifecycle wants them."""
    return _policy(
        settings.HEARTBEAT_INTERVAL_SECONDS,
        settings.HEARTBEAT_RECHECK_SECONDS,
        settings.HEARTBEAT_TIMEOUT_SECONDS,
        threshold_minutes * settings.HEARTBEAT_MINUTE_SECONDS,
    )


@cache  # twice a look, and there are sixty thresholds
def _policy(interval: int, recheck: int, deadline: int, threshold: int) -> Policy:
    """All in seconds."""
    return Policy(*(timedelta(seconds=seconds) for seconds in (interval, recheck, deadline, threshold)))


def in_phase(channel_id: int, at: datetime, interval: timedelta) -> datetime:
    """Return when a channel that was looked at now, and is well, is looked at next: within one interval, at its own phase.

    Each has its moment within the interval, by its id, so that a look at everything does not tie the fleet together: half
    of it is back in step after one look, the rest, for which that moment comes too soon, after two. Looks follow each
    other by half an interval at least.
    """
    phase = interval * ((channel_id * 2654435761) % 2**32 / 2**32)  # Knuth's multiplier scatters neighbours
    ahead = (EPOCH + phase - at) % interval
    if ahead >= interval / 2:
        return at + ahead
    return at + (ahead + interval) / 2 if ahead else at + interval

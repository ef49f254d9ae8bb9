"""What a number's periods say around its incident: what came before it, and when nobody looked while it lasted.

A period ends with its last verdict where nobody looked afterwards: what lies between two periods is blind.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Protocol

from django.conf import settings
from django.db.models import Q

from incidents import lifecycle
from incidents.models import Incident

SHOWN_BEFORE = 3
A_MOMENT = timedelta(seconds=1)  # a shorter gap is only the order in which two rows were written


class Period(Protocol):
    status: str
    cause: str
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """A length of time of one status and cause; both are empty where nobody looked."""

    start: datetime
    end: datetime
    status: str = ""
    cause: str = ""

    @property
    def is_blind(self) -> bool:
        return not self.status

    @property
    def length(self) -> timedelta:
        return self.end - self.start


def around(incident: Incident) -> list[Period]:
    """Return the last few periods that began before it and all that began while it lasted, oldest first: one query."""
    if incident.channel is None:
        return []
    of_the_number = incident.channel.periods.all()
    while_it_lasted = Q(started_at__gte=incident.started_at)
    if incident.resolved_at:
        while_it_lasted &= Q(started_at__lt=incident.resolved_at)
    before = of_the_number.filter(started_at__lt=incident.started_at).order_by("-started_at")[:SHOWN_BEFORE]
    return sorted(before.union(of_the_number.filter(while_it_lasted).order_by()), key=lambda period: period.started_at)


def before(periods: Iterable[Period], start: datetime, *, seen_until: datetime | None) -> list[Stretch]:
    """Say what came before the start, oldest first, with the times in which nobody looked between."""
    known = [stretch for stretch in _stretches(periods, seen_until) if stretch.start < start]
    if not known:
        return []
    gaps = _gaps([*known, Stretch(start, start)])
    return sorted((_cut(stretch, stretch.start, start) for stretch in [*known, *gaps]), key=lambda stretch: stretch.start)


def blind(periods: Iterable[Period], start: datetime, end: datetime, *, seen_until: datetime | None) -> list[Stretch]:
    """Say when nobody looked between two moments. The time since the last look counts once it is too long."""
    known = list(_stretches(periods, seen_until))
    if not known:
        return []
    gaps = list(_gaps(known))
    if end - known[-1].end > longest_gap():
        gaps.append(Stretch(known[-1].end, end))
    within = (_cut(gap, start, end) for gap in gaps if gap.start < end and gap.end > start)
    return [gap for gap in within if gap.length >= A_MOMENT]


def longest_gap() -> timedelta:
    """The longest time between two looks in which somebody was looking: the lifecycle's own rule."""
    interval = timedelta(seconds=settings.HEARTBEAT_INTERVAL_SECONDS)
    deadline = timedelta(seconds=settings.HEARTBEAT_TIMEOUT_SECONDS)
    return lifecycle.longest_gap(interval, deadline)


def _stretches(periods: Iterable[Period], seen_until: datetime | None) -> Iterator[Stretch]:
    """The period that goes on counts up to the last verdict."""
    for period in periods:
        end = period.ended_at or max(period.started_at, seen_until or period.started_at)
        yield Stretch(period.started_at, end, period.status, period.cause)


def _gaps(stretches: list[Stretch]) -> Iterator[Stretch]:
    for one, following in pairwise(stretches):
        if following.start - one.end >= A_MOMENT:
            yield Stretch(one.end, following.start)


def _cut(stretch: Stretch, start: datetime, end: datetime) -> Stretch:
    return Stretch(max(stretch.start, start), min(stretch.end, end), stretch.status, stretch.cause)

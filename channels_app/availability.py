"""How well was a number connected? From its periods to seven day strips, percentages and falls.

Pure but for words and numbers in the reader's language: periods and moments come in, values go out. Time counts as
up or down where a verdict said so; where nobody looked it is blind and counts neither way; before the number was first
paired it does not count at all.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Protocol
from zoneinfo import ZoneInfo

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.durations import spell
from incidents.readings import Status

DAYS = 7
WIDTH, HEIGHT = 1440, 10  # of a day's drawing: one unit is a minute of an ordinary day
LEAST_WIDTH = 40  # narrower, a fall would not be seen
A_POOR_DAY = 0.99  # below it, a day's percentage is red


class State(StrEnum):
    UP = "up"
    BLIND = "blind"
    UNSTABLE = "unstable"
    DOWN = "down"


DRAWN = tuple(State)  # in this order: what is worse lies on top
OVER = {State.UNSTABLE}  # drawn over the periods, counted through them


class Period(Protocol):
    status: str
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """A length of time in one state, aware UTC."""

    state: State
    start: datetime
    end: datetime

    def within(self, start: datetime, end: datetime) -> "Stretch | None":
        start, end = max(self.start, start), min(self.end, end)
        return Stretch(self.state, start, end) if start < end else None


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the reader's calendar, up to now where it is today."""

    day: date
    start: datetime
    end: datetime  # the next midnight
    until: datetime  # now, where the day is not over
    stretches: tuple[Stretch, ...]
    falls: int  # that began on this day
    is_today: bool = False

    @property
    def share(self) -> float | None:
        return share(self.stretches)

    @property
    def is_poor(self) -> bool:
        return self.share is not None and self.share < A_POOR_DAY

    @property
    def percent(self) -> str:
        return percent(self.share, places=1)

    @property
    def paths(self) -> list[tuple[str, str]]:
        """(state, path) from bottom to top, one path per state."""
        return list(_paths(self))

    @property
    def text(self) -> str:
        """What the drawing shows, for whoever does not see it."""
        blind = total(self.stretches, State.BLIND)
        if self.share is None:
            return _("not checked") if blind else _("no data")
        says = [_("connected"), _count_falls(self.falls)]
        if blind:
            says.append(_("%(length)s without a check") % {"length": spell(blind)})
        return ", ".join(says)


@dataclass(frozen=True, slots=True)
class Week:
    days: tuple[Day, ...]
    falls: tuple[Stretch, ...]  # those of these days, oldest first

    @property
    def share(self) -> float | None:
        return share(stretch for day in self.days for stretch in day.stretches)

    @property
    def percent(self) -> str:
        return percent(self.share, places=2)

    @property
    def states(self) -> list[State]:
        """Those that occur, in the order of a legend."""
        seen = {stretch.state for day in self.days for stretch in day.stretches}
        return [state for state in (State.UP, State.DOWN, State.UNSTABLE, State.BLIND) if state in seen]

    def day(self, wanted: date | None) -> Day | None:
        return next((day for day in self.days if day.day == wanted), None)


def first_moment(now: datetime, zone: ZoneInfo) -> datetime:
    """The midnight with which the seven days begin."""
    return midnight(now.astimezone(zone).date() - timedelta(days=DAYS - 1), zone)


def week(
    periods: Iterable[Period],
    *,
    now: datetime,
    zone: ZoneInfo,
    last_verdict_at: datetime | None,
    paired_at: datetime | None,
    longest_gap: timedelta,
    unstable: Iterable[tuple[datetime, datetime]] = (),
) -> Week:
    """Draw and count the seven days up to now. `unstable`: the times of incidents of that kind; none yet."""
    known = sorted(periods, key=lambda period: period.started_at)
    counts_from = _counts_from(known, paired_at)
    lies = list(_stretches(known, now=now, last_verdict_at=last_verdict_at, longest_gap=longest_gap))
    lies = [cut for stretch in lies if counts_from and (cut := stretch.within(counts_from, now))]
    falls = tuple(_falls(lies))
    over = [Stretch(State.UNSTABLE, start, end) for start, end in unstable]
    today = now.astimezone(zone).date()
    days = [today - timedelta(days=ago) for ago in reversed(range(DAYS))]
    return Week(
        days=tuple(_day(day, [*lies, *over], falls, now=now, zone=zone) for day in days),
        falls=tuple(cut for fall in falls if (cut := fall.within(midnight(days[0], zone), now))),
    )


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a day, in UTC: lengths between such moments are true where a clock was changed."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def share(stretches: Iterable[Stretch]) -> float | None:
    """Return up / (up + down), or None where neither was seen."""
    stretches = list(stretches)
    up, down = total(stretches, State.UP), total(stretches, State.DOWN)
    return up / (up + down) if up + down else None


def total(stretches: Iterable[Stretch], state: State) -> timedelta:
    return sum((stretch.end - stretch.start for stretch in stretches if stretch.state is state), timedelta())


def percent(share: float | None, *, places: int) -> str:
    """Write a share in the reader's language, rounded down: only what never fell is 100%."""
    if share is None:
        return "–"
    if share in (0, 1):
        return f"{share:.0%}"
    value = (Decimal(repr(share)) * 100).quantize(Decimal(1).scaleb(-places), ROUND_FLOOR)
    return f"{formats.number_format(value, places)}%"


def _counts_from(periods: list[Period], paired_at: datetime | None) -> datetime | None:
    """When the number was first known to be paired: a period in which it was connected proves it too."""
    opened = (period.started_at for period in periods if period.status == Status.OPEN)
    return min(filter(None, (paired_at, next(opened, None))), default=None)


def _stretches(
    periods: list[Period], *, now: datetime, last_verdict_at: datetime | None, longest_gap: timedelta
) -> Iterator[Stretch]:
    ends = [_end(period, last_verdict_at) for period in periods]
    for period, end in zip(periods, ends, strict=True):
        yield Stretch(_state(period.status), period.started_at.astimezone(UTC), end)
    for (_one, gone), (following, _end_of_it) in pairwise(zip(periods, ends, strict=True)):
        yield Stretch(State.BLIND, gone, following.started_at.astimezone(UTC))
    if ends and now - ends[-1] > longest_gap:
        yield Stretch(State.BLIND, ends[-1], now.astimezone(UTC))


def _end(period: Period, last_verdict_at: datetime | None) -> datetime:
    end = period.ended_at or max(period.started_at, last_verdict_at or period.started_at)
    return end.astimezone(UTC)


def _state(status: str) -> State:
    if status == Status.OPEN:
        return State.UP
    return State.BLIND if status == Status.UNKNOWN else State.DOWN


def _day(day: date, stretches: list[Stretch], falls: tuple[Stretch, ...], *, now: datetime, zone: ZoneInfo) -> Day:
    start, end = midnight(day, zone), midnight(day + timedelta(days=1), zone)
    until = min(end, now.astimezone(UTC))
    return Day(
        day=day,
        start=start,
        end=end,
        until=until,
        stretches=tuple(cut for stretch in stretches if (cut := stretch.within(start, until))),
        falls=sum(start <= fall.start < end for fall in falls),
        is_today=start <= now < end,
    )


def _falls(stretches: Iterable[Stretch]) -> Iterator[Stretch]:
    """A fall goes on through changes of cause and blind time, until the number is seen connected."""
    fall: Stretch | None = None
    for stretch in sorted(stretches, key=lambda stretch: stretch.start):
        if stretch.state is State.DOWN:
            fall = Stretch(State.DOWN, fall.start if fall else stretch.start, stretch.end)
        elif stretch.state is State.UP and fall:
            yield fall
            fall = None
    if fall:
        yield fall


def _paths(day: Day) -> Iterator[tuple[str, str]]:
    for state in DRAWN:
        spans = sorted(_span(stretch, day) for stretch in day.stretches if stretch.state is state)
        path = "".join(f"M{left} 0h{right - left}v{HEIGHT}h-{right - left}z" for left, right in _merged(spans) if left < right)
        if path:
            yield state.value, path


def _span(stretch: Stretch, day: Day) -> tuple[int, int]:
    """Left and right of a stretch. What is not up is at least so wide that it is seen, and never drawn beyond now."""
    whole = day.end - day.start  # a day of 23 or 25 hours is as wide as any other
    left, right, edge = (round((at - day.start) / whole * WIDTH) for at in (stretch.start, stretch.end, day.until))
    if stretch.state is State.UP or right - left >= LEAST_WIDTH:
        return left, right
    right = min(left + LEAST_WIDTH, max(edge, LEAST_WIDTH))
    return right - LEAST_WIDTH, right


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for left, right in spans:
        if merged and left <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], right))
        else:
            merged.append((left, right))
    return merged


def _count_falls(count: int) -> str:
    return ngettext("%(count)d fall", "%(count)d falls", count) % {"count": count} if count else _("no falls")

"""How well was a number connected? From its periods to seven day strips, percentages and falls.

Pure but for words and numbers in the reader's language: periods and moments come in, values go out. Before the number
was first paired where it stands now its time does not count at all: `fleet_week` counts alike.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_FLOOR, Decimal
from zoneinfo import ZoneInfo

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from channels_app import stretches, strip
from channels_app.stretches import Period, State, Stretch
from core.durations import spell

DAYS = 7
A_POOR_DAY = 0.99  # below it, a day's percentage is red


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
        return stretches.share(self.stretches)

    @property
    def is_poor(self) -> bool:
        return self.share is not None and self.share < A_POOR_DAY

    @property
    def percent(self) -> str:
        return percent(self.share, places=1)

    @property
    def paths(self) -> list[tuple[str, str]]:
        """(state, path) from bottom to top, one path per state."""
        return list(strip.paths(self.stretches, start=self.start, end=self.end, until=self.until))

    @property
    def text(self) -> str:
        """What the drawing shows, for whoever does not see it."""
        blind = stretches.total(self.stretches, State.BLIND)
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
    def stretches(self) -> list[Stretch]:
        return [stretch for day in self.days for stretch in day.stretches]

    @property
    def share(self) -> float | None:
        return stretches.share(self.stretches)

    @property
    def percent(self) -> str:
        return percent(self.share, places=2)

    @property
    def blind(self) -> timedelta:
        return stretches.total(self.stretches, State.BLIND)

    @property
    def states(self) -> list[State]:
        """Those that occur, in the order of a legend."""
        seen = {stretch.state for stretch in self.stretches}
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
    seen_until: datetime,
    paired_at: datetime | None,
    unstable: Iterable[tuple[datetime, datetime]] = (),
) -> Week:
    """Draw and count the seven days up to now. `unstable`: times that are drawn over the periods and counted through them."""
    seen = stretches.of(periods, now=now, seen_until=seen_until)
    seen = stretches.within(seen, paired_at, now) if paired_at else []
    over = [Stretch(State.UNSTABLE, start, end) for start, end in unstable]
    falls = tuple(_falls(seen))
    today = now.astimezone(zone).date()
    days = [today - timedelta(days=ago) for ago in reversed(range(DAYS))]
    return Week(
        days=tuple(_day(day, [*seen, *over], falls, now=now, zone=zone) for day in days),
        falls=tuple(stretches.within(falls, midnight(days[0], zone), now)),
    )


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a day, in UTC: lengths between such moments are true where a clock was changed."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def percent(share: float | None, *, places: int) -> str:
    """Write a share in the reader's language, rounded down: only what never fell is 100%."""
    if share is None:
        return "–"
    if share in (0, 1):
        return f"{share:.0%}"
    value = (Decimal(repr(share)) * 100).quantize(Decimal(1).scaleb(-places), ROUND_FLOOR)
    return f"{formats.number_format(value, places)}%"


def _day(day: date, seen: list[Stretch], falls: tuple[Stretch, ...], *, now: datetime, zone: ZoneInfo) -> Day:
    start, end = midnight(day, zone), midnight(day + timedelta(days=1), zone)
    until = min(end, now.astimezone(UTC))
    return Day(
        day=day,
        start=start,
        end=end,
        until=until,
        stretches=tuple(stretches.within(seen, start, until)),
        falls=sum(start <= fall.start < end for fall in falls),
        is_today=start <= now < end,
    )


def _falls(seen: Iterable[Stretch]) -> Iterator[Stretch]:
    """A fall goes on through changes of cause and blind time, until the number is seen connected."""
    fall: Stretch | None = None
    for stretch in seen:
        if stretch.state is State.DOWN:
            fall = Stretch(State.DOWN, fall.start if fall else stretch.start, stretch.end)
        elif stretch.state is State.UP and fall:
            yield fall
            fall = None
    if fall:
        yield fall


def _count_falls(count: int) -> str:
    return ngettext("%(count)d fall", "%(count)d falls", count) % {"count": count} if count else _("no falls")

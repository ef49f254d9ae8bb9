"""The last seven days of one number: its strip, its falls, and hour by hour the day that was chosen."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from channels_app.availability import Day, Week
from channels_app.cards import moments
from channels_app.models import ConnectionPeriod
from channels_app.number import TONES, Number
from channels_app.stretches import State, Stretch
from incidents.causes import title_of
from incidents.models import Incident
from incidents.readings import Status
from incidents.story import KIND_TONES

MOST_ROWS = 100  # of one day's details


@dataclass(frozen=True, slots=True)
class Row:
    """An incident, or a period of the day that was chosen."""

    tone: str
    label: str
    title: str
    start: datetime
    end: datetime | None  # None: it goes on
    length: timedelta
    incident_id: int | None = None

    @property
    def span(self) -> str:
        return moments.span(self.start, self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    week: Week | None = None
    rows: list[Row] = field(default_factory=list)  # the incidents
    short_falls: int = 0  # that were over before the threshold
    threshold: str = ""
    day: Day | None = None  # that was chosen
    day_rows: list[Row] = field(default_factory=list)

    @property
    def short_falls_line(self) -> str:
        return ngettext(
            "%(count)d short fall was over within %(length)s: no alert, not listed here.",
            "%(count)d short falls were over within %(length)s: no alert, not listed here.",
            self.short_falls,
        ) % {"count": self.short_falls, "length": self.threshold}

    @property
    def legend(self) -> list[tuple[str, str]]:
        words = {
            "up": _("Connected"),
            "down": pgettext("in a strip", "Down"),
            "unstable": _("Unstable"),
            "blind": _("No check"),
        }
        return [(state.value, words[state]) for state in self.week.states]


def of(number: Number, periods: list[ConnectionPeriod], incidents: list[Incident], chosen_day: date | None) -> History:
    """Tell one number's history from its own periods and incidents of the week."""
    rows = [_incident_row(incident, number.now) for incident in incidents]
    week = _week(number, periods, incidents)
    if week is None:
        return History(rows=rows)
    day = week.day(chosen_day)
    return History(
        week=week,
        rows=[row for row in rows if _touches(row, day, number.now)] if day else rows,
        short_falls=_count_short_falls(number, week.falls, incidents),
        threshold=number.threshold,
        day=day,
        day_rows=_day_rows(day, periods, number) if day else [],
    )


def _week(number: Number, periods: list[ConnectionPeriod], incidents: list[Incident]) -> Week | None:
    if not number.is_verifiable or not (number.is_paired or incidents):
        return None
    week = number.week(periods, incidents)
    return week if week.states else None


def _count_short_falls(number: Number, falls: Iterable[Stretch], incidents: list[Incident]) -> int:
    over = [fall for fall in falls if not (number.is_down and fall.end >= number.watch.last_verdict_at)]
    return sum(not any(_overlap(fall, incident, number.now) for incident in incidents) for fall in over)


def _overlap(fall: Stretch, incident: Incident, now: datetime) -> bool:
    return incident.started_at <= fall.end and (incident.resolved_at or now) >= fall.start


def _touches(row: Row, day: Day, now: datetime) -> bool:
    return row.start < day.end and (row.end or now) > day.start


def _incident_row(incident: Incident, now: datetime) -> Row:
    return Row(
        tone=KIND_TONES.get(incident.kind, "neutral"),
        label=incident.get_kind_display(),
        title=incident.cause_title,
        start=incident.started_at,
        end=incident.resolved_at,
        length=(incident.resolved_at or now) - incident.started_at,
        incident_id=incident.pk,
    )


def _day_rows(day: Day, periods: Iterable[ConnectionPeriod], number: Number) -> list[Row]:
    """The day's periods and the times in which nobody looked, newest first."""
    rows = [
        _period_row(period, day, number)
        for period in periods
        if period.started_at < day.until and (period.ended_at or number.seen_until) > day.start
    ]
    known = {row.start for row in rows}  # what cannot be known is blind too, and has its period
    rows += [
        Row("neutral", _("No check"), "", blind.start, blind.end, blind.end - blind.start)
        for blind in day.stretches
        if blind.state is State.BLIND and blind.start not in known
    ]
    return sorted(rows, key=lambda row: row.start, reverse=True)[:MOST_ROWS]


def _period_row(period: ConnectionPeriod, day: Day, number: Number) -> Row:
    start, end = max(period.started_at, day.start), min(period.ended_at or number.seen_until, day.until)
    goes_on = period.ended_at is None and end == number.now
    return Row(
        tone=TONES.get(period.status, "neutral"),
        label=period.get_status_display(),
        title="" if (period.status, period.cause) == (Status.OPEN, "connected") else title_of(period.cause),
        start=start,
        end=None if goes_on else end,
        length=end - start,
    )

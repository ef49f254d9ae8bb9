"""The timeline of an incident in words: one line per event, who did it, who was told, for the clinic or the operator."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.utils.text import capfirst, get_text_list
from django.utils.translation import gettext

from core.durations import spell
from incidents import instability, moments
from incidents.causes import title_of
from incidents.models import Incident, IncidentEvent
from incidents.moments import SECONDS
from incidents.periods import Stretch
from notifications.models import Notification
from tenants.models import User


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the timeline."""

    at: datetime
    tone: str
    icon: str
    title: str
    text: str = ""
    day: str = ""  # where it is not that of the line before, nor today

    @property
    def time(self) -> str:
        return moments.time(self.at, to=SECONDS)


@dataclass(frozen=True, slots=True)
class Names:
    """What people are called. A clinic reads of the operator's people by name or as support, never by address."""

    people: Mapping[int, User]  # those who were told, by id
    for_operator: bool

    def of_doer(self, person: User | None) -> str:
        if person is None:
            return ""
        if not person.is_saas_admin or self.for_operator:
            return str(person)
        return gettext("{person} (support)").format(person=person.name) if person.name else gettext("support")

    def of_told(self, person: User) -> str:
        """All of the operator's people are one to a clinic: support was told."""
        return gettext("support") if person.is_saas_admin and not self.for_operator else str(person)

    def of_all_told(self, user_ids: Iterable[int]) -> str:
        names = dict.fromkeys(self.of_told(self.people[user_id]) for user_id in user_ids if user_id in self.people)
        return get_text_list(list(names), gettext("and"))


def line(event: IncidentEvent, incident: Incident, names: Names) -> Line:
    """Say one event in the reader's words."""
    kinds = IncidentEvent.Kind
    match event.kind:
        case kinds.OPENED:
            is_unstable = event.cause == instability.CAUSE
            text = gettext("It kept falling and coming back.") if is_unstable else _opened(incident)
            title = gettext("Incident opened") if names.for_operator else gettext("Outage on record")
            return Line(event.at, "danger", "triangle-alert", title, text)
        case kinds.CAUSE_CHANGED:
            title = title_of(event.cause)
            return Line(event.at, "warning", "shuffle", gettext("Cause changed"), title)
        case kinds.TOLD:
            title = _told_of(event.event, incident, names)
            people = names.of_all_told(event.told)
            return Line(event.at, "info", "bell", title, gettext("{people}, in the app.").format(people=capfirst(people)))
        case kinds.TAKEN:
            title = gettext("{person} is taking care of it").format(person=names.of_doer(event.by))
            return Line(event.at, "info", "hand", title)
        case kinds.NOTE:
            title = gettext("Note by {person}").format(person=names.of_doer(event.by))
            return Line(event.at, "neutral", "sticky-note", title, event.text)
        case kinds.FALSE_ALARM:
            title = gettext("{person}: it was a false alarm").format(person=names.of_doer(event.by))
            return Line(event.at, "neutral", "circle-x", title, gettext("What was checked stays on record."))
        case kinds.RESOLVED:
            text = gettext("{how}, after {length}.").format(
                how=incident.get_resolution_display(), length=spell(event.at - incident.started_at)
            )
            title = gettext("Incident resolved") if names.for_operator else gettext("End of the outage")
            return Line(event.at, "success", "circle-check", title, text)
    return Line(event.at, "neutral", "circle-check", event.get_kind_display())


def after(before: Incident, incident: Incident) -> str:
    """Say how soon it followed the one before it."""
    return gettext("{length} after the end of the outage before it.").format(
        length=spell(incident.started_at - before.resolved_at)
    )


def blind(gap: Stretch, *, goes_on: bool) -> Line:
    """Say when nobody looked."""
    length, end = spell(gap.length), moments.written(gap.end, seen_from=gap.start, to=SECONDS)
    if goes_on:
        text = gettext("For {length} so far. The number may be connected again.").format(length=length)
    else:
        text = gettext("For {length}, until {time}.").format(length=length, time=end)
    return Line(gap.start, "neutral", "eye-off", gettext("No check"), text)


def dated(lines: list[Line], *, now: datetime) -> list[Line]:
    """Give a date to each line with which another day begins."""
    return [
        line if moments.is_same_day(before, line.at) else replace(line, day=moments.short_date(line.at, seen_from=before))
        for before, line in zip([now, *(line.at for line in lines)], lines, strict=False)
    ]


def threshold(incident: Incident) -> timedelta | None:
    """The threshold that was in force when it opened; None for an old incident, which did not keep it."""
    return None if incident.threshold_minutes is None else timedelta(minutes=incident.threshold_minutes)


def _told_of(event: str, incident: Incident, names: Names) -> str:
    match event:
        case Notification.Event.RESOLVED:
            return gettext("Told that it is over")
        case Notification.Event.SERVER_DOWN if incident.server_id:
            return gettext("Told")  # the server is their own: of what is wrong with it, which need not be that it is down
        case Notification.Event.SERVER_DOWN:
            return gettext("Told that the message server is down")
        case Notification.Event.SERVER_BACK:
            return gettext("Told that the message server is back")
        case Notification.Event.ACTION_NEEDED:
            return gettext("Told that it is the clinic's turn") if names.for_operator else gettext("Told to act")
    return gettext("Told")


def _opened(incident: Incident) -> str:
    length, limit = spell(incident.opened_at - incident.started_at), threshold(incident)
    if limit is None:
        return gettext("Down for {length}, past this number's threshold.").format(length=length)
    return gettext("Opened after {length} down; this number's threshold: {limit}.").format(length=length, limit=spell(limit))

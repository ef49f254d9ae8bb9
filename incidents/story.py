"""An incident as its page tells it: what is, who acts, what happened when, who was told, what was seen.

The clinic and the operator read the same facts in different words. Everything is fetched here, before rendering.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from incidents import actions, advice, checks, instability, moments, periods, subjects, timeline
from incidents.advice import Subject
from incidents.causes import CAUSES, Acts
from incidents.checks import STATUSES, Before, Seen
from incidents.models import MOST_READINGS, Incident, IncidentEvent
from incidents.periods import Period, Stretch
from incidents.readings import Status
from incidents.timeline import Line, Names
from notifications.models import Notification
from tenants import scope
from tenants.models import Membership, User

KIND_TONES = {
    Incident.Kind.DISCONNECTED: "danger",
    Incident.Kind.QR_PENDING: "warning",
    Incident.Kind.CONNECTING: "info",
    Incident.Kind.ERROR: "neutral",
    Incident.Kind.UNSTABLE: "warning",
}
WHO_ACTS = {  # what the operator reads, what the clinic reads
    Acts.CLINIC: (_("the clinic"), _("you, at the clinic")),
    Acts.OPERATOR: (_("you, the operator"), _("support")),
    Acts.TIME: (_("nobody for now"), _("nobody for now")),
    Acts.NOBODY: (_("nobody for now"), _("nobody for now")),
}


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody who was told that it began, or that it is the clinic's turn. `read_at` is the operator's to see."""

    name: str
    at: datetime
    read_at: datetime | None


def visible(person: User, membership: Membership | None) -> QuerySet[Incident]:
    """Return the incidents this person may see, with what the story needs of their numbers: one query, left joins.

    An operator-owned server's row does not exist for a clinic (row-level security): an inner join would hide the incident.
    """
    related = ["tenant", "channel__server", "channel__watch", "server", "taken_by", "follows"]
    return Incident.objects.visible_to(person, membership and membership.tenant_id).select_related(*related)


class Story:
    """Six queries at most beyond the incident's own: events, people, what they have read, the number's periods, and as the
    service what was told of its server's outage, where it is part of one, and whether who took it still may act.
    """

    def __init__(self, incident: Incident, reader: User, membership: Membership | None) -> None:
        self.incident, self.for_operator = incident, reader.is_saas_admin
        self._now = timezone.now()
        self._reader = reader
        self.may_act = self.for_operator or (membership is not None and membership.role in Membership.ADMIN_ROLES)
        self._events = list(incident.events.select_related("by"))
        self._of_the_server = _told_of_its_server(incident)
        told = {user_id for event in [*self._events, *self._of_the_server] for user_id in event.told}
        self._people = User.objects.in_bulk(told) if told else {}
        self._names = Names(self._people, for_operator=self.for_operator)

    # --- What is ---------------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        return self.incident.resolved_at is None

    @property
    def name(self) -> str:
        """Of the number, or of the server where it is the server's incident."""
        return self.incident.channel.name if self.incident.channel else str(self.incident.server or "")

    @property
    def is_unstable(self) -> bool:
        """It keeps falling and coming back: since its start it was not down all the time, and may be up just now."""
        return self.incident.cause == instability.CAUSE

    @property
    def title(self) -> str:
        return self.incident.cause_title

    @property
    def kind_tone(self) -> str:
        return KIND_TONES.get(self.incident.kind, "danger")

    @property
    def state_tone(self) -> str:
        return self.kind_tone if self.is_open else "success"

    @property
    def status_label(self) -> str:
        watch = self._watch
        return watch.get_connection_status_display() if watch else self.incident.get_kind_display()

    @property
    def status_tone(self) -> str:
        return STATUSES.get(self._watch.connection_status, ("danger", ""))[0] if self._watch else self.kind_tone

    @property
    def last_check(self) -> datetime | None:
        """The last verdict, as on the number's own page: a look that could not look is none."""
        return self._watch and (self._watch.last_verdict_at or self._watch.last_health_check)

    @property
    def check_asked_at(self) -> datetime | None:
        """When a look was asked for that has not come yet."""
        asked_at = self._watch and self._watch.requested_at
        return asked_at if asked_at and self._watch.is_waited_for(asked_at, now=self._now) else None

    @property
    def may_check(self) -> bool:
        return self.is_open and self.incident.channel is not None

    @property
    def length(self) -> timedelta:
        return self._end - self.incident.started_at

    @property
    def blind_for(self) -> timedelta:
        """How long nobody looked while it lasted."""
        return sum((gap.length for gap in self._blind), timedelta())

    @property
    def threshold(self) -> timedelta | None:
        """That was in force when it opened; None where that was not kept yet."""
        return timeline.threshold(self.incident)

    @property
    def started(self) -> str:
        return moments.written(self.incident.started_at, seen_from=self._now)

    @property
    def resolved(self) -> str:
        return moments.written(self.incident.resolved_at, seen_from=self._now) if self.incident.resolved_at else ""

    @property
    def is_over_since_today(self) -> bool:
        return not self.is_open and moments.is_same_day(self._end, self._now)

    @property
    def zone(self) -> str:
        """Named where it is not the one that the reader expects."""
        zone = self.incident.tenant.time_zone if self.incident.tenant else ""
        return zone if zone != timezone.get_default_timezone_name() else ""

    # --- Who acts --------------------------------------------------------------------------------------------------

    @property
    def who_acts(self) -> str:
        acts = advice.who_acts(self.incident.cause, self._subject) if self.incident.cause in CAUSES else Acts.NOBODY
        return str(WHO_ACTS[acts][0 if self.for_operator else 1])

    @property
    def clinic_step(self) -> str:
        if self.incident.cause not in CAUSES:
            return ""
        drops, minutes = self._drops if self.is_unstable else (0, 0)
        return str(
            advice.clinic_step(
                self.incident.cause, self._subject, support_knows=self._support_knows, drops=drops, minutes=minutes
            )
        )

    @property
    def operator_step(self) -> str:
        if self.incident.cause not in CAUSES:
            return ""
        watch, kept = self._watch, next((seen for seen in reversed(self.readings) if seen.cause == self.incident.cause), None)
        code, received = (kept.code, kept.raw) if kept else (None, "")
        if watch is not None and self.is_open and watch.cause == self.incident.cause:
            code, received = watch.code or code, watch.raw_state
        return str(advice.operator_step(self.incident.cause, self._subject, number=code, received=received))

    @property
    def taken_by(self) -> str:
        """Whoever takes care of it and still may, or did until it was over."""
        took = self.incident.taken_by
        return self._names.of_doer(took) if took and (not self.is_open or self._is_taken) else ""

    @property
    def is_taken_by_the_reader(self) -> bool:
        return self.incident.taken_by_id == self._reader.pk

    @property
    def may_take(self) -> bool:
        return self.may_act and self.is_open and not self._is_taken

    @property
    def may_call_it_false(self) -> bool:
        said = any(event.kind == IncidentEvent.Kind.FALSE_ALARM and event.by_id == self._reader.pk for event in self._events)
        return self.may_act and not said

    # --- A server's numbers ------------------------------------------------------------------------------------------

    @cached_property
    def children(self) -> list[Incident]:
        """What its numbers have because of it, those that are still down first. One query, for a server's incident alone."""
        if self.incident.channel_id:
            return []
        found = self.incident.children.select_related("tenant", "channel")
        return list(found.order_by(F("resolved_at").desc(nulls_first=True), "tenant__name", "channel__name", "pk"))

    @property
    def children_line(self) -> str:
        down = sum(child.resolved_at is None for child in self.children)
        return gettext("{n} in all, {down} still down").format(n=len(self.children), down=down)

    # --- What happened ---------------------------------------------------------------------------------------------

    @cached_property
    def timeline(self) -> list[Line]:
        title = gettext("First bad reading") if self.for_operator else gettext("First bad check")
        first = Line(self.incident.started_at, self.kind_tone, "unplug", title, self._first_answer)
        if self.incident.follows:
            first = replace(first, title=gettext("It fell again"), text=timeline.after(self.incident.follows, self.incident))
        events = [timeline.line(event, self.incident, self._names) for event in self._events]
        blind = [timeline.blind(gap, goes_on=self.is_open and gap.end == self._end) for gap in self._blind]
        return timeline.dated([first, *sorted(events + blind, key=lambda line: line.at)], now=self._now)

    @cached_property
    def told(self) -> list[Told]:
        """Who was told of it or its server, once each. The operator sees who has read it; support is one name to a clinic."""
        own = [e for e in self._events if e.kind == IncidentEvent.Kind.TOLD and e.event != Notification.Event.RESOLVED]
        opened = sorted([*own, *self._of_the_server], key=lambda event: (event.at, event.pk))
        read = dict(self._read_state()) if self.for_operator and opened else {}
        people: dict[str | int, Told] = {}
        for event in opened:
            for user_id in event.told:
                person = self._people.get(user_id)
                if person is None:
                    continue
                key = "support" if person.is_saas_admin and not self.for_operator else user_id
                people.setdefault(key, Told(self._names.of_told(person), event.at, read.get(user_id)))
        return list(people.values())

    @cached_property
    def readings(self) -> list[Seen]:
        return checks.readings(self.incident.readings)

    @property
    def is_kept_in_part(self) -> bool:
        """Whether readings between the first and the rest may be missing."""
        return len(self.incident.readings) >= MOST_READINGS

    @property
    def before(self) -> list[Before]:
        start = self.incident.started_at
        return checks.before(periods.before(self._periods, start, seen_until=self._seen_until), start)

    # --- Helpers ---------------------------------------------------------------------------------------------------

    @property
    def _end(self) -> datetime:
        return self.incident.resolved_at or self._now

    @cached_property
    def _is_taken(self) -> bool:
        return bool(actions.taken_care_of([self.incident]))

    @cached_property
    def _periods(self) -> list[Period]:
        return periods.around(self.incident)

    @property
    def _seen_until(self) -> datetime | None:
        return self._watch and self._watch.last_verdict_at

    @cached_property
    def _blind(self) -> list[Stretch]:
        return periods.blind(self._periods, self.incident.started_at, self._end, seen_until=self._seen_until)

    @cached_property
    def _watch(self):
        channel = self.incident.channel
        return getattr(channel, "watch", None) if channel else None

    @cached_property
    def _subject(self) -> Subject:
        return subjects.of(self.incident)

    @property
    def _support_knows(self) -> bool:
        return any(
            person.is_saas_admin
            for event in [*self._events, *self._of_the_server]
            if event.kind == IncidentEvent.Kind.TOLD and event.event == Notification.Event.OPENED
            for person in map(self._people.get, event.told)
            if person
        )

    @property
    def _drops(self) -> tuple[int, int]:
        watch = self._watch
        return instability.count(watch.health_changes, is_down=watch.connection_status != Status.OPEN) if watch else (0, 0)

    @property
    def _first_answer(self) -> str:
        seen = next(iter(self.readings), None)
        # Of a long run the first reading was not always kept: only the same moment is spoken of.
        if seen is None or abs(seen.at - self.incident.started_at) > timedelta(seconds=1):
            return ""
        return seen.sentence if self.for_operator else seen.label

    def _read_state(self) -> Iterable[tuple[int, datetime | None]]:
        """Of the first that each person was told: the last pair of a person is the one that counts."""
        of_it = Q(incident=self.incident) & ~Q(event=Notification.Event.RESOLVED)
        for line in self._of_the_server:
            of_it |= Q(incident=line.incident_id, event=line.event)
        told = Notification.objects.filter(of_it)
        return told.order_by("-created_at", "-pk").values_list("user_id", "read_at")


def _told_of_its_server(incident: Incident) -> list[IncidentEvent]:
    """Return the lines on other incidents that were told of this one too: it is down with its server.

    Of a server the operators are told on its own incident, and each clinic once: on one of its numbers' incidents, or of its
    own server on that server's. A clinic may not see what belongs to the operator's server, so it is asked as the service.
    """
    if incident.parent_id is None:
        return []
    # The incidents first, by their own indexes: over the join PostgreSQL would read every event.
    family = Incident.objects.filter(Q(pk=incident.parent_id) | Q(parent=incident.parent_id, tenant=incident.tenant_id))
    operators = Q(incident=incident.parent_id, event=Notification.Event.OPENED)
    clinic = Q(tenant=incident.tenant_id, event=Notification.Event.SERVER_DOWN)
    with scope.use(scope.SERVICE):
        told = IncidentEvent.objects.filter(operators | clinic, kind=IncidentEvent.Kind.TOLD, incident__in=family.values("pk"))
        return list(told.exclude(incident=incident.pk))


def zone_of(incident: Incident) -> ZoneInfo | None:
    """The clinic's zone, for the operator too: they speak of the same minutes."""
    return ZoneInfo(incident.tenant.time_zone) if incident.tenant else None

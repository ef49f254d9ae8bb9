"""A server's death in words: for the operators, the one calm notice of each of its clinics, and its owner's."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from core.durations import spell
from incidents import advice, subjects
from incidents.advice import Subject
from incidents.causes import ASK_SUPPORT, CAUSES, SUPPORT_KNOWS
from incidents.models import Incident
from incidents.notices import moment
from incidents.readings import Status
from notifications.announce import Audience, Notice, Text
from notifications.models import Notification

MOST_NAMES = 8  # of numbers that did not come back, in one notice


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOutage:
    """A server that is dark, with the facts that its sentences need."""

    server_id: int
    tenant_id: int | None  # whose server it is; None: the operator's
    name: str
    host: str
    cause: str
    since: datetime
    numbers: int  # that are watched on it
    clinics: int
    alerts_enabled: bool = True  # of one of these numbers at least
    code: int | None = None  # the last HTTP status that a look at it gave, where that is known
    received: str = ""  # and the last word
    keeps_falling: bool = False  # since then: it was not down all the time, and may be up again just now

    def subject(self) -> Subject:
        return Subject(
            channel_id=0,
            tenant_id=self.tenant_id or 0,
            tenant_slug="",
            tenant_name="",
            name=self.name,
            server_name=self.name,
            server_host=self.host,
            server_is_the_operators=self.tenant_id is None,
            alerts_enabled=self.alerts_enabled,
        )

    def readings(self, at: datetime) -> list[dict]:
        """What its incident keeps of these looks, as a number's incident keeps those of its run."""
        if self.code is None and not self.received:
            return []
        seen = {"at": at.isoformat(), "status": Status.ERROR, "cause": self.cause}
        return [seen | {"raw": self.received, "code": self.code}]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerReturn:
    """A server that is back, with what its sentences need."""

    server_id: int
    at: datetime
    connected: Mapping[int, int]  # watched numbers that are connected, by tenant


def server_down(incident_id: int, down: ServerOutage, *, at: datetime) -> Notice:
    """Tell the operators of a server that is down as a whole."""
    says = _("Down since {since}, with {numbers} of {clinics}. {step}")
    if down.keeps_falling:
        says = _("Unstable since {since}, with {numbers} of {clinics}. {step}")
    body = format_lazy(
        says,
        since=moment(down.since, at),
        numbers=format_lazy(ngettext_lazy("{n} number", "{n} numbers", down.numbers), n=down.numbers),
        clinics=format_lazy(ngettext_lazy("{n} clinic", "{n} clinics", down.clinics), n=down.clinics),
        step=advice.operator_step(down.cause, down.subject(), number=down.code, received=down.received),
    )
    title = format_lazy("{}: {}", down.name, CAUSES[down.cause].title)
    return Notice(
        dedupe_key=f"incident:{incident_id}:opened",
        event=Notification.Event.OPENED,
        tenant_id=down.tenant_id,
        incident_id=incident_id,
        texts={Audience.OPERATOR: Text(title, body)},
        link=f"/incidentes/{incident_id}/",
    )


def server_up(
    incident: Incident, back: ServerReturn, lost: Sequence[Incident], *, at: datetime, told: Collection[int]
) -> Notice:
    """Tell the operators who were told how many came back, and who did not: of these the incidents."""
    body = format_lazy(
        "{} {}",
        format_lazy(
            _("Back at {end}, after {length}."),
            end=moment(incident.resolved_at, at),
            length=spell(incident.resolved_at - incident.started_at),
        ),
        _how_many(sum(back.connected.values()), lost, with_clinic=True),
    )
    return Notice(
        dedupe_key=f"incident:{incident.pk}:resolved",
        event=Notification.Event.RESOLVED,
        tenant_id=incident.tenant_id,
        incident_id=incident.pk,
        texts={Audience.OPERATOR: Text(format_lazy(_("{number}: connected again"), number=incident.server.name), body)},
        link=f"/incidentes/{incident.pk}/",
        only=told,
    )


def calm(child: Incident, *, at: datetime, support_knows: bool) -> Notice:
    """Tell a clinic once that the operator's server is down, and that it has nothing to do."""
    cause = CAUSES["server_unreachable"]  # in these words, whichever failure made it dark
    told = format_lazy(SUPPORT_KNOWS if support_knows else ASK_SUPPORT, support=advice.support())
    step = format_lazy(cause.clinic_step, support_knows=told)
    text = Text(cause.title, _down_since(child.parent, step, at=at))
    return _of_clinic(child, child.parent_id, Notification.Event.SERVER_DOWN, text)


def of_its_own(incident: Incident, *, at: datetime, support_knows: bool) -> Notice:
    """Tell a clinic once what is wrong with its own server, and what to do: it may be the one who has to act."""
    subject = subjects.of(incident)
    step = advice.clinic_step(incident.cause, subject, support_knows=support_knows)
    title = format_lazy("{}: {}", subject.name, CAUSES[incident.cause].title)
    return _of_clinic(incident, incident.pk, Notification.Event.SERVER_DOWN, Text(title, _down_since(incident, step, at=at)))


def became_its_owners(incident: Incident, *, support_knows: bool, to: Collection[int]) -> Notice:
    """Tell these people that it has become the turn of the clinic whose own server it is."""
    subject = subjects.of(incident)
    step = advice.clinic_step(incident.cause, subject, support_knows=support_knows)
    title = format_lazy("{}: {}", subject.name, CAUSES[incident.cause].title)
    notice = _of_clinic(incident, incident.pk, Notification.Event.ACTION_NEEDED, Text(title, step), only=to)
    of_operators = Text(title, format_lazy(_("It is the clinic's turn now. It reads: {step}"), step=step))
    return replace(notice, texts={**notice.texts, Audience.OPERATOR: of_operators})


def back_again(
    incident: Incident,
    back: ServerReturn,
    told_on: Incident,
    lost: Sequence[Incident],
    *,
    at: datetime,
    told: Collection[int],
) -> Notice:
    """Tell a clinic that was told that its server is back, and which of its numbers are not; where it was told before."""
    connected = back.connected.get(told_on.tenant_id, 0)
    body = format_lazy(
        "{} {}",
        format_lazy(
            _("Back at {end}, after {length}. Check the reminders between {start} and {end}."),
            start=moment(incident.started_at, at),
            end=moment(incident.resolved_at, at),
            length=spell(incident.resolved_at - incident.started_at),
        ),
        _how_many(connected, lost, with_clinic=False) if lost else "",
    )
    return _of_clinic(
        told_on, incident.pk, Notification.Event.SERVER_BACK, Text(_("The message server is back"), body), only=told
    )


def _down_since(server_incident: Incident, step: Promise | str, *, at: datetime) -> Promise:
    return format_lazy(_("Down since {since}. {step}"), since=moment(server_incident.started_at, at), step=step)


def _of_clinic(
    on: Incident, server_incident_id: int, event: Notification.Event, text: Text, only: Collection[int] | None = None
) -> Notice:
    """Hang it on an incident that the clinic can see: of one of its numbers, or of a server that is its own."""
    return Notice(
        dedupe_key=f"incident:{server_incident_id}:{event}:{on.tenant_id}",
        event=event,
        tenant_id=on.tenant_id,
        incident_id=on.pk,
        texts={Audience.CLINIC: text},
        link=f"/incidentes/{on.pk}/?clinica={on.tenant.slug}",
        only=only,
    )


def _how_many(connected: int, lost: Sequence[Incident], *, with_clinic: bool) -> Promise | str:
    """Say how many numbers are connected again, in an incident of their own or not, and which are not: 55 voltaram, 5 não: …"""
    if not lost and not connected:  # none had been connected: they were moved, or made, while it was down
        return ""
    if not lost:
        return format_lazy(ngettext_lazy("{back} came back.", "{back} came back.", connected), back=connected)
    names = [f"{child.tenant.name} · {child.channel.name}" if with_clinic else child.channel.name for child in lost]
    shown = ", ".join(names[:MOST_NAMES]) + (" …" if len(names) > MOST_NAMES else "")
    says = ngettext_lazy("{back} came back, {down} did not: {names}", "{back} came back, {down} did not: {names}", connected)
    return format_lazy(says, back=connected, down=len(lost), names=shown)

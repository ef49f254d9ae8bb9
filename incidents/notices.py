"""An incident in words: the plain notices that `announce` is handed."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from django.utils import formats, timezone
from django.utils.functional import Promise, lazy
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from core.durations import spell
from incidents import advice, instability
from incidents.advice import Subject
from incidents.causes import CAUSES, Acts
from notifications.announce import Audience, Notice, Text
from notifications.models import Notification


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """An incident as far as its notices need it."""

    incident_id: int
    subject: Subject
    cause: str
    started_at: datetime
    number: int | None = None  # WhatsApp's reason code or the HTTP status
    received: str = ""
    drops: int = 0  # of an unstable channel: how often it fell
    minutes: int = 0  # and in how long a time

    def clinic_step(self, *, support_knows: bool) -> Promise | str:
        return advice.clinic_step(self.cause, self.subject, support_knows=support_knows, drops=self.drops, minutes=self.minutes)


def opened(outage: Outage, *, at: datetime, operators_exist: bool) -> Notice:
    """Tell the clinic; tell the operators too where they act."""
    subject, title = outage.subject, CAUSES[outage.cause].title
    operator_acts = advice.who_acts(outage.cause, subject) is Acts.OPERATOR
    step = outage.clinic_step(support_knows=operator_acts and operators_exist)
    since = moment(outage.started_at, at)
    says = _("Unstable since {since}. {step}") if outage.cause == instability.CAUSE else _("Down since {since}. {step}")
    texts = {Audience.CLINIC: Text(format_lazy("{}: {}", subject.name, title), format_lazy(says, since=since, step=step))}
    if operator_acts:
        step = advice.operator_step(outage.cause, subject, number=outage.number, received=outage.received)
        body = format_lazy(says, since=since, step=step)
        texts[Audience.OPERATOR] = Text(format_lazy("{} · {}: {}", subject.tenant_name, subject.name, title), body)
    return _notice(outage, Notification.Event.OPENED, texts)


def became_the_operators(outage: Outage, *, at: datetime, know: Collection[int]) -> list[Notice]:
    """Tell the operators of an incident in which they act since a new cause; who knows of it already, that it is their turn."""
    whole = opened(outage, at=at, operators_exist=True)
    texts = {Audience.OPERATOR: whole.texts[Audience.OPERATOR]}
    return [replace(whole, texts=texts), _notice(outage, Notification.Event.ACTION_NEEDED, texts, only=know)]


def action_needed(outage: Outage, *, support_knows: bool, to: Collection[int]) -> Notice:
    """Tell these people that it has become the clinic's turn."""
    subject, title = outage.subject, CAUSES[outage.cause].title
    step = outage.clinic_step(support_knows=support_knows)
    texts = {
        Audience.CLINIC: Text(format_lazy("{}: {}", subject.name, title), step),
        Audience.OPERATOR: Text(
            format_lazy("{} · {}: {}", subject.tenant_name, subject.name, title),
            format_lazy(_("It is the clinic's turn now. It reads: {step}"), step=step),
        ),
    }
    return _notice(outage, Notification.Event.ACTION_NEEDED, texts, only=to)


def resolved(outage: Outage, *, at: datetime, told: Collection[int]) -> Notice:
    """Tell those who were told of the outage that it is over."""
    body = format_lazy(
        _("Back at {end}, after {length}. Check the reminders between {start} and {end}."),
        start=moment(outage.started_at, at),
        end=moment(at, at),
        length=spell(at - outage.started_at),
    )
    subject = outage.subject
    texts = {
        Audience.CLINIC: Text(format_lazy(_("{number}: connected again"), number=subject.name), body),
        Audience.OPERATOR: Text(
            format_lazy(_("{number}: connected again"), number=f"{subject.tenant_name} · {subject.name}"), body
        ),
    }
    return _notice(outage, Notification.Event.RESOLVED, texts, only=told)


def _notice(outage: Outage, event: Notification.Event, texts: dict, only: Collection[int] | None = None) -> Notice:
    return Notice(
        dedupe_key=f"incident:{outage.incident_id}:{event}",
        event=event,
        tenant_id=outage.subject.tenant_id,
        incident_id=outage.incident_id,
        texts=texts,
        link=f"/incidentes/{outage.incident_id}/?clinica={outage.subject.tenant_slug}",
        only=only,
    )


def _spell(at: datetime, told_at: datetime) -> str:
    """The time of day in the zone that is active; with the date where that was another day's."""
    here = timezone.localtime(at)
    is_same_day = here.date() == timezone.localtime(told_at).date()
    return formats.date_format(here, "TIME_FORMAT" if is_same_day else "SHORT_DATETIME_FORMAT")


def moment(at: datetime, told_at: datetime) -> Promise:
    """The time of day in the reader's zone; with the date where that was another day's."""
    return lazy(_spell, str)(at, told_at)

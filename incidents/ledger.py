"""What is on record of numbers: their incidents open, change and resolve here. Those of servers do so in `servers`.

Each function runs inside the caller's transaction, the one that also writes the watch's state, and speaks only of the
rows that this transaction won. Several workers may be told the same: the database lets one of them win.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from incidents import advice, instability, notices
from incidents.advice import Subject
from incidents.causes import Acts
from incidents.models import Incident, IncidentEvent
from incidents.notices import Outage
from incidents.readings import Reading
from incidents.telling import tell
from notifications.models import Notification
from tenants.models import Membership, User

log = structlog.get_logger(__name__)

FELL_AGAIN_WITHIN = timedelta(minutes=10)  # of a recovery: the incident follows the one before it


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """A channel whose incident opens or stays, with the reading that says so."""

    subject: Subject
    seen: Reading
    started_at: datetime  # the first unhealthy reading of the run
    readings: list[dict] = field(default_factory=list)  # of the run so far; kept with the incident that opens
    threshold_minutes: int | None = None  # in force now; kept with the incident that opens
    parent_id: int | None = None  # its server's incident, where that is what is wrong: then nobody is told of this one
    is_down_with_its_server: bool = False  # which is down as a whole, and has an incident of its own: nobody's turn comes by it
    cause_holds: bool = False  # two readings in a row had it
    is_unstable: bool = False  # it keeps falling and coming back, and may be up just now
    drops: int = 0  # of an unstable channel: how often it fell
    minutes: int = 0  # and in how long a time

    @property
    def kind(self) -> str:
        return Incident.Kind.UNSTABLE if self.is_unstable else self.seen.status

    @property
    def cause(self) -> str:
        return instability.CAUSE if self.is_unstable else self.seen.cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    subject: Subject
    at: datetime  # the first of the healthy readings
    seen_at: datetime  # the one that ends it


def open_incidents(bad: Iterable[Bad]) -> int:
    """Open one incident per channel that has none; put it on its timeline and tell. Return how many were opened."""
    bad = {item.subject.channel_id: item for item in bad}
    if not bad:
        return 0
    won = _insert(bad.values())
    outages = [_outage(incident_id, bad[channel_id], started_at) for incident_id, channel_id, started_at in won]
    IncidentEvent.objects.bulk_create(
        IncidentEvent(
            tenant_id=outage.subject.tenant_id,
            incident_id=outage.incident_id,
            kind=IncidentEvent.Kind.OPENED,
            at=bad[outage.subject.channel_id].seen.at,
            cause=outage.cause,
        )
        for outage in outages
    )
    own = [outage for outage in outages if bad[outage.subject.channel_id].parent_id is None]
    _tell_opened(own, at=max(item.seen.at for item in bad.values()))
    for outage in outages:
        _log("incident opened", outage)
    return len(outages)


def keep_incidents(bad: Iterable[Bad]) -> None:
    """Let open incidents stay: a new cause becomes the current one, and whoever could not be told before is told now.

    An incident of an unstable channel becomes one of instability, and remains one. Where a new cause makes it somebody
    else's turn, they are told, once.
    """
    bad = {item.subject.channel_id: item for item in bad}
    if not bad:
        return
    needed = ("id", "channel_id", "parent_id", "kind", "cause", "notified_at", "started_at")
    standing = Incident.objects.open().filter(channel__in=bad).only(*needed).annotate(had_other_causes=_HAD_OTHER_CAUSES)
    kept = [(incident, bad[incident.channel_id]) for incident in standing]
    _change_causes([(incident, item) for incident, item in kept if incident.cause != item.cause])
    at = max(item.seen.at for item in bad.values())
    own = [(incident, item) for incident, item in kept if incident.parent_id is None and not item.is_down_with_its_server]
    _tell_opened([_outage(i.pk, item, i.started_at) for i, item in own if i.notified_at is None], at=at)
    turned = [
        _outage(incident.pk, item, incident.started_at)
        for incident, item in own
        if incident.notified_at and item.cause_holds and (incident.had_other_causes or incident.cause != item.cause)
    ]
    _tell_whose_turn_it_is(turned, at=at)


def resolve_incidents(recovered: Iterable[Recovered]) -> int:
    """Resolve those still open and tell the people who were told of them. Return how many were resolved."""
    recovered = {item.subject.channel_id: item for item in recovered}
    if not recovered:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_RESOLVE, [list(recovered), [item.at for item in recovered.values()]])
        won = cursor.fetchall()
    outages = {
        incident_id: Outage(incident_id=incident_id, subject=recovered[channel_id].subject, cause=cause, started_at=started_at)
        for incident_id, channel_id, cause, started_at, _parent_id, _resolved_at in won
    }
    resolved_at = {incident_id: at for incident_id, *_rest, at in won}
    of_a_server = {incident_id for incident_id, *_rest, parent_id, _at in won if parent_id is not None}
    _write_resolved(
        [(outage.subject.tenant_id, incident_id, resolved_at[incident_id]) for incident_id, outage in outages.items()]
    )
    told = _told_of_itself(outages.keys() - of_a_server)  # of theirs they hear once, when the server's is over
    messages = [
        (notices.resolved(outage, at=resolved_at[i], told=told[i]), outage.subject.tenant_id)
        for i, outage in outages.items()
        if told.get(i)
    ]
    tell(messages, at=max(item.seen_at for item in recovered.values()))
    for outage in outages.values():
        _log("incident resolved", outage)
    return len(outages)


def close_incidents(resolutions: dict[int, str]) -> list[int]:
    """Resolve the incidents of these channels without a word, each with its resolution: they did not recover.

    For channels that are no longer watched, and for those of which looking can no longer tell. The caller holds the locks
    of their watches, so that no flush is judging them meanwhile. Return the incidents.
    """
    if not resolutions:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_CLOSE, [list(resolutions), list(resolutions.values())])
        won = cursor.fetchall()
    _write_resolved([(tenant_id, incident_id, at) for incident_id, tenant_id, at in won])
    return [incident_id for incident_id, *_rest in won]


def _outage(incident_id: int, bad: Bad, started_at: datetime) -> Outage:
    return Outage(
        incident_id=incident_id,
        subject=bad.subject,
        cause=bad.cause,
        started_at=started_at,
        number=bad.seen.code,
        received=bad.seen.raw_state,
        drops=bad.drops,
        minutes=bad.minutes,
    )


def _insert(bad: Iterable[Bad]) -> list[tuple[int, int, datetime]]:
    ordered = sorted(bad, key=lambda item: item.subject.channel_id)
    with connection.cursor() as cursor:
        cursor.execute(
            _OPEN,
            [
                [item.subject.tenant_id for item in ordered],
                [item.subject.channel_id for item in ordered],
                [item.kind for item in ordered],
                [item.cause for item in ordered],
                [item.started_at for item in ordered],
                [item.seen.at for item in ordered],
                [json.dumps(item.readings) for item in ordered],
                [item.threshold_minutes for item in ordered],
                [item.parent_id for item in ordered],
                Incident.Kind.UNSTABLE,
                FELL_AGAIN_WITHIN,
            ],
        )
        return cursor.fetchall()


def _tell_opened(outages: list[Outage], *, at: datetime) -> None:
    audible = [outage for outage in outages if outage.subject.alerts_enabled]
    if not audible:
        return
    operator_acts = any(advice.who_acts(outage.cause, outage.subject) is Acts.OPERATOR for outage in audible)
    operators_exist = operator_acts and User.objects.filter(is_saas_admin=True, is_active=True).exists()
    messages = [
        (notices.opened(outage, at=at, operators_exist=operators_exist), outage.subject.tenant_id) for outage in audible
    ]
    told = tell(messages, causes={outage.incident_id: outage.cause for outage in audible}, at=at)
    Incident.objects.filter(pk__in=told).update(notified_at=at)


def _tell_whose_turn_it_is(outages: list[Outage], *, at: datetime) -> None:
    """Tell the operators, or the clinic, where they have to act now and were told, if at all, that others do."""
    audible = {outage.incident_id: outage for outage in outages if outage.subject.alerts_enabled}
    if not audible:
        return
    admins: dict[int, set[int]] = {}
    tenants = {outage.subject.tenant_id for outage in audible.values()}
    for tenant_id, user_id in Membership.objects.admins().filter(tenant__in=tenants).values_list("tenant", "user"):
        admins.setdefault(tenant_id, set()).add(user_id)
    messages = []
    for incident_id, lines in _told_lines(audible).items():
        outage = audible[incident_id]
        of_it = [line for line in lines if line.event not in _OF_ITS_SERVER]
        had_their_turn = {advice.who_acts(line.cause or outage.cause, outage.subject) for line in of_it}  # as people were told
        whose = advice.who_acts(outage.cause, outage.subject)
        if whose is Acts.OPERATOR and whose not in had_their_turn:
            know = set().union(*(line.told for line in of_it))  # as the clinic's admins that they are as well
            for notice in notices.became_the_operators(outage, at=at, know=know):
                messages.append((notice, outage.subject.tenant_id))
        if whose is Acts.CLINIC and whose not in had_their_turn:
            to = admins.get(outage.subject.tenant_id, set()).union(*(line.told for line in lines))
            notice = notices.action_needed(outage, support_knows=Acts.OPERATOR in had_their_turn, to=to)
            messages.append((notice, outage.subject.tenant_id))
    tell(messages, causes={i: outage.cause for i, outage in audible.items()}, at=at)


def _change_causes(changes: list[tuple[Incident, Bad]]) -> None:
    # One by one: a cause changes a few times in an incident's life.
    won = [
        (incident, bad)
        for incident, bad in changes
        if Incident.objects.open()
        .filter(pk=incident.pk)
        .update(cause=bad.cause, kind=Incident.Kind.UNSTABLE if bad.is_unstable else incident.kind)
    ]
    IncidentEvent.objects.bulk_create(
        IncidentEvent(
            tenant_id=bad.subject.tenant_id,
            incident_id=incident.pk,
            kind=IncidentEvent.Kind.CAUSE_CHANGED,
            at=bad.seen.at,
            cause=bad.cause,
        )
        for incident, bad in won
    )


def _told_lines(incident_ids: Iterable[int]) -> dict[int, list[IncidentEvent]]:
    """Who was told, by incident and in order. Lines of before causes were written there have that of the opening."""
    kinds = (IncidentEvent.Kind.OPENED, IncidentEvent.Kind.TOLD)
    opened_as: dict[int, str] = {}
    lines: dict[int, list[IncidentEvent]] = {}
    for line in IncidentEvent.objects.filter(incident__in=list(incident_ids), kind__in=kinds).order_by("at", "pk"):
        if line.kind == IncidentEvent.Kind.OPENED:
            opened_as[line.incident_id] = line.cause
        else:
            line.cause = line.cause or opened_as.get(line.incident_id, "")
            lines.setdefault(line.incident_id, []).append(line)
    return lines


def _told_of_itself(incident_ids: Iterable[int]) -> dict[int, set[int]]:
    """Who was told of each of these, but for those who heard of its server alone."""
    lines = {i: [line for line in lines if line.event not in _OF_ITS_SERVER] for i, lines in _told_lines(incident_ids).items()}
    return {i: set().union(*(line.told for line in of_it)) for i, of_it in lines.items()}


def _write_resolved(rows: list[tuple[int, int, datetime]]) -> None:
    IncidentEvent.objects.bulk_create(
        IncidentEvent(tenant_id=tenant_id, incident_id=incident_id, kind=IncidentEvent.Kind.RESOLVED, at=at)
        for tenant_id, incident_id, at in rows
    )


def _log(event: str, outage: Outage) -> None:
    subject = outage.subject
    transaction.on_commit(
        lambda: log.info(
            event, incident=outage.incident_id, channel=subject.channel_id, tenant=subject.tenant_id, cause=outage.cause
        )
    )


_OF_ITS_SERVER = {Notification.Event.SERVER_DOWN, Notification.Event.SERVER_BACK}
_HAD_OTHER_CAUSES = Exists(IncidentEvent.objects.filter(incident=OuterRef("pk"), kind=IncidentEvent.Kind.CAUSE_CHANGED))

# A clock that was set back must not make a row impossible: the later moment is never before the earlier one.
# The first falls of an unstable channel may lie in the incident before: then this one begins where that one ended.
_OPEN = """
insert into incidents_incident (
    tenant_id, channel_id, kind, cause, started_at, opened_at, readings, threshold_minutes, parent_id, resolution, follows_id)
select v.tenant_id, v.channel_id, v.kind, v.cause, start.at, greatest(v.opened_at, start.at), v.readings,
    v.threshold_minutes, v.parent_id, '',
    case when last.resolution = 'recovered' and start.at between last.resolved_at and last.resolved_at + w.fell_again
        then last.id end
from unnest(
    %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::jsonb[], %s::smallint[],
    %s::bigint[]
) as v (tenant_id, channel_id, kind, cause, started_at, opened_at, readings, threshold_minutes, parent_id)
cross join (values (%s::text, %s::interval)) as w (unstable, fell_again)
left join lateral (
    select i.id, i.resolved_at, i.resolution from incidents_incident i
    where i.channel_id = v.channel_id and i.tenant_id = v.tenant_id and i.resolved_at is not null
    order by i.started_at desc, i.id desc limit 1
) last on true
cross join lateral (
    select case when v.kind = w.unstable then greatest(v.started_at, last.resolved_at) else v.started_at end as at
) start
on conflict (channel_id) where resolved_at is null do nothing
returning id, channel_id, started_at
"""

_RESOLVE = """
update incidents_incident i
set resolved_at = greatest(v.at, i.started_at), resolution = 'recovered'
from unnest(%s::bigint[], %s::timestamptz[]) as v (channel_id, at)
where i.channel_id = v.channel_id and i.resolved_at is null
returning i.id, i.channel_id, i.cause, i.started_at, i.parent_id, i.resolved_at
"""

_CLOSE = """
update incidents_incident i
set resolved_at = greatest(statement_timestamp(), i.started_at), resolution = v.resolution
from unnest(%s::bigint[], %s::text[]) as v (channel_id, resolution)
where i.channel_id = v.channel_id and i.resolved_at is null
returning i.id, i.tenant_id, i.resolved_at
"""

"""A server's death on record: one incident for the operator, whose children are its numbers' own incidents.

The numbers' incidents are opened and resolved by `ledger` like all others, and told to nobody. Here their clinics get one
calm notice each, a clinic whose own server it is the real cause at once, and everybody who was told hears once that it is
over. Each function runs inside the caller's transaction and speaks only of the rows that this transaction won.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime

import structlog
from django.db import connection
from django.db.models import Exists, OuterRef, Q

from incidents import advice, ledger, subjects
from incidents import server_notices as notices
from incidents.causes import Acts
from incidents.ledger import FELL_AGAIN_WITHIN, Bad
from incidents.models import Incident, IncidentEvent
from incidents.readings import Reading, Status
from incidents.server_notices import ServerOutage, ServerReturn
from incidents.telling import tell
from notifications.models import Notification

log = structlog.get_logger(__name__)

Kind, Event = IncidentEvent.Kind, Notification.Event


def open_incidents(down: Iterable[ServerOutage], *, at: datetime) -> dict[int, int]:
    """Return each server's open incident by its id; where it has none, open one and tell the operators and its owner."""
    down = {item.server_id: item for item in down}
    if not down:
        return {}
    with connection.cursor() as cursor:
        columns = [
            (item.tenant_id, item.server_id, item.cause, item.since, at, json.dumps(item.readings(at)))
            for item in down.values()
        ]
        cursor.execute(_OPEN, [*(list(column) for column in zip(*columns, strict=True)), FELL_AGAIN_WITHIN])
        won = [(incident_id, down[server_id]) for incident_id, server_id in cursor.fetchall()]
    IncidentEvent.objects.bulk_create(
        IncidentEvent(tenant_id=item.tenant_id, incident_id=pk, kind=Kind.OPENED, at=at, cause=item.cause) for pk, item in won
    )
    told = tell([(notices.server_down(pk, item, at=at), item.tenant_id) for pk, item in won], at=at)
    Incident.objects.filter(pk__in=told).update(notified_at=at)
    _tell_owners([pk for pk, item in won if item.tenant_id and item.alerts_enabled], at=at)
    for pk, item in won:
        log.info("server incident opened", incident=pk, server=item.server_id, cause=item.cause)
    return dict(Incident.objects.open().filter(server__in=down).values_list("server_id", "pk"))


def change_cause(server_id: int, cause: str, *, at: datetime) -> None:
    """Put on record that something else is wrong with a server by now: it is down still.

    Whoever was told hears it where it becomes the turn of the clinic whose own server it is; nobody else.
    """
    known = Incident.objects.open().filter(server=server_id).exclude(cause=cause).select_related("server", "tenant")
    for incident in known:
        Incident.objects.filter(pk=incident.pk).update(cause=cause)
        IncidentEvent.objects.create(
            tenant_id=incident.tenant_id, incident=incident, kind=Kind.CAUSE_CHANGED, at=at, cause=cause
        )
        before, incident.cause = incident.cause, cause
        if incident.tenant_id and _is_its_owners(cause, incident) and not _is_its_owners(before, incident):
            _tell_whose_turn_it_is(incident, at=at)
        log.info("server incident has another cause", incident=incident.pk, server=server_id, cause=cause)


def tell_clinics(dark: Collection[int], *, fallen_before: datetime | None, at: datetime) -> int:
    """Give each clinic of these servers, which are down, its one notice, where it has had none; return how many were told.

    Of the operator's servers a calm one, where they have been down since `fallen_before` (None: not at all). It hangs on one
    of the clinic's own incidents: the server's is nothing that it can see. Of the clinic's own server whoever could not be
    told when its incident opened. Of one that keeps falling nobody hears again before an outage lasts. Idempotent.
    """
    owners = _tell_owners(_owners_untold(dark), at=at)
    if fallen_before is None:
        return owners
    falls = Incident.objects.open().filter(_is_news(at), server__in=dark, tenant=None, started_at__lte=fallen_before)
    down = list(falls.values_list("pk", flat=True))
    if not down:
        return owners
    # Two plain questions: as one, with "not told yet" asked of each number's incident, it took a second of every tick where
    # a server of 1,500 numbers was down (PostgreSQL takes a server's incidents for few).
    calmed = IncidentEvent.objects.filter(kind=Kind.TOLD, event=Event.SERVER_DOWN, incident__parent__in=down)
    told_already = set(calmed.values_list("incident__parent", "tenant").distinct())
    first_of_each = (
        Incident.objects.open()
        .filter(parent__in=down, channel__alerts_enabled=True)
        .order_by("parent_id", "tenant_id", "started_at", "pk")
        .distinct("parent_id", "tenant_id")
    )
    untold = [
        pk
        for pk, parent_id, tenant_id in first_of_each.values_list("pk", "parent", "tenant")
        if (parent_id, tenant_id) not in told_already
    ]
    if not untold:
        return owners
    children = Incident.objects.filter(pk__in=untold).select_related("parent", "tenant").order_by("parent_id", "tenant_id")
    messages = [
        (notices.calm(child, at=at, support_knows=child.parent.notified_at is not None), child.tenant_id) for child in children
    ]
    return owners + len(tell(messages, at=at))


def resolve_incidents(back: Iterable[ServerReturn], *, at: datetime) -> int:
    """Resolve the incidents of these servers; return how many there were.

    Everybody who was told hears it once. A number that is still down leaves its server's incident and is announced as its
    own: it is named as not back, so people must hear of it when it is. Of one that nobody has seen since, its next reading
    tells.
    """
    back = {item.server_id: item for item in back}
    if not back:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_RESOLVE, [list(back), [item.at for item in back.values()]])
        won = dict(cursor.fetchall())
    incidents = list(Incident.objects.filter(pk__in=won).select_related("server", "tenant"))
    IncidentEvent.objects.bulk_create(
        IncidentEvent(tenant_id=incident.tenant_id, incident=incident, kind=Kind.RESOLVED, at=incident.resolved_at)
        for incident in incidents
    )
    children = _children(won)
    told = _told(incidents, children)
    lost: list[Incident] = []
    for incident in incidents:
        of_it, its_return = children[incident.pk], back[incident.server_id]
        its_lost = [child for child in of_it if _is_seen_down(child, since=its_return.at)]
        lost += its_lost
        up = notices.server_up(incident, its_return, its_lost, at=at, told=told[incident.pk, Event.OPENED])
        messages = [(up, incident.tenant_id)]
        still_there = _clinics_still_there(incident, of_it, its_return)
        for one in (incident, *of_it):
            if one.tenant_id in still_there and (people := told.get((one.pk, Event.SERVER_DOWN))):
                of_clinic = [child for child in its_lost if child.tenant_id == one.tenant_id]
                again = notices.back_again(incident, its_return, one, of_clinic, at=at, told=people)
                messages.append((again, one.tenant_id))
        tell([message for message in messages if message[0].only], at=at)
        log.info("server incident resolved", incident=incident.pk, server=incident.server_id)
    Incident.objects.open().filter(parent__in=won).update(parent=None)
    ledger.keep_incidents(_as_it_was_seen_last(child, at=at) for child in lost)  # which tells of those of which nobody was told
    return len(won)


def close_incidents(server_ids: Iterable[int], *, at: datetime) -> None:
    """Resolve without a word the incidents of servers on which nothing is watched any more."""
    for incident in Incident.objects.open().filter(server__in=list(server_ids)).order_by("pk"):
        resolved_at = max(at, incident.started_at)
        closed = Incident.objects.open().filter(pk=incident.pk)
        if closed.update(resolved_at=resolved_at, resolution=Incident.Resolution.SWITCHED_OFF):
            IncidentEvent.objects.create(tenant_id=incident.tenant_id, incident=incident, kind=Kind.RESOLVED, at=resolved_at)


def _children(parents: Iterable[int]) -> dict[int, list[Incident]]:
    children: dict[int, list[Incident]] = defaultdict(list)
    related = ["tenant", "channel__server", "channel__watch"]
    for child in Incident.objects.filter(parent__in=parents).select_related(*related).order_by("started_at", "pk"):
        children[child.parent_id].append(child)
    return children


def _clinics_still_there(incident: Incident, children: list[Incident], back: ServerReturn) -> set[int | None]:
    """Those to whom its return means something: not a clinic that has moved its numbers away meanwhile, or let go of them."""
    returned = (Incident.Resolution.RECOVERED, "")
    return {incident.tenant_id, *back.connected} | {one.tenant_id for one in children if one.resolution in returned}


def _is_seen_down(child: Incident, *, since: datetime) -> bool:
    """Not where it is connected, and its incident only waits for a second look, or for half an hour of stillness."""
    watch = getattr(child.channel, "watch", None)
    if child.resolved_at or child.kind == Incident.Kind.UNSTABLE or watch is None or watch.last_verdict_at is None:
        return False
    return watch.last_verdict_at >= since and watch.connection_status not in (Status.OPEN, Status.UNKNOWN)


def _as_it_was_seen_last(child: Incident, *, at: datetime) -> Bad:
    watch = child.channel.watch
    seen = Reading(at=at, status=Status(watch.connection_status), cause=watch.cause, raw_state=watch.raw_state, code=watch.code)
    return Bad(subject=subjects.of(child), seen=seen, started_at=child.started_at)


def _told(incidents: list[Incident], children: dict[int, list[Incident]]) -> dict[tuple[int, str], list[int]]:
    """Who was told of a server's incident as operator, and who as one of its clinics: user ids by incident and event."""
    ids = [incident.pk for incident in incidents] + [child.pk for some in children.values() for child in some]
    lines = IncidentEvent.objects.filter(incident__in=ids, kind=Kind.TOLD, event__in=[Event.OPENED, Event.SERVER_DOWN])
    told: dict[tuple[int, str], list[int]] = defaultdict(list)
    for incident_id, event, user_ids in lines.values_list("incident_id", "event", "told"):
        told[incident_id, event] += user_ids
    return told


def _is_its_owners(cause: str, incident: Incident) -> bool:
    return advice.who_acts(cause, subjects.of(incident)) is Acts.CLINIC


def _tell_whose_turn_it_is(incident: Incident, *, at: datetime) -> None:
    lines = IncidentEvent.objects.filter(incident=incident, kind=Kind.TOLD).values_list("told", flat=True)
    to = set().union(*lines)
    if to:
        notice = notices.became_its_owners(incident, support_knows=incident.notified_at is not None, to=to)
        tell([(notice, incident.tenant_id)], causes={incident.pk: incident.cause}, at=at)


def _tell_owners(incident_ids: list[int], *, at: datetime) -> int:
    """Tell the clinics whose own servers these incidents are of; return of how many of them somebody was told."""
    if not incident_ids:
        return 0
    news = Incident.objects.filter(_is_news(at), pk__in=incident_ids).select_related("server", "tenant").order_by("pk")
    messages = [(notices.of_its_own(one, at=at, support_knows=one.notified_at is not None), one.tenant_id) for one in news]
    return len(tell(messages, at=at))


def _owners_untold(dark: Collection[int]) -> list[int]:
    """The incidents of those servers whose owner has not been told, and has a number there that is down and not silenced."""
    told = IncidentEvent.objects.filter(incident=OuterRef("pk"), kind=Kind.TOLD, event=Event.SERVER_DOWN)
    audible = Incident.objects.open().filter(channel__server=OuterRef("server"), channel__alerts_enabled=True)
    down = Incident.objects.open().filter(~Exists(told), Exists(audible), server__in=dark, tenant__isnull=False)
    return list(down.values_list("pk", flat=True))


def _is_news(at: datetime) -> Q:
    """Not where it follows another outage, of which people have just heard that it is over, and may be over as soon."""
    return Q(follows=None) | Q(started_at__lte=at - FELL_AGAIN_WITHIN)


_OPEN = """
insert into incidents_incident (
    tenant_id, server_id, kind, cause, started_at, opened_at, readings, resolution, follows_id)
select v.tenant_id, v.server_id, 'server_down', v.cause, v.since, greatest(v.at, v.since), v.readings, '',
    case when last.resolution = 'recovered' and v.since between last.resolved_at and last.resolved_at + w.fell_again
        then last.id end
from unnest(%s::bigint[], %s::bigint[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::jsonb[])
    as v (tenant_id, server_id, cause, since, at, readings)
cross join (values (%s::interval)) as w (fell_again)
left join lateral (
    select i.id, i.resolved_at, i.resolution from incidents_incident i
    where i.server_id = v.server_id and i.resolved_at is not null
    order by i.started_at desc, i.id desc limit 1
) last on true
order by v.server_id
on conflict (server_id) where resolved_at is null do nothing
returning id, server_id
"""

_RESOLVE = """
update incidents_incident i
set resolved_at = greatest(v.at, i.started_at), resolution = 'recovered'
from unnest(%s::bigint[], %s::timestamptz[]) as v (server_id, at)
where i.server_id = v.server_id and i.resolved_at is null
returning i.id, i.server_id
"""

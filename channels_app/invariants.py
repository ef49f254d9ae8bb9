"""What must be true of the records at any moment, whatever died in between. `verify_ledger` asks each by its name.

Each invariant is a query for its violations: it returns the ids of the rows that break it.
"""

from datetime import timedelta

from django.db import connection, transaction

from channels_app import recovery, timing
from notifications.pruning import READ_ARE_KEPT
from tenants import scope

TICK_MAY_TAKE = timedelta(seconds=30)  # for what ticks keep in order: the flush before one, and the tick itself


def violations() -> dict[str, list[int]]:
    """Return the offending ids by invariant, in one snapshot; an empty list where it holds. Writes nothing."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("set transaction isolation level repeatable read, read only")
        scope.enter(scope.SERVICE)  # a process that declared nothing would see no row, and find all in order
        return ask(cursor)


def ask(cursor) -> dict[str, list[int]]:
    """Ask each invariant inside the caller's transaction."""
    limits = timing.limits()
    given = {
        "kept": READ_ARE_KEPT,
        "grace": limits.grace,
        "still": limits.still,
        "patience": recovery.PATIENCE * limits.minute,
        "tick": TICK_MAY_TAKE,
    }
    found = {}
    for name, query in INVARIANTS.items():
        cursor.execute(query, given)
        found[name] = [row[0] for row in cursor.fetchall()]
    return found


INVARIANTS = {
    "at most one open incident per channel": """
        select max(id) from incidents_incident
        where resolved_at is null and channel_id is not null group by channel_id having count(*) > 1
    """,
    "at most one open incident per server": """
        select max(id) from incidents_incident
        where resolved_at is null and server_id is not null group by server_id having count(*) > 1
    """,
    "whoever a timeline says was told has exactly one notification": """
        select e.id from incidents_incidentevent e cross join lateral unnest(e.told) as told (user_id)
        where e.kind = 'told' and e.at > now() - %(kept)s and 1 <> (
            select count(*) from notifications_notification n
            where n.incident_id = e.incident_id and n.event = e.event and n.user_id = told.user_id)
    """,
    "nobody has a notification that no timeline knows of": """
        select n.id from notifications_notification n
        where n.incident_id is not null and not exists (
            select from incidents_incidentevent e
            where e.incident_id = n.incident_id and e.kind = 'told' and e.event = n.event and n.user_id = any(e.told))
    """,
    "an incident says when somebody was told, and only then": """
        select i.id from incidents_incident i
        where (i.notified_at is not null) <> exists (
            select from incidents_incidentevent e where e.incident_id = i.id and e.kind = 'told' and e.event = 'opened')
    """,
    "no incident stays open on a channel whose bad run is over": """
        select i.id from incidents_incident i join channels_app_watch w on w.channel_id = i.channel_id
        where i.resolved_at is null and (w.first_unhealthy_at is null or (w.good_streak >= 2 and i.kind <> 'unstable'))
    """,
    "no incident is missing where the bad time passed the threshold": """
        select w.channel_id from channels_app_watch w
        where w.paired_at is not null and w.good_streak = 0 and w.bad_seconds >= w.threshold_seconds
            and not exists (select from incidents_incident i where i.channel_id = w.channel_id and i.resolved_at is null)
    """,
    "an incident follows one of its channel that was over before": """
        select i.id from incidents_incident i left join incidents_incident f on f.id = i.follows_id
        where i.follows_id is not null
            and ((f.channel_id, f.server_id) is distinct from (i.channel_id, i.server_id)
                or f.resolved_at is null or f.resolved_at > i.started_at)
    """,
    "no server's incident stays open when the server is back and its numbers have been looked at twice": """
        select i.id from incidents_incident i
        join channels_app_reachability r on r.server_id = i.server_id
        cross join channels_app_pulse p
        cross join lateral (select coalesce(r.back_at, i.opened_at) as at) back
        cross join lateral (
            select max(coalesce(n.resolved_at, w.last_verdict_at)) as at,
                coalesce(bool_and(n.resolved_at is not null
                    or (w.last_verdict_at >= back.at + %(grace)s and w.good_streak <> 1)), true) as has_come
            from incidents_incident n left join channels_app_watch w on w.channel_id = n.channel_id
            where n.parent_id = i.id) last_look
        where i.resolved_at is null and r.dark_since is null and r.falling_since is null and p.last_tick_at - %(tick)s > least(
            back.at + %(patience)s, case when last_look.has_come then greatest(back.at + %(grace)s, last_look.at) end)
    """,
    "no server that has answered for half an hour since its return keeps falling": """
        select r.server_id from channels_app_reachability r
        where r.falling_since is not null and r.dark_since is null and r.last_success_at - r.back_at >= %(still)s
    """,
    "an incident that belongs to a server's belongs to its own server's": """
        select i.id from incidents_incident i join incidents_incident s on s.id = i.parent_id
        left join channels_app_watch w on w.channel_id = i.channel_id
        where s.server_id is null or s.tenant_id <> i.tenant_id
            or (i.resolved_at is null and w.seen_server is distinct from s.server_id)
    """,
    "no open incident belongs to a server's that is over": """
        select i.id from incidents_incident i join incidents_incident s on s.id = i.parent_id
        where i.resolved_at is null and s.resolution = 'recovered'
    """,
    "of a number that is down with its server nobody is told on its own": """
        select e.id from incidents_incidentevent e join incidents_incident i on i.id = e.incident_id
        where i.parent_id is not null and e.kind = 'told' and e.event not in ('server_down', 'server_back')
    """,
    "of a server's incident nobody is told the same twice": """
        select max(e.id) from incidents_incidentevent e join incidents_incident i on i.id = e.incident_id
        cross join lateral unnest(e.told) as told (user_id)
        where e.kind = 'told' and (i.server_id is not null or e.event in ('server_down', 'server_back'))
        group by coalesce(i.parent_id, i.id), e.tenant_id, e.event, told.user_id having count(*) > 1
    """,
    "at most one open period per channel": """
        select max(id) from channels_app_connectionperiod where ended_at is null group by channel_id having count(*) > 1
    """,
    "no two periods of a channel overlap": """
        select id from (
            select id, started_at,
                lag(coalesce(ended_at, 'infinity')) over (partition by channel_id order by started_at, id) as last_end
            from channels_app_connectionperiod) p
        where started_at < last_end
    """,
    "a channel's status and cause are those of its open period": """
        select w.channel_id from channels_app_watch w
        left join channels_app_connectionperiod p on p.channel_id = w.channel_id and p.ended_at is null
        where (w.last_verdict_at is not null and (p.id is null or (p.status, p.cause) <> (w.connection_status, w.cause)))
            or (w.last_verdict_at is null and p.id is not null)
    """,
    "everybody named in a timeline exists": """
        select e.id from incidents_incidentevent e cross join lateral unnest(e.told) as told (user_id)
        where not exists (select from tenants_user u where u.id = told.user_id)
    """,
    "a watch belongs to its channel's clinic": """
        select w.channel_id from channels_app_watch w left join channels_app_channel c on c.id = w.channel_id
        where c.tenant_id is distinct from w.tenant_id
    """,
    "a period belongs to its channel's clinic": """
        select p.id from channels_app_connectionperiod p left join channels_app_channel c on c.id = p.channel_id
        where c.tenant_id is distinct from p.tenant_id
    """,
    "an incident belongs to its channel's clinic": """
        select i.id from incidents_incident i left join channels_app_channel c on c.id = i.channel_id
        where i.channel_id is not null and c.tenant_id is distinct from i.tenant_id
    """,
    "an event belongs to its incident's clinic": """
        select e.id from incidents_incidentevent e left join incidents_incident i on i.id = e.incident_id
        where i.id is null or i.tenant_id is distinct from e.tenant_id
    """,
    "a notification of an incident belongs to the incident's clinic": """
        select n.id from notifications_notification n left join incidents_incident i on i.id = n.incident_id
        where n.incident_id is not null and (i.id is null or i.tenant_id is distinct from n.tenant_id)
    """,
}

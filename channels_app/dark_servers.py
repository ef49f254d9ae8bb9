"""Servers that are down as a whole get their incident: by a flush, for the numbers that fell, or by a tick, where none does."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from channels_app import timing
from channels_app.models import WATCHED_SQL
from core import addresses
from incidents import servers
from incidents.server_notices import ServerOutage


@dataclass(frozen=True, slots=True)
class Darkness:
    """A server is down as a whole: why, and since when its incident counts."""

    cause: str
    since: datetime
    keeps_falling: bool = False


def open_incidents(dark: Mapping[int, Darkness], *, at: datetime) -> dict[int, int]:
    """Return the open incident of each of these servers; one that has none gets one. The caller holds their rows."""
    with connection.cursor() as cursor:
        cursor.execute(_FACTS, [sorted(dark)])
        rows = cursor.fetchall()
    down = [
        ServerOutage(
            server_id=server_id,
            tenant_id=tenant_id,
            name=name,
            host=addresses.host(base_url),
            cause=dark[server_id].cause,
            since=dark[server_id].since,
            numbers=numbers,
            clinics=clinics,
            alerts_enabled=alerts_enabled,
            code=code,
            received=received,
            keeps_falling=dark[server_id].keeps_falling,
        )
        for server_id, tenant_id, name, base_url, numbers, clinics, alerts_enabled, code, received in rows
    ]
    return servers.open_incidents(down, at=at)


def open_overdue(*, at: datetime) -> None:
    """Open the incident of each server that has been seen dark for the least threshold of its numbers, and has none yet.

    No flush opens it where all of them are new there: of one that was not connected yet no bad run is kept. Where a server
    keeps falling it opens at once, and counts from the first of its last falls that is in no incident yet: none of its outages
    may last as long as a threshold.
    """
    with connection.cursor() as cursor:
        cursor.execute(_OVERDUE, {"minute": timing.limits().minute})
        dark = {server_id: Darkness(*how) for server_id, *how in cursor.fetchall()}
    if dark:
        open_incidents(dark, at=at)


# What its looks gave last stands in the watches, this flush's too; those that were inferred know nothing of it.
_FACTS = f"""
select s.id, s.tenant_id, s.name, s.base_url, count(*), count(distinct c.tenant_id), bool_or(c.alerts_enabled),
    (array_agg(w.code order by w.last_verdict_at desc) filter (where w.cause = r.dark_cause and w.code is not null))[1],
    coalesce((array_agg(w.raw_state order by w.last_verdict_at desc)
        filter (where w.cause = r.dark_cause and w.raw_state <> ''))[1], '')
from channels_app_server s
join channels_app_channel c on c.server_id = s.id
join tenants_tenant t on t.id = c.tenant_id
left join channels_app_reachability r on r.server_id = s.id
left join channels_app_watch w on w.channel_id = c.id
where s.id = any(%s) and {WATCHED_SQL}
group by s.id
"""  # noqa: S608 (our own constants)

# In the order of Darkness. Seen, not merely gone by: a clock runs on while nobody looks. Numbers with a token of their own say
# nothing of the server's key. Under the lock the row is asked again whether it is dark; one that a flush holds right now waits
# for the next tick, since whoever waits here holds rows of servers that the flush may want.
_OVERDUE = f"""
select r.server_id, r.dark_cause, case when r.falling_since is null then r.dark_since else coalesce((
    select min(fall.at) from unnest(r.falls) as fall (at)
    where not exists (select from incidents_incident i where i.server_id = r.server_id and i.resolved_at >= fall.at)
), r.dark_since) end, r.falling_since is not null
from channels_app_reachability r
cross join lateral (
    select min(c.heartbeat_threshold_minutes) as minutes, max(w.last_verdict_at) as at
    from channels_app_channel c
    join channels_app_watch w on w.channel_id = c.id
    join tenants_tenant t on t.id = c.tenant_id
    where c.server_id = r.server_id and {WATCHED_SQL}
        and not (r.dark_cause = 'key_rejected' and coalesce(c.own_token, '') <> '')
) seen
where r.dark_since is not null
    and (r.falling_since is not null or r.dark_since + seen.minutes * %(minute)s <= seen.at)
    and not exists (select from incidents_incident i where i.server_id = r.server_id and i.resolved_at is null)
order by r.server_id
for no key update of r skip locked
"""  # noqa: S608

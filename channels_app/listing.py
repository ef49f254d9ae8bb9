"""A server's own full list: asked for where many of its numbers want to know why, and kept beside each of them.

An errand of its own, outside any look's lease: it may take half a minute. Looks read what it left.
"""

import json
from collections.abc import Collection
from datetime import timedelta
from itertools import takewhile

import structlog
from django.conf import settings
from django.db import connection

from channels_app import bell, timing
from channels_app.due import LEGACY_FOR
from channels_app.gateways import MISSING, Listing, evolution
from channels_app.models import WATCHED_SQL
from core.fields import Secret

log = structlog.get_logger(__name__)

LIST_SECONDS = 30.0
TICKS_AHEAD = 2  # of the end of a grace: one may come late, and the list takes its time
LOST_AFTER = timedelta(minutes=5)  # an errand that nobody has begun by then went with its broker


def want(server_ids: Collection[int]) -> None:
    """Have these servers' lists asked for, but those that are on their way already or were asked for within this tick.

    Where too many errands wait those come first whose list is the oldest. Several loops want the same at the same moment:
    the database lets one of them send the errand.
    """
    room = bell.room_for_lists()
    if room < len(server_ids):
        log.warning("errands pile up, or the broker is away; some lists may have to wait", room=room, lists=len(server_ids))
    if not room:
        return
    tick = timedelta(seconds=settings.HEARTBEAT_TICK_SECONDS)
    with connection.cursor() as cursor:
        cursor.execute(_WANT, {"servers": list(server_ids), "room": room, "tick": tick, "lost": LOST_AFTER})
        wanted = [server_id for (server_id,) in cursor.fetchall()]
        sent = list(takewhile(bell.ask_for_list, wanted))
        if len(sent) < len(wanted):
            cursor.execute(_UNSENT, [wanted[len(sent) :]])


def want_after_outages() -> None:
    """Have a server's list asked for shortly before the grace of its return ends: all its numbers are judged at once then.

    Of those that are down, many open their incident with that very look, and few of them may ask why.
    """
    ahead = TICKS_AHEAD * timedelta(seconds=settings.HEARTBEAT_TICK_SECONDS)
    with connection.cursor() as cursor:
        cursor.execute(_ARE_JUDGED_SOON, {"grace": timing.limits().grace, "ahead": ahead})
        server_ids = [server_id for (server_id,) in cursor.fetchall()]
    if server_ids:
        want(server_ids)


def refresh(server_id: int) -> None:
    """Ask the server for its list and keep it, unless that was done within this tick. Never raises."""
    try:
        asked = _claim(server_id)
        if asked is None:
            return
        base_url, operator_owned, key = asked
        listing = evolution.list_all(base_url=base_url, key=Secret(key), operator_owned=operator_owned, seconds=LIST_SECONDS)
        kept = _keep(server_id, listing, base_url=base_url)
    except Exception as error:
        log.error("a list failed", server=server_id, error=type(error).__name__, exc_info=error)
    else:
        rows = len(listing.rows or ())
        log.info("list", server=server_id, rows=rows, channels=kept, failure=listing.failure)


def _claim(server_id: int) -> tuple[str, bool, str] | None:
    """Make the list ours to ask for; None where somebody has just asked, or it is not to be had."""
    with connection.cursor() as cursor:
        tick = timedelta(seconds=settings.HEARTBEAT_TICK_SECONDS)
        cursor.execute(_CLAIM, {"server": server_id, "tick": tick, "legacy": LEGACY_FOR})
        return cursor.fetchone()


def _keep(server_id: int, listing: Listing, *, base_url: str) -> int:
    """Write what the list says of each channel of the server; return how many there are."""
    with connection.cursor() as cursor:
        if listing.is_legacy or listing.rows is not None:
            cursor.execute(_REMEMBER_VERSION, [listing.is_legacy, server_id])
        if listing.rows is None:
            return 0
        cursor.execute(_CHANNELS, [server_id])
        channels = cursor.fetchall()
        rows = [json.dumps(listing.rows.get(name, MISSING)) for _, name in channels]
        ids, names = [channel_id for channel_id, _ in channels], [name for _, name in channels]
        cursor.execute(_KEEP, {"ids": ids, "names": names, "rows": rows, "server": server_id, "url": base_url})
        return len(channels)


_IS_ON_ITS_WAY = """coalesce(
    r.list_wanted_at between statement_timestamp() - %(lost)s and statement_timestamp()
    and (r.list_asked_at is null or r.list_asked_at < r.list_wanted_at), false)"""
_HAS_JUST_COME = "coalesce(r.list_asked_at between statement_timestamp() - %(tick)s and statement_timestamp(), false)"

# Locked in the order of their ids, as a flush does, and asked again under the lock.
_WANT = f"""
with oldest as (
    select r.server_id from channels_app_reachability r
    where r.server_id = any(%(servers)s) and not {_IS_ON_ITS_WAY} and not {_HAS_JUST_COME}
    order by r.list_asked_at nulls first limit %(room)s
), locked as materialized (
    select r.server_id from channels_app_reachability r
    where r.server_id in (select server_id from oldest) and not {_IS_ON_ITS_WAY}
    order by r.server_id for no key update
)
update channels_app_reachability r set list_wanted_at = statement_timestamp()
from locked where r.server_id = locked.server_id
returning r.server_id
"""  # noqa: S608 (our own constants)

_UNSENT = """
update channels_app_reachability r set list_wanted_at = null
from (select server_id from channels_app_reachability where server_id = any(%s) order by server_id for no key update) unsent
where r.server_id = unsent.server_id
"""

_ARE_JUDGED_SOON = """
select r.server_id
from channels_app_reachability r join channels_app_server s on s.id = r.server_id
where r.dark_since is null and s.api_key <> ''
    and r.back_at + %(grace)s between statement_timestamp() and statement_timestamp() + %(ahead)s
    and (r.list_asked_at is null or r.list_asked_at < r.back_at + %(grace)s - %(ahead)s)
"""

_CLAIM = """
with claimed as (
    insert into channels_app_reachability as r (server_id, tenant_id, list_asked_at)
    select s.id, s.tenant_id, statement_timestamp() from channels_app_server s
    where s.id = %(server)s and s.archived_at is null and s.api_key <> ''
    on conflict (server_id) do update set list_asked_at = excluded.list_asked_at
    where r.list_asked_at is null or r.list_asked_at > statement_timestamp()
        or r.list_asked_at <= statement_timestamp() - case when r.is_legacy then %(legacy)s else %(tick)s end
    returning server_id
)
select s.base_url, s.tenant_id is null, s.api_key
from claimed join channels_app_server s on s.id = claimed.server_id
"""

_REMEMBER_VERSION = """
update channels_app_reachability set is_legacy = %s where server_id = %s
"""

_CHANNELS = f"""
select c.id, c.instance_name
from channels_app_channel c join tenants_tenant t on t.id = c.tenant_id
where c.server_id = %s and {WATCHED_SQL}
order by c.id
"""  # noqa: S608 (our own constants)

# Locked in the order of their ids, as a flush does. A channel that was moved or renamed meanwhile, or whose server was, is left
# alone.
_KEEP = """
with v as (
    select * from unnest(%(ids)s::bigint[], %(names)s::text[], %(rows)s::jsonb[]) as v (channel_id, name, row)
), locked as materialized (
    select channel_id from channels_app_watch where channel_id = any(%(ids)s::bigint[])
    order by channel_id for no key update
)
update channels_app_watch w
set listed = v.row, listed_at = statement_timestamp()
from v join locked using (channel_id)
    join channels_app_channel c on c.id = v.channel_id and c.server_id = %(server)s and c.instance_name = v.name
    join channels_app_server s on s.id = c.server_id and s.base_url = %(url)s
where w.channel_id = v.channel_id
"""

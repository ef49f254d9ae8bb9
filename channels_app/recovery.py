"""A tick's work about servers: look again at what is back, tell of what is down, resolve what is over."""

from collections import defaultdict
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction

from channels_app import bell, circuit, dark_servers, timing
from channels_app.models import WATCHED_SQL
from core.database import Lock
from incidents import servers
from incidents.server_notices import ServerReturn

PATIENCE = 10  # minutes after which a server's incident waits for no number any more


def keep_up() -> None:
    """Do it in one process at a time: who tells a clinic that a server is down must be over before another says it is back."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s)", [Lock.SERVERS_TICK])
        if cursor.fetchone() == (False,):
            return
        cursor.execute(_NOBODY_NEEDS_ITS_KEY)
        cursor.execute(_LOOK_AGAIN)
        cursor.execute(
            "select statement_timestamp(), exists ("
            "select from channels_app_pulse where outage_ended_at is not null or offline_since is not null), "
            "array(select server_id from channels_app_reachability where dark_since is not null)"
        )
        # After an outage of our own no clinic hears of what was before it, and while our network is gone nothing is known.
        now, is_ours, dark = cursor.fetchone()
        if dark and not is_ours:
            wait = settings.SERVER_DOWN_TELL_CLINICS  # None: of the operator's servers no clinic is told
            servers.tell_clinics(dark, fallen_before=None if wait is None else now - wait * timing.limits().minute, at=now)
        cursor.execute(_IS_BACK, {"grace": timing.limits().grace, "patience": PATIENCE * timing.limits().minute})
        servers.resolve_incidents(_returns(cursor.fetchall()), at=now)
        if dark and not is_ours:
            dark_servers.open_overdue(at=now)
        cursor.execute(_IS_LEFT)
        servers.close_incidents([server_id for (server_id,) in cursor.fetchall()], at=now)
        if settings.WITNESS_URLS:
            cursor.execute("select exists (select from channels_app_reachability where failing_since is not null)")
            if cursor.fetchone() == (True,):
                transaction.on_commit(bell.ask_the_witness)


def _returns(back: list[tuple[int, datetime]]) -> list[ServerReturn]:
    """Of these, as (server, since when), with how many of their numbers are connected."""
    connected: dict[int, dict[int, int]] = defaultdict(dict)
    if back:
        with connection.cursor() as cursor:
            cursor.execute(_CONNECTED, [[server_id for server_id, _ in back]])
            for server_id, tenant_id, numbers in cursor.fetchall():
                connected[server_id][tenant_id] = numbers
    return [ServerReturn(server_id=server_id, at=at, connected=connected[server_id]) for server_id, at in back]


_LITERALS = {None: "null", 0: "0", "": "''"}
_NOTHING_FAILS = ", ".join(f"{name} = {_LITERALS[value]}" for name, value in circuit.NOTHING_FAILS.items())

# A server whose own key is refused, and of which no number is asked for with that key any more: no look will ever deny it.
_NOBODY_NEEDS_ITS_KEY = f"""
update channels_app_reachability r
set dark_since = null, dark_cause = '', was_dark_since = dark_since, back_at = statement_timestamp(), {_NOTHING_FAILS}
where r.dark_cause = 'key_rejected' and exists (
    select from channels_app_channel c join tenants_tenant t on t.id = c.tenant_id
    where c.server_id = r.server_id and {WATCHED_SQL})
and not exists (
    select from channels_app_channel c join tenants_tenant t on t.id = c.tenant_id
    where c.server_id = r.server_id and {WATCHED_SQL} and coalesce(c.own_token, '') = '')
"""  # noqa: S608 (our own constants)

# Whoever was inferred, or not looked at since. Rows that a flush holds right now wait for the next tick.
_LOOK_AGAIN = f"""
with waiting as (
    select w.channel_id
    from channels_app_reachability r
    join channels_app_channel c on c.server_id = r.server_id
    join channels_app_watch w on w.channel_id = c.id
    join tenants_tenant t on t.id = c.tenant_id
    where r.back_at is not null and r.dark_since is null and {WATCHED_SQL}
        and w.lease_until is null and w.last_health_check < r.back_at and w.next_look_at > statement_timestamp()
    order by w.channel_id
    for no key update of w skip locked
)
update channels_app_watch w set next_look_at = statement_timestamp() from waiting where w.channel_id = waiting.channel_id
"""  # noqa: S608

# Each of its numbers has had a look in the grace and one after it, or has had time enough for both. Who was well at that look
# has one more to come: with it they are connected again, and are not said to be missing. One that keeps falling is not back
# before it is steady, unless a number stays down without it: its clinic must hear of that, and it is told of with the return.
# Locked, so that a flush which finds it dark again, and hangs a number on its incident, is over before we decide.
_IS_BACK = """
select i.server_id, r.back_at
from incidents_incident i join channels_app_reachability r on r.server_id = i.server_id
where i.resolved_at is null and r.dark_since is null and r.back_at + %(grace)s <= statement_timestamp()
    and (r.back_at + %(patience)s <= statement_timestamp() or not exists (
        select from incidents_incident child join channels_app_watch w on w.channel_id = child.channel_id
        where child.parent_id = i.id and child.resolved_at is null
            and (w.last_verdict_at is null or w.last_verdict_at < r.back_at + %(grace)s or w.good_streak = 1)))
    and (r.falling_since is null or exists (
        select from incidents_incident child join channels_app_watch w on w.channel_id = child.channel_id
        where child.parent_id = i.id and child.resolved_at is null and child.kind <> 'unstable'
            and w.last_verdict_at >= r.back_at and w.connection_status in ('disconnected', 'qr_pending', 'error')))
order by i.server_id
for no key update of r
"""

_CONNECTED = f"""
select c.server_id, c.tenant_id, count(*)
from channels_app_channel c
join channels_app_watch w on w.channel_id = c.id
join tenants_tenant t on t.id = c.tenant_id
where c.server_id = any(%s) and w.connection_status = 'open' and {WATCHED_SQL}
group by c.server_id, c.tenant_id
"""  # noqa: S608

# A server on which nothing is watched any more: nobody will ever see it answer.
_IS_LEFT = f"""
update channels_app_reachability r
set dark_since = null, dark_cause = '', refused_since = null, falls = '{{}}', falling_since = null, {_NOTHING_FAILS}
where coalesce(r.dark_since, r.failing_since, r.refused_since) is not null and not exists (
    select from channels_app_channel c join tenants_tenant t on t.id = c.tenant_id
    where c.server_id = r.server_id and {WATCHED_SQL})
returning r.server_id
"""  # noqa: S608

"""What every tick keeps in order, before anybody is looked at, one step after the other.

Each statement is idempotent and repairs whatever came before, whoever did it: no signal, no hook, no form has to remember.
"""

from collections.abc import Callable
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import connection, transaction

from channels_app import (
    connection_periods,
    deadman,
    errands,
    fleet_week,
    listing,
    outage,
    ping,
    recovery,
    server_states,
    strikes,
    timing,
)
from channels_app.models import WATCHED_SQL
from core.database import is_away
from incidents import ledger

PART_OF_A_TICK = 4  # so long after a tick another one finds nothing new

log = structlog.get_logger(__name__)


def keep_up_in_turn() -> None:
    """As `keep_up`, unless another process has just done so: once is enough for a fleet, and it reads all of it."""
    deadman.give_sign()
    with connection.cursor() as cursor:
        cursor.execute(_HAS_JUST_BEEN, [timedelta(seconds=settings.HEARTBEAT_TICK_SECONDS / PART_OF_A_TICK)])
        (has_just_been,) = cursor.fetchone()
    if has_just_been:
        outage.remember_tick()
    else:
        keep_up()


def keep_up() -> None:
    """Do one tick's work. Raises only where the database is away: a step that fails is logged, and the others are done."""
    deadman.give_sign()
    _try(_adopt_new_channels)
    _try(_forget_unwatched)
    _try(errands.keep_up)
    _try(_beat_the_pulse)
    _try(recovery.keep_up)
    _try(listing.want_after_outages)
    _try(outage.tell_operators)
    _try(strikes.tell_operators)
    _try(ping.send_if_healthy)
    _try(fleet_week.measure_if_due)


def _try(step: Callable[[], object]) -> None:
    """Do a step. Looking comes after all of them: what one trips over would keep a whole fleet from being looked at."""
    try:
        step()
    except Exception as error:
        if connection.in_atomic_block or is_away(error):
            raise
        name = f"{step.__module__}.{step.__name__}"
        log.error("a step of the tick failed; the next tick tries again", step=name, error=type(error).__name__, exc_info=error)


def _adopt_new_channels() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_ADOPT)
        cursor.execute(server_states.ADOPT)


def _forget_unwatched() -> None:
    """Let go of channels that are switched off, archived or moved: their incidents close, their runs are forgotten.

    What was found under the lock is what is closed and forgotten: a channel switched on again meanwhile starts anew.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_UNWATCHED)
        why = dict(cursor.fetchall())
        if not why:
            return
        closed = ledger.close_incidents(why)
        connection_periods.end(list(why))
        cursor.execute(_FORGET, [list(why)])
    log.info("no longer watched", channels=len(why), incidents_closed=len(closed))


def _beat_the_pulse() -> None:
    with connection.cursor() as cursor:
        away = timing.intervals(outage.INTERVALS_AWAY)
        cursor.execute(_PULSE, {"away": away, "has_just_ticked": outage.has_just_ticked()})
    outage.remember_tick()


_HAS_JUST_BEEN = """
select exists (select from channels_app_pulse where last_tick_at between statement_timestamp() - %s and statement_timestamp())
"""

_ADOPT = """
insert into channels_app_watch (channel_id, tenant_id)
select c.id, c.tenant_id from channels_app_channel c
where not exists (select from channels_app_watch w where w.channel_id = c.id)
on conflict do nothing
"""

# Rows that a flush holds right now wait for the next tick.
_UNWATCHED = f"""
select w.channel_id, case
    when c.archived_at is not null then 'archived'
    when not t.is_active then 'tenant_inactive'
    when not ({WATCHED_SQL}) then 'switched_off'
    else 'moved'
end
from channels_app_watch w
join channels_app_channel c on c.id = w.channel_id
join tenants_tenant t on t.id = c.tenant_id
where w.seen_server is not null
    and (not ({WATCHED_SQL}) or (w.seen_server, w.seen_instance) <> (c.server_id, c.instance_name))
order by w.channel_id
for no key update of w skip locked
"""  # noqa: S608 (our own constants)

# The look number goes up so that a look in flight is dropped. What belongs to the instance survives a mere switching off.
_FORGET = """
update channels_app_watch w
set look_no = w.look_no + 1, lease_until = null, next_look_at = statement_timestamp(),
    connection_status = 'unknown', cause = 'not_looked_at', raw_state = '', code = null,
    status_since = null, cause_since = null, last_verdict_at = null, unseen_since = null,
    first_unhealthy_at = null, bad_seconds = 0, good_streak = 0, good_since = null, run_readings = '[]',
    health_changes = '{}', cause_streak = 0, strikes = 0, listed = null, listed_at = null,
    last_open_at = case when channel.stays then w.last_open_at end,
    paired_at = case when channel.stays then w.paired_at end,
    integration = case when channel.stays then w.integration else '' end,
    owner_jid = case when channel.stays then w.owner_jid else '' end,
    seen_server = null, seen_instance = ''
from (
    select w.channel_id, (w.seen_server, w.seen_instance) = (c.server_id, c.instance_name) as stays
    from channels_app_watch w join channels_app_channel c on c.id = w.channel_id
) channel
where channel.channel_id = w.channel_id and w.channel_id = any(%s)
"""

# The first tick ever comes back from nowhere; while nothing was watched nobody was missed; whoever has just ticked was not
# away. Away again before the first outage was told: the two are one.
_IS_BACK = "p.channels_watched > 0 and not %(has_just_ticked)s and excluded.last_tick_at - p.last_tick_at > %(away)s"
_PULSE = f"""
insert into channels_app_pulse as p (id, last_tick_at, oldest_overdue_seconds, channels_watched)
select 1, statement_timestamp(),
    greatest(0, coalesce(extract(epoch from statement_timestamp() - {strikes.oldest("w.next_look_at")}), 0)), count(*)
from channels_app_watch w
join channels_app_channel c on c.id = w.channel_id
join tenants_tenant t on t.id = c.tenant_id
where {WATCHED_SQL}
on conflict (id) do update set last_tick_at = excluded.last_tick_at,
    oldest_overdue_seconds = excluded.oldest_overdue_seconds, channels_watched = excluded.channels_watched,
    outage_started_at = case when {_IS_BACK} then coalesce(p.outage_started_at, p.last_tick_at) else p.outage_started_at end,
    outage_ended_at = case when {_IS_BACK} then excluded.last_tick_at else p.outage_ended_at end
"""  # noqa: S608

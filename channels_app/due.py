"""Whom to look at next: claiming what is due.

Times are the database's. A claim is a lease: a worker that dies loses it, and the channel is due again.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from channels_app import timing
from channels_app.gateways import Known, Target
from channels_app.models import WATCHED_SQL
from core import clock
from core.fields import Secret
from incidents.lifecycle import LOOKS_OF_AN_INCIDENT, Policy, Run, WatchState, is_past_threshold
from incidents.readings import Status

LEGACY_FOR = timedelta(days=1)  # then a server of version 1 is asked again for its list: it may have been upgraded
STRIKES_UNTIL_ALONE = 2  # looks in a row that ended with their process: from then on it is looked at alone, whatever it was
FAR_AHEAD = timedelta(minutes=15)  # nothing is planned further ahead than this: beyond it, a clock went back


def _fresh() -> timedelta:
    """How old a server's list may be and still say why a number is down: where incidents stand, as old as their last look."""
    return LOOKS_OF_AN_INCIDENT + timedelta(seconds=2 * settings.HEARTBEAT_TICK_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One claimed channel: whom to look at, what is known, and the number that fences the result."""

    channel_id: int
    look_no: int
    server_id: int
    target: Target
    state: WatchState  # without incident_open, which only the flush needs
    policy: Policy
    anchor: clock.Anchor  # the claim's instant by the database's clock
    dark: str = ""  # why its server is down as a whole: then a few are looked at, and the others are inferred
    has_list: bool = False  # the server can be asked for all its numbers at once

    def target_at(self, at: datetime) -> Target:
        """The target of a look that starts at this moment: where an incident opens or stands, the reason is asked anew."""
        return replace(self.target, ask_reason=is_past_threshold(self.state, at, self.policy))


def rank(limit: int, *, full_servers: Iterable[int] = ()) -> list[int]:
    """Return up to `limit` channels that are due, in the order in which they are to be claimed. Reads every watch.

    Last time's failures come first, but take no more than half of it while others are due; those of a dark server are no
    more than the others, since what they would say is known. Left out are the servers that can take no more looks now, and
    channels that are looked at alone.
    """
    with connection.cursor() as cursor:
        cursor.execute(_RANK, {"limit": limit, "far": FAR_AHEAD, "full": list(full_servers)})
        return [channel_id for (channel_id,) in cursor.fetchall()]


def claim_of(ranked: list[int], limit: int, *, full_servers: Iterable[int] = ()) -> list[Order]:
    """Claim the first `limit` of these that are still due, in this order; one statement, committed at once.

    Passed over are those that others have claimed or are claiming at this moment.
    """
    orders = _claimed(_CLAIM, limit, full_servers, ranked)
    place = {channel_id: n for n, channel_id in enumerate(ranked)}
    return sorted(orders, key=lambda order: place[order.channel_id])


def claim_alone() -> Order | None:
    """Claim one channel whose last look ended with its process: nothing else should be under way beside it.

    Who was struck least comes first: the one that kills its process each time is soon the last.
    """
    orders = _claimed(_CLAIM_ALONE, 1)
    return orders[0] if orders else None


def _claimed(statement: str, limit: int, full_servers: Iterable[int] = (), ranked: list[int] | None = None) -> list[Order]:
    given = {"limit": limit, "lease": timing.lease(), "far": FAR_AHEAD, "full": list(full_servers), "ranked": ranked}
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        rows = cursor.fetchall()
    return [_order(*row, clock.anchor(row[-1])) for row in rows]


def somebody_waits_alone() -> bool:
    """Say whether `claim_alone` would find one."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITS_ALONE, {"far": FAR_AHEAD})
        return cursor.fetchone()[0]


def channels_by_server() -> dict[int, int]:
    """Count the watched channels of each server."""
    with connection.cursor() as cursor:
        cursor.execute(_CHANNELS_BY_SERVER)
        return dict(cursor.fetchall())


def seconds_until_next(*, full_servers: Iterable[int] = ()) -> float | None:
    """Return in how many seconds there is something to claim again (0 or less: now); None where nothing is planned."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, {"full": list(full_servers)})
        (seconds,) = cursor.fetchone()
    return None if seconds is None else float(seconds)


def release(claims: Iterable[tuple[int, int]]) -> None:
    """Give claims, as (channel, look number), back without a result: they are due again at once, and it is no strike."""
    claims = list(claims)
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, [[channel for channel, _ in claims], [look_no for _, look_no in claims]])


def postpone(channel_id: int, look_no: int) -> None:
    """Give a claim back whose result cannot be written; look again after an interval."""
    with connection.cursor() as cursor:
        cursor.execute(_POSTPONE, [timedelta(seconds=settings.HEARTBEAT_INTERVAL_SECONDS), channel_id, look_no])


def _order(  # in the order of _CLAIM_DUE's columns
    channel_id: int,
    look_no: int,
    server_id: int,
    base_url: str,
    operator_owned: bool,
    key: str,
    instance_name: str,
    threshold_minutes: int,
    status: str,
    cause: str,
    raw_state: str,
    code: int | None,
    integration: str,
    is_paired: bool,
    last_verdict_at: datetime | None,
    first_unhealthy_at: datetime | None,
    bad_seconds: float,
    good_streak: int,
    listed: str | None,
    listed_at: datetime | None,
    has_list: bool,
    dark: str,
    claimed_at: datetime,
    anchor: clock.Anchor,
) -> Order:
    known = Known(raw_state=raw_state, status=Status(status), cause=cause, code=code, integration=integration)
    run = Run(first_unhealthy_at=first_unhealthy_at, bad_for=timedelta(seconds=bad_seconds), good_streak=good_streak)
    return Order(
        channel_id=channel_id,
        look_no=look_no,
        server_id=server_id,
        target=Target(
            base_url=base_url,
            key=Secret(key) if key else None,
            instance_name=instance_name,
            operator_owned=operator_owned,
            known=known if last_verdict_at else None,
            row=json.loads(listed) if listed else None,
            row_is_fresh=listed_at is not None and listed_at >= claimed_at - _fresh(),
            row_is_of_run=listed_at is not None and first_unhealthy_at is not None and listed_at >= first_unhealthy_at,
        ),
        has_list=has_list,
        state=WatchState(run=run, is_paired=is_paired, last_verdict_at=last_verdict_at),
        policy=timing.policy(threshold_minutes),
        anchor=anchor,
        dark=dark,
    )


# A channel that has moved is looked at only after upkeep has forgotten what was known of the instance it left.
_NOT_MOVED = "(w.seen_server is null or (w.seen_server, w.seen_instance) = (c.server_id, c.instance_name))"

# A look that ended with its process left its lease to lapse. A channel that was struck is looked at alone: it may be the
# one that kills, and none of the others is to lose a second look to it. But those that were in error wait for their
# deadline, and one after the other they would keep everybody waiting: they are given a second chance in company.
_STRIKES = "w.strikes + (w.lease_until is not null and w.lease_until <= statement_timestamp())::int"
_ALONE = f"({_STRIKES} >= {STRIKES_UNTIL_ALONE} or {_STRIKES} = 1 and w.connection_status <> 'error')"
_MOST_STRIKES = 100  # counted

_FROM_WATCHED = f"""
from channels_app_watch w
join channels_app_channel c on c.id = w.channel_id
join tenants_tenant t on t.id = c.tenant_id
where {WATCHED_SQL} and {_NOT_MOVED}
"""
_DUE = """
(w.next_look_at <= statement_timestamp() or w.next_look_at > statement_timestamp() + %(far)s)
and (w.lease_until is null or w.lease_until <= statement_timestamp() or w.lease_until > statement_timestamp() + %(far)s)
"""
_NOT_FULL = "not c.server_id = any(%(full)s::bigint[])"

# MATERIALIZED: as a plain sub-select, another plan ran it again per row and claimed 5 for LIMIT 3 (PostgreSQL 18, run).
_CLAIM_DUE = f"""
update channels_app_watch w
set lease_until = statement_timestamp() + %(lease)s, look_no = w.look_no + 1, look_started_at = statement_timestamp(),
    strikes = least({_STRIKES}, {_MOST_STRIKES})
from due
    join channels_app_channel c on c.id = due.channel_id
    join channels_app_server s on s.id = c.server_id
    left join channels_app_reachability r on r.server_id = s.id
where w.channel_id = due.channel_id
returning w.channel_id, w.look_no, s.id, s.base_url, s.tenant_id is null,
    coalesce(nullif(c.own_token, ''), s.api_key), c.instance_name, c.heartbeat_threshold_minutes,
    w.connection_status, w.cause, w.raw_state, w.code, w.integration, w.paired_at is not null,
    w.last_verdict_at, w.first_unhealthy_at, w.bad_seconds, w.good_streak,
    w.listed::text, w.listed_at, s.api_key <> '' and (not coalesce(r.is_legacy, false)
        or r.list_asked_at < statement_timestamp() - interval '{LEGACY_FOR.days} day'),
    case when r.dark_cause = 'key_rejected' and c.own_token <> '' then '' else coalesce(r.dark_cause, '') end,
    w.look_started_at
"""  # noqa: S608 (our own constants)

# Failures and others are counted apart and taken in turns, so that neither crowds the other out. The scatter by hash
# interleaves the servers where many channels are due at the same moment.
_RANK = f"""
select channel_id from (
    select channel_id, failed, row_number() over (partition by failed order by next_look_at, hashint8(channel_id)) as place
    from (
        select w.channel_id, w.next_look_at, w.connection_status = 'error' and not exists (
            select from channels_app_reachability r where r.server_id = c.server_id and r.dark_since is not null) as failed
        {_FROM_WATCHED} and {_DUE} and {_NOT_FULL} and not {_ALONE}
    ) waiting
) candidate
where place <= %(limit)s
order by place, failed desc
limit %(limit)s
"""  # noqa: S608

# What was ranked is asked again, under the lock: it may be claimed by now, or switched off.
_CLAIM = f"""
with due as materialized (
    select w.channel_id
    from unnest(%(ranked)s::bigint[]) with ordinality ranked (channel_id, place)
    join channels_app_watch w using (channel_id)
    join channels_app_channel c on c.id = w.channel_id
    join tenants_tenant t on t.id = c.tenant_id
    where {WATCHED_SQL} and {_NOT_MOVED} and {_DUE} and {_NOT_FULL}
    order by ranked.place
    limit %(limit)s
    for no key update of w skip locked
)
{_CLAIM_DUE}
"""  # noqa: S608

_CLAIM_ALONE = f"""
with due as materialized (
    select w.channel_id {_FROM_WATCHED} and {_DUE} and {_ALONE}
    order by {_STRIKES}, w.connection_status = 'error', w.next_look_at
    limit %(limit)s
    for no key update of w skip locked
)
{_CLAIM_DUE}
"""

_NEXT = f"""
select extract(epoch from min(greatest(w.next_look_at, w.lease_until)) - statement_timestamp())
{_FROM_WATCHED} and {_NOT_FULL} and not {_ALONE}
"""  # noqa: S608

_WAITS_ALONE = f"select exists (select {_FROM_WATCHED} and {_DUE} and {_ALONE})"

_CHANNELS_BY_SERVER = f"select c.server_id, count(*) {_FROM_WATCHED} group by c.server_id"

_POSTPONE = """
update channels_app_watch set lease_until = null, strikes = 0, next_look_at = statement_timestamp() + %s
where channel_id = %s and look_no = %s
"""

# Locked in the order of their ids, as everywhere. It keeps its turn, and no sweep takes it for looked at.
_RELEASE = """
update channels_app_watch w
set lease_until = null, look_started_at = null, next_look_at = least(w.next_look_at, statement_timestamp())
from (
    select w.channel_id, v.look_no from unnest(%s::bigint[], %s::bigint[]) as v (channel_id, look_no)
    join channels_app_watch w on w.channel_id = v.channel_id
    order by w.channel_id for no key update of w
) v
where w.channel_id = v.channel_id and w.look_no = v.look_no and w.lease_until is not null
"""

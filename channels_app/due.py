"""Whom to look at next: claiming what is due, and asking for a look now.

Times are the database's. A claim is a lease: a worker that dies loses it, and the channel is due again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from channels_app import bell
from channels_app.gateways import Known, Target
from channels_app.models import Channel, Sweep
from core import clock
from core.fields import Secret
from incidents.lifecycle import Policy, Run, WatchState, is_past_threshold
from incidents.readings import Status
from tenants import scope
from tenants.models import Membership, User

JOINED = timedelta(seconds=10)  # a second request within this time joins the first, while that waits
FAR_AHEAD = timedelta(minutes=15)  # nothing is planned further ahead than this: beyond it, a clock went back


def lease() -> timedelta:
    """How long a claim holds: the look, its flush, and some air."""
    return timedelta(seconds=2 * settings.HEARTBEAT_TIMEOUT_SECONDS + 10)


def policy(threshold_minutes: int) -> Policy:
    """The settings as lifecycle wants them."""
    return _policy(
        settings.HEARTBEAT_INTERVAL_SECONDS,
        settings.HEARTBEAT_RECHECK_SECONDS,
        settings.HEARTBEAT_TIMEOUT_SECONDS,
        threshold_minutes * settings.HEARTBEAT_MINUTE_SECONDS,
    )


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

    def target_at(self, at: datetime) -> Target:
        """The target of a look that starts at this moment: where an incident opens or stands, the reason is asked anew."""
        return replace(self.target, ask_reason=is_past_threshold(self.state, at, self.policy))


def claim(limit: int) -> list[Order]:
    """Claim up to `limit` channels that are due, last time's failures first. One statement, committed at once."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"limit": limit, "lease": lease(), "far": FAR_AHEAD})
        rows = cursor.fetchall()
    return [_order(*row, clock.anchor(row[-1])) for row in rows]


def seconds_until_next() -> float | None:
    """Return in how many seconds the next look falls due (0 or less: now); None where nothing is planned."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT)
        (seconds,) = cursor.fetchone()
    return None if seconds is None else float(seconds)


def request(*, by: User | None, tenant_id: int | None = None, channel_id: int | None = None) -> Sweep:
    """Ask for a look now at one channel, at one tenant's channels, or (neither given) at all of them; return the sweep.

    `by` is None for a command. Raises PermissionDenied where the person may not ask for these, also where the channel
    does not exist. The look comes within seconds where a worker is free, and with beat's next ring otherwise.
    """
    with scope.use(scope.SERVICE):
        if channel_id is not None:
            tenant_id = Channel.objects.filter(pk=channel_id).values_list("tenant_id", flat=True).first()
        if not _may_ask(by, tenant_id) or (channel_id is not None and tenant_id is None):
            raise PermissionDenied
        sweep = Sweep.objects.create(tenant_id=tenant_id, channel_id=channel_id, requested_by=by)
        _make_due(sweep.channels().values_list("pk", flat=True))
    return sweep


def request_once(*, by: User, channel_id: int) -> Sweep:
    """Ask for a look now at one channel, or join what was asked for a moment ago and still waits: two clicks, one effect.

    Whoever asked: two people on two pages share one look. Raises as `request` does.
    """
    with scope.use(scope.SERVICE):
        channel = Channel.objects.filter(pk=channel_id)
        tenant_id = channel.values_list("tenant_id", flat=True).first()
        if tenant_id is None or not _may_ask(by, tenant_id):
            raise PermissionDenied
        # Of two at the same moment, the second waits here until the first has ended, and then sees what that asked for.
        channel.select_for_update(no_key=True).values("pk").first()
        recent = Sweep.objects.filter(Q(channel=channel_id) | Q(channel=None, tenant=tenant_id), started_at__gt=Now() - JOINED)
        last = recent.order_by("-started_at", "-pk").first()
        if last and last.waiting().filter(pk=channel_id).exists():
            return last
        return request(by=by, channel_id=channel_id)


def request_each(channels: Iterable[Channel], *, by: User) -> None:
    """Ask for a look now at each of these; the operator's alone. Three statements and one ring, however many they are."""
    if not _may_ask(by, None):
        raise PermissionDenied
    channels = list(channels)
    with scope.use(scope.SERVICE):
        Sweep.objects.bulk_create(Sweep(tenant_id=c.tenant_id, channel_id=c.pk, requested_by=by) for c in channels)
        _make_due(channel.pk for channel in channels)


def release(claims: Iterable[tuple[int, int]]) -> None:
    """Give (channel, look number) pairs back without a result: they are due again at once."""
    claims = list(claims)
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, [[channel for channel, _ in claims], [look_no for _, look_no in claims]])


def _make_due(channel_ids: Iterable[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_REQUEST, [list(channel_ids)])
    transaction.on_commit(bell.ring, robust=True)


@cache  # twice a look, and there are sixty thresholds
def _policy(interval: int, recheck: int, deadline: int, threshold: int) -> Policy:
    """All in seconds."""
    return Policy(*(timedelta(seconds=seconds) for seconds in (interval, recheck, deadline, threshold)))


def postpone(channel_id: int, look_no: int) -> None:
    """Give a claim back whose result cannot be written; look again after an interval."""
    with connection.cursor() as cursor:
        cursor.execute(_POSTPONE, [timedelta(seconds=settings.HEARTBEAT_INTERVAL_SECONDS), channel_id, look_no])


def _may_ask(person: User | None, tenant_id: int | None) -> bool:
    if person is None or person.is_saas_admin:
        return person is None or person.is_active
    return tenant_id is not None and Membership.objects.in_force().filter(user=person, tenant=tenant_id).exists()


def _order(  # in the order of _CLAIM's columns
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
    _claimed_at: datetime,
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
        ),
        state=WatchState(run=run, is_paired=is_paired, last_verdict_at=last_verdict_at),
        policy=policy(threshold_minutes),
        anchor=anchor,
    )


# Also read by `upkeep`: the same words as Channel.objects.watched(), for statements that the ORM cannot write.
WATCHED = "c.provider = 'evolution_api' and c.is_active and c.archived_at is null and t.is_active"
# A channel that has moved is looked at only after upkeep has forgotten what was known of the instance it left.
_NOT_MOVED = "(w.seen_server is null or (w.seen_server, w.seen_instance) = (c.server_id, c.instance_name))"

# MATERIALIZED: as a plain sub-select, another plan ran it again per row and claimed 5 for LIMIT 3 (PostgreSQL 18, run).
# The scatter by hash interleaves the servers where many channels are due at the same moment.
_CLAIM = f"""
with due as materialized (
    select w.channel_id
    from channels_app_watch w
    join channels_app_channel c on c.id = w.channel_id
    join tenants_tenant t on t.id = c.tenant_id
    where {WATCHED} and {_NOT_MOVED}
        and (w.next_look_at <= statement_timestamp() or w.next_look_at > statement_timestamp() + %(far)s)
        and (w.lease_until is null or w.lease_until <= statement_timestamp() or w.lease_until > statement_timestamp() + %(far)s)
    order by w.connection_status = 'error' desc, w.next_look_at, hashint8(w.channel_id)
    limit %(limit)s
    for no key update of w skip locked
)
update channels_app_watch w
set lease_until = statement_timestamp() + %(lease)s, look_no = w.look_no + 1, look_started_at = statement_timestamp()
from due, channels_app_channel c, channels_app_server s
where w.channel_id = due.channel_id and c.id = due.channel_id and s.id = c.server_id
returning w.channel_id, w.look_no, s.id, s.base_url, s.tenant_id is null,
    coalesce(nullif(c.own_token, ''), s.api_key), c.instance_name, c.heartbeat_threshold_minutes,
    w.connection_status, w.cause, w.raw_state, w.code, w.integration, w.paired_at is not null,
    w.last_verdict_at, w.first_unhealthy_at, w.bad_seconds, w.good_streak, w.look_started_at
"""  # noqa: S608 (our own constants)

_NEXT = f"""
select extract(epoch from min(greatest(w.next_look_at, w.lease_until)) - statement_timestamp())
from channels_app_watch w
join channels_app_channel c on c.id = w.channel_id
join tenants_tenant t on t.id = c.tenant_id
where {WATCHED} and {_NOT_MOVED}
"""  # noqa: S608

_REQUEST = """
update channels_app_watch
set requested_at = statement_timestamp(), next_look_at = least(next_look_at, statement_timestamp())
where channel_id in (
    select channel_id from channels_app_watch where channel_id = any(%s) order by channel_id for no key update)
"""

_POSTPONE = """
update channels_app_watch set lease_until = null, next_look_at = statement_timestamp() + %s
where channel_id = %s and look_no = %s
"""

_RELEASE = """
update channels_app_watch w
set lease_until = null, next_look_at = statement_timestamp()
from unnest(%s::bigint[], %s::bigint[]) as v (channel_id, look_no)
where w.channel_id = v.channel_id and w.look_no = v.look_no
"""

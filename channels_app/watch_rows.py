"""The watches' rows as a flush finds them under its lock, with the settings that count."""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from django.db import connection

from channels_app import circuit
from channels_app.circuit import History, ServerState
from channels_app.due import Order
from channels_app.gateways.evolution_answers import NOT_VERIFIABLE
from channels_app.models import WATCHED_SQL
from channels_app.reachability import Seen
from core import addresses
from incidents import instability
from incidents.advice import Subject
from incidents.lifecycle import Run, WatchState
from incidents.readings import Reading, Status


@dataclass(frozen=True, slots=True)
class Row:
    """A watch as it is under our lock, with the settings that count. Each field is a name in _READ."""

    channel_id: int
    tenant_id: int
    tenant_slug: str
    tenant_name: str
    name: str
    server_id: int
    server_name: str
    base_url: str
    operator_owned: bool
    key: str
    has_own_token: bool
    instance_name: str
    alerts_enabled: bool
    threshold_minutes: int
    is_watched: bool
    is_claimed: bool
    look_no: int
    status: str
    cause: str
    status_since: datetime | None
    cause_since: datetime | None
    cause_streak: int
    is_listed: bool | None
    last_open_at: datetime | None
    paired_at: datetime | None
    integration: str
    owner_jid: str
    first_unhealthy_at: datetime | None
    bad_seconds: float
    threshold_seconds: float | None
    good_streak: int
    good_since: datetime | None
    health_changes: list[datetime]
    run_readings: str
    last_verdict_at: datetime | None
    unseen_since: datetime | None
    raw_state: str
    code: int | None
    incident_open: bool
    unstable_open: bool
    has_parent: bool
    opened_before: list[datetime]

    def is_still_of(self, order: Order) -> bool:
        target = order.target
        key = target.key.token if target.key else ""
        now = (self.look_no, self.server_id, self.base_url, self.instance_name, self.key)
        then = (order.look_no, order.server_id, target.base_url, target.instance_name, key)
        return self.is_watched and self.is_claimed and now == then

    def seen(self, reading: Reading) -> Seen:
        """The reading with what settles it."""
        history = History(
            status=self.status,
            cause=self.cause,
            code=self.code,
            cause_since=self.cause_since,
            cause_streak=self.cause_streak,
            is_paired=self.paired_at is not None or shows_pairing(reading),
            last_open_at=self.last_open_at,
            has_own_token=self.has_own_token,
            is_listed=self.is_listed,
        )
        return Seen(channel_id=self.channel_id, server_id=self.server_id, reading=reading, history=history)

    def state(self, seen: Reading, server: ServerState) -> WatchState:
        """What the watch knew. Falls with the server are none of the number's own, and make it no unstable one."""
        is_down_with_it = server.is_dark and self.concerns_every_number(seen)
        fell_with_it = circuit.is_in_outage(server, self.first_unhealthy_at)
        return WatchState(
            run=Run(
                first_unhealthy_at=self.first_unhealthy_at,
                bad_for=timedelta(seconds=self.bad_seconds),
                good_streak=self.good_streak,
                good_since=self.good_since,
            ),
            incident_open=self.incident_open,
            unstable_open=self.unstable_open,
            is_paired=self.is_paired(seen),
            was_healthy=None if is_down_with_it or fell_with_it else self.was_healthy,
            health_changes=self.own_changes(server),
            opened_before=() if is_down_with_it else tuple(self.opened_before),
            last_verdict_at=self.last_verdict_at,
            unseen_since=self.unseen_since,
        )

    def is_paired(self, seen: Reading) -> bool:
        """Not where looking can never tell that it is connected: nobody could say either that it is again."""
        is_verifiable = (seen.integration or self.integration) not in NOT_VERIFIABLE
        return is_verifiable and (self.paired_at is not None or shows_pairing(seen))

    @property
    def was_healthy(self) -> bool | None:
        """By the last verdict; None where it could not tell."""
        return None if self.paired_at is None or self.status == Status.UNKNOWN else self.status == Status.OPEN

    def own_changes(self, server: ServerState) -> tuple[datetime, ...]:
        """Leave out the falls that its server's outage began with, before anybody knew of it."""
        if not self.last_verdict_at:
            return ()
        return tuple(at for at in self.health_changes if not circuit.is_in_outage(server, at))

    def concerns_every_number(self, seen: Reading) -> bool:
        return circuit.concerns_every_number(seen.cause, has_own_token=self.has_own_token)

    def streak(self, seen: Reading) -> int:
        """Return how many verdicts in a row have this cause and code, this one counted."""
        return self.cause_streak + 1 if (self.cause, self.code) == (seen.cause, seen.code) else 1

    def subject(self) -> Subject:
        return Subject(
            channel_id=self.channel_id,
            tenant_id=self.tenant_id,
            tenant_slug=self.tenant_slug,
            tenant_name=self.tenant_name,
            name=self.name,
            server_name=self.server_name,
            server_host=addresses.host(self.base_url),
            server_is_the_operators=self.operator_owned,
            alerts_enabled=self.alerts_enabled,
        )


def lock(channel_ids: list[int]) -> dict[int, Row]:
    """Lock these watches in the order of their ids; return each by its channel."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [channel_ids])
        rows = [Row(*values) for values in cursor.fetchall()]
    return {row.channel_id: row for row in rows}


def shows_pairing(seen: Reading) -> bool:
    return seen.status is Status.OPEN or bool(seen.owner_jid)


_READ = {
    "channel_id": "w.channel_id",
    "tenant_id": "w.tenant_id",
    "tenant_slug": "t.slug",
    "tenant_name": "t.name",
    "name": "c.name",
    "server_id": "s.id",
    "server_name": "s.name",
    "base_url": "s.base_url",
    "operator_owned": "s.tenant_id is null",
    "key": "coalesce(nullif(c.own_token, ''), s.api_key)",
    "has_own_token": "coalesce(c.own_token, '') <> ''",
    "instance_name": "c.instance_name",
    "alerts_enabled": "c.alerts_enabled",
    "threshold_minutes": "c.heartbeat_threshold_minutes",
    "is_watched": WATCHED_SQL,
    "is_claimed": "w.lease_until is not null",  # else this very look is written: the commit went through, its word did not
    "look_no": "w.look_no",
    "status": "w.connection_status",
    "cause": "w.cause",
    "status_since": "w.status_since",
    "cause_since": "w.cause_since",
    "cause_streak": "w.cause_streak",
    # A list of old says nothing of what is missing now.
    "is_listed": "case when w.listed_at >= w.cause_since then w.listed ->> 'missing' is null end",
    "last_open_at": "w.last_open_at",
    "paired_at": "w.paired_at",
    "integration": "w.integration",
    "owner_jid": "w.owner_jid",
    "first_unhealthy_at": "w.first_unhealthy_at",
    "bad_seconds": "w.bad_seconds",
    "threshold_seconds": "w.threshold_seconds",
    "good_streak": "w.good_streak",
    "good_since": "w.good_since",
    "health_changes": "w.health_changes",
    "run_readings": "w.run_readings::text",
    "last_verdict_at": "w.last_verdict_at",
    "unseen_since": "w.unseen_since",
    "raw_state": "w.raw_state",
    "code": "w.code",
    "incident_open": "i.id is not null",
    "unstable_open": "coalesce(i.kind = 'unstable', false)",
    "has_parent": "i.parent_id is not null",  # the incident that is open hangs on its server's
    "opened_before": f"""case when w.first_unhealthy_at is not null and i.id is null then array(
        select b.opened_at from incidents_incident b
        where b.channel_id = w.channel_id and b.resolution = 'recovered' and b.parent_id is null
        order by b.started_at desc limit {instability.INCIDENTS - 1})
    else '{{}}' end""",  # noqa: S608 (our own constants)
}

# The fields' own order: a name that is missing fails at the import, and no two can change places.
_LOCK = f"""
select {", ".join(_READ[field.name] for field in fields(Row))}
from channels_app_watch w
join channels_app_channel c on c.id = w.channel_id
join channels_app_server s on s.id = c.server_id
join tenants_tenant t on t.id = c.tenant_id
left join incidents_incident i on i.channel_id = w.channel_id and i.resolved_at is null
where w.channel_id = any(%s)
order by w.channel_id
for no key update of w
"""  # noqa: S608 (our own constants)

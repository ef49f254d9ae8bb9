"""What the looks saw, written: one transaction per flush with state, periods, incidents and notifications in it.

The rows are locked in the order of their ids, then judged by what they hold *now*: a reading whose look, server,
instance or key is no longer the row's is dropped, because a look that came later won, or a person changed the channel.
A flush may be repeated where nobody knows whether it was committed: what it had written is dropped.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import structlog
from django.db import connection, transaction

from channels_app import circuit, due, timing, unseen
from channels_app.circuit import History, ServerState
from channels_app.due import Order
from channels_app.models import WATCHED_SQL
from channels_app.reachability import Seen, Servers
from core.database import is_away
from incidents import instability, ledger
from incidents.advice import Subject
from incidents.ledger import Bad, Recovered
from incidents.lifecycle import Decision, Policy, Run, Step, WatchState, is_blind, judge
from incidents.models import MOST_READINGS
from incidents.readings import Health, Reading, Status

log = structlog.get_logger(__name__)

MOST_COUNTED = 32_767  # that the column of a streak holds
A_CAUSE_HOLDS = 2  # verdicts in a row


@dataclass(frozen=True, slots=True)
class Look:
    """A claim and what came of it."""

    order: Order
    seen: Reading


def flush(looks: Iterable[Look]) -> Counter:
    """Judge and write the looks; return counts of healthy, unhealthy, unknowable, unseen, dropped, opened, resolved, failed.

    Where a row cannot be written the flush is halved until that one is alone: it is logged and planned anew, and takes
    nobody else with it. Raises only where the database is away.
    """
    looks = sorted(looks, key=lambda look: look.order.channel_id)
    try:
        return _flush(looks)
    except Exception as error:
        if connection.in_atomic_block or is_away(error):
            raise
        if len(looks) > 1:
            middle = len(looks) // 2
            return flush(looks[:middle]) + flush(looks[middle:])
        log.error("a look cannot be written", channel=looks[0].order.channel_id, error=type(error).__name__, exc_info=error)
        due.postpone(looks[0].order.channel_id, looks[0].order.look_no)
        return Counter(failed=1)


def _flush(looks: list[Look]) -> Counter:
    with transaction.atomic():
        rows = _lock(looks)
        valid = [look for look in looks if (row := rows.get(look.order.channel_id)) and row.is_still_of(look.order)]
        servers = Servers(rows[look.order.channel_id].seen(look.seen) for look in valid)
        # Nobody looked at these: they stand only while their server is dark.
        valid = [look for look in valid if not look.seen.inferred or servers.is_dark(look.order.server_id)]
        judged = [
            _Judged.of(rows[look.order.channel_id], servers.settle(look.order.channel_id), servers.states[look.order.server_id])
            for look in valid
        ]
        servers.write()
        _write_watches(judged)
        _write_periods(judged)
        counts = _put_on_record(judged, servers)
        if len(valid) < len(looks):
            written = {(item.row.channel_id, item.row.look_no) for item in judged}
            due.release({(look.order.channel_id, look.order.look_no) for look in looks} - written)
    counts.update(item.seen.health.value for item in judged)
    counts["dropped"] = len(looks) - len(valid)
    return counts


@dataclass(frozen=True, slots=True)
class _Row:
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
            is_paired=self.paired_at is not None or _shows_pairing(reading),
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
            is_paired=self.paired_at is not None or _shows_pairing(seen),
            was_healthy=None if is_down_with_it or fell_with_it else self.was_healthy,
            health_changes=self.own_changes(server),
            opened_before=() if is_down_with_it else tuple(self.opened_before),
            last_verdict_at=self.last_verdict_at,
            unseen_since=self.unseen_since,
        )

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
            server_host=urlsplit(self.base_url).hostname or "",
            server_is_the_operators=self.operator_owned,
            alerts_enabled=self.alerts_enabled,
        )


@dataclass(frozen=True, slots=True)
class _Judged:
    row: _Row
    seen: Reading
    decision: Decision
    policy: Policy

    @classmethod
    def of(cls, row: _Row, seen: Reading, server: ServerState) -> "_Judged":
        policy = timing.policy(row.threshold_minutes)
        return cls(row, seen, judge(row.state(seen, server), seen, policy), policy)

    @property
    def has_verdict(self) -> bool:
        return self.seen.health is not Health.UNSEEN

    @property
    def concerns_every_number(self) -> bool:
        return self.row.concerns_every_number(self.seen)

    @property
    def changes_period(self) -> bool:
        if not self.has_verdict:
            return False
        return self.is_after_blind_gap or (self.row.status, self.row.cause) != (self.seen.status, self.seen.cause)

    @property
    def is_after_blind_gap(self) -> bool:
        return self.row.last_verdict_at is None or is_blind(self.row.last_verdict_at, self.seen.at, self.policy)

    def readings(self) -> list[dict]:
        """The run's first reading and its latest ones, with this: what the incident's page shows after the periods before."""
        seen = self.seen
        told = {"at": seen.at.isoformat(), "status": seen.status, "cause": seen.cause}
        told |= {"inferred": True} if seen.inferred else {"raw": seen.raw_state, "code": seen.code, "ms": seen.took_ms}
        run = [*json.loads(self.row.run_readings), told]
        return run[:1] + run[1:][1 - MOST_READINGS :]

    def bad(self) -> Bad:
        decision = self.decision
        is_unstable = decision.step in (Step.UNSTABLE_OPENS, Step.UNSTABLE_STAYS)
        is_down = self.seen.health is Health.UNHEALTHY
        drops, minutes = instability.count(decision.health_changes, is_down=is_down) if is_unstable else (0, 0)
        return Bad(
            subject=self.row.subject(),
            seen=self.seen,
            started_at=decision.started_at or decision.run.first_unhealthy_at,
            readings=self.readings(),
            threshold_minutes=self.row.threshold_minutes,
            cause_holds=is_unstable or self.row.streak(self.seen) >= A_CAUSE_HOLDS,
            is_unstable=is_unstable,
            drops=drops,
            minutes=minutes,
        )

    def columns(self) -> tuple:
        """The watch's new values, in the order of _COLUMNS."""
        row, seen, decision, run = self.row, self.seen, self.decision, self.decision.run
        verdict = self.has_verdict
        streak = row.streak(seen)
        gathers, keeps = decision.step in (Step.RUN_STARTS, Step.RUN_GOES_ON), decision.step in (Step.RECOVERS, Step.UNSEEN)
        return (
            row.channel_id,
            seen.status if verdict else row.status,
            seen.cause if verdict else row.cause,
            seen.raw_state if verdict else row.raw_state,
            seen.code if verdict else row.code,
            seen.at if verdict and (seen.status != row.status or row.status_since is None) else row.status_since,
            seen.at if verdict and (streak == 1 or row.cause_since is None) else row.cause_since,
            min(streak, MOST_COUNTED) if verdict else row.cause_streak,
            seen.at if seen.status is Status.OPEN else row.last_open_at,
            row.paired_at or (seen.at if _shows_pairing(seen) else None),
            seen.integration or ("" if seen.cause == "instance_missing" else row.integration),  # it may be remade as another
            seen.owner_jid or row.owner_jid,
            row.server_id,
            row.instance_name,
            run.first_unhealthy_at,
            run.bad_for.total_seconds(),
            self.policy.threshold.total_seconds() if verdict else row.threshold_seconds,
            run.good_streak,
            run.good_since,
            f"{{{','.join(at.isoformat() for at in decision.health_changes)}}}",
            json.dumps(self.readings()) if gathers else row.run_readings if keeps else "[]",
            seen.at + timedelta(milliseconds=seen.took_ms),
            seen.at if verdict else row.last_verdict_at,
            decision.unseen_since,
            self.next_look_at(),
        )

    def next_look_at(self) -> datetime:
        wait = self.decision.look_again_in
        in_step = self.seen.health is Health.HEALTHY and wait == self.policy.interval
        return timing.in_phase(self.row.channel_id, self.seen.at, wait) if in_step else self.seen.at + wait


def _shows_pairing(seen: Reading) -> bool:
    return seen.status is Status.OPEN or bool(seen.owner_jid)


def _lock(looks: list[Look]) -> dict[int, _Row]:
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [[look.order.channel_id for look in looks]])
        rows = [_Row(*values) for values in cursor.fetchall()]
    return {row.channel_id: row for row in rows}


def _write_watches(judged: list[_Judged]) -> None:
    if not judged:
        return
    columns = zip(_COLUMNS.values(), zip(*(item.columns() for item in judged), strict=True), strict=True)
    # Without blanks an instant needs no quotes: psycopg would look for what to escape in each of some eight a look.
    values = [[at and at.isoformat() for at in column] if kind == "timestamptz" else [*column] for kind, column in columns]
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, values)


def _write_periods(judged: list[_Judged]) -> None:
    changed = [item for item in judged if item.changes_period]
    if not changed:
        return
    ends = [item.row.last_verdict_at if item.is_after_blind_gap else item.seen.at for item in changed]
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE_PERIODS,
            [
                [item.row.channel_id for item in changed],
                [item.row.tenant_id for item in changed],
                [item.seen.status for item in changed],
                [item.seen.cause for item in changed],
                [item.seen.at for item in changed],
                ends,
            ],
        )


def _put_on_record(judged: list[_Judged], servers: Servers) -> Counter:
    by_step: dict[Step, list[_Judged]] = {}
    for item in judged:
        by_step.setdefault(item.decision.step, []).append(item)
    opening = [*by_step.get(Step.INCIDENT_OPENS, ()), *by_step.get(Step.UNSTABLE_OPENS, ())]
    opened = ledger.open_incidents(_with_parents(opening, servers))
    staying = [*by_step.get(Step.INCIDENT_STAYS, ()), *by_step.get(Step.UNSTABLE_STAYS, ())]
    ledger.keep_incidents(_with_their_servers(staying, servers))
    ended = by_step.get(Step.INCIDENT_RESOLVES, ())
    resolved = ledger.resolve_incidents(
        Recovered(subject=item.row.subject(), at=item.decision.resolved_at)
        for item in ended
        if item.seen.health is Health.HEALTHY
    )
    # It did not come back: looking can no longer tell. Nobody hears that it is connected again.
    ledger.close_incidents({item.row.channel_id: "not_verifiable" for item in ended if item.seen.health is Health.UNKNOWABLE})
    too_long = (item for item in by_step.get(Step.UNSEEN, ()) if item.decision.unseen_too_long)
    unseen.warn((item.row.server_id, item.row.server_name, item.seen) for item in too_long)
    return Counter(opened=opened, resolved=resolved)


def _with_their_servers(staying: list[_Judged], servers: Servers) -> Iterator[Bad]:
    """Have the server's own incident opened where that has come down since: it may have no number left that opens one."""
    down = [item for item in staying if item.concerns_every_number and not item.row.has_parent]
    servers.open_incidents(
        item.row.server_id for item in down if servers.is_dark_for(item.row.server_id, item.policy.threshold, at=item.seen.at)
    )
    for item in staying:
        is_down_with_it = item.concerns_every_number and servers.is_dark(item.row.server_id)
        yield replace(item.bad(), is_down_with_its_server=is_down_with_it)


def _with_parents(opening: list[_Judged], servers: Servers) -> Iterator[Bad]:
    """Hang what opens because its server is down on the server's incident."""
    parents = servers.open_incidents(item.row.server_id for item in opening if item.concerns_every_number)
    for item in opening:
        yield replace(item.bad(), parent_id=parents.get(item.row.server_id) if item.concerns_every_number else None)


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
select {", ".join(_READ[field.name] for field in fields(_Row))}
from channels_app_watch w
join channels_app_channel c on c.id = w.channel_id
join channels_app_server s on s.id = c.server_id
join tenants_tenant t on t.id = c.tenant_id
left join incidents_incident i on i.channel_id = w.channel_id and i.resolved_at is null
where w.channel_id = any(%s)
order by w.channel_id
for no key update of w
"""  # noqa: S608 (our own constants)

_COLUMNS = {
    "channel_id": "bigint",
    "connection_status": "text",
    "cause": "text",
    "raw_state": "text",
    "code": "int",
    "status_since": "timestamptz",
    "cause_since": "timestamptz",
    "cause_streak": "int",
    "last_open_at": "timestamptz",
    "paired_at": "timestamptz",
    "integration": "text",
    "owner_jid": "text",
    "seen_server": "bigint",
    "seen_instance": "text",
    "first_unhealthy_at": "timestamptz",
    "bad_seconds": "float8",
    "threshold_seconds": "float8",
    "good_streak": "smallint",
    "good_since": "timestamptz",
    "health_changes": "timestamptz[]",
    "run_readings": "jsonb",
    "last_health_check": "timestamptz",
    "last_verdict_at": "timestamptz",
    "unseen_since": "timestamptz",
    "next_look_at": "timestamptz",
}

# Who asked for a look while this one was under way gets another at once; a request that lies ahead is a clock's that went back.
# An array of arrays cannot be unnested into arrays: such a column comes as text.
_WRITE = f"""
update channels_app_watch w
set lease_until = null, strikes = 0,
    {", ".join(f"{name} = v.{name}::{kind}" for name, kind in _COLUMNS.items() if name not in ("channel_id", "next_look_at"))},
    next_look_at = case when w.requested_at > w.look_started_at and w.requested_at <= statement_timestamp()
        then statement_timestamp() else v.next_look_at end
from unnest({", ".join(f"%s::{'text' if '[]' in kind else kind}[]" for kind in _COLUMNS.values())}) as v ({", ".join(_COLUMNS)})
where w.channel_id = v.channel_id
"""  # noqa: S608

# A clock that was set back must make no period impossible, nor two of them overlap.
_WRITE_PERIODS = """
with v as (
    select * from unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[])
        as v (channel_id, tenant_id, status, cause, at, end_of_last)
), ended as (
    update channels_app_connectionperiod p
    set ended_at = greatest(p.started_at, v.end_of_last)
    from v where p.channel_id = v.channel_id and p.ended_at is null
    returning p.channel_id, p.ended_at
)
insert into channels_app_connectionperiod (channel_id, tenant_id, status, cause, started_at)
select v.channel_id, v.tenant_id, v.status, v.cause, greatest(v.at, e.ended_at, (
    select max(p.ended_at) from channels_app_connectionperiod p where p.channel_id = v.channel_id))
from v left join ended e on e.channel_id = v.channel_id
"""

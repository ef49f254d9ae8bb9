"""The servers of a flush, as they are stored: locked, told of the flush's looks, written; `verdicts` says what it all means.

Locks are taken after the watches' and in the order of ids, so that two flushes wait for each other and never cross.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import cached_property
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection, transaction

from channels_app import bell, timing, verdicts
from channels_app.models import WATCHED_SQL
from channels_app.verdicts import History, Host, ServerState, Witness
from incidents import ledger, servers
from incidents.readings import Health, Reading
from incidents.server_notices import ServerOutage, ServerReturn

_TICK_LOCK = 7_301_002  # any number that no other advisory lock of ours uses
PATIENCE = 10  # minutes after which a server's incident waits for no number any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One look of the flush, with what settles it."""

    channel_id: int
    server_id: int
    reading: Reading
    history: History

    @property
    def was_answered(self) -> bool:
        return self.reading.health is not Health.UNSEEN and not self.reading.inferred


@dataclass(frozen=True, slots=True)
class Storm:
    """A server that refuses every instance token."""

    refused: int
    is_whole: bool  # no number of it is asked for with the server's own key


class Servers:
    """The servers of one flush. Inside its transaction, after the watches are locked."""

    def __init__(self, looks: Iterable[Seen]) -> None:
        self._looks = {look.channel_id: look for look in looks}
        self._by_server: dict[int, list[Seen]] = defaultdict(list)
        for look in self._looks.values():
            self._by_server[look.server_id].append(look)
        before, network = _lock(sorted(self._by_server)) if self._by_server else ({}, Network())
        self._dark_cause_before = {server_id: state.dark_cause for server_id, state in before.items()}
        self.states = self._observe(before, network.online_since)
        self.offline_since = self._offline_since(network)
        if network.offline_since and self.offline_since is None:  # back, by this very flush
            self.states = self._observe(before, self._last_look_at)
        if self.offline_since is None:
            self._darken()
            self._turn()

    def settle(self, channel_id: int) -> Reading:
        """Return the verdict of this channel's look."""
        look = self._looks[channel_id]
        return verdicts.settle(
            look.reading,
            look.history,
            self.states[look.server_id],
            is_offline=self.offline_since is not None,
            is_storm=look.server_id in self._storms,
            limits=timing.limits(),
        )

    def write(self) -> None:
        """Write what is known now of these servers."""
        if not self.states:
            return
        rows = [[server_id, *(getattr(state, name) for name in _STATE)] for server_id, state in self.states.items()]
        with connection.cursor() as cursor:
            cursor.execute(_WRITE, [list(column) for column in zip(*rows, strict=True)])
        for server_id, state in self.states.items():
            if state.is_dark and self._dark_cause_before[server_id] not in ("", state.dark_cause):
                servers.change_cause(server_id, state.dark_cause, at=self._last_look_at)

    def is_dark(self, server_id: int) -> bool:
        return self.states[server_id].is_dark

    def is_dark_for(self, server_id: int, length: timedelta, *, at: datetime) -> bool:
        """Has it been down as a whole for so long at this moment?"""
        since = self.states[server_id].dark_since
        return since is not None and at - since >= length

    def open_incidents(self, server_ids: Iterable[int]) -> dict[int, int]:
        """Return the incident of each of these that is dark, by server; one that has none gets one."""
        dark = [server_id for server_id in sorted(set(server_ids)) if self.is_dark(server_id)]
        if not dark:
            return {}
        with connection.cursor() as cursor:
            cursor.execute(_FACTS, [dark])
            rows = cursor.fetchall()
        down = [
            ServerOutage(
                server_id=server_id,
                tenant_id=tenant_id,
                name=name,
                host=urlsplit(base_url).hostname or "",
                cause=self.states[server_id].dark_cause,
                since=self.states[server_id].dark_since,
                numbers=numbers,
                clinics=clinics,
                alerts_enabled=alerts_enabled,
                code=code,
                received=received,
            )
            for server_id, tenant_id, name, base_url, numbers, clinics, alerts_enabled, code, received in rows
        ]
        return servers.open_incidents(down, at=self._last_look_at)

    @cached_property
    def _last_look_at(self) -> datetime:
        return max(look.reading.at for look in self._looks.values())

    def _observe(self, before: dict[int, ServerState], online_since: datetime | None) -> dict[int, ServerState]:
        states = {}
        for server_id, looks in self._by_server.items():
            seen = [(look.reading, look.history) for look in looks]
            states[server_id] = verdicts.observe(before[server_id], seen, online_since=online_since)
        return states

    def _darken(self) -> None:
        for server_id, storm in self._storms.items():
            if storm.is_whole and storm.refused >= verdicts.LOOKS_UNTIL_DARK:
                self.states[server_id] = verdicts.darken_by_storm(self.states[server_id])
        candidates = [server_id for server_id, state in self.states.items() if verdicts.may_be_dark(state)]
        if not candidates:
            return
        failing = [id for id, look in self._looks.items() if verdicts.is_failure(look.reading, look.history)]
        answering = _with_others_that_answer(candidates, failing)
        for server_id in candidates:
            failed = [look for look in self._by_server[server_id] if verdicts.is_failure(look.reading, look.history)]
            if failed:
                cause = max(failed, key=lambda look: look.reading.at).reading.cause
                others_answer = server_id in answering
                self.states[server_id] = verdicts.darken(self.states[server_id], cause, others_answer=others_answer)

    def _turn(self) -> None:
        for server_id, looks in self._by_server.items():
            at = max(look.reading.at for look in looks)
            self.states[server_id] = verdicts.turn(self.states[server_id], at=at, limits=timing.limits())

    @cached_property
    def _storms(self) -> dict[int, Storm]:
        """The servers that refuse every instance token since the first refusal. A query only where one was refused."""
        looked = [look for look in self._looks.values() if look.history.has_own_token and look.was_answered]
        refused = [look for look in looked if look.reading.cause == "key_rejected"]
        servers = sorted({look.server_id for look in refused})
        if not servers:
            return {}
        here, refused_here = (Counter(look.server_id for look in some) for some in (looked, refused))
        since = [self.states[server_id].refused_since for server_id in servers]
        with connection.cursor() as cursor:
            cursor.execute(_REFUSED, [servers, since, list(self._looks)])
            rows = cursor.fetchall()
        return {
            server_id: Storm(refused_here[server_id] + others_refused, is_whole)
            for server_id, others, others_refused, is_whole in rows
            if verdicts.refuses_all(refused_here[server_id] + others_refused, here[server_id] + others)
        }

    def _offline_since(self, network: "Network") -> datetime | None:
        """Since when our own network is gone, written where it is news. A query more where something failed or it was gone."""
        known = network.offline_since
        failed = any(verdicts.is_failure(look.reading, look.history) for look in self._looks.values())
        if not network.is_known or not (failed or known):
            return None
        witness = Witness(network.witness_answered_at, network.witness_failing_since) if settings.WITNESS_URLS else None
        since = verdicts.offline_since(_hosts(self.states), witness)
        if (since is None) is not (known is None) and _write_offline(since) and since:
            ledger.warn_offline(since, at=self._last_look_at)
        return known if since and known else since


@dataclass(frozen=True, slots=True)
class Network:
    """What the pulse knows of our own network. In the order of _LOCK's columns."""

    is_known: bool = False
    offline_since: datetime | None = None
    online_since: datetime | None = None
    witness_answered_at: datetime | None = None
    witness_failing_since: datetime | None = None


def keep_up() -> None:
    """Do a tick's work about servers: look again at what is back, tell clinics, resolve what is over.

    One process at a time: whoever tells a clinic that a server is down must be over before another says that it is back.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s)", [_TICK_LOCK])
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


def _lock(server_ids: list[int]) -> tuple[dict[int, ServerState], Network]:
    rows = _select(server_ids)
    if len(rows) < len(server_ids):  # a server that no tick has adopted yet
        with connection.cursor() as cursor:
            cursor.execute(ADOPT)
        rows = _select(server_ids)
    network = Network(*rows[0][:_OF_NETWORK]) if rows else Network()
    return {row[_OF_NETWORK]: ServerState(**dict(zip(_STATE, row[_OF_NETWORK + 1 :], strict=True))) for row in rows}, network


def _select(server_ids: list[int]) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [server_ids])
        return cursor.fetchall()


def _with_others_that_answer(server_ids: list[int], besides: list[int]) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(_OTHERS_THAT_ANSWER, [server_ids, besides])
        return {server_id for (server_id,) in cursor.fetchall()}


def _hosts(states: dict[int, ServerState]) -> list[Host]:
    """Every host with a number that is watched: the servers of this flush as they are now, the others as stored."""
    of_host: dict[str, list[ServerState]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_ALL)
        for base_url, server_id, *values in cursor.fetchall():
            state = states.get(server_id) or ServerState(**dict(zip(_STATE, values, strict=True)))
            of_host[urlsplit(base_url).hostname or base_url].append(state)
    return [
        Host(
            last_success_at=max((s.last_success_at for s in servers if s.last_success_at), default=None),
            failing_since=max((s.failing_since for s in servers if s.failing_since), default=None),
            failing_locally_since=min((s.failing_locally_since for s in servers if s.failing_locally_since), default=None),
        )
        for servers in of_host.values()
    ]


def _write_offline(since: datetime | None) -> bool:
    """Say whether it was this transaction that found out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "update channels_app_pulse set offline_since = %(since)s, "
            "online_since = case when %(since)s::timestamptz is null then statement_timestamp() end "
            "where (offline_since is null) <> (%(since)s::timestamptz is null)",
            {"since": since},
        )
        return bool(cursor.rowcount)


_OF_NETWORK = len(fields(Network))
_LITERALS = {None: "null", 0: "0", "": "''"}
_STATE = [field.name for field in fields(ServerState)]
_TYPES = {
    "latency_ms": "float8",
    "failed_looks": "int",
    "failed_on_healthy": "int",
    "failing_cause": "text",
    "dark_cause": "text",
}
_NOTHING_FAILS = ", ".join(f"{name} = {_LITERALS[value]}" for name, value in verdicts.NOTHING_FAILS.items())
_COLUMNS = ", ".join(f"r.{name}" for name in _STATE)

ADOPT = """
insert into channels_app_reachability (server_id, tenant_id)
select s.id, s.tenant_id from channels_app_server s
where not exists (select from channels_app_reachability r where r.server_id = s.id)
order by s.id
on conflict do nothing
"""

_LOCK = f"""
select p.id is not null, p.offline_since, p.online_since, p.witness_answered_at, p.witness_failing_since,
    r.server_id, {_COLUMNS}
from channels_app_reachability r left join channels_app_pulse p on true
where r.server_id = any(%s) order by r.server_id for no key update of r
"""  # noqa: S608 (our own constants)

_WRITE = f"""
update channels_app_reachability r
set {", ".join(f"{name} = v.{name}" for name in _STATE)}
from unnest(%s::bigint[], {", ".join(f"%s::{_TYPES.get(name, 'timestamptz')}[]" for name in _STATE)})
    as v (server_id, {", ".join(_STATE)})
where r.server_id = v.server_id
"""  # noqa: S608

_OTHERS_THAT_ANSWER = f"""
select distinct c.server_id
from channels_app_channel c
join channels_app_watch w on w.channel_id = c.id
join tenants_tenant t on t.id = c.tenant_id
where c.server_id = any(%s) and w.connection_status not in ('error', 'unknown') and c.id <> all(%s) and {WATCHED_SQL}
"""  # noqa: S608

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
# has one more to come: with it they are connected again, and are not said to be missing.
# Locked, so that a flush which finds it dark again, and hangs a number on its incident, is over before we decide.
_IS_BACK = """
select i.server_id, r.back_at
from incidents_incident i join channels_app_reachability r on r.server_id = i.server_id
where i.resolved_at is null and r.dark_since is null and r.back_at + %(grace)s <= statement_timestamp()
    and (r.back_at + %(patience)s <= statement_timestamp() or not exists (
        select from incidents_incident child join channels_app_watch w on w.channel_id = child.channel_id
        where child.parent_id = i.id and child.resolved_at is null
            and (w.last_verdict_at is null or w.last_verdict_at < r.back_at + %(grace)s or w.good_streak = 1)))
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
set dark_since = null, dark_cause = '', refused_since = null, {_NOTHING_FAILS}
where coalesce(r.dark_since, r.failing_since, r.refused_since) is not null and not exists (
    select from channels_app_channel c join tenants_tenant t on t.id = c.tenant_id
    where c.server_id = r.server_id and {WATCHED_SQL})
returning r.server_id
"""  # noqa: S608

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
"""  # noqa: S608

_REFUSED = f"""
select v.server_id,
    count(*) filter (where c.own_token <> '' and w.last_verdict_at >= v.since and c.id <> all(o.here)),
    count(*) filter (where c.own_token <> '' and w.last_verdict_at >= v.since and c.id <> all(o.here)
        and w.connection_status = 'error' and w.code in (401, 403)),  -- WhatsApp has such codes too
    bool_and(c.own_token <> '')
from unnest(%s::bigint[], %s::timestamptz[]) as v (server_id, since)
cross join (select %s::bigint[] as here) o
join channels_app_channel c on c.server_id = v.server_id
join channels_app_watch w on w.channel_id = c.id
join tenants_tenant t on t.id = c.tenant_id
where {WATCHED_SQL}
group by v.server_id
"""  # noqa: S608

_ALL = f"""
select s.base_url, r.server_id, {_COLUMNS}
from channels_app_reachability r join channels_app_server s on s.id = r.server_id
where exists (
    select from channels_app_channel c join tenants_tenant t on t.id = c.tenant_id where c.server_id = s.id and {WATCHED_SQL})
"""  # noqa: S608

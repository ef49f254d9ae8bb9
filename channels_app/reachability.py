"""The servers of a flush: locked, told of the flush's looks, written. `circuit` and `verdicts` say what it all means."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from django.db import connection

from channels_app import circuit, dark_servers, own_network, server_states, timing, verdicts
from channels_app.circuit import History, ServerState
from channels_app.dark_servers import Darkness
from channels_app.models import WATCHED_SQL
from channels_app.server_states import Network
from incidents import servers
from incidents.readings import Health, Reading


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
        before, network = server_states.lock(sorted(self._by_server)) if self._by_server else ({}, Network())
        self._dark_cause_before = {server_id: state.dark_cause for server_id, state in before.items()}
        self.states = self._observe(before, network.online_since)
        self.offline_since = self._offline_since(network)
        if network.offline_since and self.offline_since is None:  # back, by this very flush
            self.states = self._observe(before, self._last_look_at)
        if self.offline_since is None:
            self._steady()
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
        server_states.write(self.states)
        for server_id, state in self.states.items():
            # Also of one that has just gone dark: its incident of before may be open still.
            if state.is_dark and self._dark_cause_before[server_id] != state.dark_cause:
                servers.change_cause(server_id, state.dark_cause, at=self._last_look_at)

    def is_dark(self, server_id: int) -> bool:
        return self.states[server_id].is_dark

    def is_dark_for(self, server_id: int, length: timedelta, *, at: datetime) -> bool:
        """Has it been down as a whole for so long at this moment?"""
        since = self.states[server_id].dark_since
        return since is not None and at - since >= length

    def open_incidents(self, server_ids: Iterable[int]) -> dict[int, int]:
        """Return the incident of each of these that is dark, by server; one that has none gets one."""
        states = {server_id: self.states[server_id] for server_id in server_ids}
        dark = {id: Darkness(state.dark_cause, state.dark_since) for id, state in states.items() if state.is_dark}
        return dark_servers.open_incidents(dark, at=self._last_look_at) if dark else {}

    @cached_property
    def _last_look_at(self) -> datetime:
        return max(look.reading.at for look in self._looks.values())

    def _observe(self, before: dict[int, ServerState], online_since: datetime | None) -> dict[int, ServerState]:
        states = {}
        for server_id, looks in self._by_server.items():
            seen = [(look.reading, look.history) for look in looks]
            states[server_id] = circuit.observe(before[server_id], seen, online_since=online_since)
        return states

    def _darken(self) -> None:
        limits = timing.limits()
        for server_id, storm in self._storms.items():
            if storm.is_whole and storm.refused >= circuit.LOOKS_UNTIL_DARK:
                self.states[server_id] = circuit.darken_by_storm(self.states[server_id], limits=limits)
        candidates = [server_id for server_id, state in self.states.items() if circuit.may_be_dark(state)]
        if not candidates:
            return
        failing = [id for id, look in self._looks.items() if circuit.is_failure(look.reading, look.history)]
        answering = _with_others_that_answer(candidates, failing)
        for server_id in candidates:
            failed = [look for look in self._by_server[server_id] if circuit.is_failure(look.reading, look.history)]
            if failed:
                cause = max(failed, key=lambda look: look.reading.at).reading.cause
                state, others_answer = self.states[server_id], server_id in answering
                self.states[server_id] = circuit.darken(state, cause, others_answer=others_answer, limits=limits)

    def _steady(self) -> None:
        for server_id, looks in self._by_server.items():
            at = max(look.reading.at for look in looks)
            self.states[server_id] = circuit.steady(self.states[server_id], at=at, limits=timing.limits())

    def _turn(self) -> None:
        for server_id, looks in self._by_server.items():
            at = max(look.reading.at for look in looks)
            self.states[server_id] = circuit.turn(self.states[server_id], at=at, limits=timing.limits())

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
            if circuit.refuses_all(refused_here[server_id] + others_refused, here[server_id] + others)
        }

    def _offline_since(self, network: Network) -> datetime | None:
        """Since when our own network is gone. A query more where something failed or it was gone."""
        failed = any(circuit.is_failure(look.reading, look.history) for look in self._looks.values())
        if not network.is_known or not (failed or network.offline_since):
            return None
        return own_network.offline_since(network, self.states, at=self._last_look_at)


def _with_others_that_answer(server_ids: list[int], besides: list[int]) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(_OTHERS_THAT_ANSWER, [server_ids, besides])
        return {server_id for (server_id,) in cursor.fetchall()}


_OTHERS_THAT_ANSWER = f"""
select distinct c.server_id
from channels_app_channel c
join channels_app_watch w on w.channel_id = c.id
join tenants_tenant t on t.id = c.tenant_id
where c.server_id = any(%s) and w.connection_status not in ('error', 'unknown') and c.id <> all(%s) and {WATCHED_SQL}
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

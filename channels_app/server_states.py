"""The servers' rows: what the watch knows of each of them as a whole, and of our own network beside it.

Locked in the order of ids, after the watches', so that two flushes wait for each other and never cross.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime

from django.db import connection

from channels_app.circuit import ServerState
from channels_app.models import WATCHED_SQL


@dataclass(frozen=True, slots=True)
class Network:
    """What the pulse knows of our own network. In the order of _LOCK's columns."""

    is_known: bool = False
    offline_since: datetime | None = None
    online_since: datetime | None = None
    witness_answered_at: datetime | None = None
    witness_failing_since: datetime | None = None


def lock(server_ids: list[int]) -> tuple[dict[int, ServerState], Network]:
    """Inside the flush's transaction. A server that has no row yet gets one."""
    rows = _select(server_ids)
    if len(rows) < len(server_ids):  # a server that no tick has adopted yet
        with connection.cursor() as cursor:
            cursor.execute(ADOPT)
        rows = _select(server_ids)
    network = Network(*rows[0][:_OF_NETWORK]) if rows else Network()
    return {row[_OF_NETWORK]: _state(row[_OF_NETWORK + 1 :]) for row in rows}, network


def write(states: dict[int, ServerState]) -> None:
    rows = [[server_id, *_values(state)] for server_id, state in states.items()]
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, [list(column) for column in zip(*rows, strict=True)])


def all_watched() -> list[tuple[str, int, ServerState]]:
    """Return every server with a number that is watched, as (base URL, server, what is known of it)."""
    with connection.cursor() as cursor:
        cursor.execute(_ALL)
        rows = cursor.fetchall()
    return [(base_url, server_id, _state(values)) for base_url, server_id, *values in rows]


def _select(server_ids: list[int]) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [server_ids])
        return cursor.fetchall()


def _state(values: Iterable) -> ServerState:
    fields = dict(zip(_STATE, values, strict=True))
    return ServerState(**fields | {"falls": tuple(fields["falls"])})


def _values(state: ServerState) -> list:
    """In the order of _STATE. An array goes as its text: unnest would take those of all servers for one."""
    values = {name: getattr(state, name) for name in _STATE}
    values["falls"] = f"{{{','.join(at.isoformat() for at in state.falls)}}}"
    return list(values.values())


_OF_NETWORK = len(fields(Network))
_STATE = [field.name for field in fields(ServerState)]
_TYPES = {
    "latency_ms": "float8",
    "failed_looks": "int",
    "failed_on_healthy": "int",
    "failing_cause": "text",
    "dark_cause": "text",
    "falls": "text",
}
_FROM_TEXT = {"falls": "::timestamptz[]"}
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
set {", ".join(f"{name} = v.{name}{_FROM_TEXT.get(name, '')}" for name in _STATE)}
from unnest(%s::bigint[], {", ".join(f"%s::{_TYPES.get(name, 'timestamptz')}[]" for name in _STATE)})
    as v (server_id, {", ".join(_STATE)})
where r.server_id = v.server_id
"""  # noqa: S608

_ALL = f"""
select s.base_url, r.server_id, {_COLUMNS}
from channels_app_reachability r join channels_app_server s on s.id = r.server_id
where exists (
    select from channels_app_channel c join tenants_tenant t on t.id = c.tenant_id where c.server_id = s.id and {WATCHED_SQL})
"""  # noqa: S608

"""The periods of a number: begun and ended by what was seen, or ended where nobody watches it any more."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.db import connection


class Change(NamedTuple):
    """A period that begins, with the end of the one before it."""

    channel_id: int
    tenant_id: int
    status: str
    cause: str
    at: datetime
    last_ends_at: datetime | None


def change(changes: Iterable[Change]) -> None:
    """Begin these, at most one a channel. Inside the transaction that has locked their watches."""
    columns = [list(column) for column in zip(*changes, strict=True)]
    if columns:
        with connection.cursor() as cursor:
            cursor.execute(_CHANGE, columns)


def end(channel_ids: list[int]) -> None:
    """End the open period of each with its last verdict."""
    with connection.cursor() as cursor:
        cursor.execute(_END, [channel_ids])


# A clock that was set back must make no period impossible, nor two of them overlap.
_CHANGE = """
with v as (
    select * from unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[])
        as v (channel_id, tenant_id, status, cause, at, last_ends_at)
), ended as (
    update channels_app_connectionperiod p
    set ended_at = greatest(p.started_at, v.last_ends_at)
    from v where p.channel_id = v.channel_id and p.ended_at is null
    returning p.channel_id, p.ended_at
)
insert into channels_app_connectionperiod (channel_id, tenant_id, status, cause, started_at)
select v.channel_id, v.tenant_id, v.status, v.cause, greatest(v.at, e.ended_at, (
    select max(p.ended_at) from channels_app_connectionperiod p where p.channel_id = v.channel_id))
from v left join ended e on e.channel_id = v.channel_id
"""

_END = """
update channels_app_connectionperiod p
set ended_at = greatest(p.started_at, w.last_verdict_at)
from channels_app_watch w
where w.channel_id = p.channel_id and p.ended_at is null and p.channel_id = any(%s)
"""

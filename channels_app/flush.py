"""What the looks saw, written: one transaction per flush with state, periods, incidents and notifications in it.

The rows are locked in the order of their ids, then judged by what they hold *now*: a reading whose look, server,
instance or key is no longer the row's is dropped, because a look that came later won, or a person changed the channel.
A flush may be repeated where nobody knows whether it was committed: what it had written is dropped.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import structlog
from django.db import connection, transaction

from channels_app import connection_periods, due, judgements, unseen, watch_rows
from channels_app.due import Order
from channels_app.judgements import Judged
from channels_app.reachability import Servers
from core.database import is_away
from incidents import ledger
from incidents.ledger import Bad, Recovered
from incidents.lifecycle import Step
from incidents.readings import Health, Reading

log = structlog.get_logger(__name__)


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
        rows = watch_rows.lock([look.order.channel_id for look in looks])
        valid = [look for look in looks if (row := rows.get(look.order.channel_id)) and row.is_still_of(look.order)]
        servers = Servers(rows[look.order.channel_id].seen(look.seen) for look in valid)
        # Nobody looked at these: they stand only while their server is dark.
        valid = [look for look in valid if not look.seen.inferred or servers.is_dark(look.order.server_id)]
        judged = [
            Judged.of(rows[look.order.channel_id], servers.settle(look.order.channel_id), servers.states[look.order.server_id])
            for look in valid
        ]
        servers.write()
        if judged:
            judgements.write(judged)
            connection_periods.change(period for item in judged if (period := item.period()))
        counts = _put_on_record(judged, servers)
        if len(valid) < len(looks):
            written = {(item.row.channel_id, item.row.look_no) for item in judged}
            due.release({(look.order.channel_id, look.order.look_no) for look in looks} - written)
    counts.update(item.seen.health.value for item in judged)
    counts["dropped"] = len(looks) - len(valid)
    return counts


def _put_on_record(judged: list[Judged], servers: Servers) -> Counter:
    by_step: dict[Step, list[Judged]] = {}
    for item in judged:
        by_step.setdefault(item.decision.step, []).append(item)
    opening = [*by_step.get(Step.INCIDENT_OPENS, ()), *by_step.get(Step.UNSTABLE_OPENS, ())]
    opened = ledger.open_incidents(_with_parents(opening, servers))
    staying = [*by_step.get(Step.INCIDENT_STAYS, ()), *by_step.get(Step.UNSTABLE_STAYS, ())]
    ledger.keep_incidents(_with_their_servers(staying, servers))
    ended = by_step.get(Step.INCIDENT_RESOLVES, ())
    resolved = ledger.resolve_incidents(
        Recovered(subject=item.row.subject(), at=item.decision.resolved_at, seen_at=item.seen.at)
        for item in ended
        if item.seen.health is Health.HEALTHY
    )
    # It did not come back: looking can no longer tell. Nobody hears that it is connected again.
    ledger.close_incidents({item.row.channel_id: "not_verifiable" for item in ended if item.seen.health is Health.UNKNOWABLE})
    too_long = (item for item in by_step.get(Step.UNSEEN, ()) if item.decision.unseen_too_long)
    unseen.warn((item.row.server_id, item.row.server_name, item.seen) for item in too_long)
    return Counter(opened=opened, resolved=resolved)


def _with_their_servers(staying: list[Judged], servers: Servers) -> Iterator[Bad]:
    """Have the server's own incident opened where that has come down since: it may have no number left that opens one."""
    down = [item for item in staying if item.concerns_every_number and not item.row.has_parent]
    servers.open_incidents(
        item.row.server_id for item in down if servers.is_dark_for(item.row.server_id, item.policy.threshold, at=item.seen.at)
    )
    for item in staying:
        is_down_with_it = item.concerns_every_number and servers.is_dark(item.row.server_id)
        yield replace(item.bad(), is_down_with_its_server=is_down_with_it)


def _with_parents(opening: list[Judged], servers: Servers) -> Iterator[Bad]:
    """Hang what opens because its server is down on the server's incident."""
    parents = servers.open_incidents(item.row.server_id for item in opening if item.concerns_every_number)
    for item in opening:
        yield replace(item.bad(), parent_id=parents.get(item.row.server_id) if item.concerns_every_number else None)

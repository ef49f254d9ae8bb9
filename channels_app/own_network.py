"""Our own network: whether it is gone, written where that is news. The operators hear it once, and no clinic hears anything."""

from collections import defaultdict
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from channels_app import circuit, connectivity, server_states
from channels_app.circuit import ServerState
from channels_app.connectivity import Host, Witness
from channels_app.server_states import Network
from core import addresses
from incidents.notices import moment
from notifications import announce
from notifications.announce import Notice


def offline_since(network: Network, states: dict[int, ServerState], *, at: datetime) -> datetime | None:
    """Say since when it is gone; None where it is there. `states`: of the servers that a flush has looked at, until `at`."""
    known = network.offline_since
    witness = Witness(network.witness_answered_at, network.witness_failing_since) if settings.WITNESS_URLS else None
    since = connectivity.offline_since(_hosts(states), witness)
    if (since is None) is not (known is None) and _write(since) and since:
        announce.tell([_notice(since, at=at)], at=at)
    return known if since and known else since


def _hosts(states: dict[int, ServerState]) -> list[Host]:
    """Every host with a number that is watched: the servers of this flush as they are now, the others as stored."""
    of_host: dict[str, list[ServerState]] = defaultdict(list)
    for base_url, server_id, stored in server_states.all_watched():
        of_host[addresses.host(base_url)].append(states.get(server_id) or stored)
    return [
        Host(
            last_success_at=max((s.last_success_at for s in servers if s.last_success_at), default=None),
            failing_since=max((s.failing_since for s in servers if s.failing_since), default=None),
            failing_locally_since=min((s.failing_locally_since for s in servers if s.failing_locally_since), default=None),
            was_reached=any(s.failing_cause in circuit.ANSWERS for s in servers),
        )
        for servers in of_host.values()
    ]


def _write(since: datetime | None) -> bool:
    """Say whether it was this transaction that found out."""
    with connection.cursor() as cursor:
        cursor.execute(_FOUND_OUT, {"since": since})
        return bool(cursor.rowcount)


def _notice(since: datetime, *, at: datetime) -> Notice:
    body = format_lazy(
        _("No way out since {since}: no number can be checked, and no clinic is told anything. Check this machine's network."),
        since=moment(since, at),
    )
    return announce.warning(f"offline:{since:%Y-%m-%dT%H:%M}", _("Vigia's own network is gone"), body)


_FOUND_OUT = """
update channels_app_pulse
set offline_since = %(since)s, online_since = case when %(since)s::timestamptz is null then statement_timestamp() end
where (offline_since is null) <> (%(since)s::timestamptz is null)
"""

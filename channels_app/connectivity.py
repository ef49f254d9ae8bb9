"""Whether it is our own network that is gone, by what every host gave last. Pure: no clock, no database, no Django."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from incidents.readings import Reading

LOCAL_ERRORS = {"no route", "resolver gone"}  # raw words of a look that never left this machine's network
HOSTS_UNTIL_OFFLINE = 3


@dataclass(frozen=True, slots=True)
class Host:
    """All servers of one host name or address."""

    last_success_at: datetime | None
    failing_since: datetime | None
    failing_locally_since: datetime | None
    was_reached: bool = False  # what failed there last was answered, if badly: there is a way out


@dataclass(frozen=True, slots=True)
class Witness:
    """An address that has nothing to do with any server, as it was when it last gave word."""

    answered_at: datetime | None = None  # when it was asked what it answered last
    failing_since: datetime | None = None  # None while it answers


def is_local(seen: Reading) -> bool:
    return seen.cause == "server_unreachable" and seen.raw_state in LOCAL_ERRORS


def offline_since(hosts: Iterable[Host], witness: Witness | None) -> datetime | None:
    """Say since when it is our own network that is gone; None where it is there, or where that cannot be told.

    Where a host that fails is answered, there is a way out. Else it takes a witness that fails too, or three hosts at least, of
    which none gave more than a local error since the first of these (fewer, and the trouble is the servers'), and no witness
    that has answered since.
    """
    hosts = list(hosts)
    answered = max((host.last_success_at for host in hosts if host.last_success_at), default=None)

    def is_news(at: datetime | None) -> bool:
        """Did it begin since any host answered? One that has been dead for long says nothing of our network today."""
        return at is not None and (answered is None or at > answered)

    if any(host.was_reached and is_news(host.failing_since) for host in hosts):
        return None
    if witness and witness.failing_since:
        fails_too = any(is_news(host.failing_since) for host in hosts)
        return witness.failing_since if fails_too and is_news(witness.failing_since) else None
    local = [host.failing_locally_since for host in hosts if is_news(host.failing_locally_since)]
    if len(local) < HOSTS_UNTIL_OFFLINE:
        return None
    since = min(local)
    reached = any(host.failing_since and host.failing_since >= since and not host.failing_locally_since for host in hosts)
    denied = witness and witness.answered_at and witness.answered_at >= since
    return None if denied or reached else since

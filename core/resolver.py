"""Host names to addresses, within a deadline that the system's resolver does not know.

One thread per lookup that is under way, shared by all who ask for the same name: a name that hangs delays
nobody else. The threads are daemons and never joined; what they find stays good for `REMEMBER_SECONDS`.
"""

import socket
import threading
import time

REMEMBER_SECONDS = 10.0  # one tick: the fleet's names are resolved once in it
MOST_REMEMBERED = 10_000


class NameNotResolved(Exception):
    """`kind`: "no such name", "resolver gone" (ours, not the server's), "timeout", "own limit" (no more threads)."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class _Lookup:
    def __init__(self) -> None:
        self.done = threading.Event()
        self.addresses: list[str] = []
        self.failure = ""
        self.good_until = 0.0


_lock = threading.Lock()
_lookups: dict[str, _Lookup] = {}


def resolve(host: str, *, seconds: float) -> list[str]:
    """Return all addresses of `host`, the one that last answered first. Raises `NameNotResolved`."""
    lookup = _lookup_of(host)
    if not lookup.done.wait(seconds):
        raise NameNotResolved("timeout")
    if lookup.failure:
        raise NameNotResolved(lookup.failure)
    return list(lookup.addresses)


def prefer(host: str, address: str) -> None:
    """Remember that `address` answered, so that a dead family is not waited for at each look."""
    with _lock:
        lookup = _lookups.get(host)
        if lookup and lookup.addresses and lookup.addresses[0] != address:
            lookup.addresses = _first(address, lookup.addresses)


def forget() -> None:
    """Drop what is known: after a fork (its lock and lookups belong to another process), and in tests."""
    global _lock, _lookups
    _lock, _lookups = threading.Lock(), {}


def _lookup_of(host: str) -> _Lookup:
    with _lock:
        known = _lookups.get(host)
        if known and (not known.done.is_set() or time.monotonic() < known.good_until):
            return known
        if len(_lookups) >= MOST_REMEMBERED:
            _lookups.clear()
        lookup = _lookups[host] = _Lookup()
    before = known.addresses[:1] if known else []
    try:
        threading.Thread(target=_ask_system, args=(host, lookup, before), daemon=True, name="resolver").start()
    except RuntimeError:  # no more threads
        lookup.failure = "own limit"
        lookup.done.set()
    return lookup


def _ask_system(host: str, lookup: _Lookup, before: list[str]) -> None:
    try:
        answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
        lookup.addresses = _first(before[0], addresses) if before else addresses
        lookup.good_until = time.monotonic() + REMEMBER_SECONDS
    except (socket.gaierror, UnicodeError) as error:  # UnicodeError: a label that cannot be encoded
        lookup.failure = _kind(error)
    except Exception:
        lookup.failure = "resolver gone"
    finally:
        lookup.done.set()


def _kind(error: Exception) -> str:
    if isinstance(error, socket.gaierror) and error.errno in (socket.EAI_AGAIN, socket.EAI_SYSTEM, socket.EAI_MEMORY):
        return "resolver gone"
    return "no such name"


def _first(address: str, addresses: list[str]) -> list[str]:
    return [address, *(a for a in addresses if a != address)] if address in addresses else addresses

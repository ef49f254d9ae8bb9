"""Host names to addresses, within a deadline that the system's resolver does not know.

A few daemon threads ask, and are never joined; all who want the same name share one lookup, and what is found stays good
for `REMEMBER_SECONDS`. A name that hangs keeps its thread: those that never hung are asked for first, who has waited too
long is not asked for any more, and a name that was found not long ago is taken as it was then.
"""

import itertools
import socket
import threading
import time
from collections import Counter
from queue import PriorityQueue

REMEMBER_SECONDS = 10.0  # one tick: the fleet's names are resolved once in it
STALE_SECONDS = 600.0  # for so long the last answer does where the next one does not come
STALE_AFTER = 1.0  # seconds that somebody who has such an answer waits for a newer one
LONGEST_IN_QUEUE = 10.0  # of a name that hung before: whoever wanted it has gone
MOST_REMEMBERED = 10_000
THREADS = 32


def ask(host: str) -> list[tuple]:
    """Ask the system. A test's launcher may put something else here."""
    return socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)


class NameNotResolved(Exception):
    """`kind`: "no such name", "resolver gone" (ours, not the server's), "timeout", "own limit" (no more threads)."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class _Lookup:
    def __init__(self, host: str, before: "_Lookup | None") -> None:
        self.host = host
        self.asked_for_at = time.monotonic()
        self.is_asked = False  # by a thread of ours, of the system
        self.done = threading.Event()
        self.failure = ""
        self.addresses: list[str] = []
        self.good_until = self.found_at = 0.0
        if before:
            self.addresses, self.found_at = before.addresses, before.found_at  # until there is an answer

    @property
    def has_an_old_answer(self) -> bool:
        return bool(self.addresses) and time.monotonic() - self.found_at < STALE_SECONDS


class _Pool:
    """Threads that are started as they are needed. What hung less often comes first, then what came first."""

    def __init__(self) -> None:
        self.started = 0
        self.hung: Counter[str] = Counter()
        self._numbers = itertools.count()
        self._queue: PriorityQueue[tuple[int, int, _Lookup]] = PriorityQueue()

    def take(self, lookup: _Lookup) -> None:
        """Queue it; under the lock. Raises RuntimeError where there is no thread at all, and none can be started."""
        if self.started < THREADS:
            try:
                threading.Thread(target=self._work, daemon=True, name="resolver").start()
                self.started += 1
            except RuntimeError:  # no more threads: those that run do it
                if not self.started:
                    raise
        self._queue.put((self.hung[lookup.host], next(self._numbers), lookup))

    def _work(self) -> None:
        while True:
            times_hung, _, lookup = self._queue.get()
            if times_hung and time.monotonic() - lookup.asked_for_at > LONGEST_IN_QUEUE:
                lookup.failure = "timeout"
            else:
                lookup.is_asked = True
                _ask_system(lookup)
            lookup.done.set()


_lock = threading.Lock()
_lookups: dict[str, _Lookup] = {}
_pool = _Pool()


def resolve(host: str, *, seconds: float) -> list[str]:
    """Return all addresses of `host`, the one that last answered first. Raises `NameNotResolved`."""
    lookup = _lookup_of(host)
    if not lookup.done.wait(min(seconds, STALE_AFTER) if lookup.has_an_old_answer else seconds):
        if lookup.is_asked:
            _pool.hung[host] = min(_pool.hung[host] + 1, 100)
        if not lookup.has_an_old_answer:
            raise NameNotResolved("timeout")
    elif lookup.failure:
        raise NameNotResolved(lookup.failure)
    return list(lookup.addresses)


def prefer(host: str, address: str) -> None:
    """Remember that `address` answered, so that a dead family is not waited for at each look."""
    with _lock:
        lookup = _lookups.get(host)
        if lookup and lookup.addresses and lookup.addresses[0] != address:
            lookup.addresses = _first(address, lookup.addresses)


def forget() -> None:
    """Drop what is known: after a fork (its lock, lookups and threads belong to another process), and in tests."""
    global _lock, _lookups, _pool
    _lock, _lookups, _pool = threading.Lock(), {}, _Pool()


def _lookup_of(host: str) -> _Lookup:
    with _lock:
        known = _lookups.get(host)
        if known and (not known.done.is_set() or time.monotonic() < known.good_until):
            return known
        if len(_lookups) >= MOST_REMEMBERED:
            _lookups.clear()
            _pool.hung.clear()
        lookup = _lookups[host] = _Lookup(host, known)
        try:
            _pool.take(lookup)
        except RuntimeError:
            lookup.failure = "own limit"
            lookup.done.set()
    return lookup


def _ask_system(lookup: _Lookup) -> None:
    try:
        addresses = list(dict.fromkeys(str(answer[4][0]) for answer in ask(lookup.host)))
        lookup.addresses = _first(lookup.addresses[0], addresses) if lookup.addresses else addresses
        lookup.found_at = time.monotonic()
        lookup.good_until = lookup.found_at + REMEMBER_SECONDS
    except (socket.gaierror, UnicodeError) as error:  # UnicodeError: a label that cannot be encoded
        lookup.failure = _kind(error)
    except Exception:
        lookup.failure = "resolver gone"


def _kind(error: Exception) -> str:
    if isinstance(error, socket.gaierror) and error.errno in (socket.EAI_AGAIN, socket.EAI_SYSTEM, socket.EAI_MEMORY):
        return "resolver gone"
    return "no such name"


def _first(address: str, addresses: list[str]) -> list[str]:
    return [address, *(a for a in addresses if a != address)] if address in addresses else addresses

"""Which looks may ask a server why a number is down: a few do, and where many want to, its list is asked for instead.

So it is where the server says again that it does not know a number: only its list can deny that.

One per loop, shared by the threads that look.
"""

import time
from collections import Counter
from threading import Lock

MOST_ASKED = 5  # of one server within one tick; for what is bad and for what is new and well apart


class Reasons:
    def __init__(self, tick_seconds: float) -> None:
        self._tick_seconds = tick_seconds
        self._lock = Lock()
        self._asked: Counter[tuple[int, bool]] = Counter()
        self._counts_until = 0.0
        self._lists_wanted: set[int] = set()
        self._lists_taken: set[int] = set()  # within this tick

    def may_ask(self, server_id: int, is_bad: bool) -> bool:
        """Say whether a look may ask for one row; where it may not, the server's list is wanted."""
        with self._lock:
            self._count_anew_if_it_is_time()
            self._asked[server_id, is_bad] += 1
            may_ask = self._asked[server_id, is_bad] <= MOST_ASKED
            if not may_ask:
                self._lists_wanted.add(server_id)
            return may_ask

    def want_list(self, server_id: int) -> None:
        with self._lock:
            self._count_anew_if_it_is_time()
            self._lists_wanted.add(server_id)

    def lists_wanted(self) -> set[int]:
        """Take the servers whose list is wanted and was not within this tick: it says everything of all their numbers."""
        if not self._lists_wanted:
            return set()
        with self._lock:
            wanted, self._lists_wanted = self._lists_wanted - self._lists_taken, set()
            self._lists_taken |= wanted
        return wanted

    def _count_anew_if_it_is_time(self) -> None:
        now = time.monotonic()
        if now >= self._counts_until:
            self._asked.clear()
            self._lists_taken.clear()
            self._counts_until = now + self._tick_seconds

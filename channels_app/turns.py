"""Whose turn it is: what is due, ranked once for many claims.

Ranking reads every watch, because no index may contain what each look writes: a fifth of a second where a hundred
thousand are due at once. So a loop ranks thousands, takes from the head of that list claim by claim, and ranks anew when it is
used up, or after thirty times as long as ranking took. Whoever falls due meanwhile waits for that.
"""

import time
from collections.abc import Iterable

from channels_app import due
from channels_app.due import Order

MOST_RANKED = 16_384
RANKED_FOR = 30  # times as long as it took: ranking takes a thirtieth of a loop's time at most
LONGEST_RANKED = 5.0  # seconds
SPARE = 512  # looked at beside twice what is wanted: what others claim at this moment is skipped


class Turns:
    """One per loop."""

    def __init__(self, most_ranked: int = MOST_RANKED) -> None:
        self._most_ranked = most_ranked
        self._ids: list[int] = []
        self._is_cut = False  # there was more than we ranked
        self.ranked_until = 0.0  # time.monotonic()

    @property
    def goes_on(self) -> bool:
        """Is more due than has been claimed, as far as is known?"""
        return bool(self._ids) or self._is_cut

    def claim(self, limit: int, *, full_servers: Iterable[int] = ()) -> list[Order]:
        """Claim up to `limit` of those whose turn it is."""
        if time.monotonic() >= self.ranked_until or (self._is_cut and not self._ids):
            self._rank(full_servers)
        head = self._ids[: 2 * limit + SPARE]
        orders = due.claim_of(head, limit, full_servers=full_servers) if head else []
        # What was passed over to come to the last of them is somebody else's by now, or waits for its server.
        used = 1 + head.index(orders[-1].channel_id) if len(orders) == limit else len(head)
        del self._ids[:used]
        return orders

    def _rank(self, full_servers: Iterable[int]) -> None:
        started = time.monotonic()
        self._ids = due.rank(self._most_ranked, full_servers=full_servers)
        self._is_cut = len(self._ids) == self._most_ranked
        now = time.monotonic()
        self.ranked_until = now + min(RANKED_FOR * (now - started), LONGEST_RANKED)

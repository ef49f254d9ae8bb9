"""How many looks a server gets at once in this process: one that hangs occupies its share of the threads and no more.

What is claimed and finds its server's share taken waits here for a moment, and is then handed back. Pure; `watch` keeps
the time and the threads.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping

from channels_app.due import Order

CHANNELS_PER_LOOK = 50
LEAST, MOST = 8, 64
FEWEST_SERVERS = 4  # that the threads are enough for: three that hang leave a quarter to the others
HELD_SECONDS = 1.0  # how long an order waits for its server's share


class Shares:
    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._channels: Mapping[int, int] = {}
        self._in_flight: Counter[int] = Counter()
        self._waiting: dict[int, deque[tuple[float, Order]]] = {}
        self._was_full: set[int] = set()

    def learn(self, channels_by_server: Mapping[int, int]) -> None:
        """Take how many channels are watched on each server: many may be looked at by more."""
        self._channels = channels_by_server

    def of(self, server_id: int) -> int:
        by_size = min(max(self._channels.get(server_id, 0) // CHANNELS_PER_LOOK, LEAST), MOST)
        return max(1, min(by_size, self.threads // FEWEST_SERVERS))

    def full(self) -> list[int]:
        """Return the servers of which nothing more is to be claimed now.

        One that was full has to be half free: else each look that ends would claim many more, to hand them back.
        """
        return [server for server in self._in_flight if server in self._waiting or server in self._was_full]

    def wait(self, orders: Iterable[Order], now: float) -> None:
        for order in orders:
            self._waiting.setdefault(order.server_id, deque()).append((now, order))

    def start(self, most: int) -> Iterator[Order]:
        """Give out, as begun, up to `most` of those that wait and whose server has room: each server in its turn."""
        servers = deque(self._waiting)
        while servers and most > 0:
            server = servers.popleft()
            if self._in_flight[server] >= self.of(server):
                continue
            most -= 1
            self._in_flight[server] += 1
            if self._in_flight[server] >= self.of(server):
                self._was_full.add(server)
            yield self._next(server)
            if server in self._waiting:
                servers.append(server)

    def end(self, order: Order) -> bool:
        """Count a look as ended; say whether its server may be claimed of again."""
        server = order.server_id
        self._in_flight[server] -= 1
        left = self._in_flight[server]
        if not left:
            del self._in_flight[server]
        if server in self._was_full and left <= self.of(server) // 2:
            self._was_full.remove(server)
            return server not in self._waiting
        return False

    def held(self, since: float) -> list[Order]:
        """Return those that have waited since this moment or an earlier one."""
        return [order for queue in self._waiting.values() for began, order in queue if began <= since]

    def give_up(self, since: float) -> None:
        """Forget those that `held` returns: they have been handed back."""
        for server in list(self._waiting):
            while server in self._waiting and self._waiting[server][0][0] <= since:
                self._next(server)

    def waits_since(self) -> float | None:
        """Return since when the one waits that has waited longest."""
        return min((queue[0][0] for queue in self._waiting.values()), default=None)

    def _next(self, server: int) -> Order:
        _, order = self._waiting[server].popleft()
        if not self._waiting[server]:
            del self._waiting[server]
        return order

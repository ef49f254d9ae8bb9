"""The loop of a worker process: claim what is due, look at many at once, flush what was seen.

A ring starts it; it goes on until nothing falls due before beat's next ring, or half a minute is over. Looks run in
threads that hold no transaction and touch no database: a server that hangs occupies its thread and nothing else.
"""

import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue

import structlog
from django.conf import settings

from channels_app import bell, due, upkeep, verdicts
from channels_app.due import Order
from channels_app.flush import Look, flush
from channels_app.gateways import evolution

log = structlog.get_logger(__name__)

LONGEST_LOOP = 35.0  # seconds of claiming; with the last looks and their flush well inside the task's limit of 60
ENOUGH_FREE = 64  # threads: then it pays to claim again
CLAIM_EVERY = 0.1  # seconds: then we claim whatever is free
FLUSH_EVERY = 1.0  # seconds that a result waits at most
FLUSH_AT = 500  # results
MOST_PROBES = 2  # looks in flight at a server that is dark: what says that it is back
IDLE_PEEK = 1.0  # seconds: how often a loop with nothing to do looks for requests


def look_at_what_is_due() -> None:
    """Answer a ring. Any number of processes may do so at once: a channel is claimed by one of them."""
    bell.silence()
    threads = settings.WATCH_THREADS
    with ThreadPoolExecutor(threads, thread_name_prefix="look") as pool:
        _Loop(pool, threads).run()


def look(order: Order) -> Look:
    """Look once. Never raises; touches no database."""
    at = order.anchor.now()
    target = order.target_at(at)
    return Look(order, evolution.look(target, at=at, seconds=settings.HEARTBEAT_TIMEOUT_SECONDS))


class _Loop:
    def __init__(self, pool: ThreadPoolExecutor, threads: int) -> None:
        self.pool, self.threads = pool, threads
        self.results: SimpleQueue[Future[Look]] = SimpleQueue()
        self.waiting: list[Look] = []
        self.in_flight = 0
        self.probes: Counter[int] = Counter()  # in flight, by server
        now = time.monotonic()
        self.ends_at = now + LONGEST_LOOP
        self.upkeep_at = self.claim_at = self.flush_at = now
        self.more_is_due = self.has_rung = False

    def run(self) -> None:
        while True:
            if time.monotonic() >= self.upkeep_at:
                upkeep.keep_up()
                self.upkeep_at = time.monotonic() + settings.HEARTBEAT_TICK_SECONDS
            more_is_coming = self._claim()
            if not (more_is_coming or self.in_flight or self.waiting):
                return
            self._collect()
            self._flush()

    def _claim(self) -> bool:
        """Claim if it is time to; say whether this loop is to wait for more."""
        now, free = time.monotonic(), self.threads - self.in_flight
        if now >= self.ends_at:
            return False
        pays_early = self.more_is_due and free >= min(ENOUGH_FREE, self.threads)
        if not free or (now < self.claim_at and not pays_early):
            return True
        orders = due.claim(min(free, FLUSH_AT))
        for order in orders:
            self._start(order)
        self.claim_at = time.monotonic() + CLAIM_EVERY
        self.more_is_due = len(orders) == min(free, FLUSH_AT)
        if not self.more_is_due:
            return self._wait_for_the_next()
        if not self.has_rung:  # more is due than we have threads for: let an idle process join
            self.has_rung = True
            bell.ring()
        return True

    def _start(self, order: Order) -> None:
        """Look, in a thread; at a server that is dark, let a few looks probe it and infer the others."""
        if order.dark and self.probes[order.server_id] >= MOST_PROBES:
            self._keep(Look(order, verdicts.infer(order.dark, at=order.anchor.now())))
            return
        self.in_flight += 1
        self.probes[order.server_id] += bool(order.dark)
        self.pool.submit(look, order).add_done_callback(self.results.put)

    def _wait_for_the_next(self) -> bool:
        """Plan the next claim for when something falls due; say whether that is before beat's next ring."""
        seconds = due.seconds_until_next()
        seconds = IDLE_PEEK + settings.HEARTBEAT_TICK_SECONDS if seconds is None else seconds
        self.claim_at = time.monotonic() + min(IDLE_PEEK, max(CLAIM_EVERY, seconds))
        return seconds <= settings.HEARTBEAT_TICK_SECONDS

    def _collect(self) -> None:
        """Take what has come in; where nothing has, sleep until there is something else to do."""
        try:
            self._take(self.results.get(timeout=self._idle_seconds()))
            while len(self.waiting) < FLUSH_AT:
                self._take(self.results.get_nowait())
        except Empty:
            return

    def _idle_seconds(self) -> float:
        if self.waiting and not self.in_flight:
            return 0.0
        now = time.monotonic()
        moments = [now + IDLE_PEEK]
        if now < self.ends_at and self.in_flight < self.threads:
            moments.append(self.claim_at)
        if self.waiting:
            moments.append(self.flush_at)
        return max(0.0, min(moments) - now)

    def _take(self, ended: "Future[Look]") -> None:
        self.in_flight -= 1
        if error := ended.exception():  # a gateway never raises: this is our own mistake, and one channel's matter
            log.error("a look failed; its lease will lapse", error=type(error).__name__, exc_info=error)
            return
        seen = ended.result()
        self.probes[seen.order.server_id] -= bool(seen.order.dark)
        self._keep(seen)

    def _keep(self, seen: Look) -> None:
        if not self.waiting:
            self.flush_at = time.monotonic() + FLUSH_EVERY
        self.waiting.append(seen)

    def _flush(self) -> None:
        is_time = len(self.waiting) >= FLUSH_AT or time.monotonic() >= self.flush_at or not self.in_flight
        if self.waiting and is_time:
            looks, self.waiting = self.waiting, []
            started = time.monotonic()
            _log_flush(flush(looks), len(looks), time.monotonic() - started)


def _log_flush(counts: Counter, looked: int, seconds: float) -> None:
    kept = ("healthy", "unhealthy", "unknowable", "unseen", "dropped", "failed", "opened", "resolved")
    log.info("flush", looked=looked, **{name: counts[name] for name in kept}, seconds=round(seconds, 3))

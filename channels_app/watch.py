"""The loop of a worker process: claim what is due, look at many at once, flush what was seen.

A ring starts it; it goes on until nothing falls due before beat's next ring, or half a minute is over. Looks run in
threads that hold no transaction and touch no database: a server that hangs occupies its share of them and nothing else.
At its end, with nothing else under way, come the channels whose last look ended with its process.
"""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from queue import Empty, SimpleQueue

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from channels_app import bell, circuit, due, leaving, listing, upkeep, verdicts
from channels_app.due import Order
from channels_app.flush import Look, flush
from channels_app.gateways import evolution
from channels_app.reasons import Reasons
from channels_app.shares import HELD_SECONDS, Shares
from channels_app.turns import Turns
from incidents.readings import Reading

log = structlog.get_logger(__name__)

LONGEST_LOOP = 35.0  # seconds of claiming; with the last looks and their flush well inside the task's limit of 60
LONGEST_TASK = 57.0  # seconds within which the last look has ended
ENOUGH_FREE = 64  # threads: then it pays to claim again
CLAIM_EVERY = 0.1  # seconds: then we claim whatever is free
FLUSH_EVERY = 1.0  # seconds that a result waits at most
FLUSH_AT = 500  # results
MOST_PROBES = 2  # looks in flight at a server that is dark: what says that it is back
IDLE_PEEK = 1.0  # seconds: how often a loop with nothing to do looks for requests
ALONE_FOR = 10.0  # seconds of looks at one channel at a time; then it is the others' turn
AWAY_FOR = 10.0  # seconds that a loop waits for a database that went away: less than any lease is good for
AWAY_PEEK = 0.5
LEAVE_WITHIN = 1.0  # seconds: what is still under way then when we are asked to leave is handed back


def look_at_what_is_due() -> None:
    """Answer a ring. Any number of processes may do so at once: a channel is claimed by one of them."""
    if leaving.is_asked():
        return
    bell.silence()
    threads = settings.WATCH_THREADS
    pool = ThreadPoolExecutor(threads, thread_name_prefix="look")
    try:
        _Loop(pool, threads).run()
    finally:  # a worker that leaves waits for nothing that hangs: it was handed back, and ends with the process
        pool.shutdown(wait=not leaving.is_asked(), cancel_futures=True)


def look(order: Order, reasons: Reasons | None = None) -> Look:
    """Look once. Never raises; touches no database. `reasons` says whether this look may ask for one."""
    at = order.anchor.now()
    target = order.target_at(at)
    if reasons and order.has_list:
        target = replace(target, may_ask=partial(reasons.may_ask, order.server_id))
    return Look(order, evolution.look(target, at=at, seconds=settings.HEARTBEAT_TIMEOUT_SECONDS))


class _Loop:
    def __init__(self, pool: ThreadPoolExecutor, threads: int) -> None:
        self.pool, self.threads = pool, threads
        self.turns = Turns()
        self.shares = Shares(threads)
        self.reasons = Reasons(settings.HEARTBEAT_TICK_SECONDS)
        self.results: SimpleQueue[tuple[Order, Look | Exception]] = SimpleQueue()
        self.waiting: list[Look] = []
        self.in_flight: dict[tuple[int, int], Order] = {}
        self.probe_at: dict[int, float] = {}  # by server: it failed just now, and is not asked before
        now = time.monotonic()
        self.ends_at = now + LONGEST_LOOP
        self.is_over_at = now + LONGEST_TASK
        self.tick_at = self.claim_at = self.claimed_at = self.flush_at = now
        self.leaves_at = float("inf")
        self.away_since: float | None = None
        self.more_is_due = self.has_rung = self.has_ticked = self.is_short_of_threads = False

    def run(self) -> None:
        while self._step():
            pass
        self._look_at_those_alone()

    def _step(self) -> bool:
        """Do what it is time for; say whether there is more to do. A database that restarts costs nothing that was seen."""
        try:
            goes_on = self._goes_on()
            if goes_on:
                self._collect()
                self._want_lists()
                self._flush()
        except (OperationalError, InterfaceError) as error:
            self._wait_for_the_database(error)
            return True
        self.away_since = None
        return goes_on

    def _wait_for_the_database(self, error: Exception) -> None:
        """Try again in a moment; beyond some, give up: what was claimed is somebody else's by then."""
        now = time.monotonic()
        self.away_since = self.away_since or now
        if now - self.away_since > AWAY_FOR:
            raise error
        log.warning("the database is away; what was seen is kept", error=type(error).__name__, looks=len(self.waiting))
        connection.close()
        time.sleep(AWAY_PEEK)

    def _goes_on(self) -> bool:
        """Do what it is time for; say whether this loop has anything left to do or to wait for."""
        if leaving.is_asked():
            self._leave()
            return bool(self.in_flight or self.waiting)
        self._hand_back(held_since=time.monotonic() - HELD_SECONDS)
        if time.monotonic() >= self.tick_at:
            self._tick()
        more_is_coming = self._claim()
        self._start()
        return more_is_coming or bool(self.in_flight or self.waiting)

    def _tick(self) -> None:
        upkeep.keep_up_in_turn()
        self.shares.learn(due.channels_by_server())
        now = time.monotonic()
        self.tick_at = now + settings.HEARTBEAT_TICK_SECONDS
        if self.has_ticked and now < self.ends_at and due.somebody_waits_alone():
            self.ends_at = now  # that one's turn comes when ours ends, and another loop goes on with the rest
            bell.ring()
        self.has_ticked = True

    def _claim(self) -> bool:
        """Claim if it is time to; say whether this loop is to wait for more."""
        now, free = time.monotonic(), self.threads - len(self.in_flight)
        if now >= self.ends_at:
            return False
        pays_early = self.more_is_due and free >= min(ENOUGH_FREE, self.threads)
        if not free or (now < self.claim_at and not pays_early):
            return True
        orders = self.turns.claim(min(free, FLUSH_AT), full_servers=self.shares.full())
        self.claimed_at = time.monotonic()
        self.shares.wait(self._infer(orders), self.claimed_at)
        self.claim_at = self.claimed_at + CLAIM_EVERY
        self.more_is_due = self.turns.goes_on
        if not self.more_is_due:
            return self._wait_for_the_next()
        if not self.has_rung:  # more is due than we have threads for: let an idle process join
            self.has_rung = True
            bell.ring()
        return True

    def _infer(self, orders: list[Order]) -> list[Order]:
        """Return those to look at: of a server that is dark a few, which probe it; what the others would say is known."""
        probes = Counter(order.server_id for order in self.in_flight.values() if order.dark)
        now = time.monotonic()
        to_look_at = []
        for order in orders:
            if order.dark and (probes[order.server_id] >= MOST_PROBES or now < self.probe_at.get(order.server_id, 0.0)):
                self._keep(_inferred(order))
            else:
                probes[order.server_id] += bool(order.dark)
                to_look_at.append(order)
        return to_look_at

    def _wait_for_the_next(self) -> bool:
        """Plan the next claim for when something falls due; say whether that is before beat's next ring."""
        seconds = due.seconds_until_next(full_servers=self.shares.full())
        seconds = IDLE_PEEK + settings.HEARTBEAT_TICK_SECONDS if seconds is None else seconds
        now = time.monotonic()
        self.claim_at = max(now + min(IDLE_PEEK, max(CLAIM_EVERY, seconds)), self.turns.ranked_until)
        return seconds <= settings.HEARTBEAT_TICK_SECONDS

    def _start(self) -> None:
        for order in self.shares.start(self.threads - len(self.in_flight)):
            self.in_flight[order.channel_id, order.look_no] = order
            try:
                self.pool.submit(self._look, order)
            except RuntimeError:  # the system starts no more threads; the pool has queued the look all the same (3.11 to 3.14)
                self._go_on_with_fewer_threads()
                return

    def _look(self, order: Order) -> None:  # in a thread of the pool
        try:
            self.results.put((order, look(order, self.reasons)))
        except Exception as error:
            self.results.put((order, error))

    def _go_on_with_fewer_threads(self) -> None:
        if not self.is_short_of_threads:
            self.is_short_of_threads = True
            self.threads = self.shares.threads = max(1, len(self.in_flight) - 1)
            log.warning("no more threads can be started: raise the limit of processes", threads=self.threads)
        if len(self.in_flight) == 1:  # perhaps there is none at all
            self._look(*self.in_flight.values())

    def _hand_back(self, *, held_since: float) -> None:
        if orders := self.shares.held(held_since):
            due.release((order.channel_id, order.look_no) for order in orders)
            self.shares.give_up(held_since)  # not before: a database that is away just now is asked again

    def _leave(self) -> None:
        """Claim no more, and after a moment let go of what hangs: somebody else looks at it, and this process may be killed."""
        now = time.monotonic()
        self.ends_at = min(self.ends_at, now)
        self.leaves_at = min(self.leaves_at, now + LEAVE_WITHIN)
        self._hand_back(held_since=now)
        if now >= self.leaves_at and self.in_flight:
            due.release(self.in_flight)
            log.info("leaving: looks under way are handed back", looks=len(self.in_flight))
            self.in_flight = {}

    def _collect(self) -> None:
        """Take what has come in; where nothing has, sleep until there is something else to do."""
        try:
            self._take(*self.results.get(timeout=self._idle_seconds()))
            while len(self.waiting) < FLUSH_AT:
                self._take(*self.results.get_nowait())
        except Empty:
            return

    def _idle_seconds(self) -> float:
        if self.waiting and not self.in_flight:
            return 0.0
        now = time.monotonic()
        moments = [now + IDLE_PEEK]
        if leaving.is_asked():
            moments.append(self.leaves_at)
        if now < self.ends_at and len(self.in_flight) < self.threads:
            moments.append(self.claim_at)
        if self.waiting:
            moments.append(self.flush_at)
        if (held_since := self.shares.waits_since()) is not None:
            moments.append(held_since + HELD_SECONDS)
        return max(0.0, min(moments) - now)

    def _take(self, order: Order, ended: Look | Exception) -> None:
        if self.in_flight.pop((order.channel_id, order.look_no), None) is None:
            return  # handed back, or looked at twice
        has_room_again = self.shares.end(order)
        if has_room_again:
            self.claim_at = min(self.claim_at, self.claimed_at + CLAIM_EVERY)
        if isinstance(ended, Exception):  # a gateway never raises: this is our own mistake, and one channel's matter
            log.error("a look failed; its lease will lapse", error=type(ended).__name__, exc_info=ended)
            return
        seen = ended.seen
        self._keep(ended)
        if order.has_list and _is_missing_again(order, seen):
            self.reasons.want_list(order.server_id)
        if seen.cause in circuit.SERVER_WIDE:
            now = time.monotonic()
            self.probe_at[order.server_id] = now + settings.HEARTBEAT_RECHECK_SECONDS
            if has_room_again:  # whether it is dark is known before more of it is claimed, and waits for a deadline again
                self.flush_at = now

    def _keep(self, seen: Look) -> None:
        if not self.waiting:
            self.flush_at = time.monotonic() + FLUSH_EVERY
        self.waiting.append(seen)

    def _want_lists(self) -> None:
        """Ask for lists, but only when all that was due is under way: whatever hangs is to begin first."""
        has_time = not self.more_is_due or time.monotonic() >= self.ends_at
        if has_time and (servers := self.reasons.lists_wanted()):
            listing.want(servers)

    def _flush(self) -> None:
        is_time = len(self.waiting) >= FLUSH_AT or time.monotonic() >= self.flush_at or not self.in_flight
        if self.waiting and is_time:
            started = time.monotonic()
            counts = flush(self.waiting)
            _log_flush(counts, len(self.waiting), time.monotonic() - started)
            self.waiting = []

    def _look_at_those_alone(self) -> None:
        """Look at one after the other, each written before the next: whichever kills us takes no other with it."""
        ends_at = min(time.monotonic() + ALONE_FOR, self.is_over_at - settings.HEARTBEAT_TIMEOUT_SECONDS)
        while time.monotonic() < ends_at and not leaving.is_asked() and (order := due.claim_alone()):
            log.warning("a look ended with its process; now alone", channel=order.channel_id)
            self.waiting.append(_inferred(order) if order.dark else look(order))  # not a deadline each for what is known
            self._flush()


def _inferred(order: Order) -> Look:
    return Look(order, verdicts.infer(order.dark, at=order.anchor.now()))


def _is_missing_again(order: Order, seen: Reading) -> bool:
    """Did the server say anew that it knows no such number? Its list may deny that."""
    known = order.target.known
    return seen.cause == "instance_missing" and known is not None and (known.cause, known.code) == ("server_error", seen.code)


def _log_flush(counts: Counter, looked: int, seconds: float) -> None:
    kept = ("healthy", "unhealthy", "unknowable", "unseen", "dropped", "failed", "opened", "resolved")
    log.info("flush", looked=looked, **{name: counts[name] for name in kept}, seconds=round(seconds, 3))

"""Names that hang: they keep a few threads busy, and nobody who is well waits for them for long."""

import socket
import threading
import time

import pytest

from core import resolver

HANGING = [f"hangs-{n}.example" for n in range(200)]


@pytest.fixture
def system():
    """A resolver of the system's whose hanging names answer when `release` is set. Set from outside, as a launcher would."""
    asked, release = [], threading.Event()

    def ask(host):
        asked.append(host)
        if host.startswith("hangs"):
            release.wait(30)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0))]

    ours, resolver.ask = resolver.ask, ask
    resolver.forget()
    ask.asked, ask.release = asked, release
    yield ask
    release.set()
    pool = resolver._pool
    until = time.monotonic() + 10
    while not pool._queue.empty() and time.monotonic() < until:  # else this pool's threads go on in the next test's name
        time.sleep(0.01)
    resolver.ask = ours
    resolver.forget()


def threads() -> int:
    return sum(thread.name == "resolver" for thread in threading.enumerate())


def resolve_at_once(hosts, *, seconds):
    """Resolve all of them beside each other; return what came of each."""
    results = {}

    def resolve(host):
        try:
            results[host] = resolver.resolve(host, seconds=seconds)
        except resolver.NameNotResolved as error:
            results[host] = error.kind

    waiting = [threading.Thread(target=resolve, args=(host,)) for host in hosts]
    for thread in waiting:
        thread.start()
    for thread in waiting:
        thread.join()
    return results


def test_two_hundred_names_that_hang_occupy_no_more_than_the_pool_and_end_in_time(system):
    before, started = threads(), time.monotonic()

    results = resolve_at_once(HANGING, seconds=0.5)

    assert set(results.values()) == {"timeout"}
    assert time.monotonic() - started < 5
    assert threads() - before <= resolver.THREADS


def test_a_name_that_was_found_not_long_ago_is_taken_as_it_was_while_others_hang(system, monkeypatch):
    monkeypatch.setattr(resolver, "REMEMBER_SECONDS", 0)
    monkeypatch.setattr(resolver, "STALE_AFTER", 0.1)
    assert resolver.resolve("well.example", seconds=5) == ["192.0.2.1"]
    resolve_at_once(HANGING, seconds=0.1)

    started = time.monotonic()
    assert resolver.resolve("well.example", seconds=5) == ["192.0.2.1"]
    assert time.monotonic() - started < 1


def test_a_name_that_never_hung_is_asked_for_before_those_that_did(system, monkeypatch):
    monkeypatch.setattr(resolver, "THREADS", 1)
    resolve_at_once(["hangs-1.example"], seconds=0.2)  # from now on it is known for it, and the only thread is busy
    resolver._lookups.clear()
    wanted = [wanting(host) for host in ("hangs-1.example", "new.example")]

    system.release.set()
    for thread in wanted:
        thread.join(timeout=10)

    assert system.asked == ["hangs-1.example", "new.example", "hangs-1.example"]


def wanting(host) -> threading.Thread:
    """Let somebody want this name; return once it is in the queue."""
    thread = threading.Thread(target=resolve_at_once, args=([host],), kwargs={"seconds": 5})
    thread.start()
    end = time.monotonic() + 5
    while host not in resolver._lookups and time.monotonic() < end:
        time.sleep(0.01)
    return thread


def test_who_wanted_the_same_name_shares_one_lookup(system):
    results = [resolve_at_once(["well.example"] * 20, seconds=5) for _ in range(2)]
    assert results == [{"well.example": ["192.0.2.1"]}] * 2
    assert system.asked == ["well.example"]


def test_an_old_answer_does_not_outlive_a_name_that_is_gone(system, monkeypatch):
    monkeypatch.setattr(resolver, "REMEMBER_SECONDS", 0)
    resolver.resolve("well.example", seconds=5)

    def gone(host):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    resolver.ask = gone
    with pytest.raises(resolver.NameNotResolved, match="no such name"):
        resolver.resolve("well.example", seconds=5)

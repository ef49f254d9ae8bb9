"""A process that has gone deaf ends itself, and the one that its supervisor starts goes on."""

import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import redis

from tests.support.processes import Processes, wait_until


def test_a_worker_that_the_broker_lets_in_no_more_ends_itself_and_the_next_one_watches_on(place, processes):
    with login(processes, "worker") as (url, is_shut_out, is_let_in):
        worker, beat = processes.worker(REDIS_URL=url), processes.beat()
        place.is_connected()

        is_shut_out()
        wait_until(lambda: not worker.is_alive, "the worker has ended itself")
        assert worker.exit_code == os.EX_SOFTWARE
        assert worker.says("deaf: it ends itself")
        assert beat.is_alive

        is_let_in()
        place.phone.logs_out()
        wait_until(lambda: processes.tend() or place.saw("disconnected"), "the next worker looks")


def test_a_beat_that_the_broker_lets_in_no_more_ends_itself_and_its_worker_does_not(place, processes):
    with login(processes, "beat") as (url, is_shut_out, is_let_in):
        worker, beat = processes.worker(), processes.beat(REDIS_URL=url)
        place.is_connected()

        is_shut_out()
        wait_until(lambda: not beat.is_alive, "beat has ended itself")
        assert beat.exit_code == os.EX_SOFTWARE
        assert beat.says("deaf: it ends itself")
        assert worker.is_alive

        is_let_in()
        place.phone.logs_out()
        wait_until(lambda: processes.tend() or place.saw("disconnected"), "the next beat rings")
        assert worker.is_alive


def test_a_worker_whose_processes_take_rings_and_stand_still_ends_itself(place, processes):
    worker = processes.worker()
    processes.beat()
    place.is_connected()

    for pid in children(worker.pid):
        os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: not worker.is_alive, "the worker has ended itself")
    assert worker.says("deaf: it ends itself")


@contextmanager
def login(processes: Processes, name: str) -> Iterator[tuple]:
    """Give a process its own login at the broker: its URL, what shuts it out, what lets it in again."""
    password = secrets.token_urlsafe(24)
    place = urlsplit(processes.broker.url)
    with redis.Redis.from_url(processes.broker.url) as broker:
        broker.execute_command("ACL", "SETUSER", name, "on", f">{password}", "~*", "&*", "+@all")

        def is_shut_out() -> None:
            broker.execute_command("ACL", "SETUSER", name, "off")
            broker.execute_command("CLIENT", "KILL", "USER", name)

        def is_let_in() -> None:
            broker.execute_command("ACL", "SETUSER", name, "on")

        url = place._replace(netloc=f"{name}:{password}@{place.hostname}:{place.port}").geturl()
        yield url, is_shut_out, is_let_in


def children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as listed:
        return [int(child) for child in listed.read().split()]

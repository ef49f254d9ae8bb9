"""A process that has gone deaf ends itself, and the one that its supervisor starts goes on."""

import os
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import redis

from channels_app.models import Pulse
from tests.support.processes import INTERVAL, Processes, wait_until


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


def test_a_worker_for_errands_that_the_broker_lets_in_no_more_ends_itself_and_the_next_one_runs_them(place, processes):
    with login(processes, "errands") as (url, is_shut_out, is_let_in):
        errands, watch = processes.errands(REDIS_URL=url), processes.worker()
        processes.beat()
        place.is_connected()
        wait_until(errands_come_back, "errands come back")

        is_shut_out()
        wait_until(lambda: not errands.is_alive, "the worker for errands has ended itself")
        assert errands.exit_code == os.EX_SOFTWARE
        assert errands.says("deaf: it ends itself")
        assert watch.is_alive

        is_let_in()
        wait_until(lambda: processes.tend() or errands_come_back(), "the next one runs them")


def test_a_worker_for_errands_whose_process_takes_them_and_stands_still_ends_itself(place, processes):
    errands = processes.errands()
    processes.worker(), processes.beat()
    place.is_connected()
    wait_until(errands_come_back, "errands come back")

    for pid in children(errands.pid):
        os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: not errands.is_alive, "the worker for errands has ended itself")
    assert errands.says("deaf: it ends itself")


def test_a_worker_for_errands_that_nobody_asks_is_not_deaf(place, processes):
    errands = processes.errands()
    watch, beat = processes.worker(), processes.beat()
    place.is_connected()
    wait_until(errands_come_back, "errands come back")

    beat.is_killed(), watch.is_killed()
    time.sleep(4 * INTERVAL)

    assert errands.is_alive


def errands_come_back() -> bool:
    return Pulse.objects.filter(last_tick_at__isnull=False, errand_asked_at=None).exists()


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

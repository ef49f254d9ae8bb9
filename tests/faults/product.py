"""Vigia as in production, started through `launch`: worker, errands, beat, web, a broker, and a supervisor that restarts.

DEBUG is off; only time is shortened, as VIGIA_TESTING allows. The database is the one that Django's connection is on.
"""

import contextlib
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import redis
import requests
from django.db import connection

from config.embedded import watchdog
from core import clock
from tests.faults.levers import Levers
from tests.support import processes
from tests.support.processes import Process, Processes

INTERVAL, RECHECK, DEADLINE, TICK, MINUTE = 3, 1, 1, 1, 6  # seconds
LEASE = 2 * DEADLINE + 10
HOUR = 3600
PRODUCTION = {
    "DEBUG": 0,
    "VIGIA_TESTING": 1,
    "ALLOWED_HOSTS": "127.0.0.1",
    "EVOLUTION_ALLOWED_HOSTS": "127.0.0.0/8",
    "SERVER_DOWN_TELL_CLINICS": "now",
    "WATCH_THREADS": 64,
}
LAUNCH = "-m tests.faults.launch"


class Product(Processes):
    """A context, as `Processes`, with the faults that can befall it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder = folder
        self.levers = Levers(folder / "levers")
        self._web_port = _free_port()

    def worker(self, **settings: object) -> Process:
        command = processes.WORKER.replace("celery -A config", LAUNCH)
        return self._launch("worker", command, settings)

    def errands(self, **settings: object) -> Process:
        command = processes.ERRANDS.replace("celery -A config", LAUNCH)
        return self._launch("errands", command, settings)

    def beat(self, **settings: object) -> Process:
        command = processes.BEAT.replace("celery -A config", LAUNCH)
        return self._launch("beat", command, settings)

    def site(self) -> Process:
        return self.web(self._web_port, **PRODUCTION)

    def starts(self) -> None:
        """Start all four, as README has them."""
        self.errands(), self.worker(), self.beat(), self.site()

    def of(self, name: str) -> Process:
        """Return the one of that name that is running, or was last."""
        return [process for process in self._started if process.name == name][-1]

    def all_of(self, name: str) -> list[Process]:
        return [process for process in self._started if process.name == name and process.is_alive]

    def now(self) -> datetime:
        """What the product takes for now: the database's clock, as wrong as it is."""
        return clock.database_now() + timedelta(seconds=self.levers.database_seconds)

    def wait_until(self, is_true: Callable[[], object], what: str, *, seconds: float = 120):
        """Wait as a machine with a supervisor does: what ends is started again."""
        return processes.wait_until(lambda: self.tend() or is_true(), what, seconds=seconds)

    def rests(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self.wait_until(lambda: time.monotonic() >= end, "time passes", seconds=seconds + 60)

    def is_whole(self) -> None:
        """Wait until everything that has been started stands, and does its work."""
        parts = {process.name for process in self._started if process.is_wanted}
        for worker in parts & {"worker", "errands"}:
            self.wait_until(lambda worker=worker: self.of(worker).says(" ready."), f"{worker} is ready")
        self.wait_until(lambda: "web" not in parts or self.answers_probes(), "the web answers")

    def shows_logs(self) -> None:
        for log in sorted(self.folder.glob("*.log")):
            print(f"--- {log.name}", *log.read_text(errors="replace").splitlines()[-100:], sep="\n")

    def answers_probes(self) -> bool:
        try:
            found = requests.get(f"http://127.0.0.1:{self._web_port}/healthz", timeout=5)
        except (requests.ConnectionError, requests.Timeout):
            return False
        return found.status_code == 200

    def _launch(self, name: str, command: str, settings: dict) -> Process:
        argv = [sys.executable, *command.split()]
        faults = {"FAULTS_FOLDER": self.folder}
        env = self._environment(PRODUCTION | faults | settings)
        return self._start(name, argv, env)


# --- What befalls it -------------------------------------------------------------------------------------------------


def kill_with_children(process: Process) -> None:
    for pid in (process.pid, *children(process)):
        kill(pid)


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def children(process: Process) -> list[int]:
    return sorted(seen.pid for seen in watchdog.members([process.pid]) if seen.pid != process.pid)


def freeze(process: Process) -> None:
    for pid in (process.pid, *children(process)):
        os.kill(pid, signal.SIGSTOP)


def thaw(process: Process) -> None:
    for pid in (*children(process), process.pid):
        os.kill(pid, signal.SIGCONT)


def cut_all_lines(url: str) -> None:
    """Let the broker end every connection of its clients."""
    with redis.Redis.from_url(url) as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def fill_disk(process: Process) -> None:
    """Let every file that it writes to be as long as it may be: what it logs from now on fails, with EFBIG for ENOSPC."""
    for pid in (process.pid, *children(process)):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, 1))


def end_database_sessions() -> int:
    """Terminate every session of the product's; the tests' own stays. Return how many there were."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
        return cursor.fetchone()[0]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

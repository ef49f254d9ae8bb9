"""The product's own processes as production runs them (README), for a bench to start and to measure."""

import contextlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from django.db import connection

from bench.processes import running, worker
from channels_app import on_demand

PATIENCE_SECONDS = 120
PEEK_SECONDS = 0.2
LAST_WORDS = 20  # lines
MOST_ERRORS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Watching:
    """The main processes of the watch: the worker, the one for errands, and beat."""

    worker: psutil.Process
    errands: psutil.Process
    beat: psutil.Process
    log: Path

    def processes(self) -> dict[str, psutil.Process]:
        """All of them by a name for a table; a worker's children are numbered."""
        named = {}
        for name, main in (("worker", self.worker), ("errands", self.errands), ("beat", self.beat)):
            named[name] = main
            named |= {f"{name}, process {n}": child for n, child in enumerate(main.children(recursive=True), start=1)}
        return named

    def cpu_seconds(self) -> float:
        return sum(map(cpu_seconds, (self.worker, self.errands, self.beat)))

    def look_at_everything(self) -> None:
        """Ask for a look at every number, as "check now" does, and wait until all is written."""
        asked = on_demand.request(by=None)
        self.wait_until(lambda: not asked.waiting().exists(), "everything is looked at")

    def wait_until(self, is_true: Callable[[], bool], what: str, *, seconds: float = PATIENCE_SECONDS) -> None:
        wait_until(is_true, what, self.log, seconds=seconds)

    def errors(self) -> list[str]:
        """What went wrong in them, by their own log."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [f"the log of the watch: {line}" for line in lines if re.search(r"level=error|^Traceback", line)][
            :MOST_ERRORS_SHOWN
        ]


@contextlib.contextmanager
def watching(log: Path, *, processes: int = 2) -> Iterator[Watching]:
    with contextlib.ExitStack() as stack:
        lines = stack.enter_context(log.open("wb"))
        commands = (worker("watch", processes), worker("errands", 1), ["-A", "config", "beat"])
        started = [stack.enter_context(running("-m", "celery", *argv, stdout=lines, stderr=lines)) for argv in commands]
        wait_until(lambda: log.read_bytes().count(b" ready.") == 2, "the workers are ready", log)
        yield Watching(*(psutil.Process(process.pid) for process in started), log)


def cpu_seconds(root: psutil.Process) -> float:
    """Of it and all that it started, since they began; children that ended count too: the system adds theirs to it."""
    return sum(sum(process.cpu_times()[:4]) for process in [root, *root.children(recursive=True)])


def own_backend() -> psutil.Process:
    """The database's process that serves this one; it has to run on this machine."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        pid = cursor.fetchone()[0]
    if not psutil.pid_exists(pid) or psutil.Process(pid).name() != "postgres":
        sys.exit("This PostgreSQL runs elsewhere; the bench measures the embedded one: unset DATABASE_URL.")
    return psutil.Process(pid)


def postgres() -> psutil.Process:
    """The database's main process."""
    return own_backend().parent()


@contextlib.contextmanager
def servers(script: str, *arguments: object) -> Iterator[dict]:
    """Start simulated Evolution servers in a process of their own; yield the line of JSON that it prints."""
    with running(script, *arguments, stdout=subprocess.PIPE) as process:
        yield json.loads(process.stdout.readline())


def wait_until(is_true: Callable[[], bool], what: str, log: Path, *, seconds: float = PATIENCE_SECONDS) -> None:
    end = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > end:
            last_words = log.read_text(errors="replace").splitlines()[-LAST_WORDS:]
            sys.exit("\n".join([f"Not within {seconds:.0f} s: {what}. The last words in {log.name}:", *last_words]))
        time.sleep(PEEK_SECONDS)


def note(line: str) -> None:
    """How far it is, beside the table."""
    print(line, file=sys.stderr, flush=True)

"""The processes that a sweep needs: the Evolution servers, and Celery's workers on a broker that is there already."""

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.processes import running, worker

PEEK_SECONDS = 0.04
SETTINGS = {
    # Nothing falls due by itself, and the second bad look opens an incident.
    "HEARTBEAT_INTERVAL_SECONDS": 600,
    "HEARTBEAT_RECHECK_SECONDS": 600,
    "HEARTBEAT_MINUTE_SECONDS": 1,
}


class Stuck(Exception):
    """What was waited for did not come; the text says what the worker said last."""


@dataclass(slots=True)
class Servers:
    process: subprocess.Popen
    urls: dict[int, str] = field(default_factory=dict)

    def done(self) -> dict[str, int]:
        """Ask how many answers they gave, on how many connections."""
        return self._told("done")

    def calm(self, *, is_calm: bool) -> None:
        """Have those that are dark or drip answer as the others, or no longer."""
        self._told("calm" if is_calm else "trouble")

    def _told(self, word: str) -> dict[str, int]:
        self.process.stdin.write(f"{word}\n".encode())
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@dataclass(frozen=True, slots=True)
class Workers:
    watch: int  # process ids
    errands: int
    log: Path
    clocks: Path

    def errors(self) -> list[str]:
        """What went wrong; but for a claim that our own emptying of the tables met."""
        lines = self.log.read_text().splitlines()
        return [line for line in lines if "level=error" in line and "waits for AccessExclusiveLock" not in line]


@contextlib.contextmanager
def servers(channels: int, homes: int, scenario: str, tls: Path | None) -> Iterator[Servers]:
    secured = ["--tls", tls] if tls else []
    with running("bench/server.py", channels, homes, "--scenario", scenario, *secured, stdout=subprocess.PIPE) as process:
        urls = {int(n): url for n, url in json.loads(process.stdout.readline()).items()}
        yield Servers(process, urls)


@contextlib.contextmanager
def workers(processes: int, folder: Path, bundle: Path | None) -> Iterator[Workers]:
    """Start the watch's worker and the errands' one; `bundle` holds the authorities that they trust."""
    clocks, log = folder / "clocks", folder / "worker.log"
    clocks.mkdir()
    env = {"BENCH_CLOCK": str(clocks)} | ({"BENCH_CA": str(bundle)} if bundle else {})
    with (
        log.open("wb") as lines,
        running("bench/worker.py", *worker("watch", processes), env=env, stdout=lines, stderr=lines) as watch,
        running("bench/worker.py", *worker("errands", 1), env=env, stdout=lines, stderr=lines) as errands,
    ):
        wait_until(lambda: log.read_bytes().count(b" ready.") == 2, log)
        yield Workers(watch.pid, errands.pid, log, clocks)


def wait_until(is_true: Callable[[], bool], log: Path, *, seconds: float = 120, peek: float = PEEK_SECONDS) -> None:
    """Raises `Stuck`."""
    end = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > end:
            raise Stuck("\n".join(["It did not come. The worker's last words:", *log.read_text().splitlines()[-20:]]))
        time.sleep(peek)

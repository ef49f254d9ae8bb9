"""Looks in a process of its own, so that their memory can be told from the servers':  python -m tests.hostile.looker

Reads one `Job` as JSON. Usually each look runs in a fresh fork of a process that has looked before, which starts at the
memory that a worker has anyway, and a JSON line is written per look. Where the job has neighbours, all looks run at once
in one process, and one line says how the neighbours fared meanwhile.
"""

import contextlib
import ctypes
import gc
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {"DJANGO_SETTINGS_MODULE": "config.settings", "DEBUG": "1", "EVOLUTION_ALLOWED_HOSTS": "127.0.0.0/8,::1"}


@dataclass(frozen=True)
class Job:
    urls: list[str]
    right: str  # a server that answers as it should
    pem: str  # what to trust
    seconds: float  # the deadline of each look
    at_once: int
    neighbours: int = 0  # healthy numbers, looked at over and over until the last of the others has ended


@dataclass(frozen=True)
class Seen:
    url: str
    cause: str
    received: str
    seconds: float
    grown: int  # bytes: the peak during the look, above what there was before it


@dataclass(frozen=True)
class Beside:
    looks: int  # at neighbours
    not_open: int
    slowest: float  # seconds


def run(job: Job) -> dict[str, Seen]:
    """Run the job in a fresh process; return what was seen, by URL."""
    seen = [Seen(**line) for line in _lines(job)]
    return {one.url: one for one in seen}


def run_beside_neighbours(job: Job) -> Beside:
    (line,) = _lines(job)
    return Beside(**line)


def _lines(job: Job) -> list[dict]:
    argv, env = [sys.executable, "-m", "tests.hostile.looker"], os.environ | ENVIRONMENT
    ended = subprocess.run(argv, input=json.dumps(asdict(job)), cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(ended.stderr[-2000:])
    return [json.loads(line) for line in ended.stdout.splitlines()]


def main() -> None:
    import django

    django.setup()
    from tests.hostile import names

    socket.getaddrinfo = names.getaddrinfo
    job = Job(**json.load(sys.stdin))
    gc.collect()
    _look(job, job.right)  # what the first look imports is not the next one's
    for line in [_beside(job)] if job.neighbours else _each(job):
        print(json.dumps(asdict(line)), flush=True)


def _each(job: Job) -> Iterator[Seen]:
    with multiprocessing.get_context("fork").Pool(job.at_once, maxtasksperchild=1) as pool:
        yield from pool.imap_unordered(partial(_look, job), job.urls, chunksize=1)


def _beside(job: Job) -> Beside:
    from tests.hostile.conftest import look

    rounds = []
    with ThreadPoolExecutor(len(job.urls)) as pool, ThreadPoolExecutor(4) as beside:
        misbehaving = [pool.submit(look, url, seconds=job.seconds) for url in job.urls]
        while not all(one.done() for one in misbehaving):
            names = [f"neighbour-{number}" for number in range(job.neighbours)]
            rounds += beside.map(lambda name: look(job.right, name=name, seconds=job.seconds), names)
    not_open = [reading for reading in rounds if reading.raw_state != "open"]
    return Beside(len(rounds), len(not_open), max(reading.took_ms for reading in rounds) / 1000)


def _look(job: Job, url: str) -> Seen:
    from core import http
    from tests.hostile.conftest import look

    http.tls_context().load_verify_locations(cadata=job.pem)
    look(job.right, seconds=job.seconds)  # nor what the first of a process makes
    with watched() as memory:
        started = time.monotonic()
        reading = look(url, seconds=job.seconds)
        took = time.monotonic() - started
    return Seen(url, reading.cause, reading.raw_state, took, memory())


@contextlib.contextmanager
def watched() -> Iterator[Callable[[], int]]:
    """Yield a function that says by how many bytes the peak of memory in the block lay above its beginning."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)  # glibc keeps what was freed, and growth would hide in it
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew (proc(5))
    before = _status("VmRSS")
    yield lambda: _status("VmHWM") - before


def _status(word: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(word))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()

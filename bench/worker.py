"""Celery's worker as everywhere, with a clock around what its loop does, and the bench's authority among the trusted ones.

`python bench/worker.py -A config worker ...`; BENCH_CLOCK names the folder where each process keeps its sums, BENCH_CA a
file of authorities. The product knows of neither: the functions are wrapped from outside, a handful of calls a second.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

from bench.clock import Clock  # noqa: E402


def main() -> None:
    if bundle := os.environ.get("BENCH_CA"):
        _trust(bundle)
    import django

    django.setup()
    if folder := os.environ.get("BENCH_CLOCK"):
        _put_clocks(Clock(Path(folder)))
    from celery.__main__ import main as celery

    celery()


def _trust(bundle: str) -> None:
    """Have this file read where the product reads `requests`' own: in each process that is forked too."""
    import requests

    requests.certs.where = lambda: bundle


def _put_clocks(clock: Clock) -> None:
    """Of a flush, what is in no statement is the judging; what is, the writing. A claim is both, and counted by itself."""
    import psycopg

    from channels_app import watch
    from channels_app.turns import Turns

    Turns.claim = _timed(clock, "claim", Turns.claim)
    watch.flush = _timed(clock, "flush", watch.flush)
    for name in ("execute", "executemany", "fetchone", "fetchmany", "fetchall"):
        setattr(psycopg.Cursor, name, _timed(clock, "statements", getattr(psycopg.Cursor, name), within="flush"))


def _timed(clock: Clock, share: str, function: Callable, *, within: str = "") -> Callable:
    def timed(*arguments, **named):
        outer = clock.inside
        if within and outer != within:
            return function(*arguments, **named)
        clock.inside, began = share, time.thread_time()
        try:
            return function(*arguments, **named)
        finally:
            clock.add(share, time.thread_time() - began)
            clock.inside = outer

    return timed


if __name__ == "__main__":
    main()

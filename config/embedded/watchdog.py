"""Stop everything when the parent lets go of the pipe, however it ended: Ctrl-C, SIGTERM, SIGKILL.

The only place that stops processes; the parent's own orderly stop is to close the pipe. PostgreSQL gets no parent-death
signal and Celery's prefork children outlive a killed master, so nobody is trusted to leave by itself.
Runs by path, in a session of its own, with the standard library alone. Orders are JSON lines on standard input:
    {"watch": pid, "signal": 15, "last": false}    {"forget": pid}    {"remove": "/a/folder"}
A watched pid stands for itself, for all processes of the session it leads, and for their descendants.
"""

import contextlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

POLITE_SECONDS = 2.0  # for web, worker, beat, tests
POLITE_SECONDS_LAST = 1.2  # then for the stores, which the others still needed; together well under 5


class Seen(NamedTuple):
    pid: int
    parent: int
    session: int
    started: str  # clock ticks since boot: a pid that was given away again is another process


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watched: dict[int, dict] = {}
    folders = []
    for line in sys.stdin:
        order = json.loads(line)
        if "watch" in order:
            watched[order["watch"]] = order
        elif "forget" in order:
            watched.pop(order["forget"], None)
        else:
            folders.append(order["remove"])
    stop([o for o in watched.values() if not o["last"]], POLITE_SECONDS)
    stop([o for o in watched.values() if o["last"]], POLITE_SECONDS_LAST)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def stop(orders: list[dict], polite_seconds: float) -> None:
    """Ask the watched processes to leave, then kill what is left of them and of all they started."""
    roots = {order["watch"] for order in orders}
    family = members(roots)
    for order in orders:
        # Only the head is asked: a TERM to Celery's children would cut their last flush short.
        _send(order["watch"], order["signal"])
    end = time.monotonic() + polite_seconds
    while family and time.monotonic() < end:
        time.sleep(0.03)
        family = _still_there(family) | members(roots)
    kill(roots, family)


def kill(roots: Iterable[int], family: Iterable[Seen] = (), seconds: float = 0.5) -> None:
    """Kill until nothing is left: a process may fork between the look and the signal."""
    end = time.monotonic() + seconds
    left = _still_there(family) | members(roots)
    while left and time.monotonic() < end:
        for seen in left:
            _send(seen.pid, signal.SIGKILL)
        time.sleep(0.02)
        left = _still_there(left) | members(roots)


def members(roots: Iterable[int]) -> set[Seen]:
    """Return the living processes among `roots`, in the sessions they lead, and below any of these."""
    roots = set(roots)
    living = _living()
    found = {seen for seen in living if seen.pid in roots or seen.session in roots}
    grew = bool(found)
    while grew:
        parents = {seen.pid for seen in found}
        more = {seen for seen in living if seen.parent in parents} - found
        found |= more
        grew = bool(more)
    return found


def started(pid: int) -> str:
    """Return when this process started, or "" where there is none: with its pid it stands for itself alone."""
    return next((seen.started for seen in _living() if seen.pid == pid), "")


def _living() -> list[Seen]:
    living = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
            except OSError:  # it has just ended
                continue
            if fields[0] not in "ZX":
                living.append(Seen(int(folder.name), int(fields[1]), int(fields[3]), fields[19]))
    return living


def _still_there(family: Iterable[Seen]) -> set[Seen]:
    known = {(seen.pid, seen.started) for seen in family}
    return {seen for seen in _living() if (seen.pid, seen.started) in known} if known else set()


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


if __name__ == "__main__":
    main()

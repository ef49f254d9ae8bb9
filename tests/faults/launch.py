"""The product, started with a test's hands on it: `python -m tests.faults.launch worker -Q watch …` instead of celery's own.

The product carries no hook. From outside, before anything forks, this moves the clocks (the host's, and the database's as
every statement reads it), takes the network away, and lets the process die at a named point. FAULTS_FOLDER says where the
levers, the point to die at and the list of points seen are kept.

A point is a moment between two effects on the world outside: before each statement that writes, around the commit of such,
after a claim, around a look, around each message to the broker. What lies between two points reads, or touches memory alone:
a death there is a death before the next of them.
"""

import contextlib
import errno
import os
import re
import signal
import socket
import sys
import zlib
from collections.abc import Callable
from functools import wraps
from pathlib import Path

from tests.faults import clocks
from tests.faults.levers import Levers

DIE_AT = "FAULTS_DIE_AT"  # a point, and after "#" at which time it is passed
_VALUES = re.compile(r"\((?:%s(?:, )?)+\)(?:, \((?:%s(?:, )?)+\))*")  # of an IN, or of rows
DEADLY = "FAULTS_DEADLY"  # the instance whose looks end their process
_READS = re.compile(r"\s*(select|savepoint|release savepoint|rollback to savepoint)\b", re.IGNORECASE)
_NOW = re.compile(r"\b(statement_timestamp|clock_timestamp|transaction_timestamp|now)\(\)", re.IGNORECASE)


class Points:
    """Where this process is, told to a file where there is one, and where it ends."""

    def __init__(self, folder: Path, die_at: str) -> None:
        self._seen, self._died = folder / "points", folder / "died"
        self._is_told = self._seen.exists()
        self._die_at, _, times = die_at.partition("#")
        self._times_left = int(times or 1)

    def reach(self, point: str) -> None:
        if self._die_at == point:
            self._times_left -= 1
            if not self._times_left and self._is_first():
                os.kill(os.getpid(), signal.SIGKILL)
        elif self._is_told:
            with self._seen.open("a") as seen:  # one write of one line: processes do not mix theirs
                seen.write(point + "\n")

    def _is_first(self) -> bool:
        """Its successor is not to die as well."""
        with contextlib.suppress(FileExistsError):
            self._died.touch(exist_ok=False)
            return True
        return False


def surround(folder: Path, *, die_at: str = "") -> Points:
    """Put our hands on the product. Django must be set up, and nothing forked or connected yet."""
    from django.db.backends.signals import connection_created

    from channels_app import bell, due, watch
    from channels_app.gateways import evolution

    levers, points = Levers(folder / "levers"), Points(folder, die_at)
    evolution.look = _deadly(evolution.look, os.environ.get(DEADLY))
    due.claim_of = _announced(points, "claim", due.claim_of, before=False)
    watch.look = _announced(points, "look", watch.look)
    bell.ring = _announced(points, "publish a ring", bell.ring)
    bell.silence = _announced(points, "purge the rings", bell.silence)
    bell._send = _announced(points, "publish an errand", bell._send)  # a list, the witness, more to prune, a sign
    bell.ask_for_a_sign = _announced(points, "ask for a sign", bell.ask_for_a_sign)
    wrappers: dict[object, _Statements] = {}

    def surround_connection(connection, **_facts: object) -> None:
        if connection not in wrappers:
            wrappers[connection] = _Statements(connection, levers, points)

    connection_created.connect(surround_connection, weak=False)
    _take_network_away(levers)
    return points


class _Statements:
    """What one connection sends: statements and commits, by name and in order."""

    def __init__(self, connection, levers: Levers, points: Points) -> None:
        self._levers, self._points, self._written = levers, points, ""
        connection.execute_wrappers.insert(0, self)
        self._commit, connection.commit = connection.commit, self.commit

    def __call__(self, execute: Callable, sql: str, params: object, many: bool, context: dict):
        if not context["connection"].in_atomic_block:
            self._written = ""
        if not _READS.match(sql):
            self._written = name_of(sql)
            self._points.reach(f"before: {self._written}")
        seconds = self._levers.database_seconds
        if seconds:
            sql = _NOW.sub(rf"(\1() + interval '{seconds} seconds')", sql)
        return execute(sql, params, many, context)

    def commit(self) -> None:
        written, self._written = self._written, ""
        if written:
            self._points.reach(f"before the commit of: {written}")
        self._commit()
        if written:
            self._points.reach(f"after the commit of: {written}")


def name_of(sql: str) -> str:
    """Name a statement: its first words, its tables, and a sum of its text however many values it is given."""
    words = re.sub(r"\s+", " ", str(sql)).strip().lower().replace('"', "")
    words = _VALUES.sub("(...)", words)
    tables = dict.fromkeys(re.findall(r"\b(?:channels_app|incidents|notifications|tenants|django)_\w+", words))
    return f"{' '.join(words.split()[:2])} {' '.join(tables)} {zlib.crc32(words.encode()):08x}"


def _announced(points: Points, name: str, function: Callable, *, before: bool = True) -> Callable:
    @wraps(function)
    def announced(*arguments, **named):
        if before:
            points.reach(f"before: {name}")
        result = function(*arguments, **named)
        points.reach(f"after: {name}")
        return result

    return announced


def _deadly(look: Callable, instance: str | None) -> Callable:
    """As a crash in a C library, or the kernel's killer."""

    def look_or_die(target, **named):
        if target.instance_name == instance:
            os.kill(os.getpid(), signal.SIGKILL)
        return look(target, **named)

    return look_or_die


def _take_network_away(levers: Levers) -> None:
    """Servers stand at 127.0.1.x in these tests; the stores do not."""
    connect = socket.socket.connect

    def connect_if_there(self, address):
        if levers.network_is_gone and isinstance(address, tuple) and address[0].startswith("127.0.1."):
            raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))
        return connect(self, address)

    socket.socket.connect = connect_if_there


def main() -> None:
    folder = Path(os.environ["FAULTS_FOLDER"])
    clocks.put_wrong(Levers(folder / "levers"))  # before anybody has taken `time` or `datetime` by name
    import django

    django.setup()
    surround(folder, die_at=os.environ.get(DIE_AT, ""))
    from celery.bin.celery import main as celery

    sys.argv[1:1] = ["-A", "config"]
    sys.exit(celery())


if __name__ == "__main__":
    main()

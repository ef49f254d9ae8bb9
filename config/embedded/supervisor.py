"""Run children: start them, say when one dies, start it again after a pause, and leave nothing behind.

Single-threaded: everything moves on inside `tend()`, which every wait calls. Stopping is the watchdog's work alone.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from config.embedded import watchdog
from config.embedded.terminal import Problem, say

FIRST_PAUSE_SECONDS = 1
LONGEST_PAUSE_SECONDS = 30
STEADY_AFTER_SECONDS = 60  # a child that lived this long starts again with the first pause
READY_SECONDS = 60
TICK_SECONDS = 0.05
LOG_LIMIT_BYTES = 10_000_000


class Stopped(Exception):
    """Somebody asked us to stop, by this signal."""

    def __init__(self, number: int) -> None:
        self.number = number


@dataclass(kw_only=True)
class Child:
    name: str
    argv: list[str]
    log: Path
    env: Mapping[str, str] | None = None
    cwd: Path | str | None = None
    account: dict = field(default_factory=dict)  # user, group, extra_groups for Popen; empty: ours
    before_start: Callable[[], None] = lambda: None
    stop_signal: signal.Signals = signal.SIGTERM
    is_store: bool = False  # stopped after all the others

    process: subprocess.Popen | None = None
    pause_seconds: float = FIRST_PAUSE_SECONDS
    started_at: float = 0.0  # monotonic
    start_again_at: float = 0.0

    def start(self) -> None:
        self.before_start()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.cut_long_log()
        with self.log.open("ab") as log:  # to append: when it is cut, whoever writes goes on at the beginning
            streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
            place = {"env": self.env, "cwd": self.cwd, "start_new_session": True}
            self.process = subprocess.Popen(self.argv, **streams, **place, **self.account)
        self.started_at = time.monotonic()

    def cut_long_log(self) -> None:
        """Empty the log where it is long, also while its child writes."""
        with contextlib.suppress(OSError):  # there is none, or somebody took it away: no reason to end the product
            if self.log.stat().st_size > LOG_LIMIT_BYTES:
                os.truncate(self.log, 0)

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def last_words(self) -> str:
        """Return the last line of its log: of a traceback, the line that says what happened."""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - 4000))
            lines = log.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


class Guard:
    """Our end of the watchdog's pipe. A watchdog that is killed is replaced and told everything again."""

    def __init__(self, lock: int) -> None:
        self._lock = lock  # held by the watchdog too: the folder stays ours until all is stopped
        self._watched: dict[int, dict] = {}
        self._folders: list[Path] = []
        self._launch()

    def watch(self, pid: int, *, number: signal.Signals = signal.SIGTERM, last: bool = False) -> None:
        self._watched[pid] = {"watch": pid, "signal": int(number), "last": last}
        # For whoever owns the folder after us, should the watchdog be killed as well.
        os.write(self._lock, f"{pid} {watchdog.started(pid)}\n".encode())
        self._tell(self._watched[pid])

    def forget(self, pid: int) -> None:
        self._watched.pop(pid, None)
        self._tell({"forget": pid})

    def remove_at_end(self, folder: Path) -> None:
        self._folders.append(folder)
        self._tell({"remove": str(folder)})

    def tend(self) -> None:
        if self._process.poll() is not None:
            self._launch()
            say("O vigia dos processos parou; outro tomou o lugar dele.")

    def close(self) -> None:
        self.tend()
        self._process.stdin.close()
        self._process.wait()

    def _launch(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", watchdog.__file__],
            stdin=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            start_new_session=True,
            pass_fds=[self._lock],
        )
        for order in self._watched.values():
            self._tell(order)
        for folder in self._folders:
            self._tell({"remove": str(folder)})

    def _tell(self, order: dict) -> None:
        with contextlib.suppress(BrokenPipeError):  # tend() starts another one, which hears this order again
            self._process.stdin.write(json.dumps(order).encode() + b"\n")


class Supervisor:
    """Use as a context: whatever ends the block, all children are gone after it."""

    def __init__(self, lock: int) -> None:
        self.guard = Guard(lock)
        self._kept: list[Child] = []
        self._stop_number: int | None = None

    def __enter__(self) -> "Supervisor":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
                signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_exception: object) -> None:
        self.guard.close()

    def start(self, child: Child) -> None:
        child.start()
        self.guard.watch(child.process.pid, number=child.stop_signal, last=child.is_store)

    def keep(self, child: Child, *, ready: Callable[[], bool] = lambda: True) -> None:
        """Wait until a child is ready for the first time; from then on, start it again whenever it dies.

        Raises Problem where it dies before that: trying again would not help."""
        in_time = self.wait_until(lambda: child.has_ended() or ready(), seconds=READY_SECONDS)
        if not in_time or child.has_ended():
            raise Problem(f"{child.name} não iniciou: {child.last_words()} Registro: {child.log}")
        self._kept.append(child)

    def finish(self, child: Child) -> int:
        """Wait for the end of a child that is not kept; return its exit code."""
        self.wait_until(child.has_ended)
        self._bury(child)
        return child.process.returncode

    def wait_until(self, true: Callable[[], bool], *, seconds: float = float("inf")) -> bool:
        """Return whether it became true in time; tend the kept children meanwhile. Raises Stopped when asked to stop."""
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                return False
            time.sleep(TICK_SECONDS)
            self.tend()
        return True

    def tend(self) -> None:
        if self._stop_number is not None:
            raise Stopped(self._stop_number)
        self.guard.tend()
        for child in self._kept:
            child.cut_long_log()
            if child.process is None:
                if time.monotonic() >= child.start_again_at:
                    self.start(child)
            elif child.has_ended():
                self._plan_restart(child)

    def _plan_restart(self, child: Child) -> None:
        now = time.monotonic()
        if now - child.started_at >= STEADY_AFTER_SECONDS:
            child.pause_seconds = FIRST_PAUSE_SECONDS
        say(f"{child.name} parou ({ending(child.process.returncode)}); volta em {child.pause_seconds} s. Registro: {child.log}")
        self._bury(child)
        child.process = None
        child.start_again_at = now + child.pause_seconds
        child.pause_seconds = min(2 * child.pause_seconds, LONGEST_PAUSE_SECONDS)

    def _bury(self, child: Child) -> None:
        """End what a dead child left running: it would hold the port, or work beside its successor."""
        watchdog.kill([child.process.pid])
        self.guard.forget(child.process.pid)

    def _on_signal(self, number: int, _frame: object) -> None:
        is_first, self._stop_number = self._stop_number is None, number
        if is_first:
            with contextlib.suppress(OSError):  # the terminal may be gone
                os.write(1, "Encerrando…\n".encode())  # print() may be in the middle of a line


def ending(code: int) -> str:
    return f"código {code}" if code >= 0 else f"sinal {signal.Signals(-code).name}"

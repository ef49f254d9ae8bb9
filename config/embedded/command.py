"""One command beside throw-away stores: `start.py test` and `start.py exec`. Any number may run at once."""

import signal
import subprocess
import sys
import time

from config.embedded import home, stores
from config.embedded.supervisor import Stopped, Supervisor
from config.embedded.terminal import Problem

LEAVE_SECONDS = 1  # then the watchdog takes over, which has 4 of the 5 seconds


def run(argv: list[str]) -> int:
    """Return the command's exit code."""
    stores.check_given()
    place = home.throwaway()
    with Supervisor(place.lock) as supervisor:
        command = None
        try:
            env = stores.start(place, supervisor)
            command = _launch(argv, env)
            supervisor.guard.watch(command.pid)
            supervisor.wait_until(lambda: command.poll() is not None)
        except Stopped as stopped:
            if command is not None:
                _pass_on(stopped.number, command)
            if command is None or command.returncode is None:  # the watchdog ends it
                return 128 + stopped.number
        return command.returncode if command.returncode >= 0 else 128 - command.returncode


def _launch(argv: list[str], env: dict[str, str]) -> subprocess.Popen:
    """Start it in our own session and process group: the terminal, Ctrl-C and Ctrl-Z are its own, as for a debugger."""
    try:
        return subprocess.Popen(argv, env=env, cwd=home.ROOT)
    except OSError as error:
        raise Problem(f"não consegui rodar {argv[0]}: {error.strerror}.") from None


def _pass_on(number: int, command: subprocess.Popen) -> None:
    # What was typed at a terminal has reached the command already; twice would cost pytest its summary.
    typed = number == signal.SIGINT and any(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
    if not typed:
        command.send_signal(number)
    end = time.monotonic() + LEAVE_SECONDS
    while command.poll() is None and time.monotonic() < end:
        time.sleep(0.05)

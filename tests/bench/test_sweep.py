"""The bench still runs, and what it measures is right: it shows no table over a wrong record."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
SMALL = "--channels 100 --servers 3 --processes 1 --plain-sample 5 --deadline 3 --repeats 1 --rest 0"


def test_a_small_sweep_ends_in_a_table(transactional_db):
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    broker = settings.REDIS_URL.rpartition("/")[0] + "/9"  # nobody else's bell
    argv = [sys.executable, "bench/sweep.py", *SMALL.split()]
    env = os.environ | {"DATABASE_URL": database, "REDIS_URL": broker, "DJANGO_SETTINGS_MODULE": "config.settings"}

    ended = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=150)

    assert ended.returncode == 0, ended.stderr[-2000:]
    assert "| as a multiple of the deadline |" in ended.stdout

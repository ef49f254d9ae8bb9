"""The bench still runs, and what it measures is right: it shows no table over a wrong record."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
SMALL = "--channels 40 --scenario https --processes 1 --against loop threads node --sample 5 --deadline 4 --rounds 1 --rest 0"


def test_a_small_sweep_ends_in_its_tables(transactional_db):
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    broker = settings.REDIS_URL.rpartition("/")[0] + "/9"  # nobody else's bell
    argv = [sys.executable, "bench/sweep.py", *SMALL.split()]
    env = os.environ | {"DATABASE_URL": database, "REDIS_URL": broker, "DJANGO_SETTINGS_MODULE": "config.settings"}

    ended = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=150)

    assert ended.returncode == 0, ended.stderr[-2000:]
    of_looks = cells(ended.stdout, "| 40 | https | 1 | steady |")
    assert all(float(share) > 0 for share in of_looks[:5])  # look, claim, judge, write and the loop around them
    assert float(cells(ended.stdout, "| 40 | https | 1 | 128 threads with `requests.get` |")[1]) > 1
    assert shutil.which("node") or "there is no Node on this machine" in ended.stdout


def cells(table: str, beginning: str) -> list[str]:
    """Return what follows in the row that begins so."""
    (row,) = (line for line in table.splitlines() if line.startswith(beginning))
    return [cell.strip() for cell in row.removeprefix(beginning).strip("| ").split("|")]

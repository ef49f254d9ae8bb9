"""The long form: python3 start.py exec -- python -m tests.faults --kills 200 --jumps 50 --cuts 50 --away 2 [--seed N]

Round after round some numbers fall and rise, others blip, the rest stay well, and faults of one kind befall the product at
random moments. After each round the record is compared with the truth. Exits with 1 where it is not the truth.
"""

import argparse
import os
import random
import secrets
import sys
import tempfile
from pathlib import Path


def main() -> None:
    given = arguments()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.core.management import call_command

    from tenants import scope

    scope.declare_service()
    call_command("migrate", verbosity=0)
    from tests.faults import rounds

    with tempfile.TemporaryDirectory() as folder:
        failed = points(Path(folder)) if given.points else 0
        sys.exit(failed or rounds.run(given, random.Random(given.seed), Path(folder)))


def points(folder: Path) -> int:
    """Die at each point in each chapter; return the exit code."""
    from django.db import connection

    from tests.faults.chapters import LIFE
    from tests.faults.script import Script
    from tests.faults.sweep import Life, sweep

    template, url = connection.settings_dict["NAME"], os.environ["DATABASE_URL"]
    connection.close()  # a database that is copied must have no visitors
    with Script(servers=3) as script, Life(folder, script, database_url=url, template=template, prefix="points") as life:
        result = sweep(life, LIFE, per="chapter")
    print(f"points existing {len(result.names(result.existing))}, covered {len(result.names(result.covered))}, ", end="")
    print(f"deaths {len(result.covered)}, records that differ {len(result.differences)}", flush=True)
    for point, difference in result.differences.items():
        print(point.chapter, point, *difference, sep="\n  ")
    return int(bool(result.differences))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for kind, what in (
        ("kills", "kill -9 of worker, its main process or a child alone, errands, beat, web"),
        ("jumps", "of an hour, of the host's clock or the database's"),
        ("cuts", "of all lines to the broker, some with all its memory"),
        ("away", "times that the broker is away for a minute"),
        ("restarts", "of PostgreSQL, some by kill -9; only where it may be restarted: under `start.py exec`"),
        ("sessions", "times that PostgreSQL ends all sessions"),
    ):
        parser.add_argument(f"--{kind}", type=int, default=0, help=what)
    parser.add_argument("--points", action="store_true", help="die at each point in each chapter of a life")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""What every bench says: on which machine, when, by which command, and its figures as a Markdown table."""

import os
import platform
import statistics
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from django.db import connection

PACKAGES = ("django", "celery", "requests", "gunicorn")


def preface(load: tuple[float, ...], *facts: str) -> str:
    """`load`: the machine's before the bench began."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return "\n".join(
        [
            f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} × {_processor()}, load before {load[0]:.1f}; "
            f"Python {platform.python_version()}, {packages}, PostgreSQL {connection.pg_version // 10000}.",
            *facts,
            "",
            f"    python3 start.py exec -- python bench/{' '.join([Path(sys.argv[0]).name, *sys.argv[1:]])}",
        ]
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The first column is words, the others are figures."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))


def spread(values: Sequence[float], digits: int = 2) -> str:
    """The median (least to most)."""
    middle, least, most = (f"{value:,.{digits}f}" for value in (statistics.median(values), min(values), max(values)))
    return middle if least == most else f"{middle} ({least} to {most})"


def percentile(values: Sequence[float], percent: float) -> float:
    """The least value that so many of a hundred do not exceed: one that was seen, never one in between."""
    in_order = sorted(values)
    return in_order[max(0, -int(-len(in_order) * percent // 100) - 1)]


def show_or_refuse(mistakes: Sequence[str], *parts: str) -> None:
    """Print the parts; nothing at all where the record is wrong: figures of wrong results are worthless."""
    if mistakes:
        sys.exit("Nothing is shown, because the record is wrong:\n- " + "\n- ".join(mistakes))
    print(*parts, sep="\n\n")


def _processor() -> str:
    with Path("/proc/cpuinfo").open() as lines:
        return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())

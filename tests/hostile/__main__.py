"""Everything that misbehaves, with the deadline of production:  python3 start.py exec -- python -m tests.hostile

Prints a line per case and port: cause, seconds, memory. Then all of them at once in one process, with fifty healthy
numbers beside them. Fails if anything is not as the table says.
"""

import contextlib
import os
import platform
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import django

from tests.hostile import looker
from tests.hostile.server import Ground, right

os.environ.update(looker.ENVIRONMENT)
django.setup()

from tests.hostile import table  # noqa: E402 (its causes carry texts, which Django must be ready for)

D = 8.0  # seconds, as in production
MOST_SECONDS = D + 0.5
MEGABYTE = 1 << 20
MOST_BYTES = 10 * MEGABYTE
NEIGHBOURS = 50


@dataclass(frozen=True)
class Line:
    case: table.Case
    seen: looker.Seen

    @property
    def is_right(self) -> bool:
        row, seen = self.case.row, self.seen
        is_expected = seen.cause in (row.becomes, row.or_else)
        return is_expected and seen.seconds <= MOST_SECONDS and seen.grown < MOST_BYTES

    def __str__(self) -> str:
        scheme = self.seen.url.partition(":")[0]
        mark = "" if self.is_right else "  <-- wrong"
        figures = f"{self.seen.seconds:6.2f} s {self.seen.grown / MEGABYTE:6.2f} MB"
        return f"{str(self.case)[:64]:64} {scheme:5} {self.seen.cause:20} {self.seen.received:20.20} {figures}{mark}"


def main() -> int:
    with contextlib.ExitStack() as stack:
        ground = Ground(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        healthy = stack.enter_context(ground.http(right)).url
        cases = {stack.enter_context(server).url: case for case in table.cases() for server in case.opened_on(ground)}
        common = {"right": healthy, "pem": ground.pem, "seconds": D}
        lasting, others = ([url for url, case in cases.items() if case.row.lasts is lasts] for lasts in (True, False))
        seen = looker.run(looker.Job(urls=lasting, at_once=len(lasting), **common))
        seen |= looker.run(looker.Job(urls=others, at_once=2, **common))
        everything = looker.Job(urls=list(cases), at_once=len(cases), neighbours=NEIGHBOURS, **common)
        beside = looker.run_beside_neighbours(everything)
    lines = [Line(case, seen[url]) for url, case in cases.items()]
    print(*lines, sep="\n")
    print(f"\n{len(lines)} looks at {len(list(table.cases()))} misbehaviours, Python {platform.python_version()}")
    print("slowest:", max(lines, key=lambda line: line.seen.seconds))
    print("largest:", max(lines, key=lambda line: line.seen.grown))
    print(f"{NEIGHBOURS} healthy numbers beside all of it at once: {beside}")
    return int(bool(beside.not_open) or not all(line.is_right for line in lines))


if __name__ == "__main__":
    sys.exit(main())

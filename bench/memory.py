"""What the watch takes of memory: python3 start.py exec -- python bench/memory.py [--channels 10000]

The real worker with two processes, the one for errands and beat, as production runs them, while everything is looked at
again and again. PSS: what processes share counts once, divided among them. A fleet as the sweep's: 97 of 100 answer.
"""

import argparse
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # this file is run by its path

from bench import begin

if __name__ == "__main__":  # nothing falls due by itself, and the second bad look opens an incident
    LOAD = begin.as_the_service(
        HEARTBEAT_INTERVAL_SECONDS=600, HEARTBEAT_RECHECK_SECONDS=600, HEARTBEAT_MINUTE_SECONDS=1, LOG_LEVEL="INFO"
    )

import psutil

from bench import fleet, product, sheet
from bench.plan import numbers
from bench.product import Watching, note

UPTIME_KUMA_MB = 280  # version 2.5 with 1,000 monitors, on another machine
PEEK_SECONDS = 0.5
TOGETHER, ALL = "the whole worker", "with errands and beat"
WORKER = "worker"  # and its processes: the budget's "whole worker"

Memory = dict[str, float]  # MB by the process's name


def main() -> None:
    given = arguments()
    with tempfile.TemporaryDirectory() as folder:
        samples, most, mistakes = measure(given, Path(folder) / "watch.log")
    sheet.show_or_refuse(
        mistakes,
        sheet.preface(
            LOAD,
            f"{given.channels} channels on {given.servers} servers, {given.processes} worker processes; MB of PSS, "
            "at rest after so many looks at everything, and the most while looking.",
        ),
        as_table(samples, most),
        verdict(samples, most),
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--channels", type=int, default=10_000)
    parser.add_argument("--servers", type=int, default=50)
    parser.add_argument("--processes", type=int, default=2, help="of the worker")
    parser.add_argument("--sweeps", type=int, default=20)
    return parser.parse_args()


def measure(given: argparse.Namespace, log: Path) -> tuple[list[Memory], Memory, list[str]]:
    """The memory after each sweep, the most while looking, and what is wrong with the record."""
    plan = list(numbers(given.channels, given.servers))
    samples, most, pids = [], {}, []
    with product.servers("bench/server.py", given.channels, given.servers) as urls:
        fleet.make(plan, {int(n): url for n, url in urls.items()})
        with product.watching(log, processes=given.processes) as watching:
            for n in range(given.sweeps):
                with _peeking(watching, most):
                    watching.look_at_everything()
                samples.append(megabytes(watching))
                pids.append({name: process.pid for name, process in watching.processes().items()})
                note(f"{n + 1}: {sum(samples[-1].values()):.0f} MB, the worker {of_the_worker(samples[-1]):.0f}")
            incidents = sum(number.behaviour != "open" for number in plan) if given.sweeps > 1 else 0
            return samples, most, fleet.mistakes(plan, incidents=incidents) + replaced(pids) + watching.errors()


def megabytes(watching: Watching) -> Memory:
    return {name: process.memory_full_info().pss / 1e6 for name, process in watching.processes().items()}


def of_the_worker(memory: Memory) -> float:
    return sum(of_it for name, of_it in memory.items() if name.startswith(WORKER))


@contextmanager
def _peeking(watching: Watching, most: Memory) -> Iterator[None]:
    """Keep the most that was seen of each, and of the worker's together: they need not have theirs at the same moment."""
    is_over = threading.Event()

    def peek() -> None:
        while not is_over.wait(PEEK_SECONDS):
            try:
                seen = megabytes(watching)
            except psutil.NoSuchProcess:
                continue
            for name, of_it in {**seen, TOGETHER: of_the_worker(seen), ALL: sum(seen.values())}.items():
                most[name] = max(most.get(name, 0.0), of_it)

    peeker = threading.Thread(target=peek)
    peeker.start()
    try:
        yield
    finally:
        is_over.set()
        peeker.join()


def replaced(pids: list[dict[str, int]]) -> list[str]:
    """A process that ends takes its memory with it: what follows is not its growth."""
    return ["processes came or went meanwhile"] if any(each != pids[0] for each in pids) else []


def as_table(samples: list[Memory], most: Memory) -> str:
    shown = sorted({n for n in (1, 3, 10, len(samples)) if n <= len(samples)})

    def row(title: str, values: list[float], at_most: float | None) -> list[str]:
        figures = [f"{values[n - 1]:.1f}" for n in shown]
        return [title, *figures, "-" if at_most is None else f"{at_most:.1f}", f"{growth(values):.0f}"]

    return sheet.table(
        ["", *[f"after {n}" for n in shown], "most", "growth a sweep, kB"],
        [
            *[row(name, [memory[name] for memory in samples], most.get(name)) for name in samples[0]],
            row(TOGETHER, [of_the_worker(memory) for memory in samples], most.get(TOGETHER)),
            row(ALL, [sum(memory.values()) for memory in samples], most.get(ALL)),
        ],
    )


def growth(values: list[float]) -> float:
    """kB a sweep in the second half, by least squares: in the first, caches and pools still fill."""
    half = values[len(values) // 2 :]
    if len(half) < 2:
        return 0.0
    middle, mean = (len(half) - 1) / 2, sum(half) / len(half)
    slope = sum((n - middle) * (value - mean) for n, value in enumerate(half))
    return 1000 * slope / sum((n - middle) ** 2 for n in range(len(half)))


def verdict(samples: list[Memory], most: Memory) -> str:
    few = samples[min(3, len(samples)) - 1]
    ratios = [of_the_worker(few), most.get(TOGETHER, of_the_worker(few)), sum(few.values())]
    after, at_most, with_all = (f"{megabytes_of / UPTIME_KUMA_MB:.2f}" for megabytes_of in ratios)
    return (
        f"Against {UPTIME_KUMA_MB} MB (Uptime Kuma 2.5 with 1,000 monitors, measured on another machine): the whole worker "
        f"{after} after {min(3, len(samples))} sweeps, {at_most} at most; with errands and beat {with_all}."
    )


if __name__ == "__main__":
    main()

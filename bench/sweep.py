"""How long a sweep takes, and what a look costs: python3 start.py exec -- python bench/sweep.py [--channels 5000]

All channels are asked for at once, as by "check now": the real bell, Celery's real worker, real HTTP, real PostgreSQL.
97 of 100 answer `open` after 50 ms; one port is closed, one says `close`, one never answers. Three sweeps follow each
other: nothing is known; every failure becomes an incident; nothing changes. Then the plain loop, on a sample.
"""

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # this file is run by its path

from bench.plan import numbers  # noqa: E402

PATIENCE_SECONDS = 120
PEEK_SECONDS = 0.04
SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "DEBUG": "0",
    "VIGIA_TESTING": "1",
    "EVOLUTION_ALLOWED_HOSTS": "127.0.0.0/8",
    # Nothing falls due by itself, and the second bad look opens an incident.
    "HEARTBEAT_INTERVAL_SECONDS": "600",
    "HEARTBEAT_RECHECK_SECONDS": "600",
    "HEARTBEAT_MINUTE_SECONDS": "1",
}


@dataclass(frozen=True, slots=True)
class Figures:
    wall: float  # seconds from asking until the last look is written
    looks: int
    watch: float  # CPU milliseconds a look, of the worker's processes
    looking: float  # of it the threads that look
    postgres: float
    servers: float
    others: float  # mean CPUs that were busy with something else
    failures_begun: float  # seconds after asking, the last look at a channel that was in error last time


def main() -> None:
    given = arguments()
    os.environ.update(SETTINGS, HEARTBEAT_TIMEOUT_SECONDS=str(given.deadline))
    import django

    django.setup()
    from tenants import scope

    scope.declare_service()
    load = os.getloadavg()
    with tempfile.TemporaryDirectory() as folder:
        table, mistakes = measure(given, Path(folder) / "worker.log")
    if mistakes:
        sys.exit("Nothing is shown, because the record is wrong:\n- " + "\n- ".join(mistakes))
    print(preface(given, load), table, sep="\n\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--channels", type=int, default=5000)
    parser.add_argument("--servers", type=int, default=50)
    parser.add_argument("--processes", type=int, default=2, help="of the worker")
    parser.add_argument("--plain-sample", type=int, default=300, help="channels that the plain loop looks at")
    parser.add_argument("--deadline", type=int, default=8, help="seconds, of one look")
    parser.add_argument("--repeats", type=int, default=3)
    # As between real sweeps, the servers have closed by then what was left open: they do so after five seconds.
    parser.add_argument("--rest", type=float, default=7, help="seconds between two sweeps")
    return parser.parse_args()


def measure(given: argparse.Namespace, log: Path) -> tuple[str, list[str]]:
    from bench import fleet, plain
    from bench.measure import Meter

    fleet_plan = list(numbers(given.channels, given.servers))
    failing = sum(number.behaviour != "open" for number in fleet_plan)
    hanging = sum(number.behaviour == "hangs" for number in fleet_plan)
    sample = [number.name for number in fleet_plan if number.behaviour != "hangs"][: given.plain_sample]
    columns: dict[str, list[Figures]] = {"nothing known": [], "incidents open": [], "steady": [], "plain": []}
    mistakes: list[str] = []
    with running("bench/server.py", given.channels, given.servers, stdout=subprocess.PIPE) as servers:
        fleet.make(fleet_plan, {int(n): url for n, url in json.loads(servers.stdout.readline()).items()})
        with (
            log.open("wb") as lines,
            running(*worker("watch", given.processes), stdout=lines, stderr=lines) as celery,
            running(*worker("errands", 1), stdout=lines, stderr=lines) as errands,
        ):
            wait_until(lambda: log.read_bytes().count(b" ready.") == 2, log)
            meter = Meter(worker=celery.pid, errands=errands.pid, servers=servers.pid)
            for repeat in range(given.repeats):
                fleet.forget_what_is_known()
                for name, incidents in (("nothing known", 0), ("incidents open", failing), ("steady", failing)):
                    time.sleep(given.rest)
                    columns[name].append(swept(meter, log))
                    mistakes += [f"{name}: {found}" for found in fleet.mistakes(fleet_plan, incidents=incidents)]
                    note(f"{repeat + 1}: {name}: {columns[name][-1]}")
                columns["plain"].append(plainly(meter, lambda: plain.look_at(sample, seconds=given.deadline), len(sample)))
                note(f"{repeat + 1}: plain: {columns['plain'][-1]}")
            mistakes += [f"the worker's log: {line}" for line in log.read_text().splitlines() if "level=error" in line][:5]
            memory = meter.watch_megabytes()
    return as_table(columns, given, hanging, memory), mistakes


def swept(meter, log: Path) -> Figures:
    """Ask for a look at everything, as the button does, and wait until all is written."""
    from bench.fleet import looks_so_far
    from channels_app import due
    from channels_app.models import Watch

    in_error = list(Watch.objects.filter(connection_status="error").values_list("pk", flat=True))
    looks, before, started = looks_so_far(), meter.read(), time.monotonic()
    sweep = due.request(by=None)
    wait_until(lambda: not sweep.waiting().exists(), log)
    wall, spent, looks = time.monotonic() - started, meter.read() - before, looks_so_far() - looks
    begun = Watch.objects.filter(pk__in=in_error).order_by("-look_started_at").values_list("look_started_at", flat=True).first()
    return figures(wall, looks, spent, failures_begun=(begun - sweep.started_at).total_seconds() if begun else 0.0)


def plainly(meter, loop: Callable[[], None], looks: int) -> Figures:
    before, own, started = meter.read(), time.process_time(), time.monotonic()
    loop()
    wall, own, spent = time.monotonic() - started, time.process_time() - own, meter.read() - before
    return figures(wall, looks, spent, watch=own)


def figures(wall: float, looks: int, spent, *, watch: float | None = None, failures_begun: float = 0.0) -> Figures:
    """`watch`: the CPU seconds of a loop in this process, instead of the worker's."""
    others = spent.machine - spent.postgres - spent.servers - (spent.watch if watch is None else watch)
    return Figures(
        wall=wall,
        looks=looks,
        watch=1000 * (spent.watch if watch is None else watch) / looks,
        looking=1000 * (spent.watch - spent.loops) / looks,
        postgres=1000 * spent.postgres / looks,
        servers=1000 * spent.servers / looks,
        others=others / wall,
        failures_begun=failures_begun,
    )


def worker(queue: str, processes: int) -> list[object]:
    of_its_own = ["-n", f"{queue}@%h", "--without-gossip", "--without-mingle"]
    return ["-m", "celery", "-A", "config", "worker", "-Q", queue, "-c", processes, *of_its_own]


@contextlib.contextmanager
def running(*argv: object, **streams: object) -> Iterator[subprocess.Popen]:
    process = subprocess.Popen([sys.executable, *map(str, argv)], cwd=ROOT, stdin=subprocess.PIPE, **streams)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def wait_until(is_true: Callable[[], bool], log: Path) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        if time.monotonic() > end:
            sys.exit("\n".join(["It did not come. The worker's last words:", *log.read_text().splitlines()[-20:]]))
        time.sleep(PEEK_SECONDS)


def note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def preface(given: argparse.Namespace, load: tuple[float, ...]) -> str:
    from django.db import connection

    with Path("/proc/cpuinfo").open() as lines:
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
    major = connection.pg_version // 10000
    packages = ", ".join(f"{name} {version(name)}" for name in ("django", "celery", "requests"))
    return (
        f"{datetime.now(UTC).date()}, {os.cpu_count()} × {model}, load before {load[0]:.1f}; "
        f"Python {platform.python_version()}, {packages}, PostgreSQL {major}.\n"
        f"{given.channels} channels on {given.servers} servers, {given.processes} worker processes, "
        f"deadline {given.deadline} s. Medians of {given.repeats} (least to most).\n\n"
        f"    python3 start.py exec -- python bench/{' '.join([Path(sys.argv[0]).name, *sys.argv[1:]])}"
    )


def as_table(columns: dict[str, list[Figures]], given: argparse.Namespace, hanging: int, memory: float) -> str:
    plain = columns["plain"]
    each = [f.wall / f.looks for f in plain]
    whole = [(given.channels - hanging) * one + hanging * given.deadline for one in each]
    sweeps = [columns[name] for name in ("nothing known", "incidents open", "steady")]

    def row(title: str, of: Callable[[Figures], float], digits: int, plainly: list[float] | None) -> str:
        cells = [spread([of(f) for f in column], digits) for column in sweeps]
        return f"| {title} | {' | '.join([*cells, spread(plainly, digits) if plainly else '-'])} |"

    return "\n".join(
        [
            f"| | nothing is known | incidents open | steady | plain loop, from {plain[0].looks} |",
            "| --- | --- | --- | --- | --- |",
            row("seconds", lambda f: f.wall, 2, whole),
            row("as a multiple of the deadline", lambda f: f.wall / given.deadline, 3, [w / given.deadline for w in whole]),
            row("looks a second", lambda f: f.looks / f.wall, 0, [given.channels / w for w in whole]),
            row("looks", lambda f: f.looks, 0, [given.channels]),
            row("CPU of a look, ms", lambda f: f.watch, 2, [f.watch for f in plain]),
            row("of it in the threads that look", lambda f: f.looking, 2, None),
            row("of it in the loop: claim, judge, write", lambda f: f.watch - f.looking, 2, None),
            row("PostgreSQL's CPU beside it, ms", lambda f: f.postgres, 2, [f.postgres for f in plain]),
            row("the servers' own CPU, ms", lambda f: f.servers, 2, [f.servers for f in plain]),
            row("last time's errors all begun after, s", lambda f: f.failures_begun, 2, None),
            row("CPUs busy with other things", lambda f: f.others, 2, [f.others for f in plain]),
            "",
            f"The worker's memory after it: {memory:.0f} MB. The plain loop's seconds are reckoned, not waited for: "
            f"the sample's time a look, and {given.deadline} s for each of the {hanging} that hang, one after the other.",
        ]
    )


def spread(values: list[float], digits: int) -> str:
    middle, least, most = (f"{value:,.{digits}f}" for value in (statistics.median(values), min(values), max(values)))
    return middle if least == most else f"{middle} ({least} to {most})"


if __name__ == "__main__":
    main()

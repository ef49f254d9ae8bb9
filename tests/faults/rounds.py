"""Rounds of one kind of fault each, and the table of what came of them."""

import argparse
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import psycopg
from django.conf import settings
from django.db import connection

from channels_app import deadman
from tests.faults.checker import Findings, check
from tests.faults.fleet import Fleet, Outage
from tests.faults.product import (
    HOUR,
    INTERVAL,
    TICK,
    Product,
    children,
    cut_all_lines,
    end_database_sessions,
    kill,
    kill_with_children,
)
from tests.faults.script import Script

SERVERS = 3
FAULTS_A_ROUND = 4
FALL, BLIP = 4, 2  # numbers of nine
BLIP_SECONDS = 3
LONGEST_PAUSE = 4  # seconds between two faults
AWAY = 60  # seconds without a broker
# Seconds until each number is looked at again. In production all of it lies within the interval; here a worker that is
# just leaving, being deaf, and the start of the next one are not shortened.
RESUMES_WITHIN = INTERVAL + TICK + deadman.LEAVE_SECONDS + 5


@dataclass
class Tally:
    """What befell the product by one kind of fault, and what the record was like after it."""

    faults: Counter = field(default_factory=Counter)
    outages: int = 0
    blips: int = 0
    found: Findings = field(default_factory=Findings)


def run(given: argparse.Namespace, chance: random.Random, folder: Path) -> int:
    """Return the exit code."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    print(f"seed {given.seed}", flush=True)
    kinds = [kind for kind in KINDS if getattr(given, kind)]
    tallies = {kind: Tally() for kind in kinds}
    with Script(SERVERS) as script, Product(folder) as product:
        product.starts()
        product.is_whole()
        fleet = None
        for kind in kinds:
            coming = deal(KINDS[kind], chance)
            while (left := getattr(given, kind) - tallies[kind].faults.total()) > 0:
                faults = list(islice(coming, min(left, FAULTS_A_ROUND)))
                fleet = Fleet(product, script, before=fleet)
                play(fleet, faults, chance, tallies[kind])
                fleet.retires()
                tell(kind, tallies[kind])
    if any(tally.found for tally in tallies.values()):
        product.shows_logs()
    print(as_table(tallies), flush=True)
    return int(any(tally.found for tally in tallies.values()))


def deal(faults: Sequence[Callable], chance: random.Random) -> Iterator[Callable]:
    """Yield without end, shuffled, none again before all others have been: a run of two has both kinds of a restart."""
    while True:
        yield from chance.sample(faults, len(faults))


def play(fleet: Fleet, faults: list[Callable], chance: random.Random, tally: Tally) -> None:
    """One round: half of the faults while numbers are down, the others while they come back."""
    product = fleet.product
    fleet.is_connected()
    chosen = chance.sample(fleet.numbers, FALL + BLIP)
    outages = fleet.falls(*chosen[:FALL])
    blips = fleet.falls(*chosen[FALL:], is_blip=True)
    product.rests(BLIP_SECONDS)
    fleet.rises(*blips)
    half = len(faults) // 2
    befall(fleet, outages, faults[:half], chance, tally)
    product.wait_until(lambda: fleet.has_opened(outages), "the incidents opened")
    fleet.rises(*outages)
    befall(fleet, outages, faults[half:], chance, tally)
    product.wait_until(lambda: fleet.has_resolved(outages), "the incidents resolved")
    fleet.is_connected()
    tally.outages, tally.blips = tally.outages + len(outages), tally.blips + len(blips)
    tally.found += check(fleet, times=not fleet.clock_was_moved)
    product.levers.host_seconds = product.levers.database_seconds = 0


def befall(fleet: Fleet, outages: list[Outage], faults: list[Callable], chance: random.Random, tally: Tally) -> None:
    for fault in faults:
        fleet.product.rests(chance.uniform(0, LONGEST_PAUSE))
        fleet.suffers(outages, lambda fault=fault: (fault(fleet, chance), fleet.product.is_whole()))
        tally.faults[fault.__name__] += 1


# --- The kinds -------------------------------------------------------------------------------------------------------


def worker_and_children(fleet: Fleet, _chance: random.Random) -> None:
    kill_with_children(fleet.product.of("worker"))


def worker_alone(fleet: Fleet, _chance: random.Random) -> None:
    kill(fleet.product.of("worker").pid)


def child(fleet: Fleet, chance: random.Random) -> None:
    if living := children(fleet.product.of("worker")):
        kill(chance.choice(living))


def errands(fleet: Fleet, _chance: random.Random) -> None:
    kill_with_children(fleet.product.of("errands"))


def beat(fleet: Fleet, _chance: random.Random) -> None:
    kill_with_children(fleet.product.of("beat"))


def web(fleet: Fleet, _chance: random.Random) -> None:
    kill_with_children(fleet.product.of("web"))


def host_jumps(fleet: Fleet, chance: random.Random) -> None:
    fleet.product.levers.host_seconds = _another(fleet.product.levers.host_seconds, chance)


def database_jumps(fleet: Fleet, chance: random.Random) -> None:
    fleet.clock_was_moved = True
    fleet.product.levers.database_seconds = _another(fleet.product.levers.database_seconds, chance)


def _another(seconds: float, chance: random.Random) -> float:
    return chance.choice([offset for offset in (-HOUR, 0, HOUR) if offset != seconds])


def lines_are_cut(fleet: Fleet, _chance: random.Random) -> None:
    cut_all_lines(fleet.product.broker.url)


def broker_forgets(fleet: Fleet, _chance: random.Random) -> None:
    fleet.product.broker.forgets()
    cut_all_lines(fleet.product.broker.url)


def broker_is_away(fleet: Fleet, _chance: random.Random) -> None:
    """For a minute, longer than any loop: the workers are deaf by then, and ended themselves. All go on when it is back."""
    broker, product = fleet.product.broker, fleet.product
    broker.is_killed()
    product.rests(AWAY)
    broker.comes_back()
    fleet.script.visits()
    back, unseen = time.monotonic(), {number.key for number in fleet.numbers}
    product.wait_until(
        lambda: unseen.difference_update(visit.number for visit in fleet.script.visits()) or not unseen, "looks went on"
    )
    took = time.monotonic() - back
    sentence = f"looks went on {took:.1f} s after the broker was back"
    print(f"  {sentence}", flush=True)
    if took > RESUMES_WITHIN:
        fleet.late.append(sentence)


def sessions_end(_fleet: Fleet, _chance: random.Random) -> None:
    end_database_sessions()


def postgres_restarts(fleet: Fleet, _chance: random.Random) -> None:
    _end_postgres(fleet, signal.SIGINT)


def postgres_is_killed(fleet: Fleet, _chance: random.Random) -> None:
    _end_postgres(fleet, signal.SIGKILL)


def _end_postgres(fleet: Fleet, number: signal.Signals) -> None:
    """End the server that we are a client of; whoever runs it starts it again."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        (backend,) = cursor.fetchone()
    server = int(Path("/proc", str(backend), "stat").read_text().rpartition(")")[2].split()[1])
    os.kill(server, number)
    connection.close()
    time.sleep(1)
    fleet.product.wait_until(_postgres_answers, "PostgreSQL is back")


def _postgres_answers() -> bool:
    try:
        psycopg.connect(os.environ["DATABASE_URL"]).close()
    except psycopg.OperationalError:
        return False
    return True


KINDS: dict[str, list[Callable]] = {
    "kills": [worker_and_children, worker_alone, child, errands, beat, web],
    "jumps": [host_jumps, database_jumps],
    "cuts": [lines_are_cut, broker_forgets],
    "away": [broker_is_away],
    "sessions": [sessions_end],
    "restarts": [postgres_restarts, postgres_is_killed],
}


# --- The table -------------------------------------------------------------------------------------------------------


def tell(kind: str, tally: Tally) -> None:
    print(f"{time.strftime('%H:%M:%S')} {kind}: {tally.faults.total()} so far, {tally.outages} outages", flush=True)
    for name, sentences in vars(tally.found).items():
        print(*(f"  {name}: {sentence}" for sentence in sentences), sep="\n", end="\n" if sentences else "", flush=True)


def as_table(tallies: dict[str, Tally]) -> str:
    lines = [
        "| fault | n | outages | blips | lost | doubled | invented | late | broken | misread |",
        f"| --- |{' ---: |' * 9}",
    ]
    for kind, tally in tallies.items():
        of_each = ", ".join(f"{name} {n}" for name, n in sorted(tally.faults.items()))
        counts = [len(sentences) for sentences in vars(tally.found).values()]
        cells = [f"{kind}: {of_each}", tally.faults.total(), tally.outages, tally.blips, *counts]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)

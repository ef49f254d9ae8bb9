"""What it costs to write what was seen: python3 start.py exec -- python bench/write.py [--channels 10000]

The product's way (claim, then `flush` with 500 looks, each flush a transaction with judgement, state, periods and
servers in it) beside the least that any way must do: one UPDATE ... FROM unnest of the same rows and columns, with the
values at hand and nothing judged. No server and no worker: readings are made up, one round every two invented minutes.
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # this file is run by its path

from bench import begin

INTERVAL_SECONDS = 120
if __name__ == "__main__":
    LOAD = begin.as_the_service(HEARTBEAT_INTERVAL_SECONDS=INTERVAL_SECONDS, LOG_LEVEL="WARNING")

from django.db import connection, transaction  # noqa: E402

from bench import fleet as rows  # noqa: E402
from bench import sheet  # noqa: E402
from bench.plan import closed_servers, numbers  # noqa: E402
from bench.product import note  # noqa: E402
from channels_app import invariants  # noqa: E402
from channels_app.flush import Look, flush  # noqa: E402
from channels_app.models import Watch  # noqa: E402
from channels_app.turns import Turns  # noqa: E402
from core import clock  # noqa: E402
from incidents.readings import Reading, Status  # noqa: E402

INTERVAL = timedelta(seconds=INTERVAL_SECONDS)
CHANGES_PERCENT = 3
KNOWN_AFTER = 2  # rounds: the first opens the periods
ROUNDS_A_REPEAT = 5
# Columns of a watch that a flush leaves alone: whose row it is, the claim's, the request's, the list's.
NOT_FLUSHED = {"channel", "tenant", "look_no", "look_started_at", "requested_at", "listed", "listed_at"}
MOVED = {"last_health_check", "last_verdict_at", "next_look_at"}  # by each look
TABLES = ("channels_app_watch", "channels_app_reachability")


@dataclass(slots=True)
class Timing:
    """Seconds that went by, and of them those in statements."""

    wall: float = 0.0
    statements: float = 0.0
    watches: float = 0.0  # of these, the UPDATE of the watches


@dataclass(slots=True)
class Fleet:
    """The numbers, who of them is down, and the invented moment of the last round."""

    channels: int
    batch: int
    at: datetime
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    down: set[int] = field(default_factory=set)
    turn: int = 0
    counted: Counter = field(default_factory=Counter)
    expected: Counter = field(default_factory=Counter)

    def changes(self, percent: float) -> None:
        """Those that are down come back, and as many others fall. All fall in turn, so that nobody's outage lasts or recurs."""
        falling = round(self.channels * percent / 200)
        self.turn += falling
        in_turn = [*self.ids(), *self.ids()][(self.turn - falling) % self.channels :]
        self.down = set(in_turn[:falling])

    def ids(self) -> list[int]:
        return list(Watch.objects.order_by("pk").values_list("pk", flat=True))


def main() -> None:
    given = arguments()
    fleet = make(given)
    times, bulk = measure_times(fleet, given)
    hot = measure_hot(fleet, given)
    sheet.show_or_refuse(
        mistakes(fleet),
        sheet.preface(
            LOAD,
            f"{given.channels} results, {given.batch} a transaction; medians of {given.repeats} (least to most), "
            "multiples by pairs of the same round.",
        ),
        table_of_times(times, bulk, given),
        table_of_hot(hot, given),
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--channels", type=int, default=10_000)
    parser.add_argument("--servers", type=int, default=50)
    parser.add_argument("--batch", type=int, default=500, help="looks of one flush")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=20, help="of claim and flush, for the share of HOT updates")
    parser.add_argument("--bulk-sample", type=int, default=500, help="rows that bulk_update writes")
    return parser.parse_args()


def make(given: argparse.Namespace) -> Fleet:
    """All numbers known and open. The rounds' moments lie in the past, so that the next look is always due."""
    servers = range(1, 1 + given.servers + closed_servers(given.servers))
    rows.make(list(numbers(given.channels, given.servers)), {n: f"http://127.0.0.1:{n}" for n in servers})
    rounds = KNOWN_AFTER + ROUNDS_A_REPEAT * given.repeats + given.rounds
    fleet = Fleet(given.channels, given.batch, clock.database_now() - (rounds + 1) * INTERVAL)
    for _ in range(KNOWN_AFTER):
        flushed(fleet)
    return fleet


def measure_times(fleet: Fleet, given: argparse.Namespace) -> tuple[dict[str, list[Timing]], list[float]]:
    """Each way in turn, round by round, so that all of them meet the same machine and the same table."""
    times: dict[str, list[Timing]] = {"raw": [], "steady": [], "changing": [], "raw at once": []}
    bulk = []
    for n in range(given.repeats):
        fleet.changes(0)
        flushed(fleet)  # those of the last round come back, outside the figures
        times["raw"].append(raw(fleet, given.batch))
        times["steady"].append(flushed(fleet))
        times["raw at once"].append(raw(fleet, fleet.channels))
        fleet.changes(CHANGES_PERCENT)
        times["changing"].append(flushed(fleet))
        bulk.append(bulk_updated(given.bulk_sample) * fleet.channels / given.bulk_sample)
        note(f"{n + 1}: " + ", ".join(f"{name} {found[-1].wall:.2f} s" for name, found in times.items()))
    return times, bulk


def measure_hot(fleet: Fleet, given: argparse.Namespace) -> dict[str, dict[str, int]]:
    """Rounds as the loop makes them, claim and flush, with a change in each and autovacuum as it comes."""
    before = statistics_of_tables()
    for _ in range(given.rounds):
        fleet.changes(CHANGES_PERCENT)
        flushed(fleet)
    after = statistics_of_tables()
    sizes = {table: {"pages before": before[table]["pages"], "pages after": after[table]["pages"]} for table in TABLES}
    return {table: {key: after[table][key] - before[table][key] for key in after[table]} | sizes[table] for table in TABLES}


# --- The ways ---------------------------------------------------------------------------------------------------------


def flushed(fleet: Fleet) -> Timing:
    """Claim all, then flush what was seen, 500 by 500: the product's way. Only the flushes are timed."""
    fleet.at += INTERVAL
    turns = Turns()
    claimed = list(iter(lambda: turns.claim(fleet.batch), []))
    batches = [[_look(order, fleet.at, is_down=order.channel_id in fleet.down) for order in orders] for orders in claimed]
    with _timed() as timing:
        for looks in batches:
            fleet.counted += flush(looks)
    fleet.expected += Counter(healthy=fleet.channels - len(fleet.down), unhealthy=len(fleet.down))
    return timing


def _look(order, at: datetime, *, is_down: bool):

    if is_down:
        seen = Reading(at=at, status=Status.DISCONNECTED, cause="logged_out", raw_state="close", code=401, took_ms=90)
    else:
        seen = Reading(at=at, status=Status.OPEN, cause="connected", raw_state="open", took_ms=55)
    return Look(order, seen)


def raw(fleet: Fleet, batch: int) -> Timing:
    """The same columns of the same rows from arrays, as one more look would leave them; nothing is read, judged or locked."""
    fleet.at += INTERVAL
    ids = fleet.ids()
    fleet.chance.shuffle(ids)  # as claims come: of every page some
    batches = [_values(sorted(ids[start : start + batch])) for start in range(0, len(ids), batch)]
    statement = _raw_statement()
    with _timed() as timing:
        for values in batches:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement, values)
    return timing


def _columns() -> dict[str, str]:
    """Column and type of all that a flush writes."""
    written = [field for field in Watch._meta.concrete_fields if field.name not in NOT_FLUSHED]
    return {field.column: field.db_type(connection) for field in written}


def _values(ids: list[int]) -> list[list]:
    """The ids, then each column's values in their order."""
    read = [f"{name} + %(interval)s" if name in MOVED else _as_text(name, kind) for name, kind in _columns().items()]
    with connection.cursor() as cursor:
        cursor.execute(
            f"select channel_id, {', '.join(read)} from channels_app_watch where channel_id = any(%(ids)s) order by channel_id",
            {"interval": INTERVAL, "ids": ids},
        )
        return [list(column) for column in zip(*cursor.fetchall(), strict=True)]


def _raw_statement() -> str:
    columns = _columns()
    arrays = ", ".join(f"%s::{'text' if _is_nested(kind) else kind}[]" for kind in columns.values())
    return f"""
        update channels_app_watch w set {", ".join(f"{name} = v.{name}::{kind}" for name, kind in columns.items())}
        from unnest(%s::bigint[], {arrays}) as v (channel_id, {", ".join(columns)})
        where w.channel_id = v.channel_id
    """


def _as_text(name: str, kind: str) -> str:
    return f"{name}::text" if _is_nested(kind) else name


def _is_nested(kind: str) -> bool:
    """Arrays cannot be unnested into arrays, and JSON comes back as Python's objects: both travel as text."""
    return kind.endswith("[]") or kind == "jsonb"


def bulk_updated(sample: int) -> float:
    """Seconds of Django's own way for many rows, on a sample: all of them would take minutes."""
    names = [field.name for field in Watch._meta.concrete_fields if field.name not in NOT_FLUSHED]
    watches = list(Watch.objects.order_by("pk")[:sample])
    started = time.perf_counter()
    with transaction.atomic():
        Watch.objects.bulk_update(watches, names)
    return time.perf_counter() - started


@contextmanager
def _timed() -> Iterator[Timing]:
    timing = Timing()

    def count(execute: Callable, sql: str, *rest: object) -> object:
        started = time.perf_counter()
        try:
            return execute(sql, *rest)
        finally:
            took = time.perf_counter() - started
            timing.statements += took
            if "update channels_app_watch" in sql:
                timing.watches += took

    started = time.perf_counter()
    with connection.execute_wrapper(count):
        yield timing
    timing.wall = time.perf_counter() - started


# --- What is said -----------------------------------------------------------------------------------------------------


def statistics_of_tables() -> dict[str, dict[str, int]]:
    with connection.cursor() as cursor:
        cursor.execute("select pg_stat_force_next_flush()")
        cursor.execute("select 1")  # ours are sent with the end of this transaction
        cursor.execute(
            "select relname, n_tup_upd, n_tup_hot_upd, autovacuum_count, pg_relation_size(relid) / 8192 "
            "from pg_stat_user_tables where relname = any(%s)",
            [list(TABLES)],
        )
        keys = ("updates", "hot", "autovacuums", "pages")
        return {name: dict(zip(keys, found, strict=True)) for name, *found in cursor.fetchall()}


def mistakes(fleet: Fleet) -> list[str]:
    """What is not on record as it must be."""
    found = []
    kept = ("healthy", "unhealthy", "unknowable", "unseen", "dropped", "failed", "opened", "resolved")
    if wrong := {name: fleet.counted[name] for name in kept if fleet.counted[name] != fleet.expected[name]}:
        found.append(f"the flushes counted {wrong} where {dict(fleet.expected)} were expected")
    down = set(Watch.objects.filter(cause="logged_out").values_list("pk", flat=True))
    up = Watch.objects.filter(cause="connected").count()
    if down != fleet.down or up != fleet.channels - len(down):
        found.append(f"{len(down)} are down and {up} connected, where {len(fleet.down)} of {fleet.channels} fell")
    return found + [f"{name}: {ids[:5]}" for name, ids in invariants.violations().items() if ids]


def table_of_times(times: dict[str, list[Timing]], bulk: list[float], given: argparse.Namespace) -> str:
    baseline = [timing.wall for timing in times["raw"]]

    def row(title: str, seconds: list[float]) -> list[str]:
        ratios = [one / base for one, base in zip(seconds, baseline, strict=True)]
        return [title, sheet.spread(seconds, 3), sheet.spread(ratios)]

    def parts(name: str) -> Iterator[list[str]]:
        yield row("of it all its statements", [timing.statements for timing in times[name]])
        yield row("of these the UPDATE of the watches", [timing.watches for timing in times[name]])
        yield row("the rest: judging, arrays, begin and commit", [timing.wall - timing.statements for timing in times[name]])

    return sheet.table(
        ["", "seconds", "× raw"],
        [
            row("raw UPDATE ... FROM unnest", baseline),
            row("flush, nothing changes", [timing.wall for timing in times["steady"]]),
            *parts("steady"),
            row(f"flush, {CHANGES_PERCENT} % change", [timing.wall for timing in times["changing"]]),
            *parts("changing"),
            row("raw, all in one statement", [timing.wall for timing in times["raw at once"]]),
            row(f"bulk_update, reckoned from {given.bulk_sample} rows", bulk),
        ],
    )


def table_of_hot(hot: dict[str, dict[str, int]], given: argparse.Namespace) -> str:
    return sheet.table(
        [
            f"{given.rounds} rounds of claim and flush, {CHANGES_PERCENT} % change",
            "updates",
            "HOT",
            "%",
            "autovacuums",
            "pages",
        ],
        [
            [
                table,
                f"{found['updates']:,}",
                f"{found['hot']:,}",
                f"{100 * found['hot'] / found['updates']:.1f}" if found["updates"] else "-",
                str(found["autovacuums"]),
                f"{found['pages before']:,} to {found['pages after']:,}",
            ]
            for table, found in hot.items()
        ],
    )


if __name__ == "__main__":
    main()

"""How long a sweep takes, and what a look costs: python3 start.py exec -- python bench/sweep.py [--channels 5000]

All channels are asked for at once, as by "check now": the real bell, Celery's real worker, real HTTP, real PostgreSQL.
Three sweeps follow each other: nothing is known; every failure becomes an incident; nothing changes. What the servers
do in each scenario: bench/plan.py. What is compared with: bench/rivals.py. Several sizes, scenarios and numbers of
processes are measured one after the other, each with each; --all measures what docs/performance.md shows.
"""

import argparse
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # this file is run by its path

from bench import begin, plan, stage

if TYPE_CHECKING:
    from bench.trial import Trial

RIVALS = ("loop", "threads", "node")


def main() -> None:
    given = arguments()
    load = begin.as_the_service(**stage.SETTINGS, HEARTBEAT_TIMEOUT_SECONDS=given.deadline)
    from bench import fleet, report, trial

    fleet.refuse_a_full_database()
    outcomes = [trial.run(one) for one in trials(given)]
    right = [outcome for outcome in outcomes if not outcome.mistakes]
    if right:
        print(report.of(right, load))
    if wrong := [outcome for outcome in outcomes if outcome.mistakes]:
        sys.exit("\n".join(["Nothing is shown of these, because the record is wrong:", *map(report.mistakes, wrong)]))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="everything that docs/performance.md shows; half an hour")
    parser.add_argument("--channels", type=int, nargs="+", default=[5000])
    parser.add_argument("--scenario", choices=plan.SCENARIOS, nargs="+", default=["plain"])
    parser.add_argument("--processes", type=int, nargs="+", default=[2], help="of the worker")
    parser.add_argument("--against", choices=RIVALS, nargs="*", default=[], help="over the same servers")
    parser.add_argument("--servers", type=int, help="one for each hundred channels, where it is not given")
    parser.add_argument("--sample", type=int, default=300, help="channels that a loop looks at")
    parser.add_argument("--deadline", type=int, default=8, help="seconds, of one look")
    parser.add_argument("--rounds", type=int, default=3, help="of three sweeps, each on a new fleet")
    # As between real sweeps, the servers have closed by then what was left open: they do so after five seconds.
    parser.add_argument("--rest", type=float, default=7, help="seconds between two sweeps")
    return parser.parse_args()


def trials(given: argparse.Namespace) -> Iterator["Trial"]:
    from bench.trial import Trial

    def one(scenario: str, channels: int, processes: int, *, rounds: int = given.rounds, against=()) -> Trial:
        servers = given.servers or plan.usual_servers(channels)
        its = {"servers": servers, "rounds": rounds, "against": tuple(against)}
        its |= {"deadline": given.deadline, "rest": given.rest, "sample": given.sample}
        return Trial(scenario=scenario, channels=channels, processes=processes, **its)

    if not given.all:
        for scenario, channels, processes in product(given.scenario, given.channels, given.processes):
            yield one(scenario, channels, processes, against=given.against if processes == given.processes[0] else ())
        return
    for channels in (1_000, 5_000, 10_000):
        yield one("plain", channels, 2, rounds=2, against=RIVALS if channels == 5_000 else ())
    yield one("plain", 100_000, 2, rounds=1)
    for processes in (1, 4):
        yield one("plain", 5_000, processes, rounds=2)
    for scenario in ("realistic", "dark", "dripping"):
        yield one(scenario, 5_000, 2, rounds=2)
    yield one("https", 5_000, 2, rounds=2, against=RIVALS)


if __name__ == "__main__":
    main()

"""What a sweep may take, and whether it did: ratios within one run, on one machine."""

import statistics
from collections.abc import Callable, Iterator

from bench.trial import ONSET, Figures, Outcome

PROCESSES = 2


def judge(outcomes: list[Outcome]) -> list[list[str]]:
    """Return a row for each budget of which enough was measured: its name, what is asked for, the figure, the verdict."""
    by_name = {(o.trial.scenario, o.trial.channels): o for o in outcomes if o.trial.processes == PROCESSES}
    rows = []
    for name, most, unit, measured in [*_of_sizes(by_name), *_of_tls(by_name), *_of_trouble(by_name)]:
        rows.append([name, f"at most {most:g}{unit}", f"{measured:.3f}{unit}", "met" if measured <= most else "**missed**"])
    return rows


Budget = tuple[str, float, str, float]


def _of_sizes(by_name: dict) -> Iterator[Budget]:
    for number, channels, unknown, steady in (("B1", 5_000, 1.35, 1.05), ("B2", 10_000, 1.5, 1.1)):
        if outcome := by_name.get(("plain", channels)):
            yield f"{number}: {channels:,}, nothing known", unknown, " × deadline", _multiple(outcome, "nothing known")
            yield f"{number}: {channels:,}, steady", steady, " × deadline", _multiple(outcome, "steady")
    if outcome := by_name.get(("plain", 100_000)):
        for phase in ("nothing known", "steady"):
            yield f"B2: 100,000, {phase}", 60, " s", _median(outcome, phase, lambda f: f.wall)


def _of_tls(by_name: dict) -> Iterator[Budget]:
    for (scenario, channels), secured in by_name.items():
        if scenario != "https":
            continue
        if open_ := by_name.get(("plain", channels)):
            for phase in ("nothing known", "steady"):
                ratio = _median(secured, phase, _cpu) / _median(open_, phase, _cpu)
                yield f"B4: HTTPS, CPU a look, {phase}", 2, " × HTTP", ratio
        for rival in secured.rivals:
            if "threads" in rival.title:
                ratio = _median(secured, "steady", _cpu) / rival.cpu
                yield "B4: HTTPS, CPU a look", 1 / 15, " × requests.get as it comes", ratio


def _of_trouble(by_name: dict) -> Iterator[Budget]:
    for (scenario, _channels), outcome in by_name.items():
        for phase in ("nothing known", ONSET, "steady"):
            if scenario == "dark":
                yield f"B6: 30 % dark, {phase}", 2, " × deadline", _multiple(outcome, phase)
                others = _median(outcome, phase, lambda f: f.others) / outcome.trial.deadline
                yield f"B6: 30 % dark, all others seen, {phase}", 1.4, " × deadline", others
            if scenario == "dripping":
                yield f"B6: dripping servers, {phase}", 1.1, " × deadline", _multiple(outcome, phase)


def _multiple(outcome: Outcome, phase: str) -> float:
    return _median(outcome, phase, lambda f: f.wall) / outcome.trial.deadline


def _cpu(figures: Figures) -> float:
    return figures.watch


def _median(outcome: Outcome, phase: str, of: Callable[[Figures], float]) -> float:
    return statistics.median(map(of, outcome.sweeps[phase]))

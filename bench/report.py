"""What was measured, as the tables of docs/performance.md: ratios first."""

import statistics
from collections.abc import Callable, Iterable

from django.conf import settings

from bench import budgets, sheet
from bench.trial import ONSET, PHASES, Figures, Outcome

COSTLY = ("nothing known", "steady")  # the phases whose CPU is shown
OTHERS = ("nothing known", ONSET)  # the phases of which it is shown how soon all but the dark server's were seen


def of(outcomes: list[Outcome], load: tuple[float, ...]) -> str:
    parts = [_preface(outcomes, load), _sweeps(outcomes), _looks(outcomes)]
    if any(outcome.rivals for outcome in outcomes):
        parts.append(_rivals(outcomes))
    if judged := budgets.judge(outcomes):
        parts.append(_table("Against the budgets", ["budget", "asked for", "measured", ""], judged))
    return "\n\n".join(parts)


def mistakes(outcome: Outcome) -> str:
    return "\n- ".join([f"{' | '.join(_name(outcome))}:", *outcome.mistakes])


def _preface(outcomes: list[Outcome], load: tuple[float, ...]) -> str:
    deadline = outcomes[0].trial.deadline
    return sheet.preface(
        load,
        f"Deadline {deadline} s, {settings.WATCH_THREADS} threads a process. Medians, and least to most of several rounds.",
    )


def _sweeps(outcomes: list[Outcome]) -> str:
    def row(outcome: Outcome) -> list[str]:
        deadline, is_dark = outcome.trial.deadline, outcome.trial.scenario == "dark"
        steady = outcome.sweeps["steady"]
        return [
            *_name(outcome),
            *(_spread((f.wall / deadline for f in outcome.sweeps[phase]), 3) for phase in (*PHASES, ONSET)),
            *(_spread((f.others / deadline for f in outcome.sweeps[phase] if is_dark), 3) for phase in OTHERS),
            _spread((f.wall for f in steady), 2),
            _spread((outcome.trial.channels / f.wall for f in steady), 0),
            _spread((f.failures_begun for f in steady), 2),
            str(outcome.homes),
            str(outcome.trial.rounds),
            f"{outcome.memory:.0f}",
        ]

    head = [*_NAME, *PHASES, ONSET, *(f"others seen, {phase}" for phase in OTHERS)]
    head += ["steady, s", "looks a second", "failures begun, s", "servers", "rounds", "workers' MB"]
    title = "The sweep, as a multiple of the deadline; the others are those that stand on no dark server"
    return _table(title, head, map(row, outcomes))


def _looks(outcomes: list[Outcome]) -> str:
    columns: dict[str, tuple[Callable[[Figures], float], int]] = {
        "look": (lambda f: f.look, 2),
        "claim": (lambda f: f.claim, 3),
        "judge": (lambda f: f.judge, 3),
        "write": (lambda f: f.write, 3),
        "loop": (lambda f: f.loop, 3),
        "Celery": (lambda f: f.celery, 3),
        "lists": (lambda f: f.errands, 3),
        "together": (lambda f: f.watch, 2),
        "database": (lambda f: f.postgres, 2),
        "servers": (lambda f: f.servers, 2),
        "new connections a look": (lambda f: f.connections, 2),
        "claims a look": (lambda f: f.claims, 2),
        "CPUs busy with other things": (lambda f: f.busy, 2),
    }

    def row(outcome: Outcome, phase: str) -> list[str]:
        seen = outcome.sweeps[phase]
        return [*_name(outcome), phase, *(_spread(map(of, seen), digits) for of, digits in columns.values())]

    rows = [row(outcome, phase) for outcome in outcomes for phase in COSTLY]
    return _table("CPU of a look, in milliseconds", [*_NAME, "", *columns], rows)


def _rivals(outcomes: list[Outcome]) -> str:
    rows = []
    for outcome in outcomes:
        wall, cpu = (statistics.median(map(of, outcome.sweeps["steady"])) for of in (lambda f: f.wall, lambda f: f.watch))
        for rival in outcome.rivals:
            figures = [f"{rival.wall / wall:.1f}", f"{rival.cpu / cpu:.1f}", f"{rival.wall:.1f}", f"{rival.cpu:.2f}"]
            figures = [rival.missing, "-", "-", "-"] if rival.missing else figures
            rows.append([*_name(outcome), rival.title, *figures, f"{rival.looks:,}"])
    head = [*_NAME, "", "time, × ours", "CPU a look, × ours", "s", "CPU a look, ms", "looks measured"]
    return _table("Against what one writes first, as a multiple of our steady sweep", head, rows) + (
        "\n\nThe loops' seconds are reckoned, not waited for: the sample's time a look, and the deadline for each that never "
        "answers. Threads and Node only look; the plain loop writes too; ours has claimed, judged and written."
    )


_NAME = ["channels", "scenario", "processes"]


def _name(outcome: Outcome) -> list[str]:
    return [f"{outcome.trial.channels:,}", outcome.trial.scenario, str(outcome.trial.processes)]


def _table(title: str, head: list[str], rows: Iterable[list[str]]) -> str:
    return f"{title}.\n\n{sheet.table(head, rows)}"


def _spread(values: Iterable[float], digits: int) -> str:
    """Tell them as `sheet` does; what was not measured is a dash, and a share too small to tell is never below 0."""
    values = [max(0.0, value) for value in values]
    return sheet.spread(values, digits) if values else "-"

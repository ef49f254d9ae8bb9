"""One configuration, measured: a fleet, its servers and its workers, and sweeps that follow each other.

Three to a round, each round on a new fleet: nothing is known; every failure becomes an incident; nothing changes.
"""

import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from bench import authority, fleet, plan, rivals, stage
from bench.measure import Cpu, Meter
from bench.plan import Number
from bench.rivals import Rival
from bench.stage import Servers, Stuck, Workers
from channels_app import bell, due
from channels_app.models import Sweep, Watch

PHASES = ("nothing known", "incidents open", "steady")
PEEK_A_CHANNEL = 1e-5  # seconds between two peeks, a channel: each reads the whole fleet


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is to be measured."""

    scenario: str
    channels: int
    processes: int
    servers: int
    deadline: int  # seconds, of one look
    rounds: int
    rest: float  # seconds between two sweeps
    sample: int  # channels that a loop looks at, where only a sample is taken
    against: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One sweep. CPU in milliseconds a channel: each is looked at once, whatever was claimed and handed back before."""

    wall: float  # seconds from asking until the last look is written
    others: float  # and until the last one is that stands on no dark server; 0 where none is dark
    failures_begun: float  # and until the last look begins at a channel that was in error last time
    claims: float  # a channel
    connections: float  # a channel
    watch: float  # the workers' processes, of which:
    look: float
    claim: float
    judge: float
    write: float
    loop: float
    celery: float
    errands: float
    postgres: float  # beside it
    servers: float
    busy: float  # mean CPUs that were busy with something else


@dataclass(slots=True)
class Outcome:
    trial: Trial
    homes: int = 0
    hanging: int = 0
    sweeps: dict[str, list[Figures]] = field(default_factory=lambda: {phase: [] for phase in PHASES})
    rivals: list[Rival] = field(default_factory=list)
    memory: float = 0.0  # megabytes of the workers, afterwards
    mistakes: list[str] = field(default_factory=list)


def run(trial: Trial) -> Outcome:
    """Measure it in an empty database, and leave it empty. What must not be shown has `mistakes`."""
    try:
        return _run(trial)
    except Stuck as stuck:
        return Outcome(trial, mistakes=[str(stuck)])
    finally:
        fleet.empty()


def _run(trial: Trial) -> Outcome:
    numbers = plan.of(trial.scenario, trial.channels, trial.servers)
    outcome = Outcome(trial)
    outcome.hanging = sum(number.behaviour in plan.NEVER_IN_TIME for number in numbers)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tls = _chain(folder) if trial.scenario == "https" else None
        bundle = tls / authority.BUNDLE_FILE if tls else None
        with stage.servers(trial.channels, trial.servers, trial.scenario, tls) as servers:
            outcome.homes = len(servers.urls)
            with stage.workers(trial.processes, folder, bundle) as workers:
                meter = Meter(worker=workers.watch, errands=workers.errands, servers=servers.process.pid, clocks=workers.clocks)
                _warm_up(trial, numbers, servers, workers)
                for _round in range(trial.rounds):
                    _measure_round(outcome, numbers, servers, workers, meter)
                outcome.memory = meter.watch_megabytes()
                outcome.mistakes += [f"the worker's log: {line}" for line in workers.errors()[:5]]
            for rival in trial.against:
                time.sleep(trial.rest)
                limits = {"seconds": trial.deadline, "sample": trial.sample}
                outcome.rivals.append(rivals.compete(rival, numbers, servers, tls, **limits))
                _note(f"{rival}: {outcome.rivals[-1]}")
    return outcome


def _chain(folder: Path) -> Path:
    chain = folder / "tls"
    chain.mkdir()
    authority.make(chain)
    return chain


def _warm_up(trial: Trial, numbers: list[Number], servers: Servers, workers: Workers) -> None:
    """Have each process look once before it is measured: what is loaded at the first look is not a sweep's cost."""
    answering = [number for number in numbers if number.behaviour not in plan.NEVER_IN_TIME | {"refused"}]
    fleet.empty()
    fleet.make(answering[: 2 * settings.WATCH_THREADS * trial.processes], servers.urls)
    sweep = due.request(by=None)
    stage.wait_until(lambda: not fleet.waits(sweep), workers.log)


def _measure_round(outcome: Outcome, numbers: list[Number], servers: Servers, workers: Workers, meter: Meter) -> None:
    """Leave the fleet in the database: the plain loop wants it."""
    fleet.empty()
    fleet.make(numbers, servers.urls)
    failing = sum(number.behaviour != "open" for number in numbers)
    dark = fleet.servers_at([servers.urls[home] for home in {n.server for n in numbers if n.behaviour == "dark"}])
    for phase, incidents in zip(PHASES, (0, failing, failing), strict=True):
        time.sleep(outcome.trial.rest)
        outcome.sweeps[phase].append(_swept(outcome.trial, servers, workers, meter, dark))
        outcome.mistakes += [f"{phase}: {found}" for found in fleet.mistakes(numbers, incidents=incidents)]
        _note(f"{phase}: {outcome.sweeps[phase][-1]}")


def _swept(trial: Trial, servers: Servers, workers: Workers, meter: Meter, dark: list[int]) -> Figures:
    """Ask for a look at everything, as the button does, and wait until all is written; ring meanwhile as beat does."""
    in_error = list(Watch.objects.filter(connection_status="error").values_list("pk", flat=True))
    claims, done, before = fleet.looks_so_far(), servers.done(), meter.read()
    started = rung = time.monotonic()
    sweep = due.request(by=None)
    others = 0.0

    def is_over() -> bool:
        nonlocal others, rung
        now = time.monotonic()
        if now - rung > settings.HEARTBEAT_TICK_SECONDS:
            rung = now
            bell.ring()
        if dark and not others and not fleet.waits(sweep, without=dark):
            others = now - started
        return not fleet.waits(sweep)

    peek = max(stage.PEEK_SECONDS, PEEK_A_CHANNEL * trial.channels)
    stage.wait_until(is_over, workers.log, seconds=120 + trial.channels / 200, peek=peek)
    wall, spent = time.monotonic() - started, meter.read() - before
    assert not sweep.waiting().exists()  # the product says so too
    return _figures(
        spent,
        trial.channels,
        wall=wall,
        others=others,
        failures_begun=_last_begun(sweep, in_error),
        claims=(fleet.looks_so_far() - claims) / trial.channels,
        connections=(servers.done()["connections"] - done["connections"]) / trial.channels,
    )


def _last_begun(sweep: Sweep, watches: list[int]) -> float:
    looks = Watch.objects.filter(pk__in=watches).order_by("-look_started_at")
    begun = looks.values_list("look_started_at", flat=True).first()
    return (begun - sweep.started_at).total_seconds() if begun else 0.0


def _figures(spent: Cpu, channels: int, *, wall: float, **others: float) -> Figures:
    def each(cpu_seconds: float) -> float:
        return 1000 * cpu_seconds / channels

    return Figures(
        wall=wall,
        **others,
        watch=each(spent.watch),
        look=each(spent.look),
        claim=each(spent.claim),
        judge=each(spent.judge),
        write=each(spent.write),
        loop=each(spent.loops - spent.claim - spent.judge - spent.write),
        celery=each(spent.celery),
        errands=each(spent.errands),
        postgres=each(spent.postgres),
        servers=each(spent.servers),
        busy=(spent.machine - spent.watch - spent.postgres - spent.servers) / wall,
    )


def _note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

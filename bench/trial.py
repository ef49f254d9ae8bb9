"""One configuration, measured: a fleet, its servers and its workers, and sweeps that follow each other.

Three to a round, each round on a new fleet: nothing is known; every failure becomes an incident; nothing changes. Where
servers are dark or drip, one sweep more, on another new fleet: when that begins, all but it being known.
"""

import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from django.conf import settings

from bench import authority, fleet, plan, rivals, stage
from bench.measure import Cpu, Meter
from bench.plan import Number
from bench.rivals import Rival
from bench.stage import Servers, Stuck, Workers
from channels_app import bell, on_demand
from channels_app.models import Sweep, Watch

PHASES = ("nothing known", "incidents open", "steady")
ONSET = "trouble begins"
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
    sweeps: dict[str, list[Figures]] = field(default_factory=lambda: {phase: [] for phase in (*PHASES, ONSET)})
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
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tls = _chain(folder) if trial.scenario == "https" else None
        bundle = tls / authority.BUNDLE_FILE if tls else None
        with stage.servers(trial.channels, trial.servers, trial.scenario, tls) as servers:
            outcome.homes = len(servers.urls)
            with stage.workers(trial.processes, folder, bundle) as workers:
                _Course(outcome, numbers, servers, workers).run()
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


class _Course:
    """The sweeps of a trial, one after the other."""

    def __init__(self, outcome: Outcome, numbers: list[Number], servers: Servers, workers: Workers) -> None:
        self.outcome, self.trial = outcome, outcome.trial
        self.numbers, self.servers, self.workers = numbers, servers, workers
        pids = {"worker": workers.watch, "errands": workers.errands, "servers": servers.process.pid}
        self.meter = Meter(**pids, clocks=workers.clocks)
        self.dark = {servers.urls[number.server] for number in numbers if number.behaviour == "dark"}

    def run(self) -> None:
        self._warm_up()
        for _round in range(self.trial.rounds):
            if any(number.behaviour in plan.TROUBLE for number in self.numbers):
                self._measure_onset()
            self._measure_round()
        self.outcome.memory = self.meter.watch_megabytes()
        self.outcome.mistakes += [f"the worker's log: {line}" for line in self.workers.errors()[:5]]

    def _warm_up(self) -> None:
        """Have each process look once before it is measured: what is loaded at the first look is not a sweep's cost."""
        answering = [number for number in self.numbers if number.behaviour not in plan.NEVER_IN_TIME | {"refused"}]
        self._settle(answering[: 2 * settings.WATCH_THREADS * self.trial.processes])
        sweep = on_demand.request(by=None)
        stage.wait_until(lambda: not fleet.waits(sweep), self.workers.log)

    def _measure_round(self) -> None:
        """Leave the fleet in the database: the plain loop wants it."""
        self._settle(self.numbers)
        failing = sum(number.behaviour != "open" for number in self.numbers)
        for phase, incidents in zip(PHASES, (0, failing, failing), strict=True):
            self._measure(phase, incidents)

    def _measure_onset(self) -> None:
        self._settle(self.numbers)
        self.servers.calm(is_calm=True)
        self._sweep()
        self.servers.calm(is_calm=False)
        self._measure(ONSET, sum(number.behaviour not in plan.TROUBLE | {"open"} for number in self.numbers))

    def _settle(self, numbers: list[Number]) -> None:
        """Make a new fleet of which nothing is due: the worker's loop may still be awake."""
        fleet.empty()
        fleet.make(numbers, self.servers.urls, due_in=timedelta(seconds=settings.HEARTBEAT_INTERVAL_SECONDS))

    def _measure(self, phase: str, incidents: int) -> None:
        time.sleep(self.trial.rest)
        self.outcome.sweeps[phase].append(self._sweep())
        self.outcome.mistakes += [f"{phase}: {found}" for found in fleet.mistakes(self.numbers, incidents=incidents)]
        _note(f"{phase}: {self.outcome.sweeps[phase][-1]}")

    def _sweep(self) -> Figures:
        """Ask for a look at everything, as the button does, and wait until all is written; ring meanwhile as beat does."""
        in_error = list(Watch.objects.filter(connection_status="error").values_list("pk", flat=True))
        dark = fleet.servers_at(self.dark)
        claims, done, before = fleet.looks_so_far(), self.servers.done(), self.meter.read()
        started = rung = time.monotonic()
        sweep = on_demand.request(by=None)
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

        channels = self.trial.channels
        peek = max(stage.PEEK_SECONDS, PEEK_A_CHANNEL * channels)
        stage.wait_until(is_over, self.workers.log, seconds=120 + channels / 200, peek=peek)
        wall, spent = time.monotonic() - started, self.meter.read() - before
        return _figures(
            spent,
            channels,
            wall=wall,
            others=others,
            failures_begun=_last_begun(sweep, in_error),
            claims=(fleet.looks_so_far() - claims) / channels,
            connections=(self.servers.done()["connections"] - done["connections"]) / channels,
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
        postgres=each(spent.postgres - spent.own_backend),  # to see whether it is over costs more than a look
        servers=each(spent.servers),
        busy=(spent.machine - spent.watch - spent.postgres - spent.servers) / wall,
    )


def _note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

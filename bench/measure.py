"""CPU seconds of whole process trees, of what the watch does with them, and of the machine."""

from dataclasses import dataclass
from pathlib import Path

import psutil
from django.db import connection

from bench import clock, product
from bench.product import cpu_seconds


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU seconds since the start of each. Two of them subtract."""

    watch: float  # the workers' processes, all threads
    loops: float  # of it the main threads of those that look: claim, judge, write; their other threads look
    celery: float  # of it the processes that only manage others
    errands: float  # of it the servers' lists
    claim: float  # of the loops; 0 where no clock was put there
    judge: float
    write: float
    postgres: float
    own_backend: float  # of it, what the process that measures asks of it
    servers: float
    machine: float  # everything that runs, ours and others'

    @property
    def look(self) -> float:
        return self.watch - self.loops - self.celery - self.errands

    def __sub__(self, before: "Cpu") -> "Cpu":
        return Cpu(*(getattr(self, name) - getattr(before, name) for name in self.__slots__))


class Meter:
    def __init__(self, *, worker: int, errands: int, servers: int, clocks: Path | None = None) -> None:
        self.worker, self.errands, self.servers = psutil.Process(worker), psutil.Process(errands), psutil.Process(servers)
        with connection.cursor() as cursor:
            cursor.execute("set max_parallel_workers_per_gather = 0")  # what we ask is all in the one process
        self.own_backend, self.postgres = product.own_backend(), product.postgres()
        self.clocks = clocks

    def read(self) -> Cpu:
        machine = psutil.cpu_times()
        own = clock.read(self.clocks) if self.clocks else dict.fromkeys(clock.SHARES, 0.0)
        managers = _of(self.worker) + _of(self.errands)
        watch, errands = cpu_seconds(self.worker) + cpu_seconds(self.errands), cpu_seconds(self.errands) - _of(self.errands)
        return Cpu(
            watch=watch,
            loops=sum(_of_main_thread(process) for process in self.worker.children()),
            celery=managers,
            errands=errands,
            claim=own["claim"],
            judge=own["flush"] - own["statements"],
            write=own["statements"],
            postgres=cpu_seconds(self.postgres),
            own_backend=_of(self.own_backend),
            servers=cpu_seconds(self.servers),
            machine=sum(machine) - machine.idle - machine.iowait - machine.guest - machine.guest_nice,
        )

    def watch_megabytes(self) -> float:
        """Memory of the workers' processes; what they share counts once."""
        of_each = [self.worker, *self.worker.children(), self.errands, *self.errands.children()]
        return sum(process.memory_full_info().pss for process in of_each) / 1e6


def _of(process: psutil.Process) -> float:
    return sum(process.cpu_times()[:2])


def _of_main_thread(process: psutil.Process) -> float:
    return sum(thread.user_time + thread.system_time for thread in process.threads() if thread.id == process.pid)

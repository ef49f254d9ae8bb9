"""A number that kills whoever looks at it, and a worker that is told to leave with its hands full."""

import math
import resource
import time
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from channels_app import on_demand
from channels_app.models import Watch
from channels_app.reasons import MOST_ASKED
from channels_app.turns import Turns
from config.celery import MOST_FILES
from demo.simulator import evolution
from tests.support import people
from tests.support.deadly import DEADLY
from tests.support.processes import INTERVAL, wait_until

TICK = 1
WATCHING = 2  # worker processes
LEASE = 12  # seconds: 2 D + 10
STRIKES = 3


def test_a_number_that_kills_its_process_each_time_costs_no_other_a_second_look(place, server, processes):
    deadly = people.channel(place.quiet.tenant, server, instance_name=DEADLY)
    others = [place.channel, place.quiet]
    processes.worker(app="tests.support.deadly")
    processes.beat()
    wait_until(lambda: Watch.objects.filter(channel__in=others, connection_status="open").count() == 2, "the others are seen")
    gaps = Gaps(others)

    wait_until(lambda: gaps.grow() and Watch.objects.get(channel=deadly).strikes >= STRIKES, "it has killed often", seconds=120)

    # The first death takes with it whoever was looked at beside it; from then on it dies alone.
    assert gaps.longest() <= timedelta(seconds=INTERVAL + LEASE + 3 * TICK)
    assert Watch.objects.get(channel=deadly).connection_status == "unknown"
    assert not Watch.objects.filter(channel__in=others, strikes__gt=0)


class Gaps:
    """Between the verdicts on each number."""

    def __init__(self, channels):
        self._channels = channels
        self._verdicts = {channel.pk: set() for channel in channels}

    def grow(self) -> bool:
        for channel_id, at in Watch.objects.filter(channel__in=self._channels).values_list("channel_id", "last_verdict_at"):
            self._verdicts[channel_id].add(at)
        return True

    def longest(self) -> timedelta:
        each = [sorted(verdicts) for verdicts in self._verdicts.values()]
        return max(later - sooner for verdicts in each for sooner, later in pairwise(verdicts))


def test_a_worker_with_its_hands_full_leaves_when_it_is_told_and_leaves_nothing_claimed(place, processes, simulator):
    deadline = 20
    dead = people.server(base_url=simulator.servers[2].base_url, api_key=simulator.servers[2].key)
    stuck = [people.channel(place.quiet.tenant, dead) for _ in range(20)]
    simulator.servers[2].hangs()
    worker = processes.worker(HEARTBEAT_TIMEOUT_SECONDS=deadline)
    processes.beat()
    place.is_connected()
    wait_until(lambda: Watch.objects.filter(channel__in=stuck).exclude(lease_until=None), "it hangs")

    seconds = worker.leaves()

    assert seconds < deadline / 2  # Celery's own goodbye; what hangs is not waited for
    assert not Watch.objects.exclude(lease_until=None)
    assert not Watch.objects.filter(strikes__gt=0)
    assert {order.channel_id for order in Turns().claim(100)} >= {channel.pk for channel in stuck[:1]}


def test_a_worker_may_open_as_many_files_as_the_machine_lets_it(place, processes):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))  # what a service gets where nobody has said more
    try:
        worker = processes.worker()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    processes.beat()
    place.is_connected()

    (line,) = [line for line in Path(f"/proc/{worker.pid}/limits").read_text().splitlines() if "open files" in line]
    assert int(line.split()[3]) == min(hard if hard > 0 else MOST_FILES, MOST_FILES)


def test_many_numbers_that_fall_at_once_cost_a_few_questions_and_a_list(place, processes, server, simulator, monkeypatch):
    fallen = 100
    numbers = [f"number-{n}" for n in range(fallen)]
    channels = [people.channel(place.quiet.tenant, server, instance_name=name) for name in numbers]
    phones = [simulator.phone(name) for name in numbers]
    for process in (processes.worker, processes.errands, processes.beat):
        process(HEARTBEAT_INTERVAL_SECONDS=60)
    watches = Watch.objects.filter(channel__in=channels)
    is_seen = {"connection_status": "open", "listed_at__isnull": False}
    wait_until(lambda: watches.filter(**is_seen).count() == fallen, "all are seen and listed")
    asked = recorded(simulator, monkeypatch)
    began = time.monotonic()

    for phone in phones:
        phone.logs_out()
    on_demand.request(by=None)

    wait_until(lambda: watches.filter(cause="logged_out").count() == fallen, "all are known to be logged out")
    ticks = 1 + math.ceil((time.monotonic() - began) / TICK)
    assert asked["list"] <= ticks
    assert 0 < asked["row"] <= WATCHING * MOST_ASKED * ticks


def recorded(simulator, monkeypatch) -> Counter:
    """Count from now on what the simulated servers are asked for beside a state: a number's row, or their list."""
    asked, answer = Counter(), evolution.answer

    def counted(server, request, *, at):
        if request.path == "/instance/fetchInstances":
            asked["row" if request.query else "list"] += 1
        return answer(server, request, at=at)

    simulator.inside(monkeypatch.setattr, evolution, "answer", counted)
    return asked

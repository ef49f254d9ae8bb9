"""Clocks that jump, a watch that slept, a look that comes back from the past: only observed time counts."""

import itertools
import time

import pytest

from channels_app import on_demand
from channels_app.models import ConnectionPeriod, Reachability, Watch
from incidents.models import Incident
from notifications.models import Notification
from tests.faults.fleet import longest_silence, looks_at, seconds
from tests.faults.product import DEADLINE, HOUR, INTERVAL, MINUTE, TICK, freeze, thaw

MOST_GAP = INTERVAL + DEADLINE + 2 * TICK + 5 * DEADLINE  # seconds; the last of it is air for a busy machine


@pytest.mark.parametrize("clock", ["host_seconds", "database_seconds"])
def test_a_clock_that_jumps_an_hour_and_back_opens_nothing_closes_nothing_and_leaves_nobody_unseen(
    fleet, product, script, clock
):
    product.worker(), product.beat()
    fleet.is_connected()
    on_demand.request(by=fleet.operator)
    fleet.clock_was_moved = clock == "database_seconds"
    down, healthy = fleet.numbers[:2], fleet.numbers[2:]
    outages = fleet.falls(*down)
    product.wait_until(lambda: fleet.has_opened(outages), "the incidents opened")
    script.visits()
    began, seen, jumps = time.monotonic(), [], (1, 0, -1, 0)

    for hours in jumps:
        setattr(product.levers, clock, hours * HOUR)
        moved = time.monotonic()
        product.rests(2 * INTERVAL)
        product.wait_until(
            lambda moved=moved: seen.extend(script.visits()) or are_seen(fleet.numbers, seen, since=moved + DEADLINE),
            "all are looked at by the clock as it is now",
            seconds=MOST_GAP + DEADLINE - 2 * INTERVAL,
        )
        assert fleet.has_opened(outages)
        assert Incident.objects.count() == len(outages)

    looks, ended = looks_at(fleet.numbers, seen), time.monotonic()
    assert longest_silence(looks, began=began, ended=ended) <= MOST_GAP
    most = (ended - began) / INTERVAL + 1 + len(jumps)  # a jump may cost a look, and nobody is looked at again and again
    assert max(map(len, looks.values())) <= most
    fleet.rises(*outages)
    product.wait_until(lambda: fleet.has_resolved(outages), "the incidents resolved")
    assert not Incident.objects.filter(duration_seconds__lt=0)
    assert Watch.objects.filter(channel__in=[n.channel.pk for n in healthy], connection_status="open").count() == len(healthy)


def are_seen(numbers, visits, *, since: float) -> bool:
    """Whether each was looked at by a look that was claimed after the jump: those under way have a deadline."""
    return {number.key for number in numbers} <= {visit.number for visit in visits if visit.at > since}


def test_a_watch_that_slept_two_hours_counts_them_as_blind_and_alarms_of_nothing_it_has_not_observed(fleet, product):
    product.worker(), product.beat()
    fleet.is_connected()
    back_by_then, still_down = fleet.numbers[0], fleet.numbers[1]
    product.of("beat").is_killed()
    product.of("worker").is_killed()
    fell = fleet.falls(back_by_then, is_blip=True)
    outages = fleet.falls(still_down)
    time.sleep(1)
    fleet.rises(*fell)
    slept = 2 * HOUR
    product.levers.database_seconds = slept

    woke_at = product.now()
    product.worker(), product.beat()
    product.wait_until(lambda: fleet.has_opened(outages), "the incident opened")
    incident = Incident.objects.get()

    assert incident.channel == still_down.channel
    assert incident.started_at >= woke_at
    assert incident.opened_at - incident.started_at >= seconds(MINUTE) - seconds(1)
    for number in fleet.numbers:
        before, after = itertools.islice(number.channel.periods.order_by("started_at", "pk"), 2)
        assert after.started_at - before.ended_at >= seconds(slept - 1)
    outages[0].fell_at = woke_at  # before, nobody could know
    fleet.rises(*outages)
    product.wait_until(lambda: fleet.has_resolved(outages), "the incident resolved")


def test_a_look_that_comes_back_when_a_later_one_has_been_written_is_dropped(fleet, product, script):
    """A process is frozen in the middle of its looks, as a machine that swaps or migrates is, for longer than its lease."""
    product.errands()
    old = product.worker()
    product.beat()
    fleet.is_connected()
    script.answers_after(0.5)
    before = Watch.objects.filter(lease_until=None)
    product.wait_until(lambda: before.count() < len(fleet.numbers), "looks are under way")
    fell = fleet.falls(*fleet.numbers, is_blip=True)
    product.wait_until(lambda: [v for v in script.visits() if v.said == "close"], "somebody is told that it is down")
    freeze(old)
    script.answers_after(0)
    fleet.rises(*fell)
    later = Watch.objects.filter(lease_until__gt=product.now())
    frozen = dict(later.values_list("channel", "look_no"))
    assert frozen

    product.worker()
    product.wait_until(
        lambda: (
            all(Watch.objects.get(channel=pk).look_no > look_no for pk, look_no in frozen.items())
            and Watch.objects.filter(channel__in=frozen, last_verdict_at__gt=product.now() - seconds(INTERVAL)).count()
            == len(frozen)
        ),
        "another has looked at them",
    )
    thaw(old)
    product.wait_until(lambda: any(f"dropped={n}" in old.log.read_text() for n in range(1, 10)), "the old looks were dropped")

    product.rests(INTERVAL)
    assert not ConnectionPeriod.objects.exclude(status="open").filter(channel__in=frozen)
    assert not Notification.objects.exists()


def test_a_server_that_comes_back_after_the_clock_was_set_back_is_seen_to_be_back(fleet, product, script):
    product.worker(), product.beat()
    fleet.is_connected()
    fleet.clock_was_moved = True
    of_server_3 = [number for number in fleet.numbers if number.key.startswith("3/")]
    away = fleet.falls(*of_server_3, mood="open", is_blip=True)
    script.server_is("3", "down")
    product.wait_until(lambda: Reachability.objects.exclude(dark_since=None).exists(), "the server is known to be down")

    product.levers.database_seconds = -HOUR
    product.rests(INTERVAL)
    script.server_is("3", "up")
    fleet.rises(*away)

    fleet.is_connected()
    product.wait_until(lambda: not Reachability.objects.exclude(dark_since=None).exists(), "and up", seconds=4 * INTERVAL)

"""Processes die by kill -9 while numbers fall and rise: nothing is lost, nothing is told twice, the next tick goes on."""

import random
import secrets

import pytest

from channels_app.models import Watch
from incidents import ledger
from notifications import announce
from tests.faults.launch import DEADLY, DIE_AT, name_of
from tests.faults.product import LEASE
from tests.faults.rounds import KINDS


@pytest.fixture
def chance():
    """Chance that can be had again: its seed stands in the output of a test that fails."""
    seed = secrets.randbelow(10**6)
    print(f"seed {seed}")
    return random.Random(seed)


def test_whichever_process_dies_at_whatever_moment_the_record_is_the_truth(fleet, product, script, chance):
    product.starts()
    product.wait_until(product.answers_probes, "the web answers")
    script.answers_after(0.2)  # so that looks are under way
    fleet.is_connected()

    def all_die():
        for die in chance.sample(KINDS["kills"], len(KINDS["kills"])):
            product.rests(chance.uniform(0.0, 3.0))
            die(fleet, chance)

    fleet.goes_through_an_outage(*fleet.numbers[:4], meanwhile=all_die)

    product.wait_until(product.answers_probes, "the web answers")


POINTS = [
    "before: publish an errand",
    "after: claim",
    "after: look",
    f"before: {name_of(ledger._OPEN)}",
    f"before: {name_of(announce._INSERT)}",
    f"before: {name_of(ledger._RESOLVE)}",
]


def test_a_worker_that_dies_at_a_point_of_chance_s_choice_is_followed_by_one_that_goes_on(fleet, product, chance):
    """As `test_fail_points`, by Celery's real worker."""
    point = chance.choice(POINTS)
    print(point)
    product.worker(**{DIE_AT: point}), product.beat()
    fleet.is_connected()

    fleet.goes_through_an_outage(*fleet.numbers[:3], meanwhile=lambda: product.rests(LEASE))

    assert (product.folder / "died").exists()


def test_a_number_that_kills_whoever_looks_at_it_costs_the_others_nothing(fleet, product):
    deadly, others = fleet.numbers[0], fleet.numbers[1:]
    product.worker(**{DEADLY: deadly.channel.instance_name}), product.beat()
    seen = Watch.objects.filter(channel__in=[number.channel.pk for number in others], connection_status="open")
    product.wait_until(lambda: seen.count() == len(others), "the others were seen open")
    product.wait_until(lambda: Watch.objects.get(channel=deadly.channel).strikes >= 2, "it has killed twice")

    outages = fleet.falls(*others[:2])
    product.wait_until(lambda: fleet.has_opened(outages), "the incidents opened")
    fleet.rises(*outages)
    product.wait_until(lambda: fleet.has_resolved(outages), "the incidents resolved")

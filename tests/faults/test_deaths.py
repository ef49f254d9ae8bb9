"""Processes die by kill -9 while numbers fall and rise: nothing is lost, nothing is told twice, the next tick goes on."""

import random
import secrets

import pytest

from tests.faults.product import children, kill, kill_with_children


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
        deaths = [
            lambda: kill_with_children(product.of("worker")),
            lambda: kill(product.of("worker").pid),
            lambda: kill(chance.choice(children(product.of("worker")))),
            lambda: kill_with_children(product.of("beat")),
            lambda: kill_with_children(product.of("web")),
        ]
        for die in chance.sample(deaths, len(deaths)):
            product.rests(chance.uniform(0.0, 3.0))
            die()

    fleet.goes_through_an_outage(*fleet.numbers[:4], meanwhile=all_die)

    product.wait_until(product.answers_probes, "the web answers")

"""The fleets that the bench looks at."""

from collections import Counter

import pytest

from bench import plan


@pytest.mark.parametrize("scenario", plan.SCENARIOS)
def test_a_fleet_has_as_many_numbers_as_were_asked_for_and_is_the_same_again(scenario):
    made = plan.of(scenario, 3000, 30)

    assert len({number.name for number in made}) == 3000
    assert made == plan.of(scenario, 3000, 30)


@pytest.mark.parametrize("scenario", plan.SCENARIOS)
def test_nobody_answers_on_a_server_that_is_down(scenario):
    homes = Counter(number.server for number in plan.of(scenario, 3000, 30) if number.behaviour == "refused")

    assert homes
    assert all(n.behaviour == "refused" for n in plan.of(scenario, 3000, 30) if n.server in homes)


def test_the_dark_server_holds_three_in_ten():
    homes = Counter(number.server for number in plan.of("dark", 1000, 10) if number.behaviour == "dark")

    assert list(homes.values()) == [300]


def test_twenty_servers_drip_and_of_a_few_two_in_five():
    assert dripping(channels=5000, servers=50) == 20
    assert dripping(channels=500, servers=5) == 2


def test_realistic_servers_are_unequal_and_their_answers_spread():
    made = plan.of("realistic", 5000, 50)
    sizes = Counter(number.server for number in made).values()
    answers = sorted(number.after for number in made)

    assert min(sizes) < 5
    assert max(sizes) > 60
    assert answers[len(answers) // 2] == pytest.approx(0.08, rel=0.1)
    assert answers[-1] > 2


def dripping(*, channels: int, servers: int) -> int:
    return len({number.server for number in plan.of("dripping", channels, servers) if number.behaviour == "drips"})

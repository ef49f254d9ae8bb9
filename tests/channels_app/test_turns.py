"""One ranking for many claims: nobody is claimed twice, nobody who should not be, nobody is forgotten."""

from datetime import timedelta

import pytest
from django.utils import timezone

from channels_app import due, upkeep
from channels_app.models import Channel, Watch
from channels_app.turns import Turns
from tests.support import people

FOR_EVER = float("inf")
SECOND = timedelta(seconds=1)


@pytest.fixture
def fleet(clinic):
    server = people.server()
    made = [people.channel(clinic, server) for _ in range(6)]
    upkeep.keep_up()
    return [channel.pk for channel in made]


def ids(orders):
    return [order.channel_id for order in orders]


def ranked_once(limit=1):
    """Turns that have ranked, and will not do so again by themselves."""
    mine = Turns()
    claimed = mine.claim(limit)
    mine.ranked_until = FOR_EVER
    return mine, claimed


def test_claims_follow_one_ranking_in_its_order(fleet, django_assert_num_queries):
    order = due.rank(6)
    mine, first = ranked_once(2)

    with django_assert_num_queries(2):
        rest = [*mine.claim(3), *mine.claim(3)]

    assert ids([*first, *rest]) == order
    assert sorted(order) == fleet
    assert not mine.goes_on


def test_two_loops_that_ranked_alike_share_what_is_due(fleet):
    (mine, first), (theirs, second) = ranked_once(), ranked_once()

    claimed = [*first, *second]
    while mine.goes_on or theirs.goes_on:
        claimed += [*mine.claim(2), *theirs.claim(2)]

    assert sorted(ids(claimed)) == fleet


def test_who_was_switched_off_since_the_ranking_is_not_looked_at(fleet):
    mine, first = ranked_once()
    off = next(pk for pk in fleet if pk != first[0].channel_id)
    Channel.objects.filter(pk=off).update(is_active=False)

    assert off not in ids(mine.claim(6))
    assert not mine.goes_on


def test_who_falls_due_later_waits_for_the_next_ranking(clinic, fleet):
    mine, _ = ranked_once(6)
    late = people.channel(clinic, people.server())
    upkeep.keep_up()

    assert mine.claim(6) == []
    mine.ranked_until = 0
    assert ids(mine.claim(6)) == [late.pk]


def test_a_ranking_that_was_cut_is_made_anew_when_it_is_used_up(fleet):
    mine = Turns(most_ranked=4)

    first = mine.claim(4)

    assert mine.goes_on
    assert sorted(ids([*first, *mine.claim(4)])) == fleet


def test_of_what_is_due_at_the_same_moment_each_server_gets_its_turn(clinic):
    servers = [people.server(name=f"evo-{n}") for n in range(4)]
    for server in servers:  # one server's numbers after the other's, as they were imported
        for _ in range(25):
            people.channel(clinic, server)
    upkeep.keep_up()
    Watch.objects.update(next_look_at=timezone.now() - SECOND)

    first = Turns().claim(25)

    assert {order.server_id for order in first} == {server.pk for server in servers}

"""Who may do what: each line of the table, asked by everybody.

Once behind both walls, as in life, and once with the database's down: then the application refuses alone.
"""

import pytest

from tests.matrix.routes import OURS, SIGNING_IN

both_walls_and_one = pytest.mark.parametrize("wall", ["up", "down"], indirect=True, ids=["both walls", "ours alone"])
ONE_OF_EACH = list({route.name: route for route in OURS}.values())
TAKEN = {(route.method, route.name) for route in OURS}


def by_id(routes) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("route", routes, ids=lambda route: route.id)


@both_walls_and_one
@by_id(OURS)
def test_each_person_gets_the_answer_of_the_table(route, ask, things):
    answers = {person: ask(person, route).in_a_word(route, things) for person in route.answers}

    assert answers == route.answers


@by_id(SIGNING_IN)
def test_each_person_gets_the_answer_of_the_table_at_the_door(route, ask, things):
    answers = {person: ask(person, route).in_a_word(route, things) for person in route.answers}

    assert answers == route.answers


@by_id(ONE_OF_EACH)
def test_a_method_that_is_not_the_route_s_breaks_and_changes_nothing(route, ask):
    for method in ("get", "post", "delete"):
        if (method, route.name) not in TAKEN:
            for person in ("admin", "operator"):
                answer = ask(person, route, method=method)
                assert answer.status in (302, 404, 405), (person, method)
                assert not answer.wrote, (person, method)

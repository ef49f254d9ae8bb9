"""The table misses no route, and no route of an operator is open without a second factor where it is required."""

from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver

from tests.matrix.routes import LOGIN, OURS, ROUTES
from tests.matrix.test_answers import by_id

JUDGED_BY_WALKING = {"admin"}  # namespaces: `test_administration` finds every route of theirs by itself
CLOSED = "tenants.views.closed"  # stands before allauth's page of the same address, by whose name the table has it


def routes_of(resolver: URLResolver) -> Iterator[URLPattern]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLPattern):
            yield entry
        elif entry.namespace not in JUDGED_BY_WALKING:
            yield from routes_of(entry)


def test_every_route_has_its_line_and_every_line_a_route():
    names = {route.name or route.lookup_str for route in routes_of(get_resolver())}

    assert names - {CLOSED} == {route.name for route in ROUTES}


@by_id([route for route in OURS if route.answers["anonymous"] == LOGIN])
def test_an_operator_without_the_second_factor_that_is_required_gets_no_further(route, ask, settings):
    settings.SECOND_FACTOR_FOR_OPERATORS = True

    answer = ask("operator", route)

    assert answer.response["Location"] == "/conta/2fa/totp/activate/"
    assert not answer.wrote

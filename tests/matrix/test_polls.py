"""What htmx asks for: a fragment, a sentence, or an order to the browser; never a page inside a fragment."""

from django.urls import reverse

from tests.matrix.routes import DONE, LOGIN, OURS, PEOPLE
from tests.matrix.test_answers import by_id
from tests.matrix.test_foreign import POLL

FRAGMENTS = {"number-now", "overview-live", "sweep", "channel-now", "incident-now", "unread-count"}
LED_AWAY = {"home", "overview"}  # by `of_a_clinic`, where these are not the deed's own end


@by_id([route for route in OURS if route.answers["anonymous"] == LOGIN])
def test_a_session_that_has_ended_is_told_in_place(route, ask):
    for person in ("anonymous", "dismissed"):
        answer = ask(person, route, **POLL)
        assert answer.status == 401
        assert not answer.wrote
        assert "<html" not in answer.text
        assert 'name="password"' not in answer.text
        assert f'href="{reverse("account_login")}?next=' in answer.text
        assert "entre de novo" in answer.text.lower()


@by_id([route for route in OURS if route.answers["anonymous"] == LOGIN])
def test_a_poll_is_refused_as_a_page_is(route, ask):
    for person in PEOPLE[1:]:
        told, answer = route.answers[person], ask(person, route, **POLL)
        if told.isdigit():
            assert answer.status == int(told), person
        elif told in LED_AWAY and route.name not in ("home", "switch-clinic"):
            assert answer.response["HX-Redirect"] == reverse(told), person
            assert not answer.text
        assert answer.status < 500
        assert answer.wrote == (told == DONE), person
        assert answer.names == [], person


@by_id([route for route in OURS if route.name in FRAGMENTS])
def test_a_fragment_holds_no_page(route, ask):
    for person, told in route.answers.items():
        if told == "200":
            assert "<html" not in ask(person, route, **POLL).text

"""Who may do what: each route and deed of incidents and inbox, by each kind of person.

Another clinic's object is a 404, equal to that of one that does not exist, whatever the method.
"""

import re

import pytest
from django.urls import reverse

from channels_app.models import Sweep, Watch
from incidents import ledger
from incidents.models import Incident, IncidentEvent
from notifications.models import Notification
from tests.support import people
from tests.support.readings import bad

PEOPLE = ["anonymous", "staff", "admin", "outsider", "operator"]
LOGIN = "login"

# What is asked: method, route, whose id it takes, what is sent; then the answer to each of PEOPLE.
ROUTES = [
    ("get", "incidents", None, {}, [LOGIN, 200, 200, 200, 200]),
    ("get", "incident", "incident", {}, [LOGIN, 200, 200, 404, 200]),
    ("get", "incident-now", "incident", {}, [LOGIN, 200, 200, 404, 200]),
    ("post", "incident-take", "incident", {}, [LOGIN, 403, 302, 404, 302]),
    ("post", "incident-note", "incident", {"nota": "Visto."}, [LOGIN, 403, 302, 404, 302]),
    ("post", "incident-note", "incident", {"nota": ""}, [LOGIN, 403, 200, 404, 200]),
    ("post", "incident-false-alarm", "incident", {}, [LOGIN, 403, 302, 404, 302]),
    ("post", "check-channel", "channel", {}, [LOGIN, 302, 302, 404, 302]),
    ("get", "inbox", None, {}, [LOGIN, 200, 200, 200, 200]),
    ("get", "unread-count", None, {}, [LOGIN, 200, 200, 200, 200]),
    ("get", "notification", "notification", {}, [LOGIN, 404, 302, 404, 404]),
    ("post", "mark-read", "notification", {}, [LOGIN, 404, 302, 404, 404]),
    ("post", "mark-all-read", None, {}, [LOGIN, 302, 302, 302, 302]),
]
CASES = [
    pytest.param(
        method, name, of, data, person, answer, id=f"{method}-{name}{'' if data.get('nota', 'x') else '-empty'}-{person}"
    )
    for method, name, of, data, answers in ROUTES
    for person, answer in zip(PEOPLE, answers, strict=True)
]
BY_ID = [route for route in ROUTES if route[2]]


@pytest.fixture
def things(clinic, admin):
    """The clinic's own: an incident, the number it is of, and what its admin was told."""
    channel = people.channel(clinic)
    Watch.objects.create(channel=channel, tenant=clinic, seen_server=channel.server_id, seen_instance=channel.instance_name)
    ledger.open_incidents([bad(channel)])
    return {"channel": channel, "incident": Incident.objects.get(), "notification": Notification.objects.get(user=admin)}


@pytest.fixture
def send(client, request):
    def send(person, method, url, data):
        if person != "anonymous":
            client.force_login(request.getfixturevalue(person))
        return getattr(client, method)(url, data)

    return send


def written():
    """Everything that one of these deeds could have changed."""
    return [list(model.objects.order_by("pk").values()) for model in (Incident, IncidentEvent, Notification, Sweep)]


@pytest.mark.parametrize(("method", "name", "of", "data", "person", "answer"), CASES)
def test_each_person_gets_the_answer_of_the_matrix(method, name, of, data, person, answer, things, send):
    before = written()

    response = send(person, method, reverse(name, args=[things[of].pk] if of else []), data)

    if answer == LOGIN:
        assert response.status_code == 302
        assert response["Location"].startswith(reverse("account_login"))
    else:
        assert response.status_code == answer
    if answer in (LOGIN, 403, 404):
        assert written() == before


@pytest.mark.parametrize(("method", "name", "of", "data", "_answers"), BY_ID)
@pytest.mark.parametrize("person", ["outsider"])
def test_anothers_is_not_to_be_told_from_what_does_not_exist(method, name, of, data, _answers, person, things, send):
    anothers = things[of].pk
    told = [plain(send(person, method, reverse(name, args=[pk]), data), pk) for pk in (anothers, 987654321, 10**30)]
    assert told[0] == told[1] == told[2]


@pytest.mark.parametrize(("method", "name", "of", "data", "_answers"), ROUTES)
def test_the_other_method_is_refused_and_changes_nothing(method, name, of, data, _answers, things, send):
    before = written()
    other = "get" if method == "post" else "post"
    response = send("admin", other, reverse(name, args=[things[of].pk] if of else []), data)
    assert response.status_code == 405
    assert written() == before


@pytest.mark.parametrize("query", ["", "?cliente={slug}", "?estado=aberto", "?clinica={slug}"])
def test_no_filter_shows_an_outsider_what_is_not_theirs(query, things, send, clinic):
    response = send("outsider", "get", reverse("incidents") + query.format(slug=clinic.slug), {})
    assert list(response.context["page"]) == []


def test_a_person_without_a_clinic_sees_nothing(things, client):
    client.force_login(people.person())
    assert list(client.get(reverse("incidents")).context["page"]) == []
    assert client.get(reverse("incident", args=[things["incident"].pk])).status_code == 404


def plain(response, pk) -> tuple[int, str]:
    """An answer without what is new in each: the id that was asked for, and the forms' tokens."""
    text = response.content.decode().replace(str(pk), "ID")
    return response.status_code, re.sub(r'(csrfmiddlewaretoken" value="|X-CSRFToken": ")\w+', "", text)

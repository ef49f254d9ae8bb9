"""The operator's administration tells an incident wholly: readings, threshold, who took it, each line of its timeline."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from incidents import actions, ledger
from incidents.models import Incident
from tests.support import people
from tests.support.readings import MINUTE, NOON, bad


@pytest.fixture
def ana(clinic):
    return people.admin_of(clinic, name="Ana Souza")


@pytest.fixture
def incident(clinic, ana, operator):
    """One that was taken and noted, with its readings."""
    ledger.open_incidents([bad(people.channel(clinic))])
    made = Incident.objects.get()
    actions.take(made.pk, by=ana, at=NOON + 6 * MINUTE)
    actions.note(made.pk, "O celular estava sem bateria.", by=operator, at=NOON + 7 * MINUTE)
    kept = {"at": NOON.isoformat(), "status": "disconnected", "cause": "logged_out", "raw": "<close>", "code": 401, "ms": 88}
    Incident.objects.update(threshold_minutes=7, readings=[kept], taken_at=NOON + 59 * MINUTE)
    return made


@pytest.fixture
def see(client, operator, incident):
    client.force_login(operator)

    def see():
        response = client.get(reverse("admin:incidents_incident_change", args=[incident.pk]))
        assert response.status_code == 200
        return response.content.decode()

    return see


def test_it_tells_who_took_it_what_was_noted_and_by_whom(see, ana, operator):
    told = see()
    for words in (str(ana), "às 09:59", "O celular estava sem bateria.", operator.email, ana.email):
        assert words in told


def test_it_names_those_who_were_told_and_nobody_else(see, clinic, ana):
    colleague = people.admin_of(clinic)
    told = see()
    assert ana.email in told
    assert colleague.email not in told


def test_it_tells_the_threshold_that_was_in_force(see):
    assert "7min" in see()


def test_it_tells_each_reading_in_words_and_harmless(see):
    told = see()
    assert "Desconectado (<code>logged_out</code>), &lt;close&gt;, 401, 88 ms" in told
    assert "<close>" not in told


def test_a_reading_without_its_parts_breaks_nothing(see):
    Incident.objects.update(readings=[{}, {"at": NOON.isoformat()}], threshold_minutes=None)
    see()


def test_a_longer_timeline_asks_no_more_of_the_database(see, incident, ana):
    def queries():
        see()
        with CaptureQueriesContext(connection) as asked:
            see()
        return len(asked)

    few = queries()
    for number in range(9):
        incident.events.create(tenant=incident.tenant, kind="told", event="opened", at=NOON + number * MINUTE, told=[ana.pk])
    assert queries() == few

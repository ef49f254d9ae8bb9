"""A dead server on the pages: one incident for the operator, whose page has its numbers; for a clinic its own."""

from dataclasses import replace

import pytest
from django.urls import reverse

from channels_app import upkeep
from incidents import ledger, servers
from incidents.models import Incident, IncidentEvent
from incidents.server_notices import ServerOutage
from notifications.models import Notification
from tests.support import people
from tests.support.readings import MINUTE, NOON, bad


@pytest.fixture
def outage(clinic, other_clinic, operator):
    """A server that took one number of each clinic with it."""
    server = people.server(name="evo-sp-01")
    numbers = [people.channel(clinic, server, name="Recepção"), people.channel(other_clinic, server, name="Central")]
    upkeep.keep_up()
    down = ServerOutage(
        server_id=server.pk,
        tenant_id=None,
        name=server.name,
        host="evolution.example.com",
        cause="server_unreachable",
        since=NOON,
        numbers=2,
        clinics=2,
    )
    parent_id = servers.open_incidents([down], at=NOON)[server.pk]
    ledger.open_incidents(replace(bad(number, "server_unreachable"), parent_id=parent_id) for number in numbers)
    return Incident.objects.get(pk=parent_id)


def page(client, person, name, *args, query="") -> str:
    client.force_login(person)
    response = client.get(reverse(name, args=args) + query)
    assert response.status_code == 200
    return response.content.decode()


def test_the_operator_reads_of_a_dead_server_once(client, outage, operator):
    html = page(client, operator, "incidents")

    assert "evo-sp-01" in html
    assert "Recepção" not in html


def test_the_badge_counts_a_dead_server_as_one(outage):
    assert Incident.objects.open().count() == 3
    assert Incident.objects.open().counted().count() == 1


def test_asked_for_one_clinic_the_operator_reads_of_its_numbers(client, outage, operator, clinic):
    html = page(client, operator, "incidents", query=f"?cliente={clinic.slug}")

    assert "Recepção" in html
    assert "Central" not in html


def test_the_servers_page_has_its_numbers_and_how_many_are_still_down(client, outage, operator):
    Incident.objects.filter(channel__name="Central").update(resolved_at=NOON + 20 * MINUTE, resolution="recovered")

    html = page(client, operator, "incident", outage.pk)

    assert html.index("Recepção") < html.index("Central")
    assert "2 ao todo, 1 ainda fora" in html


def test_a_numbers_page_leads_the_operator_to_its_servers(client, outage, operator):
    child = Incident.objects.get(channel__name="Recepção")

    assert reverse("incident", args=[outage.pk]) in page(client, operator, "incident", child.pk)


def test_a_clinic_sees_its_own_and_not_the_servers(client, outage, admin):
    child = Incident.objects.get(channel__name="Recepção")

    html = page(client, admin, "incident", child.pk)
    assert "O servidor de mensagens está fora do ar" in html
    assert reverse("incident", args=[outage.pk]) not in html
    assert client.get(reverse("incident", args=[outage.pk])).status_code == 404


def test_the_calm_notice_stands_among_who_was_told(client, outage, admin):
    servers.tell_clinics([outage.server_id], fallen_before=NOON, at=NOON + 15 * MINUTE)
    child = Incident.objects.get(channel__name="Recepção")

    html = page(client, admin, "incident", child.pk)

    assert Notification.objects.get(user=admin).event == "server_down"
    assert "Avisados de que o servidor de mensagens caiu" in html


# --- Who was told --------------------------------------------------------------------------------------------------


@pytest.fixture
def ana(clinic):
    return people.admin_of(clinic, name="Ana Souza")


@pytest.fixture
def siblings(outage, clinic, ana, outsider):
    """The clinic's two incidents, of which the second carries no notice: both clinics were told of the server."""
    agenda = people.channel(clinic, outage.server, name="Agenda")
    ledger.open_incidents([replace(bad(agenda, "server_unreachable", started_at=NOON + MINUTE), parent_id=outage.pk)])
    servers.tell_clinics([outage.server_id], fallen_before=NOON, at=NOON + 15 * MINUTE)
    carrier = IncidentEvent.objects.get(tenant=clinic, event="server_down").incident
    return [carrier, Incident.objects.get(channel=agenda)]


def who_was_told(client, person, incident):
    client.force_login(person)
    told = client.get(reverse("incident", args=[incident.pk])).context["story"].told
    return [(one.name, one.at) for one in told]


def test_who_was_told_of_the_server_stands_on_each_of_its_numbers(client, siblings, ana, operator):
    for incident in siblings:
        assert who_was_told(client, operator, incident) == [(str(operator), NOON), ("Ana Souza", NOON + 15 * MINUTE)]
        assert who_was_told(client, ana, incident) == [("o suporte", NOON), ("Ana Souza", NOON + 15 * MINUTE)]
        assert "Ninguém" not in page(client, ana, "incident", incident.pk)


def test_another_clinic_is_told_of_the_same_server_and_named_to_nobody_else(client, siblings, ana, operator, outsider):
    for incident in siblings:
        for person in (ana, operator):
            assert outsider.email not in page(client, person, "incident", incident.pk)


def test_the_operator_sees_on_each_number_who_has_read_of_its_server(client, siblings, ana, operator):
    Notification.objects.filter(user=ana, event="server_down").update(read_at=NOON + 20 * MINUTE)
    client.force_login(operator)
    for incident in siblings:
        told = client.get(reverse("incident", args=[incident.pk])).context["story"].told
        assert [one.read_at for one in told] == [None, NOON + 20 * MINUTE]


def test_of_its_own_server_the_clinic_was_told_by_that_servers_incident(client, clinic, ana):
    own = people.server(clinic, name="evo-aurora")
    number = people.channel(clinic, own)
    down = ServerOutage(
        server_id=own.pk,
        tenant_id=clinic.pk,
        name=own.name,
        host="evolution.example.com",
        cause="key_rejected",
        since=NOON,
        numbers=1,
        clinics=1,
    )
    parent_id = servers.open_incidents([down], at=NOON)[own.pk]
    ledger.open_incidents([replace(bad(number, "key_rejected"), parent_id=parent_id)])

    assert who_was_told(client, ana, Incident.objects.get(channel=number)) == [("Ana Souza", NOON)]


def test_before_the_calm_notice_nobody_is_said_to_be_without_an_administrator(client, outage, clinic, operator):
    child = Incident.objects.get(channel__name="Recepção")
    IncidentEvent.objects.filter(incident=outage, kind="told").delete()  # the operator is new
    assert who_was_told(client, operator, child) == []

    html = page(client, operator, "incident", child.pk)

    assert "Ninguém até agora" in html
    assert "não tem administrador ativo" not in html


def test_the_list_says_that_nobody_was_told_of_a_number_that_fell_by_itself_alone(client, siblings, clinic, operator):
    query = f"?cliente={clinic.slug}"
    assert "Sem destinatário" not in page(client, operator, "incidents", query=query)

    alone = people.channel(clinic, name="Exames", alerts_enabled=False)
    ledger.open_incidents([bad(alone)])

    assert page(client, operator, "incidents", query=query).count("Sem destinatário") == 1


def test_the_clinic_reads_that_support_knows_where_the_operators_were_told_of_the_server(client, outage, admin):
    child = Incident.objects.get(channel__name="Recepção")

    assert "O suporte já foi avisado" in page(client, admin, "incident", child.pk)

"""A dead server on the pages: one incident for the operator, whose page has its numbers; for a clinic its own."""

from dataclasses import replace

import pytest
from django.urls import reverse

from channels_app import upkeep
from incidents import ledger, servers
from incidents.models import Incident
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


def test_the_clinic_reads_that_support_knows_where_the_operators_were_told_of_the_server(client, outage, admin):
    child = Incident.objects.get(channel__name="Recepção")

    assert "O suporte já foi avisado" in page(client, admin, "incident", child.pk)

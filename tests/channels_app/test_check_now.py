"""“Check now” of one number: from each page that has the button, by however many people, one look is asked for."""

import threading
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from channels_app import on_demand
from channels_app.models import Channel, Sweep, Watch
from tests.support import people
from tests.support.processes import wait_until

CLINICS_PAGE, OPERATORS_PAGE, INCIDENTS_PAGE = "number-check", "channel-check", "check-channel"


@pytest.fixture
def channel(clinic):
    channel = people.channel(clinic)
    long_ago = timezone.now() - timedelta(minutes=1)
    Watch.objects.create(channel=channel, tenant=clinic, look_started_at=long_ago, last_verdict_at=long_ago)
    return channel


def ask(person, route, channel):
    client = Client()
    client.force_login(person)
    return client.post(reverse(route, args=[channel.pk]))


@pytest.fixture
def ask_as(request, channel):
    def ask_as(name, route):
        response = ask(request.getfixturevalue(name), route, channel)
        assert response.status_code == 302
        return response

    return ask_as


@pytest.mark.parametrize(
    ("person", "route", "leads_to"),
    [
        ("staff", CLINICS_PAGE, "/configuracoes/whatsapp-pessoal"),
        ("operator", OPERATORS_PAGE, "/saas/whatsapp/{pk}"),
        ("staff", INCIDENTS_PAGE, "/"),
        ("operator", INCIDENTS_PAGE, "/"),
    ],
)
def test_each_page_asks_for_one_look_however_often_it_is_clicked(person, route, leads_to, ask_as, request, channel):
    for _click in range(2):
        response = ask_as(person, route)

    assert urlsplit(response.url).path == leads_to.format(pk=channel.pk)
    sweep = Sweep.objects.get()
    assert (sweep.channel, sweep.tenant, sweep.requested_by) == (channel, channel.tenant, request.getfixturevalue(person))


def test_people_of_clinic_and_operator_share_one_look_from_whichever_page(ask_as, staff):
    for person, route in [
        ("staff", CLINICS_PAGE),
        ("admin", INCIDENTS_PAGE),
        ("operator", OPERATORS_PAGE),
        ("operator", INCIDENTS_PAGE),
    ]:
        ask_as(person, route)

    assert Sweep.objects.get().requested_by == staff


@pytest.mark.parametrize("seconds", [9, 11])
def test_what_was_asked_longer_ago_is_asked_again(seconds, ask_as, channel):
    Sweep.objects.create(tenant=channel.tenant, channel=channel, started_at=timezone.now() - timedelta(seconds=seconds))

    ask_as("admin", CLINICS_PAGE)

    assert Sweep.objects.count() == (1 if seconds < 10 else 2)


def test_a_check_that_has_its_result_is_asked_for_again(ask_as):
    ask_as("admin", CLINICS_PAGE)
    Watch.objects.update(last_verdict_at=timezone.now())

    ask_as("operator", OPERATORS_PAGE)

    assert Sweep.objects.count() == 2


def test_a_check_of_all_the_clinics_numbers_is_joined_too_and_that_of_another_number_is_not(ask_as, channel, admin):
    on_demand.request(by=admin, channel_id=people.channel(channel.tenant).pk)
    ask_as("admin", CLINICS_PAGE)
    assert Sweep.objects.count() == 2

    Sweep.objects.all().delete()
    on_demand.request(by=admin, tenant_id=channel.tenant_id)
    ask_as("admin", CLINICS_PAGE)
    assert Sweep.objects.count() == 1


@pytest.mark.parametrize("route", [CLINICS_PAGE, OPERATORS_PAGE, INCIDENTS_PAGE])
def test_whoever_may_not_ask_joins_nothing_and_learns_nothing(route, channel, admin, outsider):
    ask(admin, CLINICS_PAGE, channel)

    theirs = ask(outsider, route, channel)
    nobodys = ask(outsider, route, Channel(pk=channel.pk + 1000))

    assert theirs.status_code == nobodys.status_code == 404
    assert Sweep.objects.get().requested_by == admin


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("second", [("admin", CLINICS_PAGE), ("operator", OPERATORS_PAGE), ("operator", INCIDENTS_PAGE)])
def test_two_clicks_at_the_same_moment_ask_once(second, channel, request):
    whose = [("admin", CLINICS_PAGE), second]
    clicks = [threading.Thread(target=click, args=[request.getfixturevalue(who), route, channel]) for who, route in whose]

    with transaction.atomic():
        with connection.cursor() as cursor:  # nobody's request can be written before both have begun
            cursor.execute("lock table channels_app_sweep in share row exclusive mode")
        for thread in clicks:
            thread.start()
        wait_until(lambda: count_waiting() == 2, "both clicks wait: one to write its request, one for the other's end")
    for thread in clicks:
        thread.join(timeout=30)

    assert Sweep.objects.count() == 1


def click(person, route, channel):
    try:
        assert ask(person, route, channel).status_code == 302
    finally:
        connection.close()


def count_waiting() -> int:
    """How many connections to this database wait for a lock."""
    with connection.cursor() as cursor:
        cursor.execute("""
            select count(distinct waits.pid)
            from pg_locks waits join pg_locks held on held.pid = waits.pid
            where not waits.granted and held.database = (select oid from pg_database where datname = current_database())
        """)
        return cursor.fetchone()[0]

"""Several workers are told the same at once: one of them wins, and the people are told once."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from channels_app import invariants
from channels_app.models import Watch
from incidents import ledger
from incidents.models import Incident
from notifications.models import Notification
from tests.support import people
from tests.support.readings import bad, recovered

WORKERS = 6

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(work: Callable[[], object]) -> list:
    """Run the work in several connections at the same moment and return what each of them said."""
    gate, said = threading.Barrier(WORKERS), []

    def run() -> None:
        try:
            gate.wait(timeout=10)
            with transaction.atomic():
                said.append(work())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return said


@pytest.fixture
def channels():
    clinic = people.clinic()
    people.admin_of(clinic)
    people.admin_of(clinic)
    people.operator()
    server = people.server()
    made = [people.channel(clinic, server) for _ in range(20)]
    Watch.objects.bulk_create(
        Watch(channel=c, tenant=clinic, seen_server=server.pk, seen_instance=c.instance_name, first_unhealthy_at=c.created_at)
        for c in made
    )
    return made


def test_workers_that_open_the_same_outages_open_and_tell_once(channels):
    said = at_once(lambda: ledger.open_incidents(bad(channel, "network_lost") for channel in channels))

    assert sum(said) == Incident.objects.count() == len(channels)
    assert Notification.objects.count() == 3 * len(channels)


def test_workers_that_resolve_the_same_outages_resolve_and_tell_once(channels):
    ledger.open_incidents(bad(channel, "network_lost") for channel in channels)

    said = at_once(lambda: ledger.resolve_incidents(recovered(channel) for channel in channels))

    assert sum(said) == len(channels)
    assert Notification.objects.filter(event="resolved").count() == 3 * len(channels)


def test_workers_that_find_the_same_incident_untold_tell_once(channels):
    quiet = [bad(channel, alerts_enabled=False) for channel in channels]
    ledger.open_incidents(quiet)

    at_once(lambda: ledger.keep_incidents(bad(channel) for channel in channels))

    assert Notification.objects.count() == 2 * len(channels)
    found = invariants.violations()
    assert not found["whoever a timeline says was told has exactly one notification"]
    assert not found["nobody has a notification that no timeline knows of"]

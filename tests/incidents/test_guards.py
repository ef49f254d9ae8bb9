"""What the database itself refuses about incidents and their timelines, whoever writes."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection

from incidents.models import Incident, IncidentEvent
from tests.support import people

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def channel(clinic):
    return people.channel(clinic)


@pytest.fixture
def server(db):
    return people.server()


def refused(rule: str):
    return pytest.raises(IntegrityError, match=rule)


def now_and_not_at_commit() -> None:
    """Ask the deferred rules at once."""
    connection.check_constraints()


def incident(**fields) -> Incident:
    kind = "disconnected" if fields.get("channel") else "server_down"
    fields = {"kind": kind, "cause": "logged_out", "started_at": NOON, "opened_at": NOON} | fields
    return Incident.objects.create(**fields)


def of(channel, **fields) -> Incident:
    return incident(channel=channel, tenant=channel.tenant, **fields)


# --- One at a time -------------------------------------------------------------------------------------------------


def test_a_channel_has_one_open_incident(channel):
    of(channel)

    with refused("one_open_incident_per_channel"):
        of(channel, started_at=NOON + SECOND, opened_at=NOON + SECOND)


def test_an_incident_that_is_over_leaves_room_for_the_next(channel):
    for _time in range(2):
        of(channel, resolved_at=NOON, resolution="recovered")
    of(channel)


def test_an_incident_that_is_over_cannot_be_opened_again_beside_another(channel):
    over = of(channel, resolved_at=NOON, resolution="recovered")
    of(channel)

    with refused("one_open_incident_per_channel"):
        Incident.objects.filter(pk=over.pk).update(resolved_at=None, resolution="")


def test_a_server_has_one_open_incident(server):
    incident(server=server)

    with refused("one_open_incident_per_server"):
        incident(server=server)


def test_two_servers_and_two_channels_may_be_down_at_once(clinic):
    for _each in range(2):
        incident(server=people.server())
        of(people.channel(clinic))
    now_and_not_at_commit()


# --- Of what -------------------------------------------------------------------------------------------------------


def test_an_incident_is_of_something(clinic):
    with refused("incident_of_a_channel_or_of_a_server"):
        incident(tenant=clinic)


def test_an_incident_is_not_of_a_channel_and_a_server_at_once(channel):
    with refused("incident_of_a_channel_or_of_a_server"):
        of(channel, server=channel.server)


def test_an_incident_of_a_channel_names_its_clinic(channel):
    with refused("incident_of_a_channel_or_of_a_server"):
        incident(channel=channel)


def test_an_incident_cannot_hang_on_another_clinics_channel(channel, other_clinic):
    incident(channel=channel, tenant=other_clinic)

    with refused("incidents_incident_channel_id_tied"):
        now_and_not_at_commit()


def test_an_incident_cannot_hang_on_another_clinics_server(clinic, other_clinic):
    incident(server=people.server(other_clinic), tenant=clinic)

    with pytest.raises(IntegrityError):
        now_and_not_at_commit()


def test_an_incident_cannot_move_to_another_clinic(channel, other_clinic):
    opened = of(channel)
    Incident.objects.filter(pk=opened.pk).update(tenant=other_clinic)

    with refused("incidents_incident_channel_id_tied"):
        now_and_not_at_commit()


@pytest.mark.parametrize("kind", ["", "open", "DISCONNECTED", "unknown"])
def test_an_unknown_kind_is_refused(channel, kind):
    with refused("incident_kind_is_known"):
        of(channel, kind=kind)


@pytest.mark.parametrize("kind", ["disconnected", "qr_pending", "error", "connecting"])
def test_each_kind_has_its_word(channel, kind):
    assert of(channel, kind=kind).get_kind_display() != kind


# --- When ----------------------------------------------------------------------------------------------------------


def test_an_incident_does_not_end_before_it_starts(channel):
    with refused("incident_resolved_after_start"):
        of(channel, resolved_at=NOON - timedelta(microseconds=1), resolution="recovered")


def test_an_incident_does_not_open_before_it_starts(channel):
    with refused("incident_opened_after_start"):
        of(channel, opened_at=NOON - timedelta(microseconds=1))


def test_an_incident_that_is_over_says_how(channel):
    with refused("resolved_says_how"):
        of(channel, resolved_at=NOON)


def test_an_open_incident_does_not_say_how_it_ended(channel):
    with refused("resolved_says_how"):
        of(channel, resolution="recovered")


@pytest.mark.parametrize(
    ("length", "seconds"),
    [
        (timedelta(0), 0),
        (timedelta(microseconds=999_999), 0),
        (timedelta(seconds=90, milliseconds=600), 90),  # a cast would round it to 91
        (timedelta(seconds=90, milliseconds=400), 90),
        (timedelta(days=400), 34_560_000),
    ],
)
def test_a_duration_is_the_whole_seconds_from_start_to_end(channel, length, seconds):
    resolved = of(channel, opened_at=NOON + length, resolved_at=NOON + length, resolution="recovered")

    resolved.refresh_from_db()
    assert resolved.duration_seconds == seconds


def test_an_open_incident_has_no_duration_yet(channel):
    opened = of(channel)

    opened.refresh_from_db()
    assert opened.duration_seconds is None


def test_a_duration_follows_when_the_end_is_written(channel):
    opened = of(channel)
    Incident.objects.filter(pk=opened.pk).update(resolved_at=NOON + 61 * SECOND, resolution="recovered")

    assert Incident.objects.get(pk=opened.pk).duration_seconds == 61


def test_nobody_writes_a_duration(channel):
    opened = of(channel)

    with pytest.raises(DatabaseError, match="duration_seconds"), connection.cursor() as cursor:
        cursor.execute("update incidents_incident set duration_seconds = 1 where id = %s", [opened.pk])


# --- The timeline --------------------------------------------------------------------------------------------------


def test_an_event_cannot_hang_on_another_clinics_incident(channel, other_clinic):
    IncidentEvent.objects.create(incident=of(channel), tenant=other_clinic, kind="opened", at=NOON)

    with refused("incidents_incidentevent_incident_id_tied"):
        now_and_not_at_commit()


def test_a_clinics_event_cannot_hang_on_the_operators_incident(server, clinic):
    IncidentEvent.objects.create(incident=incident(server=server), tenant=clinic, kind="opened", at=NOON)

    with refused("incidents_incidentevent_incident_id_tied"):
        now_and_not_at_commit()


def test_an_incident_with_a_timeline_cannot_be_deleted_even_by_hand(channel):
    opened = of(channel)
    IncidentEvent.objects.create(incident=opened, tenant=channel.tenant, kind="opened", at=NOON)
    with connection.cursor() as cursor:
        cursor.execute("delete from incidents_incident where id = %s", [opened.pk])

    with refused("incidents_incidentevent"):
        now_and_not_at_commit()

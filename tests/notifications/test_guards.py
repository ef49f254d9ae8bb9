"""What the database itself refuses about notifications, whoever writes."""

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection

from incidents.models import Incident
from notifications.models import Notification
from tests.support import people

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def incident(clinic):
    channel = people.channel(clinic)
    return Incident.objects.create(
        tenant=clinic, channel=channel, kind="disconnected", cause="logged_out", started_at=NOON, opened_at=NOON
    )


def refused(rule: str):
    return pytest.raises(IntegrityError, match=rule)


def tell(person, incident=None, **fields) -> Notification:
    tenant = incident.tenant if incident else None
    fields = {"tenant": tenant, "event": "opened", "title": "t", "body": "b", "dedupe_key": "incident:1:opened"} | fields
    return Notification.objects.create(user=person, incident=incident, **fields)


def test_each_person_is_told_once(admin, incident):
    tell(admin, incident)

    with refused("each_person_is_told_once"):
        tell(admin, incident)


def test_a_person_is_told_once_even_when_the_words_differ(admin, incident):
    tell(admin, incident)

    with refused("each_person_is_told_once"):
        tell(admin, incident, event="resolved", title="other", body="words")


def test_two_people_are_told_of_the_same_and_one_of_two_things(admin, staff, incident):
    tell(admin, incident)
    tell(staff, incident)
    tell(admin, incident, event="resolved", dedupe_key="incident:1:resolved")
    connection.check_constraints()


@pytest.mark.parametrize("event", ["opened", "resolved"])
def test_news_of_an_incident_names_the_incident(admin, event):
    with refused("only_a_warning_has_no_incident"):
        tell(admin, event=event)


def test_a_warning_is_not_of_an_incident(operator, incident):
    with refused("only_a_warning_has_no_incident"):
        tell(operator, incident, event="warning")


def test_a_warning_stands_alone(operator):
    tell(operator, event="warning")
    connection.check_constraints()


def test_a_notification_cannot_hang_on_another_clinics_incident(outsider, incident, other_clinic):
    tell(outsider, incident, tenant=other_clinic)

    with refused("notifications_notification_incident_id_tied"):
        connection.check_constraints()


def test_a_person_who_was_told_cannot_be_deleted_even_by_hand(admin, incident):
    tell(admin, incident)
    with connection.cursor() as cursor:
        cursor.execute("delete from tenants_membership where user_id = %s", [admin.pk])
        cursor.execute("delete from tenants_user where id = %s", [admin.pk])

    with refused("notifications_notification_user_id"):
        connection.check_constraints()

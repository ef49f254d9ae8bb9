"""What is on record, and who was told of it: on the real database."""

from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents import ledger
from incidents.models import Incident, IncidentEvent
from notifications.models import Notification
from tenants.models import Membership
from tests.support import people
from tests.support.readings import MINUTE, NOON, bad, recovered


@pytest.fixture
def channel(clinic):
    return people.channel(clinic)


def told(event="opened"):
    return set(Notification.objects.filter(event=event).values_list("user_id", flat=True))


def timeline():
    return list(IncidentEvent.objects.values_list("kind", flat=True))


def test_an_incident_opens_with_the_first_unhealthy_reading_as_its_start(channel):
    assert ledger.open_incidents([bad(channel)]) == 1

    incident = Incident.objects.get()
    assert (incident.tenant_id, incident.kind, incident.cause) == (channel.tenant_id, "disconnected", "logged_out")
    assert (incident.started_at, incident.opened_at, incident.resolved_at) == (NOON, NOON + 5 * MINUTE, None)
    assert incident.readings == [{"cause": "logged_out"}]
    assert incident.threshold_minutes is None


def test_an_incident_keeps_the_threshold_it_opened_by(channel, clinic):
    other = people.channel(clinic)
    ledger.open_incidents([replace(bad(channel), threshold_minutes=5), replace(bad(other), threshold_minutes=60)])
    assert dict(Incident.objects.values_list("channel", "threshold_minutes")) == {channel.pk: 5, other.pk: 60}


def test_a_second_opening_of_the_same_outage_opens_nothing_and_tells_nobody(channel, admin):
    ledger.open_incidents([bad(channel)])
    assert ledger.open_incidents([bad(channel)]) == 0
    assert Notification.objects.count() == 1
    assert timeline() == ["opened", "told"]


def test_each_active_admin_of_the_clinic_is_told_once_and_nobody_else(channel, clinic, admin, staff, outsider, operator):
    owner = people.admin_of(clinic, role=Membership.Role.TENANT_ADMIN)
    gone = people.admin_of(clinic, is_active=False)
    left = people.admin_of(clinic)
    Membership.objects.filter(user=left).update(is_active=False)

    ledger.open_incidents([bad(channel)])

    assert told() == {admin.pk, owner.pk}
    assert gone.pk not in told()


def test_operators_are_told_too_where_they_act(channel, admin, operator):
    ledger.open_incidents([bad(channel, "network_lost")])
    assert told() == {admin.pk, operator.pk}


def test_a_rejected_key_of_the_clinics_own_server_is_the_clinics_matter(clinic, admin, operator):
    own = people.channel(clinic, people.server(clinic))
    ledger.open_incidents([bad(own, "key_rejected")])
    assert told() == {admin.pk}


def test_a_rejected_key_of_the_operators_server_is_the_operators_matter_too(channel, admin, operator):
    ledger.open_incidents([bad(channel, "key_rejected")])
    assert told() == {admin.pk, operator.pk}


def test_a_person_in_two_clinics_is_told_of_each_clinics_own_incident(channel, other_clinic):
    both = people.admin_of(channel.tenant, other_clinic)
    ledger.open_incidents([bad(channel), bad(people.channel(other_clinic))])
    assert set(Notification.objects.filter(user=both).values_list("tenant_id", flat=True)) == {
        channel.tenant_id,
        other_clinic.pk,
    }


def test_the_timeline_names_who_was_told(channel, admin):
    ledger.open_incidents([bad(channel)])
    line = IncidentEvent.objects.get(kind="told")
    assert (line.told, line.event) == ([admin.pk], "opened")
    assert Incident.objects.get().notified_at == NOON + 5 * MINUTE


def test_with_alerts_off_it_is_recorded_and_nobody_is_told(clinic, admin):
    quiet = people.channel(clinic, alerts_enabled=False)
    ledger.open_incidents([bad(quiet)])
    assert Incident.objects.get().notified_at is None
    assert told() == set()


def test_alerts_turned_on_while_it_is_open_are_sent_at_the_next_reading(clinic, admin):
    quiet = people.channel(clinic, alerts_enabled=False)
    ledger.open_incidents([bad(quiet)])
    ledger.keep_incidents([bad(quiet, at=NOON + 6 * MINUTE)])
    assert told() == set()

    ledger.keep_incidents([bad(quiet, at=NOON + 7 * MINUTE, alerts_enabled=True)])

    assert told() == {admin.pk}
    assert Incident.objects.get().notified_at == NOON + 7 * MINUTE


def test_without_an_admin_nobody_is_told_until_there_is_one(channel):
    ledger.open_incidents([bad(channel)])
    assert Incident.objects.get().notified_at is None
    late = people.admin_of(channel.tenant)

    ledger.keep_incidents([bad(channel, at=NOON + 6 * MINUTE)])

    assert told() == {late.pk}


def test_who_becomes_an_admin_later_sees_and_is_not_told(channel, admin):
    ledger.open_incidents([bad(channel)])
    late = people.admin_of(channel.tenant)
    ledger.keep_incidents([bad(channel, at=NOON + 6 * MINUTE)])
    assert late.pk not in told()


def test_a_new_cause_goes_on_the_timeline_and_becomes_the_current_one(channel, admin):
    ledger.open_incidents([bad(channel, "network_lost")])
    ledger.keep_incidents([bad(channel, "logged_out", at=NOON + 6 * MINUTE)])
    ledger.keep_incidents([bad(channel, "logged_out", at=NOON + 7 * MINUTE)])

    assert Incident.objects.get().cause == "logged_out"
    assert timeline() == ["opened", "told", "cause_changed"]
    assert Notification.objects.count() == 1  # the same admins are not told again


def test_it_resolves_at_the_first_healthy_reading_and_those_who_were_told_hear_of_it(channel, admin, operator):
    ledger.open_incidents([bad(channel)])
    late = people.admin_of(channel.tenant)

    assert ledger.resolve_incidents([recovered(channel)]) == 1

    incident = Incident.objects.get()
    assert (incident.resolved_at, incident.resolution, incident.duration_seconds) == (NOON + 25 * MINUTE, "recovered", 25 * 60)
    assert told("resolved") == {admin.pk}
    assert late.pk not in told("resolved")
    assert timeline() == ["opened", "told", "resolved", "told"]


def test_who_may_no_longer_see_it_does_not_hear_of_the_recovery(channel, admin):
    leaving = people.admin_of(channel.tenant)
    ledger.open_incidents([bad(channel)])
    Membership.objects.filter(user=leaving).update(is_active=False)
    ledger.resolve_incidents([recovered(channel)])
    assert told("resolved") == {admin.pk}


def test_operators_who_were_told_hear_of_the_recovery(channel, admin, operator):
    ledger.open_incidents([bad(channel, "server_unreachable")])
    ledger.resolve_incidents([recovered(channel)])
    assert told("resolved") == {admin.pk, operator.pk}


def test_nobody_hears_of_the_recovery_of_an_outage_that_nobody_was_told_of(clinic, admin):
    quiet = people.channel(clinic, alerts_enabled=False)
    ledger.open_incidents([bad(quiet)])
    ledger.resolve_incidents([recovered(quiet)])
    assert not Notification.objects.exists()


def test_a_second_recovery_resolves_nothing_and_tells_nobody(channel, admin):
    ledger.open_incidents([bad(channel)])
    ledger.resolve_incidents([recovered(channel)])
    assert ledger.resolve_incidents([recovered(channel, at=NOON + 30 * MINUTE)]) == 0
    assert Notification.objects.count() == 2
    assert Incident.objects.get().resolved_at == NOON + 25 * MINUTE


def test_a_clock_that_was_set_back_makes_no_negative_duration(channel, admin):
    ledger.open_incidents([bad(channel)])
    ledger.resolve_incidents([recovered(channel, at=NOON - 60 * MINUTE)])
    assert Incident.objects.get().duration_seconds == 0


def test_incidents_that_did_not_recover_close_without_a_word(channel, clinic, admin):
    standing = people.channel(clinic)
    ledger.open_incidents([bad(channel), bad(standing)])

    assert len(ledger.close_incidents({channel.pk: "switched_off"})) == 1
    assert ledger.close_incidents({channel.pk: "switched_off"}) == []

    incident = Incident.objects.get(channel=channel)
    assert incident.resolution == "switched_off"
    assert incident.resolved_at is not None
    assert told("resolved") == set()
    assert [left.channel for left in Incident.objects.open()] == [standing]


def test_an_operator_is_warned_once_of_a_channel_that_could_not_be_looked_at(channel, operator, admin):
    subject = bad(channel).subject
    for minute in (15, 17):
        ledger.warn_unseen([(subject, NOON, NOON + minute * MINUTE)])

    warning = Notification.objects.get()
    assert (warning.user_id, warning.event, warning.incident_id, warning.tenant_id) == (operator.pk, "warning", None, None)


def test_a_storm_of_openings_takes_as_many_queries_as_one(clinic, admin, operator):
    server = people.server()
    counts = []
    for size in (1, 50):
        storm = [bad(people.channel(clinic, server), "server_unreachable") for _ in range(size)]
        with CaptureQueriesContext(connection) as queries:
            ledger.open_incidents(storm)
        counts.append(len(queries))
    assert counts[0] == counts[1]

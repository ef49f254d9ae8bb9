"""What people do about an incident: each has one effect, whoever clicks how often."""

from datetime import timedelta
from threading import Thread

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, transaction

from incidents import actions, ledger
from incidents.models import Incident, IncidentEvent
from tenants import scope
from tests.support import people
from tests.support.readings import MINUTE, NOON, bad, recovered

LATER = NOON + 10 * MINUTE


@pytest.fixture
def channel(clinic):
    return people.channel(clinic)


@pytest.fixture
def incident(channel):
    ledger.open_incidents([bad(channel)])
    return Incident.objects.get()


def lines(kind):
    return IncidentEvent.objects.filter(kind=kind)


def test_who_takes_an_incident_stands_on_it_and_on_its_timeline(incident, admin):
    assert actions.take(incident.pk, by=admin, at=LATER)

    incident.refresh_from_db()
    assert (incident.taken_by, incident.taken_at) == (admin, LATER)
    line = lines("taken").get()
    assert (line.by, line.at, line.tenant_id) == (admin, LATER, incident.tenant_id)


def test_the_second_who_takes_it_changes_nothing(incident, admin, operator):
    actions.take(incident.pk, by=admin, at=LATER)

    assert not actions.take(incident.pk, by=operator, at=LATER + MINUTE)
    assert not actions.take(incident.pk, by=admin, at=LATER + MINUTE)

    incident.refresh_from_db()
    assert (incident.taken_by, incident.taken_at, lines("taken").count()) == (admin, LATER, 1)


LEAVES = [
    pytest.param(lambda one: type(one).objects.filter(pk=one.pk).update(is_active=False), id="gone"),
    pytest.param(lambda one: one.memberships.update(is_active=False), id="left the clinic"),
    pytest.param(lambda one: one.memberships.update(role="staff"), id="became staff"),
    pytest.param(lambda one: one.memberships.all().delete(), id="moved to another clinic"),
]


@pytest.mark.parametrize("leaves", LEAVES)
def test_from_somebody_who_may_do_so_no_more_it_is_taken_over_once(leaves, incident, admin, operator, other_clinic):
    actions.take(incident.pk, by=admin, at=LATER)
    leaves(admin)
    admin.memberships.create(tenant=other_clinic, role="clinic_admin")

    assert actions.take(incident.pk, by=operator, at=LATER + MINUTE)
    assert not actions.take(incident.pk, by=operator, at=LATER + MINUTE)

    incident.refresh_from_db()
    assert (incident.taken_by, incident.taken_at) == (operator, LATER + MINUTE)
    assert list(lines("taken").values_list("by", "at")) == [(admin.pk, LATER), (operator.pk, LATER + MINUTE)]


@pytest.mark.parametrize("right", ["is_active", "is_saas_admin"])
def test_from_an_operator_who_is_none_any_more_a_clinic_takes_it_over(right, incident, admin, operator):
    actions.take(incident.pk, by=operator, at=LATER)
    assert not actions.take(incident.pk, by=admin, at=LATER + MINUTE)
    type(operator).objects.filter(pk=operator.pk).update(**{right: False})

    assert actions.take(incident.pk, by=admin, at=LATER + MINUTE)


def test_what_is_over_is_not_taken(incident, channel, admin):
    ledger.resolve_incidents([recovered(channel)])
    assert not actions.take(incident.pk, by=admin, at=LATER)
    assert not lines("taken").exists()


def test_a_note_is_one_line_and_the_same_note_sent_twice_at_once_is_one(incident, admin, operator):
    assert actions.note(incident.pk, "Trocou de aparelho.", by=admin, at=LATER)
    assert not actions.note(incident.pk, "Trocou de aparelho.", by=admin, at=LATER + timedelta(seconds=2))
    assert actions.note(incident.pk, "Trocou de aparelho.", by=operator, at=LATER + timedelta(seconds=2))
    assert actions.note(incident.pk, "Trocou de aparelho.", by=admin, at=LATER + 5 * MINUTE)
    assert list(lines("note").values_list("by", flat=True)) == [admin.pk, operator.pk, admin.pk]


def test_a_false_alarm_is_a_line_once_per_person_and_changes_no_record(incident, admin, operator):
    before = Incident.objects.values().get()

    assert actions.false_alarm(incident.pk, by=admin, at=LATER)
    assert not actions.false_alarm(incident.pk, by=admin, at=LATER + MINUTE)
    assert actions.false_alarm(incident.pk, by=operator, at=LATER + MINUTE)

    assert Incident.objects.values().get() == before
    assert list(lines("false_alarm").values_list("by", flat=True)) == [admin.pk, operator.pk]


def test_a_false_alarm_may_be_said_after_it_is_over(incident, channel, admin):
    ledger.resolve_incidents([recovered(channel)])
    assert actions.false_alarm(incident.pk, by=admin, at=LATER)


DEEDS = [
    pytest.param(lambda pk, by: actions.take(pk, by=by, at=LATER), id="take"),
    pytest.param(lambda pk, by: actions.note(pk, "text", by=by, at=LATER), id="note"),
    pytest.param(lambda pk, by: actions.false_alarm(pk, by=by, at=LATER), id="false-alarm"),
]


@pytest.mark.parametrize("deed", DEEDS)
def test_staff_reads_and_does_nothing(deed, incident, staff):
    with pytest.raises(PermissionDenied):
        deed(incident.pk, staff)
    assert not IncidentEvent.objects.filter(by=staff).exists()


@pytest.mark.parametrize("deed", DEEDS)
def test_for_another_clinics_admin_it_does_not_exist(deed, incident, outsider):
    with pytest.raises(Incident.DoesNotExist):
        deed(incident.pk, outsider)
    assert not IncidentEvent.objects.filter(by=outsider).exists()


@pytest.mark.parametrize("deed", DEEDS)
def test_who_has_left_does_nothing(deed, incident, admin, operator):
    admin.memberships.update(is_active=False)
    operator.is_active = False
    for person in (admin, operator):
        with pytest.raises(Incident.DoesNotExist):
            deed(incident.pk, person)


@pytest.mark.parametrize("deed", DEEDS)
def test_a_person_writes_through_it_alone_and_is_back_in_their_own_scope(deed, incident, admin, clinic):
    with scope.use(scope.TENANT, tenant_id=clinic.pk, user_id=admin.pk):
        deed(incident.pk, admin)
        assert scope.current()[0] == scope.TENANT
        assert Incident.objects.update(cause="zombie") == 0
    assert IncidentEvent.objects.filter(by=admin).exists()


@pytest.mark.django_db(transaction=True)
def test_two_who_take_it_in_the_same_moment_are_one():
    clinic = people.clinic()
    first, second = people.admin_of(clinic), people.admin_of(clinic)
    ledger.open_incidents([bad(people.channel(clinic))])
    pk, won = Incident.objects.get().pk, []

    def taking(person):
        try:
            with transaction.atomic():
                won.append(actions.take(pk, by=person, at=LATER))
        finally:
            connection.close()

    threads = [Thread(target=taking, args=[person]) for person in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(won) == [False, True]
    assert lines("taken").count() == 1


def test_the_database_keeps_who_and_since_when_together(incident, admin):
    with pytest.raises(IntegrityError), transaction.atomic():
        Incident.objects.update(taken_by=admin)


def test_the_database_keeps_one_false_alarm_per_person(incident, admin):
    line = {"incident": incident, "tenant": incident.tenant, "kind": "false_alarm", "at": LATER, "by": admin}
    IncidentEvent.objects.create(**line)
    with pytest.raises(IntegrityError), transaction.atomic():
        IncidentEvent.objects.create(**line)

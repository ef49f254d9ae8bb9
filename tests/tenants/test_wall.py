"""The database's wall between clinics, alone: every query here is unfiltered, as if the application forgot its own."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.test import RequestFactory

from channels_app.models import Channel, ConnectionPeriod, Server, Sweep, Watch
from incidents.models import Incident, IncidentEvent
from notifications.models import Notification
from tenants import role, scope
from tenants.middleware import ScopeMiddleware
from tenants.models import Membership
from tests.support import people

WALLED = [Server, Channel, Watch, ConnectionPeriod, Sweep, Incident, IncidentEvent, Notification]


def furnish(tenant):
    """Give a clinic one row of everything."""
    server = people.server(tenant)
    channel = people.channel(tenant, server)
    Watch.objects.create(channel=channel, tenant=tenant)
    at = channel.created_at
    ConnectionPeriod.objects.create(channel=channel, tenant=tenant, status="open", cause="connected", started_at=at)
    Sweep.objects.create(tenant=tenant)
    incident = Incident.objects.create(
        tenant=tenant, channel=channel, kind="disconnected", cause="logged_out", started_at=at, opened_at=at
    )
    IncidentEvent.objects.create(tenant=tenant, incident=incident, kind="opened", at=at)
    person = people.admin_of(tenant)
    Notification.objects.create(
        user=person, tenant=tenant, incident=incident, event="opened", title="t", body="b", dedupe_key="k"
    )
    return person


@pytest.fixture
def two_clinics(clinic, other_clinic):
    return furnish(clinic), furnish(other_clinic)


def tenants_seen(model):
    return set(model.objects.values_list("tenant_id", flat=True))


@pytest.mark.parametrize("model", WALLED)
def test_without_a_scope_no_row_is_seen(model, two_clinics):
    with scope.use(""):
        assert not model.objects.exists()


@pytest.mark.parametrize("model", WALLED)
def test_a_clinic_sees_its_own_rows_alone(model, two_clinics, clinic):
    with scope.use(scope.TENANT, tenant_id=clinic.pk, user_id=two_clinics[0].pk):
        assert tenants_seen(model) == {clinic.pk}


@pytest.mark.parametrize("model", WALLED)
def test_operator_and_service_see_every_clinic(model, two_clinics, clinic, other_clinic):
    for kind in (scope.OPERATOR, scope.SERVICE):
        with scope.use(kind):
            assert tenants_seen(model) == {clinic.pk, other_clinic.pk}


def test_a_clinic_does_not_see_the_operators_server(clinic):
    people.server()
    with scope.use(scope.TENANT, tenant_id=clinic.pk):
        assert not Server.objects.exists()


def test_notifications_are_seen_by_their_reader_alone(two_clinics, clinic):
    colleague = people.admin_of(clinic)
    with scope.use(scope.TENANT, tenant_id=clinic.pk, user_id=colleague.pk):
        assert not Notification.objects.exists()


def test_a_person_whose_clinic_is_not_known_yet_sees_their_memberships_alone(two_clinics, clinic):
    with scope.use(scope.PERSON, user_id=two_clinics[0].pk):
        assert [membership.tenant_id for membership in Membership.objects.all()] == [clinic.pk]
        assert not Channel.objects.exists()


def test_a_write_across_the_wall_is_refused(two_clinics, clinic, other_clinic):
    with (
        scope.use(scope.TENANT, tenant_id=clinic.pk),
        pytest.raises(ProgrammingError, match="row-level security"),
        transaction.atomic(),
    ):
        Server.objects.create(tenant=other_clinic, name="x", base_url="https://x.example.com")


def test_an_update_across_the_wall_changes_nothing(two_clinics, clinic, other_clinic):
    with scope.use(scope.TENANT, tenant_id=clinic.pk):
        assert Channel.objects.filter(tenant=other_clinic).update(name="stolen") == 0
    assert not Channel.objects.filter(name="stolen").exists()


def test_a_row_cannot_be_moved_across_the_wall(two_clinics, clinic, other_clinic):
    with (
        scope.use(scope.TENANT, tenant_id=clinic.pk),
        pytest.raises(ProgrammingError, match="row-level security"),
        transaction.atomic(),
    ):
        Server.objects.update(tenant=other_clinic)


def test_only_the_operator_places_a_channel_on_the_operators_server(clinic):
    operators = people.server()
    placed, own = people.channel(clinic, operators), people.channel(clinic, people.server(clinic))
    with scope.use(scope.TENANT, tenant_id=clinic.pk):
        with pytest.raises(ProgrammingError, match="only the operator places"), transaction.atomic():
            people.channel(clinic, operators)
        with pytest.raises(ProgrammingError, match="only the operator places"), transaction.atomic():
            Channel.objects.filter(pk=own.pk).update(server=operators, server_owner=0)
        # What the operator has placed there, the clinic may still change.
        assert Channel.objects.filter(pk=placed.pk).update(heartbeat_threshold_minutes=7) == 1


def test_a_clinic_cannot_hang_its_row_on_another_clinics_channel(two_clinics, clinic, other_clinic):
    theirs = Channel.objects.get(tenant=other_clinic)
    with pytest.raises(IntegrityError), transaction.atomic():
        Incident.objects.create(
            tenant=clinic,
            channel=theirs,
            kind="error",
            cause="server_error",
            started_at=theirs.created_at,
            opened_at=theirs.created_at,
        )
        with connection.cursor() as cursor:
            cursor.execute("set constraints all immediate")


@pytest.mark.parametrize("model", [Watch, ConnectionPeriod, Sweep, Incident, IncidentEvent, Notification])
@pytest.mark.parametrize("kind", [scope.TENANT, scope.OPERATOR])
def test_what_the_watch_records_is_written_by_the_service_alone(model, kind, two_clinics, clinic):
    with scope.use(kind, tenant_id=clinic.pk, user_id=two_clinics[0].pk):
        row = model.objects.filter(tenant=clinic).first()
        assert model.objects.filter(pk=row.pk).update(tenant=row.tenant_id) == 0
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            row.pk = 10_000_000
            row.save(force_insert=True)


def test_a_scope_ends_with_its_block_and_the_outer_one_is_back(clinic):
    with scope.use(scope.TENANT, tenant_id=clinic.pk, user_id=7):
        with scope.use(scope.SERVICE):
            pass
        assert scope.current() == (scope.TENANT, str(clinic.pk), "7")


def test_a_scope_ends_with_its_block_after_an_error_too(clinic):
    with scope.use(scope.TENANT, tenant_id=clinic.pk):
        with pytest.raises(ZeroDivisionError), scope.use(scope.SERVICE):
            raise ZeroDivisionError
        assert scope.current()[0] == scope.TENANT


def test_a_scope_of_a_savepoint_that_broke_leaves_the_outer_one(clinic):
    with scope.use(scope.TENANT, tenant_id=clinic.pk):
        with pytest.raises(ProgrammingError), scope.use(scope.SERVICE), connection.cursor() as cursor:
            cursor.execute("select no_such_column")
        assert scope.current()[0] == scope.TENANT


def channels_seen_by(person):
    """The names of all channels that a view sees which filters nothing."""
    seen = []
    request = RequestFactory().get("/")
    request.user, request.session = person, {}
    ScopeMiddleware(lambda request: seen.extend(Channel.objects.values_list("tenant_id", flat=True)))(request)
    return set(seen)


def test_a_request_of_one_clinic_sees_no_row_of_the_other(two_clinics, clinic):
    assert channels_seen_by(two_clinics[0]) == {clinic.pk}


def test_a_request_of_the_operator_sees_all(two_clinics, clinic, other_clinic, operator):
    assert channels_seen_by(operator) == {clinic.pk, other_clinic.pk}


def test_a_stranger_and_somebody_without_a_clinic_see_nothing(two_clinics):
    assert channels_seen_by(AnonymousUser()) == set()
    assert channels_seen_by(people.person()) == set()


@pytest.mark.parametrize("ending", ["membership", "person", "clinic"])
def test_rights_that_ended_show_nothing(ending, two_clinics, clinic):
    person = two_clinics[0]
    match ending:
        case "membership":
            Membership.objects.update(is_active=False)
        case "person":
            person.is_active = False
            person.save()
        case "clinic":
            clinic.is_active = False
            clinic.save()
    assert channels_seen_by(person) == set()


def test_each_request_leaves_the_scope_as_it_was(two_clinics, operator):
    before = scope.current()
    for person in (*two_clinics, operator):
        channels_seen_by(person)
    assert scope.current() == before


@pytest.mark.django_db(transaction=True)
def test_a_web_process_refuses_a_connection_that_carries_a_workers_scope(monkeypatch, rf):
    assert scope.current()[0] == scope.SERVICE  # the test's own connection, as a worker's would be
    monkeypatch.setattr(scope, "_process", "")  # and now a web process gets it
    request = rf.get("/")
    request.user = AnonymousUser()

    assert ScopeMiddleware(lambda request: pytest.fail("served"))(request).status_code == 500


def test_the_embedded_login_is_no_superuser(db):
    assert role.check_database_role(None, databases=["default"]) == []

"""What the database itself refuses about servers, channels and their watch, whoever asks: forms are passed by here."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from channels_app.models import Channel, ConnectionPeriod, Pulse, Server, Sweep, Watch
from tests.support import people

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def channel(clinic):
    return people.channel(clinic)


@pytest.fixture
def other_channel(other_clinic):
    return people.channel(other_clinic)


def refused(rule: str):
    return pytest.raises(IntegrityError, match=rule)


def now_and_not_at_commit() -> None:
    """Ask the deferred rules at once."""
    connection.check_constraints()


def ends(channel, *, at=None, **fields) -> ConnectionPeriod:
    fields = {"tenant": channel.tenant, "status": "open", "cause": "connected", "started_at": NOON} | fields
    return ConnectionPeriod.objects.create(channel=channel, ended_at=at, **fields)


# --- Settings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("minutes", [0, 61, 32_767])
def test_a_threshold_outside_1_to_60_minutes_is_refused(channel, minutes):
    with refused("threshold_from_1_to_60_minutes"):
        Channel.objects.filter(pk=channel.pk).update(heartbeat_threshold_minutes=minutes)


@pytest.mark.parametrize("minutes", [1, 60])
def test_both_ends_of_the_threshold_are_allowed(channel, minutes):
    Channel.objects.filter(pk=channel.pk).update(heartbeat_threshold_minutes=minutes)


def test_an_instance_belongs_to_one_channel(channel):
    with refused("one_channel_per_instance"):
        people.channel(channel.tenant, channel.server, instance_name=channel.instance_name)


def test_an_instance_belongs_to_one_channel_even_across_clinics(channel, other_clinic):
    with refused("one_channel_per_instance"):
        people.channel(other_clinic, channel.server, instance_name=channel.instance_name)


def test_an_archived_channel_still_holds_its_instance(channel):
    Channel.objects.filter(pk=channel.pk).update(archived_at=NOON)

    with refused("one_channel_per_instance"):
        people.channel(channel.tenant, channel.server, instance_name=channel.instance_name)


def test_the_same_instance_name_on_another_server_is_another_instance(channel):
    people.channel(channel.tenant, people.server(), instance_name=channel.instance_name)


# --- Whose server --------------------------------------------------------------------------------------------------


def test_a_clinic_uses_its_own_server_and_the_operators(clinic):
    people.channel(clinic, people.server(clinic))
    people.channel(clinic, people.server())
    now_and_not_at_commit()


def test_a_channel_that_names_the_foreign_owner_of_its_server_is_refused(clinic, other_clinic):
    theirs = people.server(other_clinic)

    with refused("server_is_the_operators_or_its_own"):
        Channel.objects.create(tenant=clinic, server=theirs, server_owner=other_clinic.pk, instance_name="i", name="n")


def test_a_channel_that_claims_a_foreign_server_as_its_own_is_refused(clinic, other_clinic):
    theirs = people.server(other_clinic)
    Channel.objects.create(tenant=clinic, server=theirs, server_owner=clinic.pk, instance_name="i", name="n")

    with refused("channels_app_channel_server_owner_tied"):
        now_and_not_at_commit()


def test_a_channel_that_claims_a_foreign_server_as_the_operators_is_refused(clinic, other_clinic):
    theirs = people.server(other_clinic)
    Channel.objects.create(tenant=clinic, server=theirs, server_owner=0, instance_name="i", name="n")

    with refused("channels_app_channel_server_owner_tied"):
        now_and_not_at_commit()


def test_a_server_in_use_cannot_be_given_to_another_clinic(clinic, other_clinic):
    ours = people.server(clinic)
    people.channel(clinic, ours)
    Server.objects.filter(pk=ours.pk).update(tenant=other_clinic)

    with refused("channels_app_channel_server_owner_tied"):
        now_and_not_at_commit()


def test_nobody_writes_the_owner_key_of_a_server(clinic):
    server = people.server(clinic)
    assert (server.owner_key, people.server().owner_key) == (clinic.pk, 0)

    with pytest.raises(DatabaseError, match="owner_key"), connection.cursor() as cursor:
        cursor.execute("update channels_app_server set owner_key = 0 where id = %s", [server.pk])


# --- State and history hang on their own clinic's channel -----------------------------------------------------------


@pytest.mark.parametrize(
    ("hang", "rule"),
    [
        pytest.param(
            lambda channel, tenant: Watch.objects.create(channel=channel, tenant=tenant), "channels_app_watch", id="watch"
        ),
        pytest.param(
            lambda channel, tenant: ends(channel, tenant=tenant), "channels_app_connectionperiod", id="connection period"
        ),
        pytest.param(
            lambda channel, tenant: Sweep.objects.create(channel=channel, tenant=tenant), "channels_app_sweep", id="sweep"
        ),
    ],
)
def test_a_row_cannot_hang_on_another_clinics_channel(other_channel, clinic, hang, rule):
    hang(other_channel, clinic)

    with refused(f"{rule}_channel_id_tied"):
        now_and_not_at_commit()


@pytest.mark.parametrize("model", [Watch, ConnectionPeriod, Sweep])
def test_a_row_cannot_hang_on_a_channel_that_is_not_there(clinic, model):
    fields = {"tenant": clinic, "channel_id": 2**40}
    model.objects.create(
        **fields, **({"status": "open", "cause": "c", "started_at": NOON} if model is ConnectionPeriod else {})
    )

    with refused("_channel_id_tied"):
        now_and_not_at_commit()


def test_a_channel_that_has_a_history_cannot_change_hands(channel, other_clinic):
    Watch.objects.create(channel=channel, tenant=channel.tenant)
    Channel.objects.filter(pk=channel.pk).update(tenant=other_clinic)

    with refused("channels_app_watch_channel_id_tied"):
        now_and_not_at_commit()


def test_a_channel_with_a_history_cannot_be_deleted_even_by_hand(channel):
    ends(channel)
    with connection.cursor() as cursor:
        cursor.execute("delete from channels_app_channel where id = %s", [channel.pk])

    with refused("channels_app_connectionperiod_channel_id_tied"):
        now_and_not_at_commit()


def test_a_sweep_of_one_channel_names_its_clinic(channel):
    with refused("sweep_of_a_channel_names_its_tenant"):
        Sweep.objects.create(channel=channel)


# --- Periods -------------------------------------------------------------------------------------------------------


def test_a_channel_has_one_open_period(channel):
    ends(channel)

    with refused("one_open_period_per_channel"):
        ends(channel, started_at=NOON + timedelta(minutes=1))


def test_a_channel_may_have_many_periods_that_have_ended(channel, clinic):
    ends(channel, at=NOON)
    ends(channel, at=NOON)
    ends(channel)
    ends(people.channel(clinic))


def test_a_period_does_not_end_before_it_starts(channel):
    with refused("period_ends_after_its_start"):
        ends(channel, at=NOON - timedelta(microseconds=1))


# --- The watch -----------------------------------------------------------------------------------------------------


def test_a_channel_has_one_watch(channel):
    Watch.objects.create(channel=channel, tenant=channel.tenant)

    with refused("channels_app_watch_pkey"):
        Watch.objects.create(channel=channel, tenant=channel.tenant)


def test_an_unknown_status_is_refused(channel):
    with refused("watch_status_is_known"):
        Watch.objects.create(channel=channel, tenant=channel.tenant, connection_status="close")


@pytest.mark.parametrize("seconds", [-0.1, float("-inf")])
def test_bad_time_is_never_negative(channel, seconds):
    with refused("bad_seconds_not_negative"):
        Watch.objects.create(channel=channel, tenant=channel.tenant, bad_seconds=seconds)


def test_there_is_one_pulse(db):
    fields = {"last_tick_at": NOON, "oldest_overdue_seconds": 0, "channels_watched": 0}
    Pulse.objects.create(**fields)

    with refused("one_pulse"):
        Pulse.objects.create(id=2, **fields)


def test_the_watch_keeps_room_in_its_pages_and_no_index_that_a_look_would_touch(db):
    with connection.cursor() as cursor:
        cursor.execute("select reloptions from pg_class where oid = 'channels_app_watch'::regclass")
        assert cursor.fetchone()[0] == ["fillfactor=60"]
        cursor.execute("select indexname from pg_indexes where tablename = 'channels_app_watch'")
        assert cursor.fetchall() == [("channels_app_watch_pkey",)]


# --- The wall ------------------------------------------------------------------------------------------------------


def tables_of_clinics() -> dict[str, tuple]:
    """Every table that has a tenant_id, with: walled, walled against its owner too, its policies."""
    with connection.cursor() as cursor:
        cursor.execute("""
            select c.relname, c.relrowsecurity, c.relforcerowsecurity,
                (select array_agg((p.cmd, p.permissive, p.qual is not null)::text order by p.cmd)
                 from pg_policies p where p.schemaname = 'public' and p.tablename = c.relname)
            from pg_class c join pg_attribute a on a.attrelid = c.oid
            where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
                and a.attname = 'tenant_id' and not a.attisdropped
        """)
        return {table: facts for table, *facts in cursor.fetchall()}


def test_every_table_with_a_clinics_rows_stands_behind_the_wall(db):
    tables = tables_of_clinics()

    assert len(tables) >= 9
    for table, (walled, against_its_owner_too, policies) in tables.items():
        assert walled, table
        assert against_its_owner_too, table
        assert policies, table


def test_every_policy_of_a_clinics_table_asks_for_the_scope(db):
    with connection.cursor() as cursor:
        cursor.execute("select tablename, cmd, qual, coalesce(with_check, qual) from pg_policies where schemaname = 'public'")
        for table, command, seen, written in cursor.fetchall():
            assert "app.scope" in seen, (table, command)
            assert "app.scope" in written, (table, command)


def test_every_row_that_hangs_on_a_clinics_row_is_tied_by_the_clinic_as_well(db):
    """A plain foreign key looks through the wall: one that joins two tables of clinics needs a composite one beside it."""
    with connection.cursor() as cursor:
        cursor.execute("""
            select f.conrelid::regclass::text, f.confrelid::regclass::text, array_agg(a.attname::text order by a.attname)
            from pg_constraint f join pg_attribute a on a.attrelid = f.conrelid and a.attnum = any(f.conkey)
            where f.contype = 'f' group by f.oid, f.conrelid, f.confrelid
        """)
        keys = cursor.fetchall()
    clinics = tables_of_clinics()
    plain = {(child, parent, *columns) for child, parent, columns in keys if len(columns) == 1}
    tied = {(child, parent, column) for child, parent, columns in keys if len(columns) > 1 for column in columns}

    loose = {key for key in plain - tied if key[0] in clinics and key[1] in clinics}
    # A server's incident may be the operator's, and then names no clinic: its children cannot be tied to it.
    assert loose == {("incidents_incident", "incidents_incident", "parent_id")}


# --- People --------------------------------------------------------------------------------------------------------


def test_an_e_mail_address_is_kept_in_lower_case(staff):
    with refused("email_is_lower_case"):
        type(staff).objects.filter(pk=staff.pk).update(email="Somebody@example.com")


def test_an_e_mail_address_belongs_to_one_person(staff, admin):
    with refused("tenants_user_email"):
        type(staff).objects.filter(pk=staff.pk).update(email=admin.email)


def test_a_person_made_with_capitals_logs_in_without_them(db):
    person = people.User.objects.create_user("Ana.Souza@Example.COM", "a long password")

    assert person.email == "ana.souza@example.com"
    assert people.User.objects.get_by_natural_key("ANA.SOUZA@example.com") == person
    with refused("tenants_user_email"), transaction.atomic():
        people.User.objects.create_user("ANA.SOUZA@EXAMPLE.com")


def test_a_person_belongs_once_to_a_clinic(staff, clinic):
    with refused("one_membership_per_user_and_tenant"):
        staff.memberships.create(tenant=clinic, role="clinic_admin")


def test_an_unknown_role_is_refused(staff):
    with refused("membership_role_is_known"):
        staff.memberships.update(role="god")

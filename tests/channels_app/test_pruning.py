"""What has been kept long enough goes, whole and for good; what is younger, open or still of use stays."""

import io
import threading
from datetime import UTC, datetime, timedelta

import pytest
from celery import current_app
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection, transaction
from django_celery_beat.models import PeriodicTask

from channels_app import bell, invariants, pruning, tasks
from channels_app.models import ConnectionPeriod, Sweep, Watch
from config.beat import Scheduler
from core.pruning import HISTORY_IS_KEPT
from incidents import actions
from incidents.models import Incident, IncidentEvent
from notifications.models import Notification
from tenants import scope
from tests.support import people

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime.now(UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LONG_AGO = NOW - HISTORY_IS_KEPT - DAY
LATELY = NOW - HISTORY_IS_KEPT + DAY


@pytest.fixture
def clinic(transactional_db):
    return people.clinic("Clínica Aurora")


@pytest.fixture
def channel(clinic):
    return people.channel(clinic)


def period(channel, ended_at: datetime | None, started_at: datetime | None = None) -> ConnectionPeriod:
    fields = {"status": "open", "cause": "connected", "started_at": started_at or ended_at - HOUR, "ended_at": ended_at}
    return ConnectionPeriod.objects.create(channel=channel, tenant=channel.tenant, **fields)


def incident(channel, resolved_at: datetime | None, **fields: object) -> Incident:
    """One that lasted for an hour, with the two lines that every timeline has."""
    started_at = fields.pop("started_at", None) or resolved_at - HOUR
    tenant = channel and channel.tenant
    of = {"channel": channel, "tenant": tenant, "kind": "disconnected", "cause": "logged_out"} | fields
    over = {"resolved_at": resolved_at, "resolution": "recovered"} if resolved_at else {}
    made = Incident.objects.create(started_at=started_at, opened_at=started_at, **of, **over)
    for kind, at in (("opened", started_at), ("resolved", resolved_at)):
        if at:
            IncidentEvent.objects.create(incident=made, tenant_id=made.tenant_id, kind=kind, at=at)
    return made


def server_incident(server, resolved_at: datetime | None, **fields: object) -> Incident:
    return incident(None, resolved_at, server=server, kind="server_down", cause="server_unreachable", **fields)


def notification(of: Incident, *, written: datetime, read: datetime | None = None, user=None) -> Notification:
    """One of its opening, on the timeline too."""
    user = user or people.admin_of(of.tenant)
    IncidentEvent.objects.create(incident=of, tenant=of.tenant, kind="told", event="opened", at=written, told=[user.pk])
    Incident.objects.filter(pk=of.pk).update(notified_at=written)
    fields = {"event": "opened", "title": "t", "body": "b", "dedupe_key": f"incident:{of.pk}:opened"}
    return Notification.objects.create(user=user, tenant=of.tenant, incident=of, created_at=written, read_at=read, **fields)


def goes(*rows) -> list[bool]:
    """Prune; say of each row whether it is gone. The records are in order afterwards."""
    assert pruning.prune().is_time_up is False
    assert {name: ids for name, ids in invariants.violations().items() if ids} == {}
    return [not row._meta.model.objects.filter(pk=row.pk).exists() for row in rows]


# --- Periods -------------------------------------------------------------------------------------------------------


def test_a_period_goes_thirteen_months_after_its_end(channel):
    assert goes(period(channel, LONG_AGO), period(channel, LATELY)) == [True, False]


def test_a_period_that_began_long_ago_and_ended_lately_stays(channel):
    assert goes(period(channel, LATELY, started_at=LONG_AGO - 100 * DAY)) == [False]


def test_an_open_period_never_goes(channel):
    fields = {"connection_status": "open", "cause": "connected", "last_verdict_at": NOW}
    Watch.objects.create(channel=channel, tenant=channel.tenant, **fields)

    assert goes(period(channel, None, started_at=LONG_AGO)) == [False]


# --- Incidents -----------------------------------------------------------------------------------------------------


def test_an_incident_goes_with_its_timeline_and_its_notes(channel):
    old, young = incident(channel, LONG_AGO), incident(channel, LATELY)
    admin = people.admin_of(channel.tenant)
    with scope.use(scope.SERVICE):
        actions.note(old.pk, "Era o aparelho", by=admin, at=LONG_AGO)

    assert goes(old, young) == [True, False]
    assert set(IncidentEvent.objects.values_list("incident", flat=True)) == {young.pk}


def test_an_open_incident_never_goes(channel):
    still_bad = {"connection_status": "disconnected", "cause": "logged_out", "first_unhealthy_at": LONG_AGO}
    Watch.objects.create(channel=channel, tenant=channel.tenant, **still_bad)

    assert goes(incident(channel, None, started_at=LONG_AGO)) == [False]


def test_an_incident_that_follows_one_that_goes_follows_none(channel):
    old = incident(channel, LONG_AGO)
    follower = incident(channel, LATELY, started_at=LONG_AGO + timedelta(minutes=5), follows=old)

    assert goes(old, follower) == [True, False]
    follower.refresh_from_db()
    assert follower.follows is None


def test_two_that_follow_each_other_go_together(channel):
    old = incident(channel, LONG_AGO - DAY)
    follower = incident(channel, LONG_AGO, started_at=LONG_AGO - DAY + timedelta(minutes=5), follows=old)

    assert goes(old, follower) == [True, True]


def test_a_server_s_incident_goes_with_those_of_its_numbers(clinic):
    server = people.server()
    its_own = server_incident(server, LONG_AGO)
    children = [incident(people.channel(clinic, server), LONG_AGO, parent=its_own) for _ in range(3)]

    assert goes(its_own, *children) == [True] * 4


@pytest.mark.parametrize("ended_at", [LATELY, None], ids=["ended lately", "still open"])
def test_nothing_of_a_server_s_incident_goes_while_that_is_young(clinic, ended_at):
    server = people.server()
    its_own = server_incident(server, ended_at, started_at=LONG_AGO)

    child = incident(people.channel(clinic, server), LONG_AGO, parent=its_own)

    pruning.prune()

    assert set(Incident.objects.all()) == {its_own, child}


def test_nothing_of_a_server_s_incident_goes_while_one_of_its_numbers_is_young(clinic):
    server = people.server()
    its_own = server_incident(server, LONG_AGO)
    old, young = (incident(people.channel(clinic, server), at, parent=its_own) for at in (LONG_AGO, LATELY))

    assert goes(its_own, old, young) == [False] * 3


# --- Notifications -------------------------------------------------------------------------------------------------


def test_what_was_read_goes_three_months_later_and_what_was_not_stays(channel):
    at = NOW - 100 * DAY
    of = incident(channel, at + HOUR, started_at=at)
    read = notification(of, written=at, read=at + HOUR)
    read_lately = notification(incident(channel, at + DAY), written=at + DAY, read=NOW - DAY)
    unread = notification(incident(channel, at + 2 * DAY), written=at + 2 * DAY)

    assert goes(read, read_lately, unread) == [True, False, False]


def test_what_nobody_read_goes_with_its_incident(channel):
    of = incident(channel, LONG_AGO)
    unread = notification(of, written=LONG_AGO - HOUR)

    assert goes(of, unread) == [True, True]


def test_an_incident_waits_for_a_notification_that_came_later(channel):
    of = incident(channel, LONG_AGO)
    late = notification(of, written=LATELY)

    assert goes(of, late) == [False, False]


def test_a_server_s_incident_waits_for_the_notifications_of_its_numbers(clinic):
    server = people.server()
    its_own = server_incident(server, LONG_AGO)
    child = incident(people.channel(clinic, server), LONG_AGO, parent=its_own)
    user = people.admin_of(clinic)
    IncidentEvent.objects.create(incident=child, tenant=clinic, kind="told", event="server_back", at=LATELY, told=[user.pk])
    fields = {"event": "server_back", "title": "t", "body": "b", "dedupe_key": "k", "created_at": LATELY}
    Notification.objects.create(user=user, tenant=clinic, incident=child, **fields)

    assert goes(its_own, child) == [False, False]


def test_an_operator_s_warning_goes_as_the_others_do(transactional_db):
    fields = {"user": people.operator(), "event": "warning", "title": "t", "body": "b"}
    read, unread, ancient = (
        Notification.objects.create(**fields, dedupe_key=str(written), created_at=written, read_at=read_at)
        for written, read_at in ((NOW - 100 * DAY, NOW - 95 * DAY), (NOW - 99 * DAY, None), (LONG_AGO, None))
    )

    assert goes(read, unread, ancient) == [True, False, True]


# --- The rest ------------------------------------------------------------------------------------------------------


def test_checks_on_demand_go_after_three_months(channel):
    of = {"channel": channel, "tenant": channel.tenant}

    assert goes(*(Sweep.objects.create(**of, started_at=NOW - days * DAY) for days in (91, 89))) == [True, False]


def test_sessions_that_have_expired_go(transactional_db):
    expired, valid = (
        Session.objects.create(session_key=str(hours), session_data="", expire_date=NOW + hours * HOUR) for hours in (-1, 1)
    )

    assert goes(expired, valid) == [True, False]


# --- How it goes ---------------------------------------------------------------------------------------------------


@pytest.fixture
def long_history(channel):
    """More than a batch takes of each."""
    start = LONG_AGO - 600 * DAY
    of = {"channel": channel, "tenant": channel.tenant}
    starts = [start + n * HOUR for n in range(6000)]
    ConnectionPeriod.objects.bulk_create(
        ConnectionPeriod(**of, status="open", cause="connected", started_at=at, ended_at=at + HOUR) for at in starts
    )
    over = {"resolution": "recovered", "kind": "error", "cause": "server_error"}
    Incident.objects.bulk_create(
        Incident(**of, **over, started_at=at, opened_at=at, resolved_at=at + HOUR) for at in starts[:1200]
    )


def test_all_of_it_goes_however_much_it_is_and_the_second_time_nothing_is_left(long_history):
    assert pruning.prune().rows == {"notifications": 0, "incidents": 1200, "periods": 6000, "checks": 0, "sessions": 0}
    assert sum(pruning.prune().rows.values()) == 0


def test_when_the_time_is_up_it_stops_after_a_batch_and_the_task_asks_for_more(long_history):
    pruned = pruning.prune(seconds=0)

    assert (pruned.is_time_up, 0 < pruned.rows["incidents"] < 1200, pruned.rows["periods"]) == (True, True, 0)


def test_two_at_once_share_the_work(long_history):
    together, gone = threading.Barrier(2), []

    def prune() -> None:
        together.wait()
        gone.append(pruning.prune().rows)
        connection.close()

    both = [threading.Thread(target=prune) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()

    assert {name: sum(rows[name] for rows in gone) for name in ("incidents", "periods")} == {"incidents": 1200, "periods": 6000}
    assert not ConnectionPeriod.objects.exists()


def test_an_incident_that_somebody_writes_a_note_to_waits_for_the_next_time(channel):
    old, _other = incident(channel, LONG_AGO), incident(people.channel(channel.tenant), LONG_AGO)
    with transaction.atomic():
        Incident.objects.select_for_update(no_key=True).get(pk=old.pk)
        pruner = threading.Thread(target=lambda: (pruning.prune(), connection.close()))
        pruner.start()
        pruner.join()

    assert list(Incident.objects.all()) == [old]
    assert goes(old) == [True]


def test_it_sees_every_row_whatever_the_process_declared(channel):
    old = period(channel, LONG_AGO)

    with connection.cursor() as cursor:
        cursor.execute("select set_config('app.scope', '', false)")
        try:
            assert pruning.count()["periods"] == 1
            assert pruning.prune().rows["periods"] == 1
        finally:
            cursor.execute("select set_config('app.scope', 'service', false)")
    assert not ConnectionPeriod.objects.filter(pk=old.pk).exists()


# --- Who starts it -------------------------------------------------------------------------------------------------


def prune_command(*arguments: str) -> dict[str, int]:
    printed = io.StringIO()
    call_command("prune", *arguments, stdout=printed)
    return {name: int(rows) for rows, name in (line.split() for line in printed.getvalue().splitlines())}


def test_the_command_says_what_would_go_and_deletes_nothing_then_the_same_goes(clinic):
    server = people.server()
    its_own = server_incident(server, LONG_AGO)
    child = incident(people.channel(clinic, server), LONG_AGO, parent=its_own)
    period(child.channel, LONG_AGO)
    notification(child, written=LONG_AGO)

    would_go = prune_command("--dry-run")
    assert would_go == {"notifications": 1, "incidents": 2, "periods": 1, "checks": 0, "sessions": 0}
    assert Incident.objects.count() == 2

    assert prune_command() == would_go
    assert not Incident.objects.exists()


def test_beat_asks_for_it_once_a_day_on_the_errands_queue(transactional_db):
    beat = Scheduler(app=current_app)
    beat.setup_schedule()
    try:
        task = PeriodicTask.objects.get(name="prune what is old")
        assert (task.task, task.queue, str(task.crontab.timezone)) == (bell.PRUNE, bell.ERRANDS, "UTC")
        assert (task.crontab.hour, task.crontab.day_of_month, task.enabled) == ("6", "*", True)
    finally:
        beat.sync()


def test_the_task_prunes_and_whoever_sends_more_arguments_is_heard(channel):
    old = period(channel, LONG_AGO)

    tasks.prune(a_newer_argument=1)

    assert not ConnectionPeriod.objects.filter(pk=old.pk).exists()

"""manage.py verify_ledger: it finds each kind of damage by its name, and writes nothing.

The command looks at one committed snapshot, so these tests commit. Where a rule of the database would refuse the damage,
`without_rule` takes that rule away and puts it back.
"""

import io
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connection

from channels_app import invariants
from channels_app.models import Channel, ConnectionPeriod, Pulse, Reachability, Watch
from incidents.models import Incident, IncidentEvent
from notifications.models import Notification
from tests.support import people

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime.now(UTC)
MINUTE = timedelta(minutes=1)


class Ledger:
    """A small clinic whose records are in order: one number is down, its people were told; an older outage is over."""

    def __init__(self) -> None:
        self.clinic, self.other_clinic = people.clinic("Aurora"), people.clinic("Horizonte")
        self.admin, self.outsider = people.admin_of(self.clinic), people.admin_of(self.other_clinic)
        self.channel = people.channel(self.clinic)
        self.of = {"tenant": self.clinic, "channel": self.channel}
        self.is_seen(self.channel, "disconnected", "logged_out", bad_seconds=360.0, first_unhealthy_at=NOW - 10 * MINUTE)
        self.past = self.incident(started_at=NOW - 60 * MINUTE, resolved_at=NOW - 50 * MINUTE, resolution="recovered")
        self.now = self.incident(started_at=NOW - 10 * MINUTE)
        for incident in (self.past, self.now):
            self.is_told(incident, "opened")
        self.is_told(self.past, "resolved")

    def is_seen(self, channel: Channel, status: str, cause: str, **fields: object) -> None:
        fields = {"paired_at": NOW - 90 * MINUTE, "last_verdict_at": NOW, "threshold_seconds": 300.0} | fields
        Watch.objects.create(channel=channel, tenant=channel.tenant, connection_status=status, cause=cause, **fields)
        of = {"tenant": channel.tenant, "channel": channel}
        ConnectionPeriod.objects.create(
            **of, status="open", cause="connected", started_at=NOW - 90 * MINUTE, ended_at=NOW - 10 * MINUTE
        )
        ConnectionPeriod.objects.create(**of, status=status, cause=cause, started_at=NOW - 10 * MINUTE)

    def incident(self, **fields: object) -> Incident:
        fields = self.of | {"kind": "disconnected", "cause": "logged_out", "started_at": NOW - 60 * MINUTE} | fields
        return Incident.objects.create(opened_at=fields["started_at"], **fields)

    def is_told(self, incident: Incident, event: str) -> None:
        of = {"tenant": self.clinic, "incident": incident, "event": event}
        IncidentEvent.objects.create(kind="told", at=NOW - 10 * MINUTE, told=[self.admin.pk], **of)
        Notification.objects.create(user=self.admin, title="t", body="b", dedupe_key=f"incident:{incident.pk}:{event}", **of)
        if event == "opened":
            Incident.objects.filter(pk=incident.pk).update(notified_at=NOW - 10 * MINUTE)

    def of_server(self, **fields: object) -> Incident:
        """The operator's server is down, and they were told."""
        fields = {"tenant": None, "channel": None, "kind": "server_down", "cause": "server_unreachable"} | fields
        incident = self.incident(server=fields.pop("server", None) or people.server(), **fields)
        self.operator = people.operator()
        of = {"tenant": None, "incident": incident, "event": "opened"}
        IncidentEvent.objects.create(kind="told", at=NOW - 10 * MINUTE, told=[self.operator.pk], **of)
        Notification.objects.create(user=self.operator, title="t", body="b", dedupe_key=f"incident:{incident.pk}", **of)
        Incident.objects.filter(pk=incident.pk).update(notified_at=NOW - 10 * MINUTE)
        return incident

    def child(self, parent: Incident, **fields: object) -> Incident:
        """One of its numbers, which is down with it; its clinic has had its calm notice."""
        channel = people.channel(self.clinic, parent.server)
        bad = {"bad_seconds": 360.0, "first_unhealthy_at": NOW - 10 * MINUTE, "seen_server": parent.server_id}
        self.is_seen(channel, "error", "server_unreachable", **bad)
        of = {"channel": channel, "kind": "error", "cause": "server_unreachable", "started_at": NOW - 10 * MINUTE}
        incident = self.incident(parent=parent, **of | fields)
        self.is_told(incident, "server_down")
        return incident

    def is_back(self, server, *, ago: timedelta, last_tick: timedelta = timedelta(0)) -> None:
        Reachability.objects.create(server=server, tenant=server.tenant, back_at=NOW - ago)
        fields = {"oldest_overdue_seconds": 0, "channels_watched": 1}
        Pulse.objects.create(last_tick_at=NOW - last_tick, **fields)


@pytest.fixture
def ledger(transactional_db):
    return Ledger()


@pytest.fixture
def without_rule(transactional_db):
    """Take rules away by their names; when the test is over, the records go and the rules come back."""
    taken: list[tuple[str, str]] = []  # table, and the statement that brings the rule back

    def take_away(rule: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "select conrelid::regclass::text, pg_get_constraintdef(oid) from pg_constraint where conname = %s", [rule]
            )
            if found := cursor.fetchone():
                table, definition = found
                cursor.execute(f"alter table {table} drop constraint {rule}")
                taken.append((table, f"alter table {table} add constraint {rule} {definition}"))
            else:
                cursor.execute("select tablename, indexdef from pg_indexes where indexname = %s", [rule])
                table, definition = cursor.fetchone()
                cursor.execute(f"drop index {rule}")
                taken.append((table, definition))

    yield take_away
    with connection.cursor() as cursor:
        for table, statement in taken:
            cursor.execute(f"truncate {table} cascade")
            cursor.execute(statement)


def verify_ledger() -> tuple[int, str, str]:
    """Run the command; return its exit code, what it printed, and what it complained of."""
    printed, complained = io.StringIO(), io.StringIO()
    try:
        call_command("verify_ledger", stdout=printed, stderr=complained)
    except SystemExit as end:
        return end.code, printed.getvalue(), complained.getvalue()
    return 0, printed.getvalue(), complained.getvalue()


# --- Damage, by the invariant that it breaks. Each takes the ledger and returns the id that must be named ------------


def two_open_incidents(ledger):
    return ledger.incident(started_at=NOW).pk


def two_open_incidents_of_a_server(ledger):
    server = people.server()
    fields = {"tenant": None, "channel": None, "server": server, "kind": "server_down"}
    return [ledger.incident(**fields).pk for _each in range(2)][-1]


def a_server_s_incident_that_nobody_resolves(ledger):
    incident = ledger.of_server()
    ledger.is_back(incident.server, ago=2 * MINUTE)
    return incident.pk


def a_server_s_incident_whose_numbers_have_come_back(ledger):
    incident = ledger.of_server()
    back = ledger.child(incident, resolved_at=NOW - MINUTE, resolution="recovered")
    heal(back)
    ledger.is_back(incident.server, ago=5 * MINUTE)
    return incident.pk


def a_server_s_incident_whose_numbers_have_been_looked_at_and_are_still_down(ledger):
    incident = ledger.of_server()
    child = ledger.child(incident)
    Watch.objects.filter(channel=child.channel).update(last_verdict_at=NOW - MINUTE)
    ledger.is_back(incident.server, ago=5 * MINUTE)
    return incident.pk


def a_server_s_incident_that_waited_longer_than_it_may(ledger):
    incident = ledger.of_server()
    child = ledger.child(incident)
    Watch.objects.filter(channel=child.channel).update(last_verdict_at=NOW - 12 * MINUTE)
    ledger.is_back(incident.server, ago=11 * MINUTE)
    return incident.pk


def a_server_that_is_said_to_keep_falling_for_ever(ledger):
    server = ledger.of_server().server
    ledger.is_back(server, ago=31 * MINUTE)
    server.reachability.falling_since = NOW - 60 * MINUTE
    server.reachability.last_success_at = NOW
    server.reachability.save()
    return server.pk


def a_child_of_a_number_s_incident(ledger):
    child = ledger.child(ledger.of_server())
    Incident.objects.filter(pk=child.pk).update(parent=ledger.now)
    return child.pk


def a_child_of_another_server_s(ledger):
    child = ledger.child(ledger.of_server())
    Watch.objects.filter(channel=child.channel).update(seen_server=people.server().pk)
    return child.pk


def a_child_of_another_clinic_s_server(ledger):
    server = people.server(ledger.other_clinic)
    parent = ledger.incident(tenant=ledger.other_clinic, channel=None, server=server, kind="server_down")
    child = ledger.child(ledger.of_server())
    Incident.objects.filter(pk=child.pk).update(parent=parent)
    Watch.objects.filter(channel=child.channel).update(seen_server=server.pk)
    return child.pk


def a_child_that_its_server_s_incident_left_behind(ledger):
    parent = ledger.of_server()
    child = ledger.child(parent)
    Incident.objects.filter(pk=parent.pk).update(resolved_at=NOW, resolution="recovered")
    return child.pk


def a_child_that_was_announced_on_its_own(ledger):
    child = ledger.child(ledger.of_server())
    ledger.is_told(child, "opened")
    return IncidentEvent.objects.get(incident=child, event="opened").pk


def operators_who_were_told_of_a_server_twice(ledger):
    incident = ledger.of_server()
    told = [ledger.operator.pk]
    return IncidentEvent.objects.create(kind="told", incident=incident, event="opened", at=NOW, told=told).pk


def a_clinic_that_was_told_of_a_server_by_two_of_its_numbers(ledger):
    parent = ledger.of_server()
    _first, second = ledger.child(parent), ledger.child(parent)
    return IncidentEvent.objects.get(incident=second, event="server_down").pk


def an_operator_s_notification_of_a_server_that_was_lost(ledger):
    incident = ledger.of_server()
    Notification.objects.filter(incident=incident).delete()
    return IncidentEvent.objects.get(incident=incident, event="opened").pk


def an_operator_s_notification_of_a_server_that_came_twice(ledger):
    of = {"user": ledger.of_server() and ledger.operator, "event": "opened", "title": "t", "body": "b", "dedupe_key": "again"}
    incident = Incident.objects.get(server__isnull=False)
    Notification.objects.create(incident=incident, **of)
    return IncidentEvent.objects.get(incident=incident, event="opened").pk


def heal(incident: Incident) -> None:
    Watch.objects.filter(channel=incident.channel).update(
        connection_status="open", cause="connected", good_streak=2, first_unhealthy_at=None, bad_seconds=0
    )
    ConnectionPeriod.objects.filter(channel=incident.channel, ended_at=None).update(status="open", cause="connected")


def a_notification_that_was_lost(ledger):
    Notification.objects.filter(incident=ledger.past, event="resolved").delete()
    return IncidentEvent.objects.get(incident=ledger.past, event="resolved").pk


def a_notification_that_came_twice(ledger):
    Notification.objects.create(
        user=ledger.admin, tenant=ledger.clinic, incident=ledger.now, event="opened", title="t", body="b", dedupe_key="again"
    )
    return IncidentEvent.objects.get(incident=ledger.now, event="opened").pk


def one_of_two_people_who_was_not_told(ledger):
    event = IncidentEvent.objects.get(incident=ledger.now, event="opened")
    IncidentEvent.objects.filter(pk=event.pk).update(told=[ledger.admin.pk, ledger.outsider.pk])
    return event.pk


def a_notification_that_no_timeline_knows(ledger):
    return Notification.objects.create(
        user=ledger.outsider, tenant=ledger.clinic, incident=ledger.now, event="opened", title="t", body="b", dedupe_key="k"
    ).pk


def an_incident_that_forgot_who_was_told(ledger):
    Incident.objects.filter(pk=ledger.now.pk).update(notified_at=None)
    return ledger.now.pk


def an_incident_that_claims_somebody_was_told(ledger):
    return ledger.incident(resolved_at=NOW, resolution="recovered", notified_at=NOW).pk


def an_incident_that_outlived_its_bad_run(ledger):
    Watch.objects.update(first_unhealthy_at=None, bad_seconds=0)
    return ledger.now.pk


def an_incident_that_two_healthy_readings_did_not_resolve(ledger):
    Watch.objects.update(good_streak=2)
    return ledger.now.pk


def an_incident_that_follows_one_that_ended_later(ledger):
    Incident.objects.filter(pk=ledger.past.pk).update(resolved_at=NOW - 9 * MINUTE)
    Incident.objects.filter(pk=ledger.now.pk).update(follows=ledger.past)
    return ledger.now.pk


def an_incident_that_follows_another_channels(ledger):
    other = people.channel(ledger.clinic)
    before = ledger.incident(channel=other, started_at=NOW - 20 * MINUTE, resolved_at=NOW - 15 * MINUTE, resolution="recovered")
    Incident.objects.filter(pk=ledger.now.pk).update(follows=before)
    return ledger.now.pk


def a_bad_run_that_nobody_was_told_of(ledger):
    other = people.channel(ledger.clinic)
    ledger.is_seen(other, "error", "server_error", bad_seconds=300.0, first_unhealthy_at=NOW - 6 * MINUTE)
    return other.pk


def two_open_periods(ledger):
    return ConnectionPeriod.objects.create(**ledger.of, status="disconnected", cause="logged_out", started_at=NOW).pk


def two_periods_at_once(ledger):
    start = NOW - 90 * MINUTE
    return ConnectionPeriod.objects.create(
        **ledger.of, status="open", cause="connected", started_at=start, ended_at=start + MINUTE
    ).pk


def a_status_of_another_period(ledger):
    ConnectionPeriod.objects.filter(ended_at=None).update(status="error")
    return ledger.channel.pk


def a_cause_of_another_period(ledger):
    ConnectionPeriod.objects.filter(ended_at=None).update(cause="banned")
    return ledger.channel.pk


def a_period_that_ended_without_a_next(ledger):
    ConnectionPeriod.objects.update(ended_at=NOW - 10 * MINUTE)
    return ledger.channel.pk


def an_open_period_without_a_verdict(ledger):
    Watch.objects.update(last_verdict_at=None)
    return ledger.channel.pk


def somebody_who_is_not_there(ledger):
    # Older than notifications are kept, so that the missing notification is no second finding.
    long_ago = NOW - timedelta(days=100)
    of = {"tenant": ledger.clinic, "incident": ledger.past}
    return IncidentEvent.objects.create(kind="told", event="resolved", at=long_ago, told=[2**40], **of).pk


def a_watch_of_another_clinic(ledger):
    Watch.objects.update(tenant=ledger.other_clinic)
    return ledger.channel.pk


def a_period_of_another_clinic(ledger):
    period = ConnectionPeriod.objects.get(ended_at=None)
    ConnectionPeriod.objects.filter(pk=period.pk).update(tenant=ledger.other_clinic)
    return period.pk


def a_period_of_no_channel(ledger):
    return ConnectionPeriod.objects.create(
        tenant=ledger.clinic, channel_id=2**40, status="open", cause="c", started_at=NOW, ended_at=NOW
    ).pk


def an_incident_of_another_clinic(ledger):
    return ledger.incident(tenant=ledger.other_clinic, resolved_at=NOW, resolution="recovered").pk


def an_incident_of_no_channel(ledger):
    return ledger.incident(channel=None, channel_id=2**40, resolved_at=NOW, resolution="recovered").pk


def an_event_of_no_clinic(ledger):
    event = IncidentEvent.objects.latest("pk")
    IncidentEvent.objects.filter(pk=event.pk).update(tenant=None)
    return event.pk


def an_event_of_another_clinic(ledger):
    event = IncidentEvent.objects.latest("pk")
    IncidentEvent.objects.filter(pk=event.pk).update(tenant=ledger.other_clinic)
    return event.pk


def a_notification_of_no_clinic(ledger):
    notification = Notification.objects.latest("pk")
    Notification.objects.filter(pk=notification.pk).update(tenant=None)
    return notification.pk


def a_notification_of_another_clinic(ledger):
    notification = Notification.objects.latest("pk")
    Notification.objects.filter(pk=notification.pk).update(tenant=ledger.other_clinic)
    return notification.pk


SERVER_IS_BACK = "no server's incident stays open when the server is back and its numbers have been looked at twice"
KEEPS_FALLING = "no server that has answered for half an hour since its return keeps falling"
OWN_SERVER = "an incident that belongs to a server's belongs to its own server's"
LEFT_BEHIND = "no open incident belongs to a server's that is over"
ON_ITS_OWN = "of a number that is down with its server nobody is told on its own"
SAME_TWICE = "of a server's incident nobody is told the same twice"
ONE_OPEN_PERIOD = "at most one open period per channel"
OVERLAP = "no two periods of a channel overlap"
TOLD = "whoever a timeline says was told has exactly one notification"
SAYS_WHEN = "an incident says when somebody was told, and only then"
BAD_RUN_IS_OVER = "no incident stays open on a channel whose bad run is over"
FOLLOWS = "an incident follows one of its channel that was over before"
OPEN_PERIOD = "a channel's status and cause are those of its open period"
PERIODS_CLINIC = "a period belongs to its channel's clinic"
INCIDENTS_CLINIC = "an incident belongs to its channel's clinic"
EVENTS_CLINIC = "an event belongs to its incident's clinic"
NOTIFICATIONS_CLINIC = "a notification of an incident belongs to the incident's clinic"

DAMAGES = [
    (two_open_incidents, "at most one open incident per channel", "one_open_incident_per_channel"),
    (two_open_incidents_of_a_server, "at most one open incident per server", "one_open_incident_per_server"),
    (a_server_s_incident_that_nobody_resolves, SERVER_IS_BACK, None),
    (a_server_s_incident_whose_numbers_have_come_back, SERVER_IS_BACK, None),
    (a_server_s_incident_whose_numbers_have_been_looked_at_and_are_still_down, SERVER_IS_BACK, None),
    (a_server_s_incident_that_waited_longer_than_it_may, SERVER_IS_BACK, None),
    (a_server_that_is_said_to_keep_falling_for_ever, KEEPS_FALLING, None),
    (a_child_of_a_number_s_incident, OWN_SERVER, None),
    (a_child_of_another_server_s, OWN_SERVER, None),
    (a_child_of_another_clinic_s_server, OWN_SERVER, None),
    (a_child_that_its_server_s_incident_left_behind, LEFT_BEHIND, None),
    (a_child_that_was_announced_on_its_own, ON_ITS_OWN, None),
    (operators_who_were_told_of_a_server_twice, SAME_TWICE, None),
    (a_clinic_that_was_told_of_a_server_by_two_of_its_numbers, SAME_TWICE, None),
    (an_operator_s_notification_of_a_server_that_was_lost, TOLD, None),
    (an_operator_s_notification_of_a_server_that_came_twice, TOLD, None),
    (a_notification_that_was_lost, TOLD, None),
    (a_notification_that_came_twice, TOLD, None),
    (one_of_two_people_who_was_not_told, TOLD, None),
    (a_notification_that_no_timeline_knows, "nobody has a notification that no timeline knows of", None),
    (an_incident_that_forgot_who_was_told, SAYS_WHEN, None),
    (an_incident_that_claims_somebody_was_told, SAYS_WHEN, None),
    (an_incident_that_outlived_its_bad_run, BAD_RUN_IS_OVER, None),
    (an_incident_that_two_healthy_readings_did_not_resolve, BAD_RUN_IS_OVER, None),
    (an_incident_that_follows_one_that_ended_later, FOLLOWS, None),
    (an_incident_that_follows_another_channels, FOLLOWS, None),
    (a_bad_run_that_nobody_was_told_of, "no incident is missing where the bad time passed the threshold", None),
    (two_open_periods, ONE_OPEN_PERIOD, "one_open_period_per_channel"),
    (two_periods_at_once, OVERLAP, None),
    (a_status_of_another_period, OPEN_PERIOD, None),
    (a_cause_of_another_period, OPEN_PERIOD, None),
    (a_period_that_ended_without_a_next, OPEN_PERIOD, None),
    (an_open_period_without_a_verdict, OPEN_PERIOD, None),
    (somebody_who_is_not_there, "everybody named in a timeline exists", None),
    (a_watch_of_another_clinic, "a watch belongs to its channel's clinic", "channels_app_watch_channel_id_tied"),
    (a_period_of_another_clinic, PERIODS_CLINIC, "channels_app_connectionperiod_channel_id_tied"),
    (a_period_of_no_channel, PERIODS_CLINIC, "channels_app_connectionperiod_channel_id_tied"),
    (an_incident_of_another_clinic, INCIDENTS_CLINIC, "incidents_incident_channel_id_tied"),
    (an_incident_of_no_channel, INCIDENTS_CLINIC, "incidents_incident_channel_id_tied"),
    (an_event_of_no_clinic, EVENTS_CLINIC, None),
    (an_event_of_another_clinic, EVENTS_CLINIC, "incidents_incidentevent_incident_id_tied"),
    (a_notification_of_no_clinic, NOTIFICATIONS_CLINIC, None),
    (a_notification_of_another_clinic, NOTIFICATIONS_CLINIC, "notifications_notification_incident_id_tied"),
]
# Two periods that are open at once overlap: there is no breaking the first alone.
ALSO_BROKEN = {ONE_OPEN_PERIOD: {OVERLAP}}


@pytest.mark.parametrize(("damage", "invariant", "rule"), DAMAGES, ids=lambda value: getattr(value, "__name__", ""))
def test_damage_is_found_by_its_name_and_ids(ledger, without_rule, damage, invariant, rule):
    if rule:
        without_rule(rule)
    damaged = damage(ledger)

    code, printed, complained = verify_ledger()

    broken = {name for name, ids in invariants.violations().items() if ids}
    assert broken == {invariant} | ALSO_BROKEN.get(invariant, set())
    assert code == 1
    assert f"BROKEN  {invariant}: ids {damaged}\n" in printed
    assert f"{len(broken)} of {len(invariants.INVARIANTS)} invariants are broken." in complained


def test_every_invariant_has_its_damage():
    assert {invariant for _damage, invariant, _rule in DAMAGES} == set(invariants.INVARIANTS)


# --- Nothing is wrong ----------------------------------------------------------------------------------------------


def test_a_ledger_in_order_passes(ledger):
    code, printed, complained = verify_ledger()

    assert (code, complained) == (0, "")
    assert printed.splitlines() == [f"ok      {name}" for name in invariants.INVARIANTS]


def test_an_empty_ledger_passes(transactional_db):
    assert verify_ledger()[0] == 0


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"paired_at": None}, id="never paired"),
        pytest.param({"bad_seconds": 299.9}, id="below the threshold"),
        pytest.param({"good_streak": 1}, id="already one good reading"),
    ],
)
def test_a_bad_run_without_an_incident_may_be_right(ledger, fields):
    other = people.channel(ledger.clinic)
    fields = {"bad_seconds": 400.0, "first_unhealthy_at": NOW - 7 * MINUTE} | fields
    ledger.is_seen(other, "disconnected", "logged_out", **fields)

    assert verify_ledger()[0] == 0


def test_an_incident_stays_open_after_one_healthy_reading(ledger):
    Watch.objects.update(good_streak=1, connection_status="open", cause="connected")
    ConnectionPeriod.objects.filter(ended_at=None).update(status="open", cause="connected")

    assert verify_ledger()[0] == 0


def test_an_incident_of_instability_stays_open_however_many_healthy_readings_there_are(ledger):
    Incident.objects.filter(pk=ledger.now.pk).update(kind="unstable", cause="unstable")
    Watch.objects.update(good_streak=20, connection_status="open", cause="connected")
    ConnectionPeriod.objects.filter(ended_at=None).update(status="open", cause="connected")

    assert verify_ledger()[0] == 0


def test_a_server_that_is_down_with_its_numbers_is_in_order(ledger):
    parent = ledger.of_server()
    child = ledger.child(parent)
    Reachability.objects.create(server=parent.server, dark_since=child.started_at, dark_cause="server_unreachable")

    assert verify_ledger()[0] == 0


@pytest.mark.parametrize(
    ("back", "last_look", "last_tick"),
    [
        pytest.param(MINUTE, timedelta(0), timedelta(0), id="in its grace"),
        pytest.param(5 * MINUTE, 6 * MINUTE, timedelta(0), id="a number has not been looked at"),
        pytest.param(5 * MINUTE, MINUTE, 2 * MINUTE, id="no tick since"),
    ],
)
def test_the_incident_of_a_server_that_is_back_may_still_be_open(ledger, back, last_look, last_tick):
    parent = ledger.of_server()
    child = ledger.child(parent)
    Watch.objects.filter(channel=child.channel).update(last_verdict_at=NOW - last_look)
    ledger.is_back(parent.server, ago=back, last_tick=last_tick)

    assert verify_ledger()[0] == 0


def test_an_incident_may_follow_the_one_before_it(ledger):
    Incident.objects.filter(pk=ledger.now.pk).update(follows=ledger.past)
    assert verify_ledger()[0] == 0


def test_notifications_that_were_pruned_are_not_missed(ledger):
    IncidentEvent.objects.update(at=NOW - timedelta(days=91))
    Notification.objects.all().delete()

    assert verify_ledger()[0] == 0


def test_an_operators_warning_needs_no_timeline(ledger):
    Notification.objects.create(user=people.operator(), event="warning", title="t", body="b", dedupe_key="unseen:1")

    assert verify_ledger()[0] == 0


def test_periods_may_touch(ledger):
    ConnectionPeriod.objects.create(
        **ledger.of, status="open", cause="connected", started_at=NOW - 100 * MINUTE, ended_at=NOW - 90 * MINUTE
    )

    assert verify_ledger()[0] == 0


# --- It only looks -------------------------------------------------------------------------------------------------


def test_the_database_would_let_it_write_nothing(ledger):
    may_it_write = []

    def ask(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if not sql.lstrip().startswith("set transaction"):
            plain = context["connection"].connection
            may_it_write.append(
                plain.execute(
                    "select current_setting('transaction_read_only'), current_setting('transaction_isolation')"
                ).fetchone()
            )
        return result

    with connection.execute_wrapper(ask):
        verify_ledger()

    assert len(may_it_write) >= len(invariants.INVARIANTS)
    assert set(may_it_write) == {("on", "repeatable read")}


def test_it_sees_every_row_whatever_the_process_declared(ledger):
    """`django-admin verify_ledger` declares no scope; an all-clear over rows that it cannot see would be a lie."""
    damaged = an_incident_that_claims_somebody_was_told(ledger)

    with connection.cursor() as cursor:
        cursor.execute("select set_config('app.scope', '', false)")
        try:
            code, printed, _complained = verify_ledger()
        finally:
            cursor.execute("select set_config('app.scope', 'service', false)")

    assert (code, f"ids {damaged}" in printed) == (1, True)


def test_afterwards_the_connection_may_write_again(ledger):
    verify_ledger()

    Watch.objects.update(code=440)
    assert Watch.objects.get().code == 440


def test_a_long_list_of_damage_is_cut_and_counted(ledger):
    for _each in range(12):
        an_incident_that_claims_somebody_was_told(ledger)

    assert " and 2 more" in verify_ledger()[1]

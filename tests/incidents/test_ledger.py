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
from tests.support.readings import MINUTE, NOON, bad, holds, recovered, unstable


@pytest.fixture
def channel(clinic):
    return people.channel(clinic)


def told(event="opened"):
    return set(Notification.objects.filter(event=event).values_list("user_id", flat=True))


def texts(person, event="opened"):
    return list(Notification.objects.filter(user=person, event=event).values_list("title", "body"))


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


def test_a_storm_of_openings_takes_as_many_queries_as_one(clinic, admin, operator):
    server = people.server()
    counts = []
    for size in (1, 50):
        storm = [bad(people.channel(clinic, server), "server_unreachable") for _ in range(size)]
        with CaptureQueriesContext(connection) as queries:
            ledger.open_incidents(storm)
        counts.append(len(queries))
    assert counts[0] == counts[1]


# --- Whose turn it is ----------------------------------------------------------------------------------------------


def test_once_a_cause_that_makes_it_the_clinics_turn_holds_those_told_and_the_clinics_admins_hear_of_it(
    channel, admin, operator
):
    ledger.open_incidents([bad(channel, "network_lost")])
    late = people.admin_of(channel.tenant)
    people.operator()
    ledger.keep_incidents([bad(channel, "logged_out", at=NOON + 6 * MINUTE)])
    assert told("action_needed") == set()

    ledger.keep_incidents([holds(bad(channel, "logged_out", at=NOON + 7 * MINUTE))])

    assert told("action_needed") == {admin.pk, late.pk, operator.pk}
    assert timeline() == ["opened", "told", "cause_changed", "told"]
    [(title, body)] = texts(admin, "action_needed")
    assert title == f"{channel.name}: O sistema foi desconectado deste WhatsApp"
    assert body.startswith("O aplicativo no celular continua funcionando")


def test_the_clinic_is_told_of_its_turn_once_in_an_incident(channel, admin, operator):
    ledger.open_incidents([bad(channel, "network_lost")])
    for number, cause in enumerate(["logged_out", "logged_out", "network_lost", "network_lost", "banned", "banned"]):
        ledger.keep_incidents([holds(bad(channel, cause, at=NOON + (6 + number) * MINUTE))])
    assert len(texts(admin, "action_needed")) == 1


def test_where_it_was_the_clinics_turn_from_the_beginning_it_is_not_told_again(channel, admin, operator):
    ledger.open_incidents([bad(channel, "logged_out")])
    for number, cause in enumerate(["network_lost", "logged_out", "logged_out"]):
        ledger.keep_incidents([holds(bad(channel, cause, at=NOON + (6 + number) * MINUTE))])
    assert told("action_needed") == set()


def test_where_nobody_was_told_of_the_beginning_the_first_word_is_the_present_one(clinic, admin):
    quiet = people.channel(clinic, alerts_enabled=False)
    ledger.open_incidents([bad(quiet, "network_lost")])
    for minute in (6, 7, 8):
        ledger.keep_incidents([holds(bad(quiet, "logged_out", at=NOON + minute * MINUTE, alerts_enabled=minute > 6))])
    assert (told("opened"), told("action_needed")) == ({admin.pk}, set())


def test_with_alerts_off_nobody_hears_whose_turn_it_is(channel, admin, operator):
    ledger.open_incidents([bad(channel, "network_lost")])
    ledger.keep_incidents([holds(bad(channel, "logged_out", at=NOON + 6 * MINUTE, alerts_enabled=False))])
    assert told("action_needed") == set()


def test_operators_who_were_not_told_are_told_once_when_it_becomes_their_turn(channel, admin, operator):
    ledger.open_incidents([bad(channel, "logged_out")])
    people.admin_of(channel.tenant)
    for number, cause in enumerate(["network_lost", "network_lost", "logged_out", "server_error"]):
        ledger.keep_incidents([holds(bad(channel, cause, at=NOON + (6 + number) * MINUTE))])
        people.operator()

    assert told("opened") == {admin.pk, operator.pk}
    [(title, _body)] = texts(operator)
    assert title == f"{channel.tenant.name} · {channel.name}: O servidor está sem contato com o WhatsApp"
    assert len(texts(admin)) == 1
    assert timeline().count("told") == 2


def test_an_operator_who_was_told_as_the_clinics_admin_hears_that_it_has_become_their_turn(channel):
    both = people.admin_of(channel.tenant, is_saas_admin=True)
    ledger.open_incidents([bad(channel, "logged_out")])
    for minute in (6, 7, 8):
        ledger.keep_incidents([holds(bad(channel, "network_lost", at=NOON + minute * MINUTE))])

    assert told("opened") == told("action_needed") == {both.pk}
    [(title, _body)] = texts(both, "action_needed")
    assert title == f"{channel.tenant.name} · {channel.name}: O servidor está sem contato com o WhatsApp"
    assert timeline().count("told") == 2


def test_a_cause_of_one_reading_alone_tells_no_operator(channel, admin, operator):
    ledger.open_incidents([bad(channel, "logged_out")])
    ledger.keep_incidents([bad(channel, "network_lost", at=NOON + 6 * MINUTE)])
    assert told() == {admin.pk}


def test_whoever_heard_only_that_it_is_their_turn_hears_of_the_recovery_too(channel, admin, operator):
    ledger.open_incidents([bad(channel, "network_lost")])
    late = people.admin_of(channel.tenant)
    ledger.keep_incidents([holds(bad(channel, "logged_out", at=NOON + 6 * MINUTE))])

    ledger.resolve_incidents([recovered(channel)])

    assert told("resolved") == {admin.pk, late.pk, operator.pk}


def test_operators_told_later_hear_of_the_recovery_with_those_told_first(channel, admin, operator):
    ledger.open_incidents([bad(channel, "logged_out")])
    ledger.keep_incidents([holds(bad(channel, "network_lost", at=NOON + 6 * MINUTE))])
    ledger.resolve_incidents([recovered(channel)])
    assert told("resolved") == {admin.pk, operator.pk}


def test_an_incident_told_before_causes_were_written_down_with_it_was_told_as_it_opened(channel, admin, operator):
    ledger.open_incidents([bad(channel, "network_lost")])
    IncidentEvent.objects.filter(kind="told").update(cause="")
    ledger.keep_incidents([holds(bad(channel, "logged_out", at=NOON + 6 * MINUTE))])
    assert told("action_needed") == {admin.pk, operator.pk}


def test_that_many_have_another_turn_takes_as_many_queries_as_one(clinic, admin, operator):
    server = people.server()
    counts = []
    for size in (1, 20):
        channels = [people.channel(clinic, server) for _ in range(size)]
        ledger.open_incidents(bad(channel, "network_lost") for channel in channels)
        ledger.keep_incidents(bad(channel, "logged_out") for channel in channels)
        with CaptureQueriesContext(connection) as queries:
            ledger.keep_incidents(holds(bad(channel, "logged_out", at=NOON + 6 * MINUTE)) for channel in channels)
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert len(texts(admin, "action_needed")) == 21


# --- Instability ---------------------------------------------------------------------------------------------------


def test_an_unstable_channel_has_an_incident_of_its_own_kind_of_which_clinic_and_operators_are_told(channel, admin, operator):
    ledger.open_incidents([unstable(channel)])

    incident = Incident.objects.get()
    assert (incident.kind, incident.cause, incident.started_at) == ("unstable", "unstable", NOON)
    [(title, body)] = texts(admin)
    assert title == f"{channel.name}: Conexão instável"
    assert body.endswith("09:00. Caiu 3 vezes em 9 minutos. O suporte já foi avisado.")
    assert told() == {admin.pk, operator.pk}


def test_an_outage_that_becomes_one_of_instability_is_news_for_the_operators_alone(channel, admin, operator):
    ledger.open_incidents([bad(channel)])

    for minute in (9, 10):
        ledger.keep_incidents([unstable(channel, at=NOON + minute * MINUTE)])

    incident = Incident.objects.get()
    assert (incident.kind, incident.cause, incident.started_at) == ("unstable", "unstable", NOON)
    assert timeline() == ["opened", "told", "cause_changed", "told"]
    assert (len(texts(admin)), len(texts(operator)), told("action_needed")) == (1, 1, set())


def test_the_end_of_an_unstable_channel_is_told_when_it_is_known(channel, admin, operator):
    ledger.open_incidents([unstable(channel)])
    still_since, now = NOON + 60 * MINUTE, NOON + 90 * MINUTE

    ledger.resolve_incidents([recovered(channel, at=still_since, seen_at=now)])

    incident = Incident.objects.get()
    assert incident.resolved_at == still_since
    assert incident.events.get(kind="told", event="resolved").at == now
    assert set(Notification.objects.filter(event="resolved").values_list("created_at", flat=True)) == {now}


def test_an_unstable_channel_that_is_simply_down_in_the_end_keeps_its_kind_and_shows_the_cause(channel, admin, operator):
    ledger.open_incidents([unstable(channel)])

    ledger.keep_incidents([holds(bad(channel, "logged_out", at=NOON + 40 * MINUTE))])

    incident = Incident.objects.get()
    assert (incident.kind, incident.cause) == ("unstable", "logged_out")
    assert told("action_needed") == {admin.pk, operator.pk}


def test_falls_within_the_incident_before_are_its_own_and_the_next_begins_where_it_ended(channel, admin):
    ledger.open_incidents([bad(channel)])
    ledger.resolve_incidents([recovered(channel, at=NOON + 6 * MINUTE)])

    ledger.open_incidents([unstable(channel)])

    first, second = Incident.objects.order_by("pk")
    assert (second.started_at, second.opened_at, second.follows) == (NOON + 6 * MINUTE, NOON + 9 * MINUTE, first)


# --- It fell again -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fell_at", "follows"),
    [(25 * MINUTE, True), (35 * MINUTE, True), (35 * MINUTE + MINUTE / 60, False)],
    ids=["at once", "after exactly ten minutes", "a second later"],
)
def test_an_outage_follows_the_one_before_where_the_number_fell_again_within_ten_minutes(channel, fell_at, follows):
    ledger.open_incidents([bad(channel)])
    ledger.resolve_incidents([recovered(channel)])

    ledger.open_incidents([bad(channel, started_at=NOON + fell_at, at=NOON + fell_at + 60 * MINUTE)])

    first, second = Incident.objects.order_by("pk")
    assert second.follows == (first if follows else None)


def test_it_follows_the_last_one_of_its_own_channel(channel, clinic):
    other = people.channel(clinic)
    for number in range(2):
        start = NOON + number * 30 * MINUTE
        ledger.open_incidents([bad(channel, started_at=start), bad(other, started_at=start)])
        ledger.resolve_incidents([recovered(channel, at=start + 25 * MINUTE), recovered(other, at=start + 25 * MINUTE)])

    ledger.open_incidents([bad(channel, started_at=NOON + 60 * MINUTE)])

    last = Incident.objects.open().get()
    assert last.follows == Incident.objects.get(channel=channel, started_at=NOON + 30 * MINUTE)


def test_what_did_not_recover_is_not_followed(channel):
    ledger.open_incidents([bad(channel)])
    ledger.close_incidents({channel.pk: "switched_off"})
    at = Incident.objects.get().resolved_at

    ledger.open_incidents([bad(channel, started_at=at + MINUTE, at=at + 6 * MINUTE)])

    assert Incident.objects.open().get().follows is None


def test_with_a_clock_that_was_set_back_it_follows_nothing(channel):
    ledger.open_incidents([bad(channel)])
    ledger.resolve_incidents([recovered(channel)])
    ledger.open_incidents([bad(channel, started_at=NOON + 20 * MINUTE)])
    assert Incident.objects.open().get().follows is None

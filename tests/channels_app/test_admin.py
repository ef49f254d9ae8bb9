"""The operator's administration: every page answers, settings are kept, and what the watch writes cannot be touched."""

import json
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin as site
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from channels_app.models import Channel, ConnectionPeriod, Pulse, Server, Sweep, Watch
from incidents.models import Incident, IncidentEvent
from notifications.models import Notification
from tenants.models import Membership, Tenant, User
from tests.support import people

SETTINGS = [Server, Channel, Tenant, Membership, User]
HISTORY = [Watch, ConnectionPeriod, Sweep, Pulse, Incident, Notification]


@pytest.fixture
def desk(client, operator):
    """The operator, signed in."""
    client.force_login(operator)
    return client


@pytest.fixture
def channel(clinic):
    return people.channel(clinic, name="Recepção")


def is_down(channel, person=None) -> Incident:
    """Give a channel what a phone that dropped leaves behind: watch, period, incident, timeline and notification."""
    at = timezone.now() - timedelta(minutes=6)
    of = {"tenant": channel.tenant}
    Watch.objects.create(
        channel=channel, connection_status="disconnected", cause="logged_out", last_health_check=at, last_verdict_at=at, **of
    )
    ConnectionPeriod.objects.create(channel=channel, status="disconnected", cause="logged_out", started_at=at, **of)
    incident = Incident.objects.create(
        channel=channel, kind="disconnected", cause="logged_out", started_at=at, opened_at=at, **of
    )
    told = [person.pk] if person else []
    IncidentEvent.objects.create(incident=incident, kind="told", event="opened", at=at, told=told, **of)
    if person:
        Notification.objects.create(
            user=person, incident=incident, event="opened", title="Recepção caiu", body="b", dedupe_key="k", **of
        )
    return incident


def furnish(channel, person) -> None:
    """Give every administration page at least one row."""
    is_down(channel, person)
    Sweep.objects.create(tenant=channel.tenant, channel=channel, requested_by=person)
    Pulse.objects.create(last_tick_at=timezone.now(), oldest_overdue_seconds=75, channels_watched=1)
    every = IntervalSchedule.objects.create(every=10, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.create(name="ring the watch", task="channels_app.tasks.ring", interval=every)


def page(model, name: str, *ids) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=ids)


def text(response) -> str:
    assert response.status_code == 200
    return response.content.decode()


def rows(response) -> list:
    """The rows of a changelist."""
    assert response.status_code == 200
    return list(response.context["cl"].result_list)


def cell(response, column: str) -> str:
    """What a changelist's first row says in a column."""
    html = text(response)
    return html.partition(f'class="field-{column}')[2].partition(">")[2].partition("</td>")[0]


def errors(response) -> dict[str, list[str]]:
    assert response.status_code == 200, "the form was accepted"
    return response.context["adminform"].form.errors


# --- Every page answers --------------------------------------------------------------------------------------------

REGISTERED = sorted(site.site._registry, key=lambda model: model._meta.label)


@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model._meta.label)
def test_every_list_and_every_row_answers(desk, channel, admin, model):
    furnish(channel, admin)

    assert desk.get(page(model, "changelist")).status_code == 200
    for row in model._default_manager.all():
        assert desk.get(page(model, "change", row.pk)).status_code == 200


@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model._meta.label)
def test_every_form_for_a_new_row_answers_or_is_not_offered(desk, model):
    assert desk.get(page(model, "add")).status_code == (403 if model in [*HISTORY, Authenticator] else 200)


def test_every_model_of_ours_has_its_page():
    ours = {"tenants", "channels_app", "incidents", "notifications"}
    assert {model for model in REGISTERED if model._meta.app_label in ours} == {*SETTINGS, *HISTORY}


def test_the_lists_have_data_in_them(desk, channel, admin):
    furnish(channel, admin)

    for model in [*SETTINGS, *HISTORY, PeriodicTask]:
        assert rows(desk.get(page(model, "changelist"))), model


def test_the_index_names_each_of_them(desk):
    index = text(desk.get(reverse("admin:index")))

    for model in [*SETTINGS, *HISTORY, PeriodicTask]:
        assert page(model, "changelist") in index


def test_the_schedule_of_the_watch_is_on_its_list(desk, channel, admin):
    furnish(channel, admin)

    assert "ring the watch" in text(desk.get(page(PeriodicTask, "changelist")))


def test_a_number_without_a_watch_yet_is_shown_too(desk, channel):
    listed = desk.get(page(Channel, "changelist"))

    assert [cell(listed, column) for column in ("status", "cause", "last_check", "open_incident")] == ["-"] * 4


def test_a_code_that_nobody_knows_any_more_does_not_break_a_page(desk, channel, admin):
    incident = is_down(channel, admin)
    Watch.objects.update(cause="of_another_release")
    Incident.objects.update(cause="of_another_release")

    assert "of_another_release" in text(desk.get(page(Channel, "changelist")))
    assert desk.get(page(Incident, "change", incident.pk)).status_code == 200


# --- Who may come in -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["anonymous", "staff", "admin", "outsider", "operator_who_left"])
def test_nobody_but_the_operator_comes_in(client, request, channel, who):
    person = {
        "anonymous": lambda: None,
        "operator_who_left": lambda: people.operator(is_active=False),
    }.get(who, lambda: request.getfixturevalue(who))()
    if person:
        client.force_login(person)

    for address in (reverse("admin:index"), page(Channel, "changelist"), page(Channel, "change", channel.pk)):
        answer = client.get(address)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith(reverse("admin:login"))


@pytest.mark.parametrize("write", [str, str.upper])
def test_the_operator_signs_in_with_e_mail_and_password(client, operator, write):
    door = client.get(reverse("admin:index"), follow=True).redirect_chain[-1][0]
    answer = client.post(door, {"login": write(operator.email), "password": "a long password", "next": reverse("admin:index")})

    assert answer.headers["Location"] == reverse("admin:index")
    assert client.get(reverse("admin:index")).status_code == 200


def test_a_clinics_admin_does_not_get_in_with_the_right_password(client, admin):
    client.post(reverse("account_login"), {"login": admin.email, "password": "a long password"})

    assert client.get(reverse("admin:index"), follow=True).status_code == 403


# --- Words that no gateway knows -----------------------------------------------------------------------------------


def answers(server, word: str, cause: str = "unknown_state", **fields: object) -> None:
    """Let one more number of this server answer with this word."""
    channel = people.channel(people.clinic(), server, **fields)
    of = {"channel": channel, "tenant": channel.tenant}
    Watch.objects.create(**of, connection_status="error", cause=cause, raw_state=word)


def test_the_operator_reads_how_many_numbers_of_a_server_answer_with_which_words(desk):
    server, other = people.server(name="A"), people.server(name="B")
    for word in ("OPENED", "<b>", "<b>"):
        answers(server, word)
    answers(server, "close", cause="logged_out")
    answers(server, "OPENED", is_active=False)
    answers(other, "close", cause="logged_out")

    listed = desk.get(page(Server, "changelist"))

    words = cell(listed, "unknown_words")
    assert "<code>&lt;b&gt;</code> (2), <code>OPENED</code> (1)</a>" in words
    assert words in text(desk.get(page(Server, "change", server.pk)))
    assert [len(row.odd) for row in rows(listed)] == [2, 0]
    address = words.partition('href="')[2].partition('"')[0].replace("&amp;", "&")
    assert sorted(row.watch.raw_state for row in rows(desk.get(address))) == ["<b>", "<b>", "OPENED"]


def test_of_many_words_the_most_frequent_ones_are_shown(desk):
    server = people.server()
    for word in "abcdefgg":
        answers(server, word)

    words = cell(desk.get(page(Server, "changelist")), "unknown_words")

    assert words.count("<code>") == 5
    assert "<code>g</code> (2), <code>a</code> (1)" in words
    assert words.endswith(" …</a>")


# --- The list of numbers -------------------------------------------------------------------------------------------


def test_the_list_tells_status_cause_last_check_and_open_incident(desk, channel):
    incident = is_down(channel)

    listed = desk.get(page(Channel, "changelist"), headers={"accept-language": "en"})

    assert cell(listed, "status") == "Disconnected"
    assert cell(listed, "cause") == "The system was disconnected from this WhatsApp"
    assert cell(listed, "last_check").startswith("6min")
    assert cell(listed, "open_incident") == f'<a href="{page(Incident, "change", incident.pk)}">#{incident.pk}</a>'


def test_an_incident_that_is_over_is_no_open_incident(desk, channel):
    is_down(channel)
    Incident.objects.update(resolved_at=timezone.now(), resolution="recovered")

    assert cell(desk.get(page(Channel, "changelist")), "open_incident") == "-"


@pytest.mark.parametrize("words", ["Recep", "instance-under-test", "90000-1234", "Aurora"])
def test_a_number_is_found_by_name_instance_phone_and_clinic(desk, clinic, other_clinic, words):
    sought = people.channel(clinic, name="Recepção", instance_name="instance-under-test", phone="+55 11 90000-1234")
    people.channel(other_clinic, name="Triagem")

    assert rows(desk.get(page(Channel, "changelist"), {"q": words})) == [sought]


@pytest.mark.parametrize(
    "chosen",
    [
        {"watch__connection_status__exact": "disconnected"},
        {"watch__cause": "logged_out"},
        {"is_active__exact": "1"},
        {"alerts_enabled__exact": "1"},
        {"archived_at__isempty": "1"},
    ],
    ids=lambda chosen: next(iter(chosen)),
)
def test_each_filter_of_the_numbers_keeps_what_it_says(desk, clinic, channel, chosen):
    is_down(channel)
    other = people.channel(clinic, is_active=False, alerts_enabled=False, archived_at=timezone.now())
    Watch.objects.create(channel=other, tenant=clinic)

    assert rows(desk.get(page(Channel, "changelist"), chosen)) == [channel]


def test_numbers_are_filtered_by_server_and_by_clinic(desk, channel, other_clinic):
    people.channel(other_clinic)

    assert rows(desk.get(page(Channel, "changelist"), {"server__id__exact": channel.server_id})) == [channel]
    assert rows(desk.get(page(Channel, "changelist"), {"tenant__id__exact": channel.tenant_id})) == [channel]


def queries_of(desk, address: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert desk.get(address).status_code == 200
    return len(queries)


@pytest.mark.parametrize("model", [Channel, Server, Watch, ConnectionPeriod, Incident, Notification])
def test_a_longer_list_asks_no_more_of_the_database(desk, clinic, admin, model):
    def fill(how_many: int) -> None:
        for _each in range(how_many):
            channel = people.channel(clinic)
            incident = is_down(channel)
            Notification.objects.create(
                user=admin,
                tenant=clinic,
                incident=incident,
                event="opened",
                title="t",
                body="b",
                dedupe_key=f"k{incident.pk}",
            )

    fill(5)
    few = queries_of(desk, page(model, "changelist"))
    fill(20)

    assert queries_of(desk, page(model, "changelist")) == few


# --- Settings are written ------------------------------------------------------------------------------------------


WITHOUT_A_WATCH = {"watch-TOTAL_FORMS": 0, "watch-INITIAL_FORMS": 0}  # the read-only rows below a number's form


def typed(of, on, **answers) -> dict:
    """The form of a clinic's number on a server, as a browser sends it."""
    fields = {
        "tenant": of.pk,
        "server": on.pk,
        "instance_name": "aurora-recepcao",
        "name": "Recepção",
        "phone": "",
        "provider": "evolution_api",
        "own_token": "",
        "is_active": "on",
        "alerts_enabled": "on",
        "heartbeat_threshold_minutes": "5",
    }
    return fields | WITHOUT_A_WATCH | answers


def test_a_number_is_added_through_the_form(desk, clinic):
    server = people.server()

    answer = desk.post(page(Channel, "add"), typed(clinic, server, own_token="its own token", heartbeat_threshold_minutes="60"))

    assert answer.status_code == 302
    made = Channel.objects.get()
    assert (made.tenant, made.server, made.server_owner, made.instance_name) == (clinic, server, 0, "aurora-recepcao")
    assert (made.is_active, made.alerts_enabled, made.heartbeat_threshold_minutes) == (True, True, 60)
    assert made.own_token.reveal() == "its own token"
    assert made in Channel.objects.watched()
    connection.check_constraints()


def test_a_number_on_its_clinics_own_server_is_added_too(desk, clinic):
    assert desk.post(page(Channel, "add"), typed(clinic, people.server(clinic))).status_code == 302

    assert Channel.objects.get().server_owner == clinic.pk
    connection.check_constraints()


def test_a_number_is_changed_and_moves_to_another_server(desk, channel):
    new_home = people.server(channel.tenant)

    answer = desk.post(
        page(Channel, "change", channel.pk), typed(channel.tenant, new_home, name="Triagem", heartbeat_threshold_minutes="1")
    )

    assert answer.status_code == 302
    channel.refresh_from_db()
    assert (channel.name, channel.server, channel.server_owner, channel.heartbeat_threshold_minutes) == (
        "Triagem",
        new_home,
        channel.tenant_id,
        1,
    )
    connection.check_constraints()


@pytest.mark.parametrize("minutes", ["0", "61", "-1", "", "abc", "1e9", "5.5", "99999999999999999999"])
def test_a_threshold_that_is_none_is_refused_beside_its_field(desk, channel, minutes):
    answer = desk.post(
        page(Channel, "change", channel.pk),
        typed(channel.tenant, channel.server, name="new", heartbeat_threshold_minutes=minutes),
    )

    assert list(errors(answer)) == ["heartbeat_threshold_minutes"]
    assert len(errors(answer)["heartbeat_threshold_minutes"]) == 1
    channel.refresh_from_db()
    assert (channel.name, channel.heartbeat_threshold_minutes) == ("Recepção", 5)


@pytest.mark.parametrize("name", ["../connect/victim", "a/b", "a?b", "a#b", "a%2Fb", "a\\b", "..", "a\u202eb", ""])
def test_an_instance_name_that_would_change_the_request_is_refused(desk, clinic, name):
    answer = desk.post(page(Channel, "add"), typed(clinic, people.server(), instance_name=name))

    assert list(errors(answer)) == ["instance_name"]
    assert len(errors(answer)["instance_name"]) == 1
    assert not Channel.objects.exists()


def test_another_clinics_server_is_refused(desk, clinic, other_clinic):
    answer = desk.post(page(Channel, "add"), typed(clinic, people.server(other_clinic)))

    assert list(errors(answer)) == ["server"]
    assert not Channel.objects.exists()


def test_an_instance_that_is_taken_is_refused(desk, channel, other_clinic):
    answer = desk.post(page(Channel, "add"), typed(other_clinic, channel.server, instance_name=channel.instance_name))

    assert errors(answer)
    assert Channel.objects.get() == channel


def test_a_form_without_a_clinic_or_server_is_refused_beside_the_fields(desk, clinic):
    answer = desk.post(page(Channel, "add"), typed(clinic, people.server(), tenant="", server=""))

    assert set(errors(answer)) == {"tenant", "server"}


def test_the_clinic_of_a_number_is_not_offered_for_change(desk, channel, other_clinic):
    form = desk.get(page(Channel, "change", channel.pk))
    assert 'name="tenant"' not in text(form)

    desk.post(page(Channel, "change", channel.pk), typed(other_clinic, channel.server))

    assert Channel.objects.get().tenant == channel.tenant


def server_typed(**answers) -> dict:
    return {
        "tenant": "",
        "name": "Evolution",
        "kind": "evolution",
        "base_url": "https://e.example.com",
        "api_key": "k",
    } | answers


def test_a_server_is_added_with_its_address_rebuilt(desk):
    answer = desk.post(page(Server, "add"), server_typed(base_url="HTTPS://E.Example.com:443/api/"))

    assert answer.status_code == 302
    made = Server.objects.get()
    assert (made.base_url, made.tenant, made.api_key.reveal()) == ("https://e.example.com/api", None, "k")


@pytest.mark.parametrize(
    "address",
    [
        "https://user:secret@e.example.com",
        "https://e.example.com/manager",
        "ftp://e.example.com",
        "https://e.example.com?apikey=secret",
        "https://2130706433/",
        "e.example.com",
        "",
        "https://" + "e" * 400,
    ],
)
def test_an_address_that_is_none_is_refused_in_one_sentence(desk, address):
    answer = desk.post(page(Server, "add"), server_typed(base_url=address))

    assert list(errors(answer)) == ["base_url"]
    assert len(errors(answer)["base_url"]) == 1
    assert not Server.objects.exists()


def test_whose_a_server_is_cannot_be_changed(desk, clinic):
    server = people.server(clinic)

    desk.post(page(Server, "change", server.pk), server_typed(name="new"))

    server.refresh_from_db()
    assert (server.name, server.tenant) == ("new", clinic)


def test_a_server_says_how_many_of_its_numbers_are_watched(desk, clinic):
    server = people.server()
    people.channel(clinic, server)
    people.channel(clinic, server, is_active=False)

    assert cell(desk.get(page(Server, "changelist")), "channels_watched") == "1"


def test_a_person_is_added_and_can_sign_in(desk, client, clinic):
    form = {"email": "Ana@Example.com", "name": "Ana", "usable_password": "true"}
    inline = {
        "memberships-TOTAL_FORMS": 1,
        "memberships-INITIAL_FORMS": 0,
        "memberships-0-tenant": clinic.pk,
        "memberships-0-role": "clinic_admin",
        "memberships-0-is_active": "on",
    }
    password = {"password1": "a very long word", "password2": "a very long word"}

    answer = desk.post(page(User, "add"), form | password | inline)

    assert answer.status_code == 302
    ana = User.objects.get(email="ana@example.com")
    assert ana.check_password("a very long word")
    assert not ana.is_saas_admin


def test_an_address_that_is_taken_in_other_letters_is_refused(desk, admin):
    answer = desk.post(
        page(User, "add"),
        {
            "email": admin.email.upper(),
            "usable_password": "true",
            "password1": "a very long word",
            "password2": "a very long word",
            "memberships-TOTAL_FORMS": 0,
            "memberships-INITIAL_FORMS": 0,
        },
    )

    assert list(errors(answer)) == ["email"]


def test_a_persons_password_is_changed_and_never_shown(desk, admin):
    address = reverse("admin:auth_user_password_change", args=[admin.pk])

    assert admin.password not in text(desk.get(page(User, "change", admin.pk)))
    desk.post(address, {"password1": "a new long word", "password2": "a new long word", "usable_password": "true"})

    admin.refresh_from_db()
    assert admin.check_password("a new long word")


# --- Nothing is deleted, and what the watch writes is read only ----------------------------------------------------


@pytest.mark.parametrize("model", [*SETTINGS, *HISTORY], ids=lambda model: model.__name__)
def test_nothing_of_ours_is_deleted(desk, channel, admin, model):
    furnish(channel, admin)
    row = model.objects.first()

    assert page(model, "delete", row.pk) not in text(desk.get(page(model, "change", row.pk)))
    assert desk.post(page(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert model.objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize("model", [*SETTINGS, *HISTORY], ids=lambda model: model.__name__)
def test_deleting_the_selected_rows_is_no_action(desk, channel, admin, model):
    furnish(channel, admin)
    before = model.objects.count()

    desk.post(
        page(model, "changelist"), {"action": "delete_selected", "_selected_action": [model.objects.first().pk], "post": "yes"}
    )

    assert "delete_selected" not in text(desk.get(page(model, "changelist")))
    assert model.objects.count() == before


@pytest.mark.parametrize("model", HISTORY, ids=lambda model: model.__name__)
def test_what_the_watch_writes_is_read_only(desk, channel, admin, model):
    furnish(channel, admin)
    row = model.objects.first()

    assert desk.post(page(model, "change", row.pk), {"cause": "connected"}).status_code == 403
    assert desk.post(page(model, "add"), {}).status_code == 403


def test_a_numbers_watch_is_not_changed_through_its_form(desk, channel):
    is_down(channel)
    forged = {"watch-TOTAL_FORMS": 1, "watch-INITIAL_FORMS": 1, "watch-0-channel": channel.pk, "watch-0-code": "500"}

    desk.post(page(Channel, "change", channel.pk), typed(channel.tenant, channel.server) | forged)

    watch = Watch.objects.get()
    assert (watch.cause, watch.code) == ("logged_out", None)


def test_an_incidents_timeline_names_who_was_told(desk, channel, admin):
    incident = is_down(channel, admin)

    assert admin.email in text(desk.get(page(Incident, "change", incident.pk)))


@pytest.mark.parametrize(("chosen", "expected"), [("yes", True), ("no", False)])
def test_incidents_are_filtered_by_open_and_resolved(desk, clinic, chosen, expected):
    is_down(people.channel(clinic))
    over = is_down(people.channel(clinic))
    Incident.objects.filter(pk=over.pk).update(resolved_at=timezone.now(), resolution="recovered")

    [shown] = rows(desk.get(page(Incident, "changelist"), {"open": chosen}))
    assert (shown.resolved_at is None) is expected


# --- Check now -----------------------------------------------------------------------------------------------------


def check_now(desk, *channels, **options):
    ids = [channel.pk for channel in channels]
    return desk.post(page(Channel, "changelist"), {"action": "check_now", "_selected_action": ids}, follow=True, **options)


def test_check_now_asks_for_a_look_at_each_of_the_selected_numbers(desk, operator, clinic, other_clinic):
    one, two, unasked = people.channel(clinic), people.channel(other_clinic), people.channel(clinic)
    later = timezone.now() + timedelta(minutes=2)
    for channel in (one, two, unasked):
        Watch.objects.create(channel=channel, tenant=channel.tenant, next_look_at=later)

    assert check_now(desk, one, two).status_code == 200

    asked = {sweep.channel: (sweep.tenant, sweep.requested_by) for sweep in Sweep.objects.all()}
    assert asked == {one: (clinic, operator), two: (other_clinic, operator)}
    for watch in Watch.objects.filter(channel__in=[one, two]):
        assert watch.requested_at >= Sweep.objects.get(channel=watch.pk).started_at
        assert watch.next_look_at == watch.requested_at
    untouched = Watch.objects.get(channel=unasked)
    assert (untouched.requested_at, untouched.next_look_at) == (None, later)


def test_check_now_says_which_numbers_are_not_watched(desk, clinic):
    off = people.channel(clinic, is_active=False)
    Watch.objects.create(channel=off, tenant=clinic)

    answer = check_now(desk, off, people.channel(clinic))

    assert [message.level_tag for message in answer.context["messages"]] == ["info", "warning"]
    assert Sweep.objects.count() == 1
    assert Watch.objects.get(channel=off).requested_at is None


def test_check_now_is_no_road_for_a_clinics_admin(client, admin, channel):
    client.force_login(admin)

    answer = client.post(page(Channel, "changelist"), {"action": "check_now", "_selected_action": [channel.pk]})

    assert answer.status_code == 302
    assert not Sweep.objects.exists()


# --- History of what people changed --------------------------------------------------------------------------------


def test_the_history_of_a_number_tells_what_was_changed_and_by_whom(desk, operator, channel):
    answers = typed(channel.tenant, channel.server, instance_name=channel.instance_name, name="Triagem")
    desk.post(page(Channel, "change", channel.pk), answers)

    assert operator.email in text(desk.get(page(Channel, "history", channel.pk)))
    [told] = json.loads(operator.logentry_set.get().change_message)
    assert len(told["changed"]["fields"]) == 1

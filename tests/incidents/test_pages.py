"""The list of incidents and the page of one: what each reader sees, and what it costs."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from channels_app.models import Watch
from incidents import actions, ledger
from incidents.models import MOST_READINGS, Incident, IncidentEvent
from notifications.models import Notification
from tests.support import people
from tests.support.readings import MINUTE, NOON, bad, holds, recovered, unstable

READINGS = [
    {"at": NOON.isoformat(), "status": "disconnected", "cause": "logged_out", "code": 401, "ms": 88},
    {"at": (NOON + 5 * MINUTE).isoformat(), "status": "disconnected", "cause": "logged_out", "code": 401, "ms": 83},
]


@pytest.fixture
def channel(clinic):
    return people.channel(clinic)


def opened(channel, cause="logged_out", **fields):
    ledger.open_incidents([bad(channel, cause, **fields)])
    incident = Incident.objects.get(channel=channel, resolved_at=None)
    Incident.objects.filter(pk=incident.pk).update(readings=READINGS)
    return incident


def past(channel, number, **fields):
    """As many resolved incidents, an hour apart, the last one an hour ago."""
    at = [timezone.now() - timedelta(hours=hours + 1) for hours in range(number)]
    return Incident.objects.bulk_create(
        Incident(
            **{"tenant": channel.tenant, "channel": channel, "kind": "disconnected", "cause": "logged_out"}
            | {"started_at": start, "opened_at": start, "resolved_at": start + MINUTE, "resolution": "recovered"}
            | fields
        )
        for start in at
    )


def page_of(incident, name="incident"):
    return reverse(name, args=[incident.pk])


@pytest.fixture
def see(client):
    """See a page as somebody: its text, without what changes from one to the next."""

    def see(person, url, **headers):
        client.force_login(person)
        response = client.get(url, **headers)
        assert response.status_code == 200
        return response

    return see


def queries(client, url):
    client.get(url)  # what is read once per process
    with CaptureQueriesContext(connection) as asked:
        client.get(url)
    return len([query for query in asked if "SAVEPOINT" not in query["sql"]])


# --- One incident --------------------------------------------------------------------------------------------------


def test_the_clinic_reads_its_own_step_although_the_server_is_not_its_own(channel, admin, see):
    story = see(admin, page_of(opened(channel))).context["story"]
    assert story.clinic_step.startswith("O aplicativo no celular continua funcionando")
    assert story.who_acts


def test_the_operator_reads_its_own_step_and_what_the_clinic_reads(channel, operator, admin, see):
    story = see(operator, page_of(opened(channel, "network_lost"))).context["story"]
    assert story.operator_step.startswith("Rede, DNS ou proxy")
    assert "O suporte já foi avisado" in story.clinic_step


def test_support_is_said_to_know_only_where_an_operator_was_told(channel, admin, see):
    step = see(admin, page_of(opened(channel, "network_lost"))).context["story"].clinic_step
    assert "já foi avisado" not in step
    assert "Fale com" in step


@pytest.mark.parametrize("cause", ["logged_out", "network_lost", "server_error", "key_rejected"])
def test_a_clinic_never_reads_the_engines_words(cause, channel, admin, operator, see):
    text = see(admin, page_of(opened(channel, cause))).content.decode()
    main = text[text.index("<main") : text.index("</main>")]
    assert re.findall(r"(?i)\b(?:canal|canais|instância|sessão|sessões|gateway|401)\b", main) == []
    assert f"<code>{cause}" not in main


def test_the_page_says_what_happened_in_order_and_whom_was_told_by_name(channel, clinic, see, operator):
    ana = people.admin_of(clinic, name="Ana Souza")
    incident = opened(channel)
    actions.take(incident.pk, by=ana, at=NOON + 6 * MINUTE)
    actions.note(incident.pk, "Trocou de <b>aparelho</b>.", by=operator, at=NOON + 7 * MINUTE)
    ledger.keep_incidents([bad(channel, "network_lost", at=NOON + 8 * MINUTE)])
    ledger.resolve_incidents([recovered(channel)])

    response = see(ana, page_of(incident))

    assert [line.icon for line in response.context["story"].timeline] == [
        "unplug", "triangle-alert", "bell", "hand", "sticky-note", "shuffle", "circle-check", "bell",
    ]  # fmt: skip
    assert "Ana Souza" in response.context["story"].timeline[2].text
    assert "Trocou de &lt;b&gt;aparelho&lt;/b&gt;." in response.content.decode()


def test_times_are_the_clinics(channel, clinic, operator, see):
    clinic.time_zone = "America/Manaus"
    clinic.save()
    incident = opened(channel)
    for person in (people.admin_of(clinic), operator):
        assert "08:00:00</time>" in see(person, page_of(incident)).content.decode()


def test_the_operator_sees_who_has_read_and_the_clinic_sees_names(channel, clinic, operator, see):
    ana, bruno = people.admin_of(clinic, name="Ana"), people.admin_of(clinic, name="Bruno")
    incident = opened(channel)
    Notification.objects.filter(user=ana).update(read_at=NOON + 6 * MINUTE)

    told = see(operator, page_of(incident)).context["story"].told
    assert [(person.name, person.read_at is not None) for person in told] == [("Ana", True), ("Bruno", False)]
    told = see(bruno, page_of(incident)).context["story"].told
    assert [(person.name, person.read_at) for person in told] == [("Ana", None), ("Bruno", None)]


def test_a_clinic_reads_of_support_and_not_of_the_operators_addresses(channel, admin, operator, see):
    incident = opened(channel, "network_lost")
    actions.note(incident.pk, "Vamos ver.", by=operator, at=NOON + 6 * MINUTE)
    assert operator.email not in see(admin, page_of(incident)).content.decode()


def test_buttons_are_there_for_admins_and_operators_and_not_for_staff(channel, admin, staff, operator, see):
    incident = opened(channel)
    for person, buttons in [(admin, True), (operator, True), (staff, False)]:
        text = see(person, page_of(incident)).content.decode()
        assert [f'id="{name}"' in text for name in ("take", "note", "false-alarm")] == [buttons] * 3
        assert 'id="check"' in text


def test_who_came_second_sees_that_somebody_already_does(channel, admin, operator, see):
    incident = opened(channel)
    actions.take(incident.pk, by=operator, at=NOON + 6 * MINUTE)
    text = see(admin, page_of(incident)).content.decode()
    assert 'id="taken"' in text
    assert 'id="take"' not in text


def test_once_who_took_it_may_do_so_no_more_it_is_anybodys_again(channel, clinic, admin, staff, operator, see):
    incident, ana = opened(channel), people.admin_of(clinic, name="Ana Souza")
    actions.take(incident.pk, by=ana, at=NOON + 6 * MINUTE)

    def says(person):
        page = see(person, page_of(incident)).content.decode()
        listed = "Alguém está cuidando" in see(person, reverse("incidents")).content.decode()
        return 'id="take"' in page, 'id="taken"' in page, listed

    assert [says(person) for person in (admin, operator, staff)] == [(False, True, True)] * 3
    ana.memberships.update(is_active=False)
    assert [says(person) for person in (admin, operator, staff)] == [(True, False, False)] * 2 + [(False, False, False)]

    ledger.resolve_incidents([recovered(channel)])
    assert "Ana Souza cuidou disso" in see(admin, page_of(incident)).content.decode()


def test_each_view_has_one_primary_button_at_most(channel, admin, operator, see):
    incident = opened(channel)
    for url in (page_of(incident), reverse("incidents"), reverse("inbox")):
        for person in (admin, operator):
            text = see(person, url).content.decode()
            assert text[text.index("<main") :].count("btn-primary") <= 1


def test_the_page_asks_for_itself_while_it_is_open_and_stops_when_it_is_over(channel, admin, see):
    incident = opened(channel)
    poll = f'hx-get="{page_of(incident, "incident-now")}'
    assert poll in see(admin, page_of(incident)).content.decode()
    assert poll in see(admin, page_of(incident, "incident-now")).content.decode()

    ledger.resolve_incidents([recovered(channel)])

    fragment = see(admin, page_of(incident, "incident-now") + "?estado=aberto").content.decode()
    assert poll not in fragment
    assert "<html" not in fragment
    assert 'id="said"' in fragment


@pytest.mark.parametrize(("seconds_after", "is_waiting"), [(-1, True), (1, False)], ids=["in flight when asked", "begun after"])
def test_the_page_waits_for_a_look_that_began_after_it_was_asked_for(channel, admin, see, seconds_after, is_waiting):
    incident = opened(channel)
    asked_at = timezone.now() - timedelta(seconds=20)
    began_at = asked_at + timedelta(seconds=seconds_after)
    ended = {"last_verdict_at": began_at, "last_health_check": timezone.now(), "look_started_at": began_at}
    Watch.objects.create(channel=channel, tenant=channel.tenant, requested_at=asked_at, **ended)

    text = see(admin, page_of(incident, "incident-now")).content.decode()

    assert ("Verificação pedida" in text) is ("every 2s" in text) is is_waiting


def test_the_fragment_leaves_alone_what_a_person_is_writing(channel, admin, see):
    assert "<textarea" not in see(admin, page_of(opened(channel), "incident-now")).content.decode()


@pytest.mark.parametrize(("text", "says"), [("", "required"), ("   ", "blank"), ("x" * 1001, "long")])
def test_a_note_that_is_refused_keeps_its_text_and_says_why_beside_the_field(text, says, channel, admin, client):
    incident = opened(channel)
    client.force_login(admin)

    response = client.post(page_of(incident, "incident-note"), {"nota": text})

    assert 'aria-describedby="note-error note-hint"' in response.content.decode()
    assert text.strip() in response.content.decode()
    assert not IncidentEvent.objects.filter(kind="note").exists()


def test_a_note_is_kept_without_what_could_make_a_page_lie(channel, admin, client):
    client.force_login(admin)
    client.post(page_of(opened(channel), "incident-note"), {"nota": "Primeira\r\nsegunda\x00\u202e "})
    assert IncidentEvent.objects.get(kind="note").text == "Primeira\nsegunda"


def test_readings_and_details_that_are_missing_break_nothing(channel, admin, operator, see):
    incident = opened(channel)
    Incident.objects.update(
        cause="a_cause_of_tomorrow", readings=[{}, {"cause": "logged_out"}, {"at": NOON.isoformat(), "status": "new"}]
    )
    for person in (admin, operator):
        see(person, page_of(incident))


# --- What was seen around its start, and when nobody looked ---------------------------------------------------------


def was(channel, status, since, until, cause="logged_out"):
    """A period from so many minutes after noon to so many; None where it goes on."""
    ended_at = None if until is None else NOON + until * MINUTE
    channel.periods.create(
        tenant=channel.tenant, status=status, cause=cause, started_at=NOON + since * MINUTE, ended_at=ended_at
    )


def kept(minutes=0, **fields):
    at = (NOON + minutes * MINUTE).isoformat()
    return {"at": at, "status": "disconnected", "cause": "logged_out", "raw": "close", "code": 401, "ms": 88} | fields


def around_start(response):
    """The rows of the table, each as its cells' words."""
    text = response.content.decode()
    table = text[text.index('id="readings"') :]
    rows = re.findall(r"<tr>(.*?)</tr>", table[: table.index("</table>")], re.S)
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in rows[1:]]


def test_the_operator_reads_what_came_before_then_each_reading_with_its_answer(channel, operator, see):
    was(channel, "disconnected", -24 * 60, -300)
    was(channel, "open", -300, 0, "connected")
    incident = opened(channel)
    Incident.objects.update(readings=[kept(), kept(5, raw="", code=None, ms=None)])

    earlier, before, *readings = around_start(see(operator, page_of(incident)))

    assert re.findall(r"\d\d:\d\d:\d\d|Conectado", before) == ["09:00:00", "Conectado", "04:00:00"]
    assert readings == ["09:00:00 Desconectado close, 401 88 ms", "09:05:00 Desconectado - -"]
    assert "23/11 09:00:00" in earlier
    assert "O sistema foi desconectado deste WhatsApp" in earlier


def test_a_clinic_reads_when_it_was_connected_and_not_the_servers_words(channel, admin, see):
    was(channel, "open", -300, 0, "connected")
    incident = opened(channel)
    Incident.objects.update(readings=[kept()])

    rows = around_start(see(admin, page_of(incident)))

    assert [row.split()[1:3] for row in rows] == [["09:00:00", "Conectado"], ["Desconectado"]]
    assert "close" not in see(admin, page_of(incident)).content.decode()


def test_what_nobody_looked_at_is_said_to_be_the_servers(channel, admin, operator, see):
    incident = opened(channel)
    inferred = {"at": NOON.isoformat(), "status": "error", "cause": "server_unreachable", "inferred": True}
    Incident.objects.update(readings=[inferred])

    words = "09:00:00 Falha no servidor não consultado: o servidor estava fora do ar"
    assert around_start(see(operator, page_of(incident)))[-1] == f"{words} -"
    assert around_start(see(admin, page_of(incident)))[-1] == words


def test_a_blind_time_before_it_stands_between_the_last_period_and_the_first_reading(channel, admin, see):
    was(channel, "open", -300, -20, "connected")
    incident = opened(channel)
    rows = around_start(see(admin, page_of(incident)))
    assert "Sem verificação" in rows[1]


def test_the_servers_word_stands_on_the_operators_timeline_and_not_on_the_clinics(channel, admin, operator, see):
    incident = opened(channel)
    Incident.objects.update(readings=[kept(raw="<b>close")])
    for person, is_said in [(operator, True), (admin, False)]:
        assert ("&lt;b&gt;close" in see(person, page_of(incident)).content.decode()) is is_said


def test_the_operators_step_names_what_was_received_after_it_is_over(channel, operator, see):
    incident = opened(channel, "unknown_state")
    Incident.objects.update(readings=[kept(cause="unknown_state", raw="resuming", status="error")])
    ledger.resolve_incidents([recovered(channel)])
    assert '"resuming"' in see(operator, page_of(incident)).context["story"].operator_step


@pytest.mark.parametrize("minutes", [5, None], ids=["kept", "of an older release"])
def test_the_threshold_that_was_in_force_is_said(minutes, channel, admin, see):
    incident = opened(channel)
    Incident.objects.update(threshold_minutes=minutes)
    story = see(admin, page_of(incident)).context["story"]
    assert story.threshold == (minutes and minutes * MINUTE)
    assert "5min" in story.timeline[1].text


def test_the_time_in_which_nobody_looked_is_said_among_the_facts_and_on_the_timeline(channel, admin, see):
    was(channel, "disconnected", 0, 8)
    was(channel, "disconnected", 20, 30)
    was(channel, "open", 30, None, "connected")
    incident = opened(channel)
    ledger.resolve_incidents([recovered(channel, at=NOON + 30 * MINUTE)])

    response = see(admin, page_of(incident))

    assert "<dt>Sem verificação</dt><dd>12min</dd>" in response.content.decode()
    assert [(line.at, line.icon) for line in response.context["story"].timeline][1:-1] == [
        (NOON + 5 * MINUTE, "triangle-alert"),
        (NOON + 5 * MINUTE, "bell"),
        (NOON + 8 * MINUTE, "eye-off"),
        (NOON + 30 * MINUTE, "circle-check"),
    ]


def test_where_somebody_always_looked_nothing_is_said_of_it(channel, admin, see):
    was(channel, "disconnected", 0, 30)
    was(channel, "open", 30, None, "connected")
    incident = opened(channel)
    ledger.resolve_incidents([recovered(channel, at=NOON + 30 * MINUTE)])
    assert "Sem verificação" not in see(admin, page_of(incident)).content.decode()


def test_while_it_is_open_the_time_since_the_last_check_grows(channel, admin, see):
    was(channel, "disconnected", 0, None)
    seen_at = timezone.now() - timedelta(hours=1)
    Watch.objects.create(channel=channel, tenant=channel.tenant, last_verdict_at=seen_at, last_health_check=seen_at)
    story = see(admin, page_of(opened(channel))).context["story"]
    assert timedelta(hours=1) <= story.blind_for < timedelta(hours=1, minutes=1)
    assert story.timeline[-1].at == seen_at


def test_a_look_that_could_not_look_is_no_check(channel, admin, see):
    incident, now = opened(channel), timezone.now()
    seen_at, asked_to_wait_at = now - timedelta(hours=2), now - timedelta(seconds=5)
    Watch.objects.create(channel=channel, tenant=channel.tenant, last_verdict_at=seen_at, last_health_check=asked_to_wait_at)

    assert see(admin, page_of(incident)).context["story"].last_check == seen_at


def test_a_long_run_says_that_not_every_reading_was_kept(channel, admin, operator, see):
    incident = opened(channel)
    for number, says in [(MOST_READINGS - 1, False), (MOST_READINGS, True)]:
        Incident.objects.update(readings=[kept(minute) for minute in range(number)])
        for person in (admin, operator):
            assert see(person, page_of(incident)).context["story"].is_kept_in_part is says


def test_an_incident_of_a_server_has_a_page(operator, see):
    server = people.server()
    incident = Incident.objects.create(
        server=server, kind="server_down", cause="server_unreachable", started_at=NOON, opened_at=NOON
    )
    assert server.name in see(operator, page_of(incident)).content.decode()
    assert server.name in see(operator, reverse("incidents")).content.decode()


# --- Instability, and a second fall --------------------------------------------------------------------------------


def unstable_one(channel, **seen):
    """An incident of instability; the number fell three times within nine minutes."""
    changes = [NOON + minutes * MINUTE for minutes in (0, 1, 4, 5, 8, 9)]
    fields = {"connection_status": "open", "cause": "connected", "health_changes": changes} | seen
    Watch.objects.create(channel=channel, tenant=channel.tenant, **fields)
    ledger.open_incidents([unstable(channel)])
    return Incident.objects.get()


def test_an_unstable_number_is_not_said_to_be_down_and_the_page_says_how_often_it_fell(channel, admin, operator, see):
    response = see(admin, page_of(unstable_one(channel)))

    story = response.context["story"]
    assert (story.is_unstable, story.kind_tone) == (True, "warning")
    assert story.clinic_step == "Caiu 3 vezes em 9 minutos. O suporte já foi avisado."
    assert "Fora" not in re.sub(r"<[^>]+>", " ", response.content.decode().split('id="state"')[1].split("</section>")[0])
    assert all("limite" not in line.text for line in story.timeline)


def test_falls_that_are_not_known_are_not_counted_before_the_reader(channel, admin, operator, see):
    story = see(admin, page_of(unstable_one(channel, health_changes=[]))).context["story"]
    assert story.clinic_step == "O suporte já foi avisado."


def test_the_turn_of_the_clinic_and_whoever_first_heard_of_it_then_stand_on_the_page(channel, clinic, operator, see):
    people.admin_of(clinic, name="Ana Souza")
    incident = opened(channel, "network_lost")
    people.admin_of(clinic, name="Bia Lima")

    ledger.keep_incidents([holds(bad(channel, at=NOON + 6 * MINUTE))])

    story = see(operator, page_of(incident)).context["story"]
    assert [line.icon for line in story.timeline] == ["unplug", "triangle-alert", "bell", "shuffle", "bell"]
    assert story.timeline[-1].title != story.timeline[2].title
    assert sorted(told.name for told in story.told) == sorted(["Ana Souza", "Bia Lima", str(operator)])
    assert [told.at for told in story.told if told.name == "Bia Lima"] == [NOON + 6 * MINUTE]


def test_whether_somebody_has_read_it_is_asked_of_the_first_that_they_were_told(channel, admin, operator, see):
    incident = opened(channel, "network_lost")
    Notification.objects.filter(user=admin).update(read_at=NOON + 6 * MINUTE)
    ledger.keep_incidents([holds(bad(channel, at=NOON + 7 * MINUTE))])

    told = see(operator, page_of(incident)).context["story"].told

    assert [person.read_at for person in told if person.name == str(admin)] == [NOON + 6 * MINUTE]


def test_a_number_that_fell_again_shows_the_outage_before(channel, admin, see):
    before = opened(channel)
    ledger.resolve_incidents([recovered(channel)])
    incident = opened(channel, started_at=NOON + 27 * MINUTE, at=NOON + 33 * MINUTE)

    response = see(admin, page_of(incident))

    first = response.context["story"].timeline[0]
    assert "2min" in first.text
    assert f'href="{page_of(before)}"' in response.content.decode()
    listed = see(admin, reverse("incidents")).content.decode()
    assert listed.count(first.title) == 1


# --- The list ------------------------------------------------------------------------------------------------------


def shown(response):
    return [incident.pk for incident in response.context["page"]]


def test_a_clinic_sees_its_own_and_the_operator_all(channel, other_clinic, admin, operator, see):
    mine, others = opened(channel), opened(people.channel(other_clinic))
    assert shown(see(admin, reverse("incidents"))) == [mine.pk]
    assert set(shown(see(operator, reverse("incidents")))) == {mine.pk, others.pk}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "both"),
        ("estado=aberto", "open"),
        ("estado=resolvido", "past"),
        ("tipo=disconnected", "both"),
        ("tipo=qr_pending", "none"),
        ("causa=network_lost", "open"),
        ("causa=logged_out&estado=aberto", "none"),
        ("periodo=7", "both"),
        ("periodo=7&estado=resolvido", "past"),
        ("tipo=zzz&estado=x&causa=y&periodo=-1&pagina=999", "both"),
        ("pagina=abc&periodo=1e9", "both"),
        ("pagina=0&cliente=ninguem", "both"),
    ],
)
def test_filters_stand_in_the_address_and_nonsense_filters_nothing(query, found, channel, operator, see):
    over = past(channel, 1)[0]
    ledger.open_incidents([bad(channel, "network_lost", started_at=NOON - timedelta(days=30))])
    Incident.objects.filter(resolved_at=None).update(started_at=timezone.now() - timedelta(days=20))
    now = Incident.objects.open().get()
    expected = {"both": {over.pk, now.pk}, "open": {now.pk}, "past": {over.pk}, "none": set()}[found]
    assert set(shown(see(operator, f"{reverse('incidents')}?{query}"))) == expected


def test_a_period_has_whatever_lasted_into_it(channel, operator, see):
    begun = timezone.now() - timedelta(hours=25)
    over, long_over = (
        past(channel, 1, started_at=begun, opened_at=begun, resolved_at=begun + hours * timedelta(hours=1))[0]
        for hours in (2, 0.5)
    )
    ledger.open_incidents([bad(channel, started_at=begun)])

    days = {days: shown(see(operator, f"{reverse('incidents')}?periodo={days}")) for days in (1, 7)}

    still_open = Incident.objects.open().get().pk
    assert days == {1: [still_open, over.pk], 7: [still_open, long_over.pk, over.pk]}


def test_the_operator_filters_by_clinic_and_a_clinic_cannot(channel, other_clinic, admin, operator, see):
    mine, others = opened(channel), opened(people.channel(other_clinic))
    query = f"{reverse('incidents')}?cliente={other_clinic.slug}"
    assert shown(see(operator, query)) == [others.pk]
    assert shown(see(admin, query)) == [mine.pk]
    assert other_clinic.name not in see(admin, query).content.decode()


def test_pages_keep_the_filters_and_the_last_one_stands_for_those_beyond(channel, admin, see):
    past(channel, 30)
    response = see(admin, f"{reverse('incidents')}?estado=resolvido&pagina=99")
    assert len(shown(response)) == 5
    assert "?estado=resolvido&amp;pagina=1" in response.content.decode()


def test_an_empty_list_says_so(admin, see, channel):
    assert 'class="empty' in see(admin, reverse("incidents")).content.decode()
    past(channel, 1)
    assert 'class="empty' in see(admin, f"{reverse('incidents')}?estado=aberto").content.decode()


# --- What it costs -------------------------------------------------------------------------------------------------


def test_the_list_costs_the_same_for_many(channel, admin, operator, client):
    for person in (admin, operator):
        client.force_login(person)
        Incident.objects.all().delete()
        past(channel, 1)
        few = queries(client, reverse("incidents"))
        past(channel, 20)
        assert queries(client, reverse("incidents")) == few
        assert few <= 22


def test_who_takes_care_of_many_costs_the_list_one_question(channel, clinic, admin, operator, client):
    incidents = [opened(channel), *(opened(people.channel(clinic)) for _ in range(5))]
    client.force_login(operator)
    nobody = queries(client, reverse("incidents"))
    for number, incident in enumerate(incidents):
        actions.take(incident.pk, by=people.admin_of(clinic), at=NOON + 6 * MINUTE)
        if number == 0:
            one = queries(client, reverse("incidents"))
    assert queries(client, reverse("incidents")) == one <= nobody + 4  # with the change of scope and back


def test_a_page_costs_the_same_for_a_long_story(channel, clinic, admin, operator, client):
    incident = opened(channel)
    few = {}
    for person in (admin, operator):
        client.force_login(person)
        few[person] = queries(client, page_of(incident)), queries(client, page_of(incident, "incident-now"))
    for number in range(12):
        writer = people.admin_of(clinic, name=f"P{number}")
        actions.note(incident.pk, "n", by=writer, at=NOON + 6 * MINUTE)
        IncidentEvent.objects.create(
            incident=incident, tenant=clinic, kind="told", event="opened", at=NOON + 6 * MINUTE, told=[writer.pk]
        )
    for person in (admin, operator):
        client.force_login(person)
        many = queries(client, page_of(incident)), queries(client, page_of(incident, "incident-now"))
        assert many == few[person]
        assert many[0] <= 22
        assert many[1] <= 12

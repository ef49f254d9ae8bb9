"""What people are told of a server's death: the owners of their own, the operator in true words, nobody twice."""

from functools import partial

import pytest
from django.utils import timezone

from channels_app import cards, upkeep, verdicts
from channels_app.models import Channel
from incidents.models import Incident
from incidents.readings import Status
from notifications.models import Notification
from tests.support import people
from tests.support.deaths import (
    MINUTE,
    SECOND,
    bad_gateway,
    come_back,
    dead,
    die,
    inferred,
    logged_out,
    refused,
    see,
    server_incident,
    some_time_ago,
    told,
    violations,
)
from tests.support.readings import healthy, reading


@pytest.fixture
def start():
    return some_time_ago()


@pytest.fixture
def own(clinic, start):
    """A clinic's own server with two numbers, all seen connected."""
    server = people.server(clinic, name="evo-aurora")
    for name in ("Recepção", "Agenda"):
        people.channel(clinic, server, name=name, heartbeat_threshold_minutes=1)
    upkeep.keep_up()
    see(healthy, start - MINUTE)
    return server


def no_evolution(*, at):
    return reading("wrong_address", Status.ERROR, at, code=404)


def body(person, event):
    return Notification.objects.get(user=person, event=event).body


# --- A clinic's own server -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tell_clinics", [None, 15, 0], ids=["page", "15", "now"])
@pytest.mark.parametrize(
    ("make", "title"),
    [
        pytest.param(refused, "O servidor recusou a chave de acesso", id="key"),
        pytest.param(no_evolution, "O endereço não é de um servidor Evolution", id="address"),
        pytest.param(dead, "O servidor de mensagens está fora do ar", id="unreachable"),
    ],
)
def test_of_its_own_server_a_clinic_hears_the_real_cause_when_the_incident_opens(
    own, start, admin, staff, outsider, operator, settings, make, title, tell_clinics
):
    settings.SERVER_DOWN_TELL_CLINICS = tell_clinics
    die(start, make)

    assert told(admin) == [("server_down", f"evo-aurora: {title}")]
    upkeep.keep_up()
    upkeep.keep_up()
    assert len(told(admin)) == 1
    assert told(staff) == told(outsider) == []
    assert [event for event, _title in told(operator)] == ["opened"]
    assert violations() == {}


def test_who_has_to_act_on_the_clinics_own_server_is_who_its_admin_reads_of(own, start, admin, operator, settings):
    settings.SUPPORT_NAME = "Ana"
    die(start, refused)

    assert "Fale com Ana" in body(admin, "server_down")
    assert "O suporte já foi avisado" not in body(admin, "server_down")
    assert "Não mexa no celular" not in body(admin, "server_down")


@pytest.mark.parametrize("operators", [0, 1])
def test_support_is_said_to_know_of_the_clinics_own_server_where_it_does(own, start, admin, operators):
    for _ in range(operators):
        people.operator()
    die(start, dead)

    assert ("O suporte já foi avisado" in body(admin, "server_down")) is bool(operators)


def test_the_notice_of_its_own_server_leads_to_a_page_that_the_clinics_admin_can_open(own, start, client, admin):
    die(start, refused)
    client.force_login(admin)

    response = client.get(Notification.objects.get(user=admin).link, follow=True)

    assert response.status_code == 200
    html = response.content.decode()
    assert "evo-aurora" in html
    assert "O servidor recusou a chave de acesso" in html
    assert "Recepção" in html


def test_the_clinic_hears_once_that_its_own_server_is_back(own, start, admin, operator):
    die(start, refused)
    come_back(start + 20 * MINUTE)
    upkeep.keep_up()
    upkeep.keep_up()

    assert told(admin)[1:] == [("server_back", "O servidor de mensagens voltou")]
    assert [event for event, _title in told(operator)] == ["opened", "resolved"]
    assert violations() == {}


def test_where_only_one_of_the_two_is_back_the_clinic_reads_which_is_not(own, start, admin):
    lost = Channel.objects.get(name="Agenda")
    die(start, refused)
    back = start + 20 * MINUTE
    come_back(back, but=[lost])
    for after in (70, 80):
        see(logged_out, back + after * SECOND, only=[lost])
    upkeep.keep_up()

    assert "1 não: Agenda" in body(admin, "server_back")


def test_a_clinic_whose_numbers_there_are_all_silenced_is_not_told_of_its_own_server(own, start, admin):
    Channel.objects.update(alerts_enabled=False)
    die(start, refused)
    upkeep.keep_up()

    assert told(admin) == []


def test_one_number_that_is_not_silenced_is_enough(own, start, admin):
    Channel.objects.filter(name="Agenda").update(alerts_enabled=False)
    die(start, refused)

    assert [event for event, _title in told(admin)] == ["server_down"]


@pytest.mark.parametrize("tell_clinics", [None, 15], ids=["page", "15"])
def test_who_could_not_be_told_at_the_opening_is_told_when_that_is_possible(own, start, admin, settings, tell_clinics):
    settings.SERVER_DOWN_TELL_CLINICS = tell_clinics
    Channel.objects.update(alerts_enabled=False)
    die(timezone.now() - 2 * MINUTE, refused)
    Channel.objects.update(alerts_enabled=True)

    upkeep.keep_up()
    upkeep.keep_up()

    assert told(admin) == [("server_down", "evo-aurora: O servidor recusou a chave de acesso")]
    assert violations() == {}


def test_numbers_that_were_down_already_keep_nobody_from_hearing_of_their_own_server(own, start, admin):
    for after in (0, 40, 80):
        see(logged_out, start + after * SECOND)
    for after in (120, 130):
        see(refused, start + after * SECOND)
    for after in (200, 260):
        see(partial(inferred, cause="key_rejected"), start + after * SECOND)

    assert server_incident().children.count() == 0
    assert told(admin)[-1] == ("server_down", "evo-aurora: O servidor recusou a chave de acesso")


@pytest.mark.parametrize(
    ("make", "title"), [(refused, "O servidor recusou a chave de acesso"), (no_evolution, "O endereço não é de")]
)
def test_page_and_notice_of_the_clinics_own_server_say_the_same(own, start, admin, operator, make, title):
    die(start, make)

    for card in cards.read(list(Channel.objects.select_related("tenant", "watch")), now=start + 2 * MINUTE, with_history=False):
        assert title in card.box.title
        assert card.box.step in body(admin, "server_down")
        assert str(admin) in card.told_line


def test_a_failure_that_is_nobodys_fault_is_called_by_its_name_too_where_the_server_is_the_clinics(own, start, admin, operator):
    die(start, lambda *, at: reading("certificate", Status.ERROR, at, raw_state="expired"))
    card = cards.read(list(Channel.objects.select_related("tenant", "watch")), now=start + 2 * MINUTE, with_history=False)[0]

    assert card.box.title == "Certificado do servidor inválido"
    assert told(admin) == [("server_down", "evo-aurora: Certificado do servidor inválido")]


def test_clinic_and_operator_hear_once_that_it_has_become_the_turn_of_the_servers_owner(own, start, admin, operator):
    die(start)
    for after in range(3, 30):
        see(refused, start + after * MINUTE)
        upkeep.keep_up()

    assert server_incident().cause == "key_rejected"
    turn = ("action_needed", "evo-aurora: O servidor recusou a chave de acesso")
    assert (told(admin)[1:], told(operator)[1:]) == ([turn], [turn])
    assert body(admin, "action_needed") in body(operator, "action_needed")
    assert violations() == {}


# --- What the operator reads -----------------------------------------------------------------------------------------


@pytest.fixture
def fleet(clinic, other_clinic, start):
    """Three numbers of one clinic and one of another on a server of the operator's, all seen connected."""
    server = people.server(name="evo-sp-01")
    owners = [(clinic, "Recepção"), (clinic, "Agenda"), (clinic, "Exames"), (other_clinic, "Central")]
    numbers = [people.channel(owner, server, name=name, heartbeat_threshold_minutes=1) for owner, name in owners]
    upkeep.keep_up()
    see(healthy, start - MINUTE)
    return numbers


@pytest.mark.parametrize(
    ("make", "says"),
    [
        pytest.param(bad_gateway, "HTTP 502: logs e banco do Evolution.", id="502"),
        pytest.param(dead, "evo-sp-01 não responde (timeout): contêiner, porta, DNS.", id="timeout"),
    ],
)
def test_the_operator_reads_what_the_server_really_gave(fleet, start, operator, client, make, says):
    see(make, start)
    see(make, start + 10 * SECOND)
    cause = make(at=start).cause
    see(partial(inferred, cause=cause), start + 40 * SECOND)
    last = {0: make(at=start)}  # of four looks the first is a probe

    def probed(*, at):
        return make(at=at) if last.pop(0, None) else verdicts.infer(cause, at=at)

    see(probed, start + 75 * SECOND)

    assert body(operator, "opened").endswith(says)
    client.force_login(operator)
    assert says in client.get(f"/incidentes/{server_incident().pk}/").content.decode()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        pytest.param(bad_gateway, "Logs e banco do Evolution.", id="502"),
        pytest.param(dead, "evo-sp-01 não responde: contêiner, porta, DNS.", id="refused"),
    ],
)
def test_what_is_not_known_of_a_dead_server_is_not_asked_of_the_operator(fleet, start, operator, client, make, says):
    die(start, make)  # nothing but what was inferred is at hand

    assert body(operator, "opened").endswith(says)
    client.force_login(operator)
    for incident in Incident.objects.all():
        assert "HTTP ?" not in client.get(f"/incidentes/{incident.pk}/").content.decode()


@pytest.mark.parametrize(
    ("channels", "counted"),
    [
        pytest.param(["Recepção"], "com 1 número de 1 clínica.", id="one of one"),
        pytest.param(["Recepção", "Agenda"], "com 2 números de 1 clínica.", id="two of one"),
        pytest.param(["Recepção", "Central"], "com 2 números de 2 clínicas.", id="two of two"),
    ],
)
def test_the_operator_reads_how_many_numbers_of_how_many_clinics(fleet, start, operator, channels, counted):
    Channel.objects.exclude(name__in=channels).update(is_active=False)
    upkeep.keep_up()
    for after in (0, 10, 20, 30, 90):
        see(dead, start + after * SECOND, only=Channel.objects.filter(name__in=channels))

    assert counted in body(operator, "opened")


@pytest.mark.parametrize(("back", "says"), [(1, "1 voltou, 3 não: "), (3, "3 voltaram, 1 não: ")])
def test_one_that_is_back_is_one(fleet, start, operator, back, says):
    lost = fleet[back:]
    die(start)
    come_back(start + 20 * MINUTE, but=lost)
    for after in (70, 80):
        see(logged_out, start + 20 * MINUTE + after * SECOND, only=lost)
    upkeep.keep_up()

    assert says in body(operator, "resolved")


# --- A number that does not come back with its server ----------------------------------------------------------------


@pytest.fixture
def lost(fleet, start, admin, operator):
    """The server came back without this number, which is logged out since. Its clinic's calm notice hangs on another."""
    Channel.objects.filter(pk=fleet[1].pk).update(heartbeat_threshold_minutes=2)
    die(start)
    upkeep.keep_up()
    see(partial(inferred, cause="server_unreachable"), start + 130 * SECOND)
    back = start + 20 * MINUTE
    come_back(back, but=fleet[1:2])
    see(logged_out, back + 70 * SECOND, only=fleet[1:2])
    return fleet[1]


def test_a_number_that_is_named_as_not_back_is_announced_as_its_own_at_once(lost, admin, operator):
    upkeep.keep_up()

    assert "1 não: Agenda" in body(admin, "server_back")
    assert told(admin)[2:] == [("opened", "Agenda: O sistema foi desconectado deste WhatsApp")]
    assert [event for event, _title in told(operator)] == ["opened", "resolved"]
    assert violations() == {}


def test_of_a_number_that_was_named_as_not_back_people_hear_once_when_it_is(lost, start, admin):
    upkeep.keep_up()
    for after in (90, 100):
        see(healthy, start + 20 * MINUTE + after * SECOND, only=[lost])
    upkeep.keep_up()

    assert [event for event, _title in told(admin)] == ["server_down", "server_back", "opened", "resolved"]
    assert told(admin)[-1] == ("resolved", "Agenda: conectado de novo")
    assert violations() == {}


def test_it_is_not_announced_again_at_its_next_bad_reading(lost, start, admin):
    upkeep.keep_up()
    see(logged_out, start + 22 * MINUTE, only=[lost])
    see(logged_out, start + 23 * MINUTE, only=[lost])

    assert [event for event, _title in told(admin)] == ["server_down", "server_back", "opened"]


def test_a_number_that_is_connected_again_is_not_named_though_its_incident_waits_for_a_second_look(
    lost, start, admin, operator
):
    see(healthy, start + 22 * MINUTE, only=[lost])
    upkeep.keep_up()

    assert body(operator, "resolved").endswith("4 voltaram.")
    assert "não" not in body(admin, "server_back")
    see(healthy, start + 22 * MINUTE + 10 * SECOND, only=[lost])
    assert [event for event, _title in told(admin)] == ["server_down", "server_back"]


def test_where_it_falls_at_that_second_look_it_is_announced(lost, start, admin):
    see(healthy, start + 22 * MINUTE, only=[lost])
    upkeep.keep_up()
    see(logged_out, start + 22 * MINUTE + 10 * SECOND, only=[lost])

    assert [event for event, _title in told(admin)] == ["server_down", "server_back", "opened"]


def test_of_a_number_that_nobody_has_seen_since_nothing_is_said_before_somebody_has(fleet, start, admin, operator):
    die(start)
    upkeep.keep_up()
    come_back(start + 20 * MINUTE, but=fleet[1:2])  # more than ten minutes ago: its server's incident waits no longer
    upkeep.keep_up()

    assert body(operator, "resolved").endswith("3 voltaram.")
    assert [event for event, _title in told(admin)] == ["server_down", "server_back"]
    see(logged_out, start + 32 * MINUTE, only=fleet[1:2])
    assert told(admin)[2:] == [("opened", "Agenda: O sistema foi desconectado deste WhatsApp")]
    assert violations() == {}


def test_a_silenced_number_that_is_not_back_is_announced_to_nobody(lost, admin):
    Channel.objects.filter(pk=lost.pk).update(alerts_enabled=False)
    upkeep.keep_up()

    assert [event for event, _title in told(admin)] == ["server_down", "server_back"]


# --- A server that falls again ---------------------------------------------------------------------------------------


def falls_and_comes_back(at, *, make=dead):
    """Four minutes of darkness, of which everybody who hears of it is told."""
    die(at, make)
    upkeep.keep_up()
    come_back(at + 4 * MINUTE)
    upkeep.keep_up()


def test_a_server_that_falls_again_soon_has_an_incident_that_follows_the_last(fleet, start, operator, client):
    for again in range(3):
        falls_and_comes_back(start + again * 10 * MINUTE)

    first, second, third = Incident.objects.filter(server__isnull=False).order_by("started_at")
    assert (first.follows, second.follows, third.follows) == (None, first, second)
    assert violations() == {}
    client.force_login(operator)
    html = client.get(f"/incidentes/{third.pk}/").content.decode()
    assert f'href="/incidentes/{second.pk}/"' in html
    assert "Caiu de novo" in html
    assert "6min" in html  # after the end of the one before


@pytest.mark.parametrize(("minutes", "follows"), [(14, True), (15, False)])
def test_it_follows_where_the_server_fell_again_within_ten_minutes(fleet, start, minutes, follows):
    falls_and_comes_back(start)
    falls_and_comes_back(start + minutes * MINUTE)

    first, second = Incident.objects.filter(server__isnull=False).order_by("started_at")
    assert second.follows == (first if follows else None)


def test_it_follows_nothing_of_another_server_nor_what_did_not_recover(fleet, own, start):
    falls_and_comes_back(start)
    Incident.objects.filter(server=own).update(resolution="switched_off")
    falls_and_comes_back(start + 10 * MINUTE)

    shared = fleet[0].server
    last = {server: Incident.objects.filter(server=server).latest("started_at") for server in (own, shared)}
    assert last[own].follows is None
    assert last[shared].follows == Incident.objects.filter(server=shared).earliest("started_at")


def test_an_incident_that_follows_another_servers_is_a_violation(fleet, own, start):
    falls_and_comes_back(start)
    first = Incident.objects.get(server=own)
    other = Incident.objects.get(server=fleet[0].server)
    later = {"started_at": start + 10 * MINUTE, "opened_at": start + 11 * MINUTE, "resolved_at": start + 12 * MINUTE}
    Incident.objects.filter(pk=other.pk).update(follows=first, **later)

    assert other.pk in violations()["an incident follows one of its channel that was over before"]


@pytest.mark.parametrize(("lasts", "heard"), [(5, []), (9, []), (11, ["server_down"])])
def test_who_was_told_that_it_is_back_is_told_again_only_of_an_outage_that_lasts(
    fleet, admin, operator, settings, lasts, heard
):
    settings.SERVER_DOWN_TELL_CLINICS = 0
    now = timezone.now()
    falls_and_comes_back(now - (lasts + 8) * MINUTE)
    assert [event for event, _title in told(admin)] == ["server_down", "server_back"]

    die(now - lasts * MINUTE)
    upkeep.keep_up()

    assert [event for event, _title in told(admin)][2:] == heard
    assert [event for event, _title in told(operator)] == ["opened", "resolved", "opened"]


@pytest.mark.parametrize(("lasts", "heard"), [(5, []), (11, ["server_down"])])
def test_so_is_the_owner_of_a_server(own, admin, settings, lasts, heard):
    settings.SERVER_DOWN_TELL_CLINICS = None
    now = timezone.now()
    falls_and_comes_back(now - (lasts + 8) * MINUTE, make=refused)
    assert [event for event, _title in told(admin)] == ["server_down", "server_back"]

    die(now - lasts * MINUTE, refused)
    upkeep.keep_up()

    assert [event for event, _title in told(admin)][2:] == heard


def test_of_an_outage_that_nobody_was_told_of_nobody_hears_that_it_is_over(fleet, admin, settings):
    settings.SERVER_DOWN_TELL_CLINICS = 0
    now = timezone.now()
    falls_and_comes_back(now - 16 * MINUTE)
    falls_and_comes_back(now - 8 * MINUTE)

    assert [event for event, _title in told(admin)] == ["server_down", "server_back"]
    assert violations() == {}


def test_a_server_that_falls_after_a_while_is_news(fleet, admin, settings):
    settings.SERVER_DOWN_TELL_CLINICS = 0
    now = timezone.now()
    falls_and_comes_back(now - 30 * MINUTE)
    die(now - 2 * MINUTE)
    upkeep.keep_up()

    assert [event for event, _title in told(admin)] == ["server_down", "server_back", "server_down"]


def test_an_owner_whose_numbers_were_down_already_hears_of_the_outage_that_lasts(own, admin, settings):
    settings.SERVER_DOWN_TELL_CLINICS = None
    now = timezone.now()
    falls_and_comes_back(now - 19 * MINUTE, make=refused)
    for after in (0, 40, 80):
        see(logged_out, now - 14 * MINUTE + after * SECOND)
    die(now - 11 * MINUTE, refused)
    assert Incident.objects.open().get(server=own).children.count() == 0
    upkeep.keep_up()
    upkeep.keep_up()

    assert [event for event, _title in told(admin)].count("server_down") == 2
    assert violations() == {}


# --- Who hears that it is back ---------------------------------------------------------------------------------------


def wait_please(*, at):
    return reading("asked_to_wait", None, at, code=429)


def test_a_number_that_nobody_could_see_when_its_server_came_back_is_announced_once_with_it(fleet, start, admin):
    die(start)
    upkeep.keep_up()
    back = start + 20 * MINUTE
    carrier = Incident.objects.get(events__event="server_down", tenant=fleet[0].tenant).channel
    come_back(back, but=[carrier])
    for after in (0, 5, 10):
        see(wait_please, back + after * MINUTE, only=[carrier])
    upkeep.keep_up()

    for after in (0, 10):
        see(healthy, back + 11 * MINUTE + after * SECOND, only=[carrier])

    assert not Incident.objects.open().exists()
    assert [event for event, _title in told(admin)] == ["server_down", "server_back"]


def test_a_clinic_that_moved_away_is_not_told_that_the_server_is_back(fleet, start, admin, outsider):
    die(start)
    upkeep.keep_up()
    Channel.objects.filter(pk=fleet[3].pk).update(server=people.server(name="evo-02"))
    upkeep.keep_up()

    come_back(start + 30 * MINUTE, but=fleet[3:])
    upkeep.keep_up()

    assert [event for event, _title in told(admin)] == ["server_down", "server_back"]
    assert [event for event, _title in told(outsider)] == ["server_down"]


def test_support_is_said_to_know_only_where_an_operator_was_told(fleet, admin, settings):
    die(timezone.now() - 20 * MINUTE)
    people.operator()  # who came after it

    upkeep.keep_up()

    assert "O suporte já foi avisado" not in body(admin, "server_down")

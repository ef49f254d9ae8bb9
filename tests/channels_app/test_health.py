"""Whether the watch itself is alive: what probes are answered, and what a page says while nobody looks."""

import socket
import urllib.error
import urllib.request
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from channels_app import bell, health
from channels_app.frame import Frame
from channels_app.health import Dead
from channels_app.models import Pulse, Watch
from channels_app.views.health import Probes
from notifications.models import Notification
from tenants import scope
from tests.support import people
from tests.support.processes import processes, wait_until

__all__ = ["processes"]

INTERVAL = timedelta(seconds=120)


@pytest.fixture
def tick(db):
    """Beat has just rung, and a worker has answered."""
    every = IntervalSchedule.objects.create(every=10, period="seconds")
    PeriodicTask.objects.create(name="ring the watch", task=bell.RING, interval=every)
    return ticked(ago=timedelta(seconds=3))


def ticked(*, ago: timedelta) -> Pulse:
    fields = {"last_tick_at": timezone.now() - ago, "oldest_overdue_seconds": 0, "channels_watched": 1}
    return Pulse.objects.update_or_create(pk=1, defaults=fields)[0]


def switch_the_tick(is_on: bool) -> None:
    PeriodicTask.objects.filter(task=bell.RING).update(enabled=is_on)


@pytest.fixture
def channel(clinic):
    return people.channel(clinic)


def overdue(channel, by: timedelta, **fields: object) -> None:
    """Let its next look be that late."""
    Watch.objects.create(
        channel=channel, tenant=channel.tenant, next_look_at=timezone.now() - by, seen_server=channel.server_id, **fields
    )


# --- /healthz ------------------------------------------------------------------------------------------------------


def test_a_process_that_answers_is_alive_and_asks_no_database(client):
    response = client.get("/healthz")  # a query would fail: this test has no database

    assert (response.status_code, response.content) == (200, b"ok\n")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/healthz/sweep"])
def test_a_probe_is_not_indexed_kept_or_posted_to_and_minds_the_host(client, path, db):
    response = client.get(path)

    assert (response["X-Robots-Tag"], response["Cache-Control"]) == ("noindex", "no-store")
    assert "Set-Cookie" not in response
    assert client.post(path).status_code == 405
    assert client.get(path, headers={"host": "elsewhere.example"}).status_code == 400


def test_the_probes_come_before_everything_that_needs_a_database(settings):
    assert settings.MIDDLEWARE[0] == "channels_app.views.health.Probes"


# --- /readyz -------------------------------------------------------------------------------------------------------


def test_with_everything_there_it_is_ready(client, tick):
    response = client.get("/readyz")

    assert (response.status_code, response.json()) == (200, {"database": "ok", "broker": "ok", "beat": "ok"})


def test_without_a_fresh_tick_it_says_that_beat_is_not_ready(client, tick):
    ticked(ago=timedelta(minutes=5))

    response = client.get("/readyz")

    assert (response.status_code, response.json()) == (503, {"database": "ok", "broker": "ok", "beat": "not ready"})


def test_with_the_tick_switched_off_beat_is_not_ready(client, tick):
    switch_the_tick(False)

    assert client.get("/readyz").json()["beat"] == "not ready"


def test_without_a_broker_it_names_the_broker_and_no_password(client, tick, settings):
    settings.REDIS_URL = f"redis://:a-secret-word@127.0.0.1:{free_port()}/0"

    response = client.get("/readyz")

    assert (response.status_code, response.json()["broker"]) == (503, "not ready")
    assert b"secret" not in response.content


def test_without_a_database_probes_answer_503_and_the_process_is_still_alive(processes):
    port = free_port()
    processes.web(port, DATABASE_URL=f"postgresql://vigia:a-secret-word@127.0.0.1:{free_port()}/vigia")
    wait_until(lambda: answer(port, "/healthz") == (200, "ok\n"), "the process is alive")

    status, text = answer(port, "/readyz")
    assert (status, '"database": "not ready"' in text) == (503, True)
    status, sweep_text = answer(port, "/healthz/sweep")
    assert status == 503
    assert "secret" not in text + sweep_text
    assert "Traceback" not in text + sweep_text


# --- /healthz/sweep ------------------------------------------------------------------------------------------------


def test_a_look_that_is_two_intervals_late_is_no_alarm(client, tick, channel):
    overdue(channel, by=2 * INTERVAL)

    response = client.get("/healthz/sweep")

    assert response.status_code == 200
    assert response.json() == {
        "oldest_overdue_seconds": 240,
        "last_tick_seconds": 3,
        "tick_is_switched_off": False,
        "errands_waited_for_seconds": 0,
    }


def test_a_look_that_is_more_than_three_intervals_late_is_one(client, tick, channel):
    overdue(channel, by=3 * INTERVAL + timedelta(seconds=1))

    assert client.get("/healthz/sweep").status_code == 503


def test_a_tick_that_is_switched_off_is_one_at_once(client, tick, channel):
    switch_the_tick(False)

    response = client.get("/healthz/sweep")

    assert (response.status_code, response.json()["tick_is_switched_off"]) == (503, True)


def test_a_number_that_nobody_has_adopted_is_due_since_it_was_made(client, tick, clinic):
    people.channel(clinic, created_at=timezone.now() - timedelta(hours=1))

    assert client.get("/healthz/sweep").json()["oldest_overdue_seconds"] == 3600


def test_a_number_that_is_not_watched_is_never_late(client, tick, clinic):
    overdue(people.channel(clinic, is_active=False), by=timedelta(days=1))

    assert client.get("/healthz/sweep").status_code == 200


def test_a_number_that_was_just_switched_on_again_owes_nothing_for_the_time_before(client, tick, channel):
    overdue(channel, by=timedelta(days=7), last_health_check=timezone.now() - timedelta(days=7))
    Watch.objects.update(seen_server=None)  # upkeep forgot it when it was switched off

    assert client.get("/healthz/sweep").json()["oldest_overdue_seconds"] <= 3


def test_a_number_that_ends_its_process_each_time_is_no_alarm_while_others_are_watched(client, tick, channel, clinic):
    overdue(channel, by=timedelta(hours=1), strikes=2)
    overdue(people.channel(clinic), by=timedelta(0), strikes=1)

    assert client.get("/healthz/sweep").json()["oldest_overdue_seconds"] == 0
    assert not health.read(tenant_id=channel.tenant_id).is_overdue


def test_one_strike_is_no_excuse(client, tick, channel, clinic):
    overdue(channel, by=timedelta(hours=1), strikes=1)
    overdue(people.channel(clinic), by=timedelta(0))

    assert client.get("/healthz/sweep").status_code == 503


def test_where_every_number_ends_its_process_nobody_is_watched(client, tick, channel, other_clinic):
    overdue(channel, by=timedelta(hours=1), strikes=2)

    assert client.get("/healthz/sweep").status_code == 503
    assert not health.read(tenant_id=channel.tenant_id).is_overdue  # it may be this clinic's alone


def test_an_operator_is_told_once_by_whoever_notices(client, tick, channel, operator):
    ticked(ago=timedelta(minutes=20))
    overdue(channel, by=timedelta(minutes=19))

    client.get("/healthz/sweep")
    client.get("/healthz/sweep")

    told = Notification.objects.get()
    assert (told.user, told.event, told.tenant, told.incident) == (operator, "warning", None, None)


# --- The function behind them --------------------------------------------------------------------------------------


def test_it_sees_every_clinic_from_any_scope_and_leaves_that_scope_as_it_was(tick, channel, other_clinic):
    overdue(channel, by=timedelta(hours=1))

    for kind, tenant_id in ((scope.TENANT, other_clinic.pk), ("", None)):
        with scope.use(kind, tenant_id=tenant_id):
            assert round(health.read().overdue_seconds) == 3600
            assert not Watch.objects.exists()


def test_it_can_be_asked_about_one_clinic(tick, channel, other_clinic):
    overdue(channel, by=timedelta(hours=1))

    assert health.read(tenant_id=other_clinic.pk).overdue_seconds == 0
    assert health.read(tenant_id=channel.tenant_id).is_overdue


def test_while_nobody_ticks_it_is_blind_since_the_last_tick(tick, channel):
    ticked(ago=timedelta(minutes=20))
    overdue(channel, by=timedelta(minutes=19))

    state = health.read()

    assert state.at - state.blind_since == pytest.approx(timedelta(minutes=20), abs=timedelta(seconds=1))


def test_the_dead_part_is_named(tick, settings):
    ticked(ago=timedelta(minutes=20))
    settings.REDIS_URL = settings.REDIS_URL.rpartition("/")[0] + "/15"  # nobody's: no ring waits there

    assert health.dead_part(health.read()) is Dead.BEAT
    switch_the_tick(False)
    assert health.dead_part(health.read()) is Dead.TICK
    switch_the_tick(True)
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    assert health.dead_part(health.read()) is Dead.BROKER


# --- The banner ----------------------------------------------------------------------------------------------------


@pytest.fixture
def page(rf):
    """The frame of a page that this person reads."""

    def of(user, *memberships) -> Frame:
        request = rf.get("/")
        request.user, request.memberships = user, list(memberships)
        request.membership = memberships[0] if memberships else None
        return Frame(request)

    with translation.override("en"):
        yield of


def test_while_the_watch_watches_no_page_says_otherwise(page, tick, channel, admin, operator):
    overdue(channel, by=INTERVAL)

    assert page(admin, admin.memberships.get()).blind_since is None
    assert page(operator).blind_since is None


def test_what_was_overdue_at_the_last_tick_is_so_by_more_now(page, tick, channel, operator):
    overdue(channel, by=3 * INTERVAL + timedelta(seconds=2))
    Pulse.objects.update(oldest_overdue_seconds=3 * INTERVAL.total_seconds() - 1)

    assert page(operator).blind_since is not None


def test_where_the_last_tick_found_nobody_waiting_no_watch_is_read(page, tick, channel, operator):
    with CaptureQueriesContext(connection) as asked:
        assert page(operator).blind_since is None

    assert not [query for query in asked.captured_queries if "channels_app_watch" in query["sql"]]


def test_while_our_own_network_is_gone_the_operator_s_pages_say_since_when(client, page, tick, channel, admin, operator):
    overdue(channel, by=timedelta(0))
    assert page(operator).offline_sentence == ""
    Pulse.objects.update(offline_since=timezone.now() - timedelta(minutes=20))
    sentence = "Vigia&#x27;s own network has been gone since"

    for person, is_told in ((operator, True), (admin, False)):
        client.force_login(person)
        for path in ("/incidentes/", "/notificacoes/"):
            text = client.get(path, headers={"accept-language": "en"}).content.decode()
            assert (sentence in text) is is_told

    with CaptureQueriesContext(connection) as asked:
        frame = page(operator)
        assert (frame.blind_since, bool(frame.offline_sentence)) == (None, True)
    assert len(asked) == 1


def test_a_clinic_reads_that_support_was_told_because_it_was(page, tick, channel, admin, operator):
    overdue(channel, by=timedelta(hours=1))

    sentence = page(admin, admin.memberships.get()).blind_sentence

    assert sentence.endswith("Your WhatsApp may be fine; support has already been told.")
    assert Notification.objects.get().user == operator


def test_a_clinic_without_an_operator_is_sent_to_support(page, tick, channel, admin, settings):
    settings.SUPPORT_NAME, settings.SUPPORT_CONTACT = "Ajuda", "ajuda@example.com"
    overdue(channel, by=timedelta(hours=1))

    assert page(admin, admin.memberships.get()).blind_sentence.endswith("Talk to Ajuda (ajuda@example.com).")


def test_another_clinic_s_late_look_is_no_banner_here(page, tick, channel, outsider):
    overdue(channel, by=timedelta(hours=1))

    assert page(outsider, outsider.memberships.get()).blind_since is None


def test_the_operator_reads_where_to_switch_the_tick_on(page, tick, operator):
    switch_the_tick(False)

    sentence = page(operator).blind_sentence

    assert "The watch&#x27;s tick is switched off" in sentence
    assert 'href="/admin/django_celery_beat/periodictask/"' in sentence


def test_the_operator_reads_which_part_to_start(page, tick, channel, operator, settings):
    settings.REDIS_URL = settings.REDIS_URL.rpartition("/")[0] + "/15"
    ticked(ago=timedelta(hours=1))
    overdue(channel, by=timedelta(hours=1))

    assert page(operator).blind_sentence.endswith("Nobody rings: start beat.")


def test_somebody_without_a_clinic_is_told_nothing(page, tick, channel):
    overdue(channel, by=timedelta(hours=1))

    assert page(people.person()).blind_since is None


def test_the_middleware_lets_everything_else_pass(rf):
    assert Probes(lambda request: "a page")(rf.get("/healthz/else")) == "a page"


# --- Helpers -------------------------------------------------------------------------------------------------------


def answer(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

"""The witness is asked while something fails, at most once a tick, and what it says is kept."""

from datetime import timedelta

import pytest
from django.utils import timezone

from channels_app import upkeep, witness
from channels_app.models import Pulse, Reachability
from tests.support import people
from tests.support.raw_server import raw_server, refusing_url

MINUTE = timedelta(minutes=1)


@pytest.fixture
def failing(db, settings):
    """A server that fails, and the operator's own status page as a witness."""
    settings.EVOLUTION_ALLOWED_HOSTS = ["127.0.0.0/8"]
    people.server()
    upkeep.keep_up()
    Reachability.objects.update(failing_since=timezone.now() - MINUTE)


def since():
    return Pulse.objects.get().witness_failing_since


def answered_at():
    return Pulse.objects.get().witness_answered_at


def test_a_witness_that_does_not_answer_is_failing_since_it_was_asked(failing, settings):
    settings.WITNESS_URLS = [refusing_url()]

    witness.refresh()

    assert since() == Pulse.objects.get().witness_at


@pytest.mark.parametrize("answer", [b"HTTP/1.1 500 Oh no\r\nContent-Length: 0\r\n\r\n", b"SSH-2.0-no web\r\n"])
def test_one_of_several_that_answers_is_enough_whatever_it_says(failing, settings, answer):
    with raw_server(lambda visit: visit.answer(answer)) as page:
        settings.WITNESS_URLS = [refusing_url(), page.url]
        witness.refresh()

    assert answered_at() == Pulse.objects.get().witness_at
    assert since() is None


def test_an_address_that_we_may_not_dial_says_nothing_of_our_network(failing, settings, caplog):
    settings.WITNESS_URLS = ["http://10.0.0.1"]

    witness.refresh()

    assert answered_at() is since() is None
    assert "EVOLUTION_ALLOWED_HOSTS" in caplog.text


def test_one_that_is_being_asked_has_not_answered_and_what_it_says_is_of_the_moment_of_asking(failing, settings, monkeypatch):
    settings.WITNESS_URLS = ["https://witness.example.com"]
    while_asked = []

    def answer_late(*_, **__):
        while_asked.extend([answered_at(), Pulse.objects.get().witness_at])
        Pulse.objects.update(witness_at=timezone.now() + MINUTE)  # another asks meanwhile

    monkeypatch.setattr(witness.http, "get", answer_late)
    witness.refresh()

    assert while_asked == [None, answered_at()]


def test_beside_an_address_that_we_may_not_dial_the_other_one_counts(failing, settings):
    settings.WITNESS_URLS = ["http://10.0.0.1", refusing_url()]

    witness.refresh()

    assert since() is not None


def test_it_is_asked_once_a_tick(failing, settings):
    settings.WITNESS_URLS = [refusing_url()]
    witness.refresh()
    first = Pulse.objects.get().witness_at

    witness.refresh()

    assert Pulse.objects.get().witness_at == first


def test_it_is_left_alone_while_every_server_answers(failing, settings):
    settings.WITNESS_URLS = [refusing_url()]
    Reachability.objects.update(failing_since=None)

    witness.refresh()

    assert Pulse.objects.get().witness_at is None


def test_a_failure_that_goes_on_keeps_its_beginning_and_one_of_old_does_not(failing, settings):
    settings.WITNESS_URLS = [refusing_url()]
    begun = timezone.now() - 60 * MINUTE
    Pulse.objects.update(witness_failing_since=begun, witness_at=begun)
    witness.refresh()
    assert since() == begun

    Pulse.objects.update(witness_at=begun)
    Reachability.objects.update(last_success_at=begun + MINUTE)
    witness.refresh()
    assert since() > begun + MINUTE

"""One line a flush and one an incident; never a key, a token or a whole phone number."""

from datetime import timedelta

import pytest

from channels_app import watch
from channels_app.models import Watch
from tests.support import people
from tests.support.simulator import simulator

__all__ = ["simulator"]


@pytest.fixture
def lines(caplog, settings, clinic, simulator, django_capture_on_commit_callbacks):
    """What a loop logs that sees one healthy phone and opens the incident of another, as structlog hands it on."""
    settings.HEARTBEAT_TICK_SECONDS = settings.HEARTBEAT_TIMEOUT_SECONDS = 1
    server = people.server(base_url=simulator.server.base_url, api_key=simulator.server.key)
    for name in ("maria", "rosa"):
        phone = simulator.phone(name)
        people.channel(clinic, server, instance_name=name, phone="+55 11 90000-0001", own_token=phone.token)
    watch.look_at_what_is_due()
    simulator.phone("rosa").logs_out()
    earlier = Watch.objects.get(channel__instance_name="rosa").last_verdict_at - timedelta(minutes=2)
    Watch.objects.filter(channel__instance_name="rosa").update(
        first_unhealthy_at=earlier, bad_seconds=600, last_verdict_at=earlier, next_look_at=earlier
    )
    caplog.clear()
    with caplog.at_level("INFO"), django_capture_on_commit_callbacks(execute=True):
        watch.look_at_what_is_due()
    return [record.msg for record in caplog.records if isinstance(record.msg, dict)]


def test_a_flush_is_one_line_with_its_counts(lines):
    (flush,) = [line for line in lines if line["event"] == "flush"]
    counted = ("looked", "healthy", "unhealthy", "unknowable", "unseen", "dropped", "opened", "resolved")
    assert {name: flush[name] for name in counted} == dict(zip(counted, (1, 0, 1, 0, 0, 0, 1, 0), strict=True))
    assert flush["seconds"] >= 0


def test_an_incident_is_one_line_with_what_finds_it_again(lines):
    (opened,) = [line for line in lines if line["event"] == "incident opened"]
    rosa = Watch.objects.get(channel__instance_name="rosa")
    assert (opened["channel"], opened["tenant"], opened["cause"]) == (rosa.pk, rosa.tenant_id, "logged_out")


def test_no_line_holds_a_key_a_token_or_a_whole_number(lines, caplog, simulator):
    said = caplog.text + repr(lines)
    owner = Watch.objects.get(channel__instance_name="maria").owner_jid.partition("@")[0]
    assert owner
    for secret in (simulator.server.key, simulator.phone("maria").token, "90000-0001", owner):
        assert secret not in said

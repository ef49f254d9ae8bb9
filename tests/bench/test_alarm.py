"""The bench of the alarm still runs, and shows nothing where somebody was not told."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bench import alarm, fleet, phones
from bench.alarm import Outage, Part
from channels_app.models import Channel, Watch
from core import clock
from incidents.models import Incident
from tests.bench.running import run_bench

SECOND = timedelta(seconds=1)
PLAN = list(phones.well(10, 2))


def test_a_small_fleet_ends_in_a_table(transactional_db):
    ended = run_bench("alarm", "--channels 40 --servers 4 --processes 1 --outages 4", bell=12)

    assert ended.returncode == 0, ended.stderr[-2000:]
    assert "| **late** | **" in ended.stdout
    assert "| outages | 4 | 4 |" in ended.stdout


def test_a_script_has_every_mishap_within_an_interval(settings):
    outages = alarm.scripted(PLAN, alarm.random.Random(1))

    assert {outage.mishap for outage in outages} == set(alarm.MISHAPS)
    assert all(0 <= outage.begins <= settings.HEARTBEAT_INTERVAL_SECONDS for outage in outages)


def test_only_an_alert_past_the_bound_is_late():
    on_time = Outage(PLAN[0], "banned", 0, dropped=100, alerted=100 + alarm.bound())
    too_late = replace(on_time, alerted=on_time.alerted + 0.01)

    assert alarm.late(Part("", [on_time, too_late], 0)) == 1


@pytest.fixture
def all_well(transactional_db):
    fleet.make(PLAN, {1: "http://127.0.0.1:1", 2: "http://127.0.0.1:2"})
    Watch.objects.update(connection_status="open", cause="connected", raw_state="open")


def test_an_outage_of_which_nobody_was_told_is_a_mistake(all_well):
    part = Part("all others well", [Outage(PLAN[3], "banned", 0)], 0)

    found = alarm.wrong(PLAN, [part], hanging=[])

    assert "all others well: 1 that are 'banned' read as connected (open)" in found
    assert "all others well: 0 open incidents where 1 were expected" in found
    assert any("of 1 outages nobody was told" in what for what in found)


@pytest.mark.parametrize(("cause", "ago"), [("logged_out", 5), ("server_unreachable", 2)])
def test_an_outage_is_found_by_the_first_reading_that_is_not_its_servers(all_well, cause, ago):
    now = clock.anchor(clock.database_now())
    before = [{"at": (now.at - seconds * SECOND).isoformat(), "cause": cause} for seconds in (5, 4)]
    last = {"at": (now.at - 2 * SECOND).isoformat(), "cause": "logged_out"}
    channel = Channel.objects.get(instance_name="number-3")
    of = {"tenant": channel.tenant, "channel": channel, "readings": [*before, last]}
    Incident.objects.create(kind="disconnected", cause="logged_out", started_at=now.at, opened_at=now.at, **of)
    outage = Outage(PLAN[3], "logged_out", 0)

    alarm._add_when_found([outage])

    assert round(now.monotonic - outage.found) == ago


def test_a_number_that_fell_without_a_script_is_a_mistake(all_well):
    Watch.objects.filter(channel__instance_name="number-7").update(cause="banned", raw_state="close")

    found = alarm.wrong(PLAN, [Part("all others well", [], 0)], hanging=[])

    assert "all others well: 1 that are 'open' read as banned (close)" in found

"""The real loop, with everything that misbehaves at once in it, and fifty healthy numbers whose verdicts do not change."""

from collections.abc import Iterable
from contextlib import ExitStack
from datetime import timedelta

import pytest

from channels_app import on_demand, watch
from channels_app.models import Channel, ConnectionPeriod, Watch
from incidents.causes import UNSEEN_ASKED_TO_WAIT
from incidents.lifecycle import LONGEST_WAIT
from incidents.models import Incident
from tenants.models import Tenant
from tests.hostile import table
from tests.hostile.server import Ground
from tests.hostile.words import ALPHA, KEY
from tests.support import people
from tests.support.simulator import simulator

__all__ = ["simulator"]

pytestmark = pytest.mark.usefixtures("outside", "few_seconds")


@pytest.fixture
def few_seconds(settings):
    """A look has time enough for a busy machine, and a loop ends as soon as nothing falls due within a second."""
    settings.HEARTBEAT_TIMEOUT_SECONDS, settings.HEARTBEAT_TICK_SECONDS = 4, 1


@pytest.fixture
def fifty(clinic, simulator) -> list[Channel]:
    server = people.server(base_url=simulator.server.base_url, api_key=simulator.server.key)
    return [people.channel(clinic, server, instance_name=simulator.phone(f"phone-{n}").name) for n in range(50)]


def numbers_on(ground: Ground, clinic: Tenant, cases: Iterable[table.Case], stack: ExitStack) -> dict[int, table.Case]:
    """Open a server for each case, with one number on it; return the cases by channel."""
    found = {}
    for case in cases:
        url = stack.enter_context(case.opened_on(ground)[0]).url
        channel = people.channel(clinic, people.server(base_url=url, api_key=KEY), instance_name=ALPHA)
        found[channel.pk] = case
    return found


def test_fifty_healthy_numbers_stay_open_beside_every_misbehaviour_there_is(fifty, other_clinic, ground):
    with ExitStack() as stack:
        cases = numbers_on(ground, other_clinic, table.cases(), stack)
        for _nothing_known_and_all_known in range(2):
            sweep = on_demand.request(by=None)
            watch.look_at_what_is_due()
            while sweep.waiting().exists():  # a loop ends after half a minute, and a machine may stand still for as long
                watch.look_at_what_is_due()

    watches = {watch.channel_id: watch for watch in Watch.objects.all()}
    assert {watches[channel.pk].connection_status for channel in fifty} == {"open"}
    assert not ConnectionPeriod.objects.filter(channel__in=fifty).exclude(status="open").exists()
    assert not Incident.objects.filter(channel__in=fifty).exists()
    for channel, case in cases.items():
        seen = watches[channel]
        assert (seen.look_no >= 2, seen.lease_until, bool(seen.last_health_check)) == (True, None, True), case
        assert seen.connection_status != "open" or case.row.becomes == "connected", case


def test_a_server_that_asks_to_wait_is_left_alone_for_an_interval_at_least_and_ten_minutes_at_most(
    settings, other_clinic, ground
):
    asking = [case for case in table.cases() if case.row.becomes == UNSEEN_ASKED_TO_WAIT]
    with ExitStack() as stack:
        numbers_on(ground, other_clinic, asking, stack)
        watch.look_at_what_is_due()

    watches = list(Watch.objects.all())
    waits = [watch.next_look_at - watch.look_started_at for watch in watches]
    assert len(waits) == len(asking)
    assert min(waits) >= timedelta(seconds=settings.HEARTBEAT_INTERVAL_SECONDS)
    assert max(waits) < LONGEST_WAIT + timedelta(seconds=10)  # counted from the look, which began after the claim
    assert {watch.connection_status for watch in watches} == {"unknown"}

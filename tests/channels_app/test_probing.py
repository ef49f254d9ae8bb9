"""A server that is dark, in the real loop: a few looks probe it, the others are inferred, and one success opens it again."""

from collections import Counter

import pytest
from django.utils import timezone

from channels_app import upkeep, watch
from channels_app.models import Reachability, Watch
from channels_app.shares import LEAST
from channels_app.watch import MOST_PROBES
from tests.support import people
from tests.support.simulator import simulator

__all__ = ["simulator"]

NUMBERS = 20


@pytest.fixture
def dying(db, clinic, simulator, settings):
    """Twenty numbers, seen connected, on a server that hangs from now on."""
    settings.HEARTBEAT_TICK_SECONDS = settings.HEARTBEAT_TIMEOUT_SECONDS = settings.HEARTBEAT_RECHECK_SECONDS = 1
    settings.WATCH_THREADS = 4 * LEAST
    server = people.server(base_url=simulator.server.base_url, api_key=simulator.server.key)
    for number in range(NUMBERS):
        people.channel(clinic, server, instance_name=simulator.phone(f"phone-{number}").name)
    watch.look_at_what_is_due()
    simulator.server.hangs()
    return server


def looked_at():
    """How many were looked at last time: what was inferred says so."""
    return sum("inferred" not in readings[-1] for readings in Watch.objects.values_list("run_readings", flat=True))


def everybody_is_due():
    Watch.objects.update(next_look_at=timezone.now())


def statuses():
    return Counter(Watch.objects.values_list("connection_status", flat=True))


def test_a_server_that_hangs_is_dark_after_a_few_looks_and_all_its_numbers_are_known_to_be_down(dying):
    everybody_is_due()

    watch.look_at_what_is_due()

    assert Reachability.objects.get().dark_cause == "server_unreachable"
    assert statuses() == {"error": NUMBERS}


def test_what_else_is_due_on_a_server_that_goes_dark_is_inferred_without_another_wait(dying, settings):
    settings.HEARTBEAT_RECHECK_SECONDS = 10
    settings.HEARTBEAT_TIMEOUT_SECONDS = 2  # as in production, longer than what is claimed waits for its server's share
    everybody_is_due()

    watch.look_at_what_is_due()

    assert looked_at() == LEAST
    assert statuses() == {"error": NUMBERS}


def test_a_dark_server_is_probed_and_not_stormed(dying):
    everybody_is_due()
    watch.look_at_what_is_due()
    everybody_is_due()

    watch.look_at_what_is_due()

    # A probe lasts its deadline of a second, and the loop ends when nothing falls due within one.
    assert MOST_PROBES <= looked_at() <= 3 * MOST_PROBES
    assert Watch.objects.filter(cause="server_unreachable").count() == NUMBERS


def test_numbers_that_were_struck_cost_no_deadline_each_while_their_server_is_dark(dying):
    everybody_is_due()
    watch.look_at_what_is_due()
    Watch.objects.update(strikes=2, run_readings="[]")
    everybody_is_due()

    watch.look_at_what_is_due()

    assert Watch.objects.filter(strikes=0, cause="server_unreachable").count() == NUMBERS
    assert looked_at() == 0


def test_one_probe_that_is_answered_opens_it_for_everybody(dying, simulator):
    everybody_is_due()
    watch.look_at_what_is_due()
    simulator.server.comes_back()
    Watch.objects.filter(pk=Watch.objects.order_by("pk").first().pk).update(next_look_at=timezone.now())

    watch.look_at_what_is_due()
    upkeep.keep_up()
    watch.look_at_what_is_due()

    assert statuses() == {"open": NUMBERS}
    assert Reachability.objects.get().dark_since is None

"""What every tick keeps in order."""

from datetime import timedelta

import pytest
from django.utils import timezone

from channels_app import due, upkeep
from channels_app.flush import Look, flush
from channels_app.models import Channel, ConnectionPeriod, Pulse, Watch
from incidents.models import Incident
from tests.support import people
from tests.support.readings import NOON, healthy, reading


@pytest.fixture
def down(clinic):
    """A channel with an open incident."""
    channel = people.channel(clinic, heartbeat_threshold_minutes=1)
    upkeep.keep_up()
    for seen in (healthy(NOON), *(reading(at=NOON + timedelta(seconds=after)) for after in (10, 20, 70))):
        Watch.objects.update(next_look_at=timezone.now(), lease_until=None)
        (order,) = due.claim(1)
        flush([Look(order, seen)])
    assert Incident.objects.open().exists()
    return channel


def test_a_new_channel_gets_its_watch_and_an_old_one_keeps_it(clinic):
    channel = people.channel(clinic)
    upkeep.keep_up()
    due.claim(1)
    upkeep.keep_up()
    assert Watch.objects.get(channel=channel).look_no == 1


def test_what_is_watched_is_left_alone(down):
    before = Watch.objects.values().get()
    upkeep.keep_up()
    assert Watch.objects.values().get() == before


@pytest.mark.parametrize(
    ("way", "resolution"),
    [
        ("switched off", "switched_off"),
        ("of another provider", "switched_off"),
        ("archived", "archived"),
        ("of an inactive clinic", "tenant_inactive"),
    ],
)
def test_a_channel_that_is_no_longer_watched_is_forgotten_but_for_its_pairing(way, resolution, down, clinic):
    match way:
        case "switched off":
            Channel.objects.update(is_active=False)
        case "of another provider":
            Channel.objects.update(provider=Channel.Provider.OTHER)
        case "archived":
            Channel.objects.update(archived_at=timezone.now())
        case "of an inactive clinic":
            clinic.is_active = False
            clinic.save()

    upkeep.keep_up()
    upkeep.keep_up()

    watch = Watch.objects.get()
    assert Incident.objects.get().resolution == resolution
    assert not ConnectionPeriod.objects.filter(ended_at=None).exists()
    assert (watch.connection_status, watch.first_unhealthy_at, watch.bad_seconds) == ("unknown", None, 0)
    assert watch.paired_at == NOON


def test_a_channel_that_has_moved_starts_anew(down):
    Channel.objects.update(instance_name="another")
    assert due.claim(1) == []  # not before it was forgotten

    upkeep.keep_up()

    watch = Watch.objects.get()
    assert Incident.objects.get().resolution == "moved"
    assert (watch.paired_at, watch.integration, watch.owner_jid) == (None, "", "")
    assert len(due.claim(1)) == 1


def test_a_look_in_flight_when_its_channel_was_forgotten_is_dropped(down):
    Watch.objects.update(next_look_at=timezone.now())
    (order,) = due.claim(1)
    Channel.objects.update(is_active=False)
    upkeep.keep_up()
    Channel.objects.update(is_active=True)

    assert flush([Look(order, reading(at=NOON))])["dropped"] == 1
    assert Watch.objects.get().connection_status == "unknown"


def test_a_channel_switched_on_again_starts_a_new_run(down):
    Channel.objects.update(is_active=False)
    upkeep.keep_up()
    Channel.objects.update(is_active=True)
    (order,) = due.claim(1)
    later = NOON + timedelta(days=2)

    flush([Look(order, reading(at=later))])

    assert Watch.objects.get().first_unhealthy_at == later
    assert not Incident.objects.open().exists()


def test_the_pulse_tells_of_the_oldest_look_that_is_overdue(clinic):
    people.channel(clinic)
    upkeep.keep_up()
    Watch.objects.update(next_look_at=timezone.now() - timedelta(minutes=7))

    upkeep.keep_up()

    pulse = Pulse.objects.get()
    assert pulse.channels_watched == 1
    assert 420 <= pulse.oldest_overdue_seconds < 480
    assert timezone.now() - pulse.last_tick_at < timedelta(minutes=1)

"""The checker finds what is wrong: each kind of lie, told by hand, is called by its name."""

from datetime import timedelta

import pytest
from django.db.models import F

from channels_app import upkeep
from channels_app.models import ConnectionPeriod
from core import clock
from incidents.models import Incident, IncidentEvent
from notifications.models import Notification
from tests.faults.checker import check
from tests.faults.fleet import Fleet, Outage, Trouble

MINUTE = timedelta(minutes=1)


class NobodysScript:
    """A gateway that nobody asks."""

    key = "a key"
    urls = {"1": "http://127.0.1.1:1"}

    def say(self, *_numbers: str, mood: str) -> None:
        pass


@pytest.fixture
def fleet(transactional_db):
    fleet = Fleet(None, NobodysScript(), clinics=2)
    upkeep.keep_up()
    return fleet


@pytest.fixture
def outage(fleet):
    """A minute's outage of the first number, an hour ago, with a record that is the truth."""
    number, fell_at = fleet.numbers[0], clock.database_now() - 60 * MINUTE
    outage = Outage(number, fell_at, is_blip=False, rose_at=fell_at + MINUTE)
    number.outages.append(outage)
    is_on_record(outage)
    assert not check(fleet), check(fleet)
    return outage


def is_on_record(outage: Outage, *, later: timedelta = timedelta(seconds=1)) -> Incident:
    channel, started_at = outage.number.channel, outage.fell_at + later
    told = {"tenant": channel.tenant, "told": [admin.pk for admin in outage.number.admins]}
    incident = Incident.objects.create(
        tenant=channel.tenant,
        channel=channel,
        kind="disconnected",
        cause="logged_out",
        started_at=started_at,
        opened_at=started_at + timedelta(seconds=6),
        resolved_at=outage.rose_at + later,
        resolution="recovered",
        notified_at=started_at,
    )
    for event in ("opened", "resolved"):
        IncidentEvent.objects.create(incident=incident, kind="told", event=event, at=started_at, **told)
        for admin in outage.number.admins:
            is_told(incident, admin, event)
    return incident


def is_told(incident: Incident, person, event: str, *, key: str = "") -> None:
    Notification.objects.create(
        user=person, tenant=incident.tenant, incident=incident, event=event, dedupe_key=key or f"{incident.pk}:{event}"
    )


def kinds(found) -> set[str]:
    return {kind for kind, sentences in vars(found).items() if sentences}


def test_an_outage_without_an_incident_is_lost(fleet, outage):
    another = Outage(fleet.numbers[1], outage.fell_at, is_blip=False, rose_at=outage.rose_at)
    fleet.numbers[1].outages.append(another)

    assert kinds(check(fleet)) == {"lost"}


def test_an_incident_of_a_blip_or_of_nothing_is_invented(fleet, outage):
    outage.is_blip = True
    assert kinds(check(fleet)) == {"invented"}

    outage.number.outages.clear()
    assert kinds(check(fleet)) == {"invented"}


def test_a_second_incident_of_one_outage_is_doubled(fleet, outage):
    is_on_record(outage, later=timedelta(seconds=2))

    assert kinds(check(fleet)) == {"doubled"}


def test_a_row_too_few_too_many_or_for_a_stranger_is_found(fleet, outage):
    incident, admin = Incident.objects.get(), outage.number.admins[0]

    is_told(incident, admin, "opened", key="again")
    assert kinds(check(fleet)) == {"doubled", "broken"}
    Notification.objects.filter(user=admin, event="opened").delete()
    assert kinds(check(fleet)) == {"lost", "broken"}
    is_told(incident, admin, "opened")
    is_told(incident, fleet.operator, "opened")
    assert kinds(check(fleet)) == {"invented", "broken"}


def test_an_incident_that_opened_or_resolved_long_after_is_late_and_troubles_excuse_what_they_cost(fleet, outage):
    minute_late = Incident.objects.get().opened_at + MINUTE

    Incident.objects.update(opened_at=minute_late)
    assert kinds(check(fleet)) == {"late"}

    outage.troubles = [Trouble(outage.fell_at, outage.fell_at)] * 4
    assert not check(fleet)
    Incident.objects.update(resolved_at=outage.rose_at + 10 * MINUTE)
    assert kinds(check(fleet)) == {"late"}


def test_a_trouble_that_came_when_it_was_late_already_or_was_long_over_excuses_nothing(fleet, outage):
    Incident.objects.update(opened_at=Incident.objects.get().opened_at + MINUTE)
    half = outage.fell_at + MINUTE / 2
    outage.troubles = [Trouble(half, half + MINUTE)]
    assert kinds(check(fleet)) == {"late"}

    Incident.objects.update(opened_at=F("started_at"), resolved_at=outage.rose_at + MINUTE)
    outage.troubles = [Trouble(outage.fell_at, outage.fell_at + MINUTE / 2)]
    assert kinds(check(fleet)) == {"late"}


def test_an_incident_that_ends_before_the_outage_does_is_invented(fleet, outage):
    Incident.objects.update(resolved_at=outage.fell_at + MINUTE / 2)

    assert kinds(check(fleet)) == {"invented"}


def test_a_bad_period_of_a_number_that_was_well_is_invented(fleet, outage):
    well = fleet.numbers[1].channel
    began = outage.rose_at + MINUTE
    ConnectionPeriod.objects.create(
        channel=well, tenant=well.tenant, status="error", cause="server_error", started_at=began, ended_at=began + MINUTE
    )

    assert kinds(check(fleet)) == {"invented"}
    ConnectionPeriod.objects.update(cause="server_unreachable")
    assert not check(fleet)
    assert kinds(check(fleet)) == {"misread"}


def test_a_look_that_got_no_answer_while_a_number_was_down_makes_no_other_incident_of_its_own(fleet, outage):
    incident = Incident.objects.get()
    IncidentEvent.objects.create(
        incident=incident, tenant=incident.tenant, kind="opened", cause="logged_out", at=incident.opened_at
    )
    Incident.objects.update(cause="server_unreachable")
    assert kinds(check(fleet)) == {"misread"}

    Incident.objects.update(cause="banned")
    assert kinds(check(fleet)) == {"invented"}
    IncidentEvent.objects.update(cause="server_unreachable")
    assert kinds(check(fleet)) == {"invented"}


def test_a_warning_that_a_clinic_s_admin_gets_is_invented(fleet, outage):
    Notification.objects.create(user=outage.number.admins[0], event="warning", dedupe_key="offline:1")

    assert kinds(check(fleet)) == {"invented"}

"""A clinic with its people and two numbers on the operator's server, and an outage told from its first look to its last.

Everybody who must hear nothing is there too. Whatever a test lets die, the ledger has to be clean after it.
"""

from dataclasses import dataclass

import pytest
from django.db.models import Q

from channels_app import invariants
from channels_app.models import Channel, Server, Watch
from incidents.models import Incident
from notifications.models import Notification
from tenants.models import User
from tests.support import people
from tests.support.processes import Processes, processes, wait_until
from tests.support.simulator import SimulatedPhone, Simulator, simulator

__all__ = ["processes", "simulator"]


@pytest.fixture(autouse=True)
def clean_ledger(processes: Processes):
    yield
    assert {name: ids for name, ids in invariants.violations().items() if ids} == {}


@pytest.fixture
def server(simulator: Simulator, processes) -> Server:
    return people.server(base_url=simulator.server.base_url, api_key=simulator.server.key)


@pytest.fixture
def place(simulator: Simulator, server: Server, settings) -> "Place":
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # nobody logs in
    clinic, neighbour = people.clinic("Clínica Aurora"), people.clinic("Odonto Horizonte")
    admins = {people.admin_of(clinic), people.admin_of(clinic)}
    people.staff_of(clinic), people.admin_of(neighbour), people.operator()
    return Place(
        admins=admins,
        channel=people.channel(clinic, server, instance_name="maria", heartbeat_threshold_minutes=1),
        phone=simulator.phone("maria"),
        quiet=people.channel(neighbour, server, name="Sala 2", instance_name="joana", heartbeat_threshold_minutes=1),
        quiet_phone=simulator.phone("joana"),
    )


@dataclass(frozen=True)
class Place:
    admins: set[User]  # of the clinic whose phone drops
    channel: Channel
    phone: SimulatedPhone
    quiet: Channel  # the neighbour's: nothing ever happens to it
    quiet_phone: SimulatedPhone

    def is_connected(self) -> None:
        """Wait until both numbers have been seen open: only then can one of them fall."""
        wait_until(lambda: self.saw("open") and self.saw("open", self.quiet), "both numbers were seen open")

    def drops(self) -> None:
        self.phone.logs_out()
        wait_until(lambda: self.saw("disconnected"), "the drop was seen")

    def pairs(self) -> None:
        self.phone.pairs()
        wait_until(lambda: self.saw("open"), "the number was seen open again")

    def opens_an_incident(self) -> Incident:
        return wait_until(lambda: self.channel.incidents.open().first(), "an incident opened")

    def resolves_it(self) -> Incident:
        return wait_until(lambda: self.channel.incidents.exclude(resolved_at=None).first(), "the incident resolved")

    def saw(self, status: str, channel: Channel | None = None) -> bool:
        return Watch.objects.filter(channel=channel or self.channel, connection_status=status).exists()

    def looks(self, channel: Channel) -> int:
        """Count the looks that were begun."""
        return Watch.objects.get(channel=channel).look_no

    def seconds_watched(self, channel: Channel) -> float:
        """Return the seconds from the first look at it to the last that was begun."""
        first = channel.periods.earliest("started_at").started_at
        return (Watch.objects.get(channel=channel).look_started_at - first).total_seconds()

    def told(self) -> list[tuple[int, str]]:
        """Everybody who was told anything, with what; but for what the operator hears of a busy machine, or of errands.

        Few of these tests run errands.
        """
        ours = Q(dedupe_key__startswith="outage:") | Q(dedupe_key__startswith="errands:")
        return sorted(Notification.objects.exclude(ours).values_list("user_id", "event"))

    def admins_were_told(self, *events: str) -> bool:
        return self.told() == sorted((admin.pk, event) for admin in self.admins for event in events)

    def assert_one_outage_was_told_from_beginning_to_end(self) -> None:
        """One incident with its cause and its times, one row per admin and event, nothing for anybody else."""
        incident = Incident.objects.get()
        assert (incident.channel, incident.kind, incident.cause) == (self.channel, "disconnected", "logged_out")
        assert self.admins_were_told("opened", "resolved")

        fell = self.channel.periods.filter(status="disconnected").earliest("started_at")
        assert incident.started_at == fell.started_at
        assert incident.duration_seconds == int((incident.resolved_at - incident.started_at).total_seconds())
        assert incident.resolution == "recovered"
        rose = self.channel.periods.filter(status="open", started_at__gt=incident.started_at).earliest("started_at")
        assert incident.resolved_at == rose.started_at
        assert sorted(incident.events.values_list("kind", flat=True)) == ["opened", "resolved", "told", "told"]

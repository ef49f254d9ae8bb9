"""Clinics whose numbers follow the script, and the truth about them: what fell when, and when it was back.

The truth is written down by whoever gives the order to the gateway, by the product's clock: the checker compares.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count, pairwise

from channels_app.models import Channel, Server, Watch
from incidents.models import Incident
from tenants.models import User
from tests.faults.product import Product
from tests.faults.script import Script, Visit
from tests.support import people

_names = count()


@dataclass(frozen=True)
class Trouble:
    """What befell the product, until it was whole again."""

    began_at: datetime
    ended_at: datetime


@dataclass
class Outage:
    """What really was the matter with a number. A blip is over before anybody may be told."""

    number: "Number"
    fell_at: datetime
    is_blip: bool
    rose_at: datetime | None = None
    troubles: list[Trouble] = field(default_factory=list)  # meanwhile and thereafter, in order


@dataclass
class Number:
    key: str  # of the script, as "1/number-0"
    channel: Channel
    admins: list[User]
    outages: list[Outage] = field(default_factory=list)


class Fleet:
    """`clinics` clinics with two admins and one number on each server; a bystander of each other kind is there too.

    `before`: a fleet that stood on the same servers.
    """

    def __init__(self, product: Product, script: Script, *, clinics: int = 3, before: "Fleet | None" = None) -> None:
        self.product, self.script = product, script
        self.clock_was_moved = False  # then how late something was cannot be told by it
        self.was_cut_off = False  # from the network, of which the operator is to hear
        self.late: list[str] = []  # what somebody saw come too late, in the checker's words
        self.servers: dict[str, Server] = before.servers if before else self._servers()
        self.operator = before.operator if before else people.operator()
        self.numbers = [number for _ in range(clinics) for number in self._clinic()]

    def is_connected(self) -> None:
        """Wait until every number has been seen open: only then can one fall."""
        ours = [number.channel.pk for number in self.numbers]
        watches = Watch.objects.filter(channel__in=ours, connection_status="open", good_streak=0, first_unhealthy_at=None)
        self.product.wait_until(lambda: watches.count() == len(self.numbers), "all numbers were seen open")

    def falls(self, *numbers: Number, mood: str = "close", is_blip: bool = False) -> list[Outage]:
        fell_at = self.product.now()
        self.script.say(*(number.key for number in numbers), mood=mood)
        outages = [Outage(number, fell_at, is_blip) for number in numbers]
        for outage in outages:
            outage.number.outages.append(outage)
        return outages

    def rises(self, *outages: Outage) -> None:
        self.script.say(*(outage.number.key for outage in outages), mood="open")
        for outage in outages:
            outage.rose_at = self.product.now()

    def has_opened(self, outages: Iterable[Outage]) -> bool:
        fallen = {outage.number.channel.pk for outage in outages}
        return Incident.objects.open().filter(channel__in=fallen).count() == len(fallen)

    def has_resolved(self, outages: Iterable[Outage]) -> bool:
        return not Incident.objects.open().filter(channel__in=[outage.number.channel.pk for outage in outages]).exists()

    def goes_through_an_outage(self, *numbers: Number, meanwhile: Callable[[], object] = lambda: None) -> list[Outage]:
        """Fall, whatever happens meanwhile, until the incidents are open; rise, until they are resolved."""
        outages = self.falls(*numbers)
        self.suffers(outages, meanwhile)
        self.product.wait_until(lambda: self.has_opened(outages), "the incidents opened")
        self.rises(*outages)
        self.product.wait_until(lambda: self.has_resolved(outages), "the incidents resolved")
        self.is_connected()
        return outages

    def retires(self) -> None:
        """Let nobody look at these numbers any more."""
        Channel.objects.filter(pk__in=[number.channel.pk for number in self.numbers]).update(is_active=False)

    def suffers(self, outages: Iterable[Outage], trouble: Callable[[], object]) -> None:
        """Let trouble befall the product while these last; what it costs is what it may cost."""
        began_at = self.product.now()
        trouble()
        suffered = Trouble(began_at, self.product.now())
        for outage in outages:
            outage.troubles.append(suffered)

    def _servers(self) -> dict[str, Server]:
        urls = self.script.urls
        return {n: people.server(name=f"Server {n}", base_url=url, api_key=self.script.key) for n, url in urls.items()}

    def _clinic(self) -> list[Number]:
        clinic = people.clinic()
        admins = [people.admin_of(clinic), people.admin_of(clinic)]
        people.staff_of(clinic)
        numbers = []
        for n, server in self.servers.items():
            name = f"number-{next(_names)}"
            self.script.say(f"{n}/{name}", mood="open")  # before anybody can look
            channel = people.channel(clinic, server, instance_name=name, heartbeat_threshold_minutes=1)
            numbers.append(Number(f"{n}/{name}", channel, admins))
        return numbers


def looks_at(numbers: Iterable[Number], visits: Iterable[Visit]) -> dict[str, list[float]]:
    """Return when each of these numbers was looked at; those that were not have an empty list."""
    looks = {number.key: [] for number in numbers}
    for visit in visits:
        if visit.number in looks:
            looks[visit.number].append(visit.at)
    return looks


def longest_silence(looks: dict[str, list[float]], *, began: float, ended: float) -> float:
    """Return for how many seconds between two instants the worst of these numbers was not looked at: before its first look,
    from one to the next, or after its last.
    """
    return max(
        after - before
        for at in looks.values()
        for before, after in pairwise([began, *(a for a in at if began < a < ended), ended])
    )


def seconds(amount: float) -> timedelta:
    return timedelta(seconds=amount)

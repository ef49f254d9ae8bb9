"""The demonstration's data, made once: what is there already stays as people have left it.

Found again by what a person has no reason to change: a clinic by its slug, a person by e-mail, a number by its
instance, a server by its key (which nobody else has) or its name.
"""

from functools import cache

from django.contrib.auth.hashers import make_password

from channels_app.models import Channel, Server
from core import addresses, clock
from demo import fleet, history
from demo.fleet import Clinic, DemoPhone, DemoServer
from demo.logins import PASSWORD, PEOPLE, Person
from demo.loopback import is_loopback
from tenants import scope
from tenants.models import Membership, Tenant, User

THRESHOLD_MINUTES = 1  # somebody waits for it to happen


def seed(*, simulator_url: str) -> int:
    """Make what is missing and return how many rows that was. All of it or nothing."""
    scheme, host, port = addresses.origin(addresses.rebuild(simulator_url))
    shown_host = f"[{host}]" if ":" in host else host
    with scope.use(scope.SERVICE):
        clinics, made = {}, 0
        for clinic in fleet.CLINICS:
            clinics[clinic.slug], is_new = _clinic(clinic)
            made += is_new
        servers = {}
        for server in fleet.SERVERS:
            servers[server.number], is_new = _server(server, f"{scheme}://{shown_host}:{port + server.number}")
            made += is_new
        made += sum(_person(person, clinics) for person in PEOPLE)
        made += sum(_channel(phone, clinics, servers) for phone in fleet.PHONES)
        history.write(at=clock.database_now())
    return made


def _clinic(clinic: Clinic) -> tuple[Tenant, bool]:
    return Tenant.objects.get_or_create(slug=clinic.slug, defaults={"name": clinic.name, "time_zone": clinic.time_zone})


def _server(demo: DemoServer, base_url: str) -> tuple[Server, bool]:
    """The simulator may have moved to another port since; an address that is not this machine's is a person's own."""
    ours = list(Server.objects.filter(tenant=None, archived_at=None).order_by("pk"))
    for server in ours:
        if server.api_key and server.api_key.reveal() == demo.key:
            if server.base_url != base_url and is_loopback(addresses.origin(server.base_url)[1]):
                Server.objects.filter(pk=server.pk).update(base_url=base_url)
            return server, False
    for server in ours:
        if server.name == demo.name:
            return server, False
    return Server.objects.create(name=demo.name, base_url=base_url, api_key=demo.key), True


def _person(person: Person, clinics: dict[str, Tenant]) -> int:
    user, made = User.objects.filter(email=person.email).first(), 0
    if user is None:
        fields = {"name": person.name, "is_saas_admin": person.is_operator, "password": _hashed_password()}
        user, made = User.objects.create(email=person.email, **fields), 1
    for slug, role in person.roles:
        _membership, is_new = Membership.objects.get_or_create(user=user, tenant=clinics[slug], defaults={"role": role})
        made += is_new
    return made


@cache
def _hashed_password() -> str:
    """Hash it once for all: a hash is slow on purpose, and everybody's password is the same public one."""
    return make_password(PASSWORD)


def _channel(phone: DemoPhone, clinics: dict[str, Tenant], servers: dict[int, Server]) -> int:
    if Channel.objects.filter(instance_name=phone.name).exists():
        return 0
    channel = Channel(
        tenant=clinics[phone.clinic],
        server=servers[phone.server],
        instance_name=phone.name,
        name=phone.title,
        phone=f"+{phone.number}",
        heartbeat_threshold_minutes=THRESHOLD_MINUTES,
    )
    channel.full_clean()
    channel.save()
    return 1

"""The bench's rows: made, forgotten, and compared with what the servers were told to answer."""

from collections import Counter
from datetime import timedelta

from django.core.management import call_command
from django.db import connection

from bench.plan import KEY, Number
from channels_app import invariants, upkeep
from channels_app.models import Channel, Server, Watch
from core import clock
from incidents.models import Incident
from tenants.models import Membership, Tenant, User

# What the record must say: cause, and the server's word.
EXPECTED = {
    "open": ("connected", "open"),
    "close": ("logged_out", "close"),
    "refused": ("server_unreachable", "refused"),
    "hangs": ("server_unreachable", "timeout"),
    "banned": ("banned", "close"),
    "network_lost": ("network_lost", "close"),
    "awaiting_scan": ("logged_out", "connecting"),  # it was paired once
}


def make(numbers: list[Number], urls: dict[int, str]) -> None:
    """Fill an empty database: clinics of a hundred numbers with an admin each, and an operator."""
    call_command("migrate", verbosity=0)
    if Tenant.objects.exists():
        raise SystemExit("This database holds clinics; the bench fills one of its own: python3 start.py exec -- ...")
    User.objects.create_user("operator@example.com", is_saas_admin=True)
    clinics = []
    for n in range(1 + len(numbers) // 100):
        clinics.append(Tenant.objects.create(name=f"Clinic {n}", slug=f"clinic-{n}"))
        admin = User.objects.create_user(f"admin-{n}@example.com")
        Membership.objects.create(user=admin, tenant=clinics[n], role=Membership.Role.CLINIC_ADMIN)
    servers = {n: Server.objects.create(name=f"Server {n}", base_url=url, api_key=KEY) for n, url in urls.items()}
    Channel.objects.bulk_create(
        Channel(
            tenant=clinics[n // 100],
            server=servers[number.server],
            server_owner=0,
            name=number.name,
            instance_name=number.name,
            heartbeat_threshold_minutes=1,
        )
        for n, number in enumerate(numbers)
    )
    upkeep.keep_up()  # makes the watches
    # All were connected once, so that every failure is worth an incident.
    Watch.objects.update(paired_at=clock.database_now() - timedelta(days=7))
    with connection.cursor() as cursor:
        cursor.execute("analyze")  # as autovacuum does within a minute


def forget_what_is_known() -> None:
    """Switch every channel off and on again: the product's own way to forget."""
    Channel.objects.update(is_active=False)
    upkeep.keep_up()
    Channel.objects.update(is_active=True)


def looks_so_far() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select sum(look_no) from channels_app_watch")
        return int(cursor.fetchone()[0])


def mistakes(numbers: list[Number], *, incidents: int) -> list[str]:
    """Say what is not as it must be: a bench that measures wrong results is worthless."""
    behaviours = {number.name: number.behaviour for number in numbers}
    seen = Watch.objects.values_list("channel__instance_name", "cause", "raw_state")
    wrong = Counter((behaviours[name], *said) for name, *said in seen if not _is_right(behaviours[name], *said))
    found = [f"{count} that are '{behaviour}' read as {cause} ({word})" for (behaviour, cause, word), count in wrong.items()]
    if (standing := Incident.objects.open().filter(channel__isnull=False).count()) != incidents:
        found.append(f"{standing} open incidents where {incidents} were expected")
    return found + [f"{name}: {ids[:5]}" for name, ids in invariants.violations().items() if ids]


def _is_right(behaviour: str, cause: str, word: str) -> bool:
    """A port at which nobody listens is a server that is down: of most of its numbers that is inferred, without a word."""
    expected, its_word = EXPECTED[behaviour]
    return cause == expected and word in (its_word, "" if behaviour == "refused" else its_word)

"""The bench's rows: made, taken out, and compared with what the servers were told to answer."""

from collections import Counter
from datetime import timedelta

from django.apps import apps
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import Q

from bench.plan import KEY, Number
from channels_app import invariants, upkeep
from channels_app.models import Channel, Server, Sweep, Watch
from core import clock
from incidents.models import Incident
from tenants.models import Membership, Tenant, User

OF_A_CLINIC = 100
ROWS = 5_000  # of one INSERT

# What the record must say: cause, and the server's word. A number of a server that is dark may be inferred, without a word.
EXPECTED = {
    "open": {("connected", "open")},
    "close": {("logged_out", "close")},
    "hangs": {("server_unreachable", "timeout")},
    "refused": {("server_unreachable", "refused"), ("server_unreachable", "")},
    "dark": {("server_unreachable", "timeout"), ("server_unreachable", "")},
    "drips": {("server_unreachable", "timeout"), ("server_unreachable", "")},
    "awaiting_scan": {("logged_out", "connecting")},  # it was paired once
    "reconnecting": {("reconnecting", "connecting"), ("stuck_connecting", "connecting")},  # the latter when it lasts
    "network_lost": {("network_lost", "close")},
    "banned": {("banned", "close")},
    "not_loaded": {("starting", "absent"), ("not_loaded", "absent")},
}


def make(numbers: list[Number], urls: dict[int, str], *, due_in: timedelta = timedelta()) -> None:
    """Fill an empty database: clinics of a hundred numbers with an admin each, and an operator. All appears at once."""
    refuse_a_full_database()
    with transaction.atomic():
        _make(numbers, urls)
        upkeep.keep_up()  # makes the watches
        # All were connected once, so that every failure is worth an incident.
        now = clock.database_now()
        Watch.objects.update(paired_at=now - timedelta(days=7), next_look_at=now + due_in)
    with connection.cursor() as cursor:
        cursor.execute("analyze")  # as autovacuum does within a minute


def refuse_a_full_database() -> None:
    """Bring the tables up to date, and end where somebody's clinics are in them."""
    call_command("migrate", verbosity=0)
    if Tenant.objects.exists():
        raise SystemExit("This database holds clinics; the bench fills one of its own: python3 start.py exec -- ...")


def empty() -> None:
    """Take out what `make` put in and what became of it, so that truly nothing is known of the next."""
    ours = [apps.get_app_config(label) for label in ("channels_app", "incidents", "notifications", "tenants")]
    tables = ", ".join(model._meta.db_table for app in ours for model in app.get_models())
    with connection.cursor() as cursor:
        cursor.execute(f"truncate {tables} cascade")


def looks_so_far() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select sum(look_no) from channels_app_watch")
        return int(cursor.fetchone()[0])


def waits(sweep: Sweep, *, without: list[int] = ()) -> bool:
    """Say whether the sweep still waits for a channel, as `Sweep.waiting` does; leave out those of some servers.

    It is asked many times a second, and the whole fleet is watched: what the product joins for that is left out.
    """
    began_after = Q(last_verdict_at__gte=sweep.started_at)
    waiting = Watch.objects.exclude(began_after | Q(look_started_at__gte=sweep.started_at, lease_until=None))
    return (waiting.exclude(channel__server__in=without) if without else waiting).exists()


def servers_at(urls: set[str]) -> list[int]:
    return list(Server.objects.filter(base_url__in=urls).values_list("pk", flat=True))


def mistakes(numbers: list[Number], *, incidents: int) -> list[str]:
    """Say what is not as it must be: a bench that measures wrong results is worthless."""
    behaviours = {number.name: number.behaviour for number in numbers}
    seen = Watch.objects.values_list("channel__instance_name", "cause", "raw_state")
    wrong = Counter((behaviours[name], *said) for name, *said in seen if tuple(said) not in EXPECTED[behaviours[name]])
    found = [f"{count} that are '{behaviour}' read as {cause} ({word})" for (behaviour, cause, word), count in wrong.items()]
    if (standing := Incident.objects.open().filter(channel__isnull=False).count()) != incidents:
        found.append(f"{standing} open incidents where {incidents} were expected")
    return found + [f"{name}: {ids[:5]}" for name, ids in invariants.violations().items() if ids]


def _make(numbers: list[Number], urls: dict[int, str]) -> None:
    User.objects.create_user("operator@example.com", is_saas_admin=True)
    clinics = _clinics(1 + len(numbers) // OF_A_CLINIC)
    servers = {n: Server.objects.create(name=f"Server {n}", base_url=url, api_key=KEY) for n, url in urls.items()}
    Channel.objects.bulk_create(
        (
            Channel(
                tenant=clinics[n // OF_A_CLINIC],
                server=servers[number.server],
                server_owner=0,
                name=number.name,
                instance_name=number.name,
                heartbeat_threshold_minutes=1,
            )
            for n, number in enumerate(numbers)
        ),
        batch_size=ROWS,
    )


def _clinics(count: int) -> list[Tenant]:
    clinics = Tenant.objects.bulk_create(Tenant(name=f"Clinic {n}", slug=f"clinic-{n}") for n in range(count))
    admins = [User(email=f"admin-{n}@example.com", password="!") for n in range(count)]  # "!": none opens it
    Membership.objects.bulk_create(
        Membership(user=admin, tenant=clinic, role=Membership.Role.CLINIC_ADMIN)
        for admin, clinic in zip(User.objects.bulk_create(admins), clinics, strict=True)
    )
    return clinics

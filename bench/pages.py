"""What the pages cost with 10,000 numbers and 100,000 incidents, and what the watch reckons for them, in a database of its own.

    python3 start.py exec -- python bench/pages.py [--numbers 10000] [--incidents 100000] [--rounds 9]

Prints a Markdown table: queries, milliseconds of the whole answer (the median), milliseconds of CPU in Python and in
PostgreSQL (the least). On a machine that does nothing else, an answer takes what the two add up to; on a busy one the CPU
still compares. The rows are invented by a fixed seed. The whole answer is Django's: middleware, session, view, template,
no network and no gunicorn.
"""

import argparse
import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ["LOG_LEVEL"] = "WARNING"  # a line a request would hide the table

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.utils import timezone  # noqa: E402

from channels_app import fleet_week, upkeep  # noqa: E402
from channels_app.models import Channel, ConnectionPeriod, Pulse, Server, Watch  # noqa: E402
from incidents.models import Incident  # noqa: E402
from tenants import scope  # noqa: E402
from tenants.models import Membership, Tenant, User  # noqa: E402

OF_A_CLINIC, OF_A_SERVER = 10, 250
DAYS = 60  # the incidents lie in the last so many
CAUSES = (("disconnected", "logged_out"), ("qr_pending", "awaiting_scan"), ("error", "server_unreachable"))
OVERVIEW = "/saas/whatsapp"


def fill(numbers: int, incidents: int) -> None:
    if Tenant.objects.exists():
        raise SystemExit("This database holds clinics; the bench fills one of its own: python3 start.py exec -- ...")
    chance, now = random.Random(7), timezone.now()
    User.objects.create_user("operator@example.com", is_saas_admin=True)
    clinics = Tenant.objects.bulk_create(
        Tenant(name=f"Clínica {n:04}", slug=f"clinica-{n}") for n in range(1 + numbers // OF_A_CLINIC)
    )
    servers = [
        Server.objects.create(name=f"evo-{n:02}", base_url=f"https://evo-{n}.example.com", api_key="key")
        for n in range(1 + numbers // OF_A_SERVER)
    ]
    Membership.objects.create(user=User.objects.create_user("admin@example.com"), tenant=clinics[0], role="clinic_admin")
    channels = Channel.objects.bulk_create(
        Channel(tenant=clinics[n // OF_A_CLINIC], server=servers[n % len(servers)], server_owner=0, name=f"Número {n}",
                instance_name=f"number-{n}", phone=f"+55 11 9{n:08}")
        for n in range(numbers)
    )  # fmt: skip
    upkeep.keep_up()  # makes the watches and the pulse
    Watch.objects.update(
        connection_status="open", cause="connected", paired_at=now - timedelta(days=DAYS), status_since=now - timedelta(days=1),
        last_verdict_at=now, last_health_check=now, next_look_at=now + timedelta(minutes=2),
    )  # fmt: skip
    _history(chance, now, channels, incidents)
    with connection.cursor() as cursor:
        cursor.execute("analyze")  # as autovacuum does within a minute


def _history(chance: random.Random, now, channels: list[Channel], incidents: int) -> None:
    """Per incident a period before it and one within it; one number in fifty is down now."""
    down_now, rows, periods = [], [], []
    for n, channel in enumerate(channels):
        of = {"channel": channel, "tenant_id": channel.tenant_id}
        at = now - timedelta(days=DAYS)
        mine = incidents // len(channels)
        for i in range(mine):
            status, cause = chance.choice(CAUSES)
            began = now - timedelta(days=DAYS) * (1 - (i + chance.random() * 0.8) / mine)
            ended = began + timedelta(minutes=chance.randint(6, 90))
            rows.append(Incident(kind=status, cause=cause, started_at=began, opened_at=began + timedelta(minutes=5),
                                 resolved_at=ended, resolution="recovered", **of))  # fmt: skip
            periods.append(ConnectionPeriod(status="open", cause="connected", started_at=at, ended_at=began, **of))
            periods.append(ConnectionPeriod(status=status, cause=cause, started_at=began, ended_at=ended, **of))
            at = ended
        status, cause = chance.choice(CAUSES) if n % 50 == 0 else ("open", "connected")
        periods.append(ConnectionPeriod(status=status, cause=cause, started_at=at, **of))
        if status != "open":
            down_now.append((channel.pk, status, cause))
            rows.append(Incident(kind=status, cause=cause, started_at=at, opened_at=at + timedelta(minutes=5), **of))
    ConnectionPeriod.objects.bulk_create(periods, batch_size=5_000)
    Incident.objects.bulk_create(rows, batch_size=5_000)
    for status, cause in CAUSES:
        ids = [pk for pk, its_status, its_cause in down_now if (its_status, its_cause) == (status, cause)]
        Watch.objects.filter(pk__in=ids).update(connection_status=status, cause=cause)


def measure(person: str, path: str, rounds: int) -> str:
    client = Client()
    with scope.use(scope.SERVICE):
        client.force_login(User.objects.get(email=person))
    for _warming in range(2):  # templates are compiled, statements are planned once
        client.get(path)
    of_pages, in_python, in_postgresql = [], [], []
    for _round in range(rounds):
        python, postgresql = time.process_time(), _cpu_of_postgresql()
        of_pages.append(_milliseconds(lambda: client.get(path)))
        in_python.append((time.process_time() - python) * 1000)
        in_postgresql.append(_cpu_of_postgresql() - postgresql)
    with CaptureQueriesContext(connection) as seen:
        response = client.get(path)
    assert response.status_code == 200, (path, response.status_code)
    size = len(response.content) / 1024
    return f"{len(seen)} | {statistics.median(of_pages):.0f} | {min(in_python):.0f} | {min(in_postgresql):.0f} | {size:.0f}"


def _cpu_of_postgresql() -> float:
    """Milliseconds that the process at the other end of our connection has run so far."""
    process = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
    return int(process.read_text().split()[0]) / 1e6


def measure_week(rounds: int) -> float:
    """Milliseconds, of what the watch does every five minutes; the median."""
    of_measures = []
    for _round in range(rounds):
        Pulse.objects.update(week_measured_at=None)
        of_measures.append(_milliseconds(fleet_week.measure_if_due))
    return statistics.median(of_measures)


def _milliseconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--numbers", type=int, default=10_000)
    parser.add_argument("--incidents", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.DEBUG = False
    call_command("migrate", verbosity=0)
    with scope.use(scope.SERVICE):
        fill(arguments.numbers, arguments.incidents)
    last = arguments.numbers // 50
    pages = [
        ("overview, first page", "operator@example.com", OVERVIEW),
        (f"overview, page {last}", "operator@example.com", f"{OVERVIEW}?pagina={last}"),
        ("overview, by client", "operator@example.com", f"{OVERVIEW}?ordem=cliente"),
        ("overview, by incidents", "operator@example.com", f"{OVERVIEW}?ordem=incidentes"),
        ("overview, dropped within 7 days", "operator@example.com", f"{OVERVIEW}?situacao=cairam"),
        ("overview, a search", "operator@example.com", f"{OVERVIEW}?q=90000-4321"),
        ("one number", "operator@example.com", f"{OVERVIEW}/{_some_number()}"),
        (f"clinic of {OF_A_CLINIC} numbers", "admin@example.com", "/configuracoes/whatsapp-pessoal"),
    ]
    print(f"{arguments.numbers:,} numbers, {arguments.incidents:,} incidents; {arguments.rounds} answers each.")
    print("All queries are counted: session, scope and frame too.\n")
    print("| page | queries | page ms | CPU ms in Python | in PostgreSQL | KiB |\n| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, person, path in pages:
        print(f"| {name} | {measure(person, path, arguments.rounds)} |", flush=True)
    with scope.use(scope.SERVICE):
        took, periods = measure_week(arguments.rounds), ConnectionPeriod.objects.count()
    print(f"\nThe fleet's seven days, reckoned from {periods:,} periods: {took:.0f} ms.")


def _some_number() -> int:
    with scope.use(scope.SERVICE):
        return Channel.objects.order_by("pk").values_list("pk", flat=True)[0]


if __name__ == "__main__":
    main()

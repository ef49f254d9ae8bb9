"""Clinics at their pages while everything is watched: python3 start.py exec -- python bench/web.py [--channels 10000]

200 admins of clinics have their page open, gunicorn serves them as in production, and the watch looks at every number
once in each window. Windows with the pages open and windows without follow each other in pairs: what the pages take to
answer, and what CPU the watch needs beside them and alone.
"""

import argparse
import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # this file is run by its path

from bench import begin


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--channels", type=int, default=10_000)
    parser.add_argument("--servers", type=int, default=50)
    parser.add_argument("--processes", type=int, default=2, help="of the worker")
    parser.add_argument("--pages", type=int, default=200, help="open at once, each of a clinic of its own")
    parser.add_argument("--numbers", type=int, default=2, help="of such a clinic")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=40, help="of a window, and the watch's interval")
    return parser.parse_args()


if __name__ == "__main__":  # each number is looked at once in a window
    GIVEN = arguments()
    LOAD = begin.as_the_service(HEARTBEAT_INTERVAL_SECONDS=GIVEN.seconds, HEARTBEAT_MINUTE_SECONDS=5)

import psutil  # noqa: E402
import requests  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import reverse  # noqa: E402

from bench import fleet, product, sheet  # noqa: E402
from bench.plan import Number, numbers  # noqa: E402
from bench.processes import running  # noqa: E402
from bench.product import Watching, note  # noqa: E402
from channels_app import upkeep  # noqa: E402
from channels_app.models import Channel, Server, Watch  # noqa: E402
from core import clock  # noqa: E402
from incidents.models import Incident  # noqa: E402
from tenants.models import Membership, Tenant, User  # noqa: E402

# As in the README; no control socket: its default place is one file per user, which a second gunicorn would take over.
GUNICORN = ["-m", "gunicorn", "config.wsgi", "--worker-class", "gthread", "--threads", 8, "--no-control-socket"]
OPEN_WITHIN_SECONDS = 10  # before a window: the interval of what they ask for, so that they ask one after the other


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU seconds."""

    watch: float
    web: float
    postgres: float
    machine: float  # everything that runs, ours and others'

    def __sub__(self, before: "Cpu") -> "Cpu":
        return Cpu(*(getattr(self, name) - getattr(before, name) for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Window:
    spent: Cpu
    looks: int
    answers: list[tuple[str, float]] = field(default_factory=list)  # kind, milliseconds
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Site:
    """The web at work, who is signed in, and what is measured beside it."""

    base: str
    sessions: list[str]
    process: psutil.Process
    watching: Watching
    postgres: psutil.Process

    def cpu(self) -> Cpu:
        machine = psutil.cpu_times()
        return Cpu(
            watch=self.watching.cpu_seconds(),
            web=product.cpu_seconds(self.process),
            postgres=product.cpu_seconds(self.postgres),
            machine=sum(machine) - machine.idle - machine.iowait - machine.guest - machine.guest_nice,
        )


def main(given: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        pairs, mistakes = measure(given, Path(folder))
    sheet.show_or_refuse(
        mistakes,
        sheet.preface(
            LOAD,
            f"{given.channels} channels on {given.servers} servers, all looked at every {given.seconds} s "
            f"by {given.processes} worker processes; {given.pages} pages of {given.numbers} numbers each; "
            f"{given.pairs} pairs of windows of {given.seconds} s.",
        ),
        table_of_answers([answer for pair in pairs for answer in pair[1].answers]),
        table_of_cpu(pairs),
    )


def measure(given: argparse.Namespace, folder: Path) -> tuple[list[tuple[Window, Window]], list[str]]:
    """Pairs of windows, without the pages and with them, and what is wrong with the record."""
    plan = list(numbers(given.channels, given.servers))
    failing = sum(number.behaviour != "open" for number in plan)
    with product.servers("bench/server.py", given.channels, given.servers) as urls:
        ours = given.pages * given.numbers
        fleet.make(plan[:-ours], {int(n): url for n, url in urls.items()})
        admins = add_clinics(plan[-ours:], given.numbers)
        with (
            product.watching(folder / "watch.log", processes=given.processes) as watching,
            web(folder / "web.log") as (base, site),
        ):
            watching.wait_until(lambda: _standing() == failing, "every failure has its incident")
            here = Site(base, [signed_in(admin) for admin in admins], site, watching, product.postgres())
            beside_pages(here, given)  # each number has its own moment again, and templates are compiled
            pairs = [in_pair(here, given, is_first=n % 2 == 0) for n in range(given.pairs)]
            mistakes = fleet.mistakes(plan, incidents=failing) + watching.errors()
    windows = [window for pair in pairs for window in pair]
    mistakes += [what for window in windows for what in window.wrong]
    mistakes += ["a window in which nobody was looked at" for window in windows if not window.looks]
    return pairs, mistakes


def _standing() -> int:
    return Incident.objects.open().filter(channel__isnull=False).count()


def add_clinics(plan: list[Number], of_each: int) -> list[User]:
    """Clinics with so many numbers each, beside the fleet's own; return their admins."""
    servers = {server.name: server for server in Server.objects.all()}
    admins = []
    for start in range(0, len(plan), of_each):
        clinic = Tenant.objects.create(name=f"Page {start}", slug=f"page-{start}")
        admins.append(User.objects.create_user(f"page-{start}@example.com"))
        Membership.objects.create(user=admins[-1], tenant=clinic, role=Membership.Role.CLINIC_ADMIN)
        Channel.objects.bulk_create(
            Channel(
                tenant=clinic,
                server=servers[f"Server {number.server}"],
                server_owner=0,
                name=number.name,
                instance_name=number.name,
                heartbeat_threshold_minutes=1,
            )
            for number in plan[start : start + of_each]
        )
    upkeep.keep_up()  # makes the watches
    Watch.objects.filter(paired_at=None).update(paired_at=clock.database_now() - timedelta(days=7))
    with connection.cursor() as cursor:
        cursor.execute("analyze")
    return admins


def signed_in(person: User) -> str:
    client = Client()
    client.force_login(person, "allauth.account.auth_backends.AuthenticationBackend")
    return client.cookies[settings.SESSION_COOKIE_NAME].value


@contextlib.contextmanager
def web(log: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Gunicorn as in production, its static files collected once as there; yield its address and its process."""
    call_command("collectstatic", interactive=False, verbosity=0)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with log.open("wb") as lines, running(*GUNICORN, "--bind", base[7:], stdout=lines, stderr=lines) as process:
        product.wait_until(lambda: _answers(base), "the web answers", log)
        yield base, psutil.Process(process.pid)


def _answers(base: str) -> bool:
    try:
        return requests.get(f"{base}/healthz", timeout=5).status_code == 200
    except requests.RequestException:
        return False


def in_pair(site: Site, given: argparse.Namespace, *, is_first: bool) -> tuple[Window, Window]:
    """One window without the pages and one with them; in every other pair the one with them comes first."""
    if is_first:
        pair = (alone(site, given), beside_pages(site, given))
    else:
        pair = tuple(reversed((beside_pages(site, given), alone(site, given))))
    note("; ".join(f"{w.looks} looks, CPU of the watch {w.spent.watch:.2f} s, of the web {w.spent.web:.2f} s" for w in pair))
    return pair


def alone(site: Site, given: argparse.Namespace) -> Window:
    spent, looks = _spent(site, given.seconds)
    return Window(spent, looks)


def beside_pages(site: Site, given: argparse.Namespace) -> Window:
    with running("bench/browsers.py", stdout=subprocess.PIPE) as browsers:
        told = {"base": site.base, "path": reverse("my-whatsapp"), "cookie": settings.SESSION_COOKIE_NAME}
        told |= {"sessions": site.sessions, "seconds": given.seconds, "spread": OPEN_WITHIN_SECONDS}
        browsers.stdin.write(json.dumps(told).encode() + b"\n")
        browsers.stdin.flush()
        browsers.stdout.readline()
        browsers.stdin.write(b"go\n")
        browsers.stdin.flush()
        spent, looks = _spent(site, given.seconds)
        seen = json.loads(browsers.stdout.readline())
    wrong = [f"{seen['wrong_count']} answers to the pages were wrong: {', '.join(seen['wrong'])}"] if seen["wrong"] else []
    opened = sum(kind == "page" for kind, _ in seen["answers"])
    if opened < given.pages:
        wrong.append(f"{opened} pages were opened where {given.pages} should have been")
    return Window(spent, looks, [tuple(answer) for answer in seen["answers"]], wrong)


def _spent(site: Site, seconds: float) -> tuple[Cpu, int]:
    looks, before = fleet.looks_so_far(), site.cpu()
    time.sleep(seconds)
    return site.cpu() - before, fleet.looks_so_far() - looks


# --- What is said -----------------------------------------------------------------------------------------------------


def table_of_answers(answers: list[tuple[str, float]]) -> str:
    by_kind = defaultdict(list)
    for kind, milliseconds in answers:
        by_kind[kind].append(milliseconds)
    by_kind["all"] = [milliseconds for _, milliseconds in answers]
    return sheet.table(
        ["milliseconds, at the browser", "answers", "p50", "p99", "most"],
        [
            [kind, f"{len(taken):,}", *(f"{sheet.percentile(taken, percent):.0f}" for percent in (50, 99, 100))]
            for kind, taken in by_kind.items()
        ],
    )


def table_of_cpu(pairs: list[tuple[Window, Window]]) -> str:
    def row(title: str, of: Callable[[Window], float], digits: int = 2) -> list[str]:
        without, beside = ([of(pair[n]) for pair in pairs] for n in (0, 1))
        ratios = [] if min(without) == 0 else [more / less for less, more in zip(without, beside, strict=True)]
        return [title, sheet.spread(without, digits), sheet.spread(beside, digits), sheet.spread(ratios, 3) if ratios else "-"]

    return sheet.table(
        ["of a window", "without the pages", "with them", "with / without, by pairs"],
        [
            row("CPU seconds of the watch", lambda w: w.spent.watch),
            row("looks", lambda w: w.looks, 0),
            row("CPU of the watch a look, ms", lambda w: 1000 * w.spent.watch / w.looks),
            row("CPU seconds of the web", lambda w: round(w.spent.web, 1)),
            row("CPU seconds of PostgreSQL", lambda w: w.spent.postgres),
            row("CPU seconds of the whole machine", lambda w: w.spent.machine),
        ],
    )


if __name__ == "__main__":
    main(GIVEN)

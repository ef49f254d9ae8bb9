"""A life in which everything is written that the watch can write, and how its record reads without ids and times.

Each function runs in a fork of the zygote, on a database of its own; the gateway and the clock are the test's. What
rings and errands do is what Celery's tasks do; whatever waited for the errands' worker has been taken by then.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from celery import current_app
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models.functions import Now
from django.test import override_settings

from channels_app import bell, invariants, on_demand, tasks, upkeep
from channels_app.models import Channel, ConnectionPeriod, Pulse, Server, Sweep, Watch
from incidents.models import Incident, IncidentEvent
from notifications.models import Notification
from tests.faults.levers import Levers
from tests.support import people

CLINICS = 3
MORE = 3  # numbers on server 1: with them its list is asked for


def prepare(urls: dict[str, str], key: str) -> list[str]:
    """Make clinics with an admin and a number on each server, or some more; return the script's names of the numbers.

    Server 2's numbers have tokens of their own.
    """
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    people.operator()
    servers = {n: people.server(name=f"Server {n}", base_url=url, api_key=key) for n, url in urls.items()}
    names = []
    Session.objects.create(session_key="a person's", session_data="", expire_date=Now())
    for c in range(CLINICS):
        clinic = people.clinic(f"Clinic {c}")
        people.admin_of(clinic)
        theirs = [(n, f"number-{c}") for n in servers] + [("1", f"number-{CLINICS + m}") for m in range(MORE) if c == 0]
        for n, name in theirs:
            token = "a token" if n == "2" else ""
            people.channel(clinic, servers[n], instance_name=name, heartbeat_threshold_minutes=1, own_token=token)
            names.append(f"{n}/{name}")
    return names


def ring() -> None:
    with current_app.connection_for_write() as broker:
        broker.default_channel.queue_purge(bell.ERRANDS)
    tasks.ring()


def go_on(lease: float, *deeds: list[str]) -> list[list]:
    """Do one after the other, each when the leases of before have lapsed, and tick; return what is on record."""
    levers = Levers(Path(os.environ["FAULTS_FOLDER"]) / "levers")
    for name, *arguments in deeds:
        levers.database_seconds += lease
        globals()[name](*arguments)
    upkeep.keep_up()  # what every tick does, without a look: how often a ring comes to it depends on the machine
    return record()


def ring_with_witness(url: str) -> None:
    with override_settings(WITNESS_URLS=[url]):
        ring()


def come_back() -> None:
    """Ring, and tick when all have been looked at: then the operators hear that nobody had."""
    ring()
    upkeep.keep_up()


def look_now() -> None:
    """Ask for a look at all, as an operator does, and ring."""
    on_demand.request(by=None)
    ring()


def ask_witness(url: str) -> None:
    with override_settings(WITNESS_URLS=[url]):
        tasks.ask_witness()


def list_server(name: str) -> None:
    tasks.list_server(Server.objects.get(name=name).pk)


def prune() -> None:
    tasks.prune()


def switch_off(server: str, instance: str) -> None:
    Channel.objects.filter(server__name=server, instance_name=instance).update(is_active=False)


def leave(server: str) -> None:
    """Switch off all numbers of a server."""
    Channel.objects.filter(server__name=server).update(is_active=False)


def record() -> list[list]:
    """What is on record, in an order that does not depend on ids."""
    records = [*_watches(), *_periods(), *_incidents(), *_events(), *_told(), *_of_the_watch_itself()]
    return sorted(map(list, records), key=repr)


def _watches() -> Iterable[tuple]:
    names = "channel__server__name", "channel__instance_name"
    for row in Watch.objects.values_list(*names, "connection_status", "cause", "good_streak"):
        yield "watch", *row
    for *name, listed in Watch.objects.values_list(*names, "listed"):
        yield "listed", *name, listed and listed.get("status")


def _periods() -> Iterable[tuple]:
    """Each number's periods one after the other; where one follows its like, blind time lies between them."""
    for watch in Watch.objects.select_related("channel__server"):
        periods = ConnectionPeriod.objects.filter(channel=watch.channel).order_by("started_at", "pk")
        yield (
            "periods",
            watch.channel.server.name,
            watch.channel.instance_name,
            *(f"{p.status} {p.cause} {p.ended_at is None}" for p in periods),
        )


def _incidents() -> Iterable[tuple]:
    for incident in Incident.objects.select_related("channel__server", "server", "parent"):
        yield (
            *_name(incident),
            incident.kind,
            incident.cause,
            incident.resolution,
            incident.notified_at is not None,
            incident.parent_id is not None,
        )


def _events() -> Iterable[tuple]:
    for event in IncidentEvent.objects.select_related("incident__channel__server", "incident__server"):
        yield "event", *_name(event.incident), event.kind, event.cause, event.event, sorted(event.told)


def _told() -> Iterable[tuple]:
    for letter in Notification.objects.select_related("user", "incident__channel__server", "incident__server"):
        yield "told", letter.user.email, letter.event, *(_name(letter.incident) if letter.incident else [letter.title])


def _of_the_watch_itself() -> Iterable[tuple]:
    for pulse in Pulse.objects.all():
        yield "pulse", pulse.outage_started_at is None, pulse.offline_since is None, pulse.witness_failing_since is None
    yield "old", Session.objects.count(), Sweep.objects.exists()
    yield from (("violated", name, ids) for name, ids in invariants.violations().items() if ids)


def _name(incident: Incident) -> tuple:
    if incident.server_id:
        return "incident", incident.server.name
    return "incident", incident.channel.server.name, incident.channel.instance_name

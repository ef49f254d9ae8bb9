"""A life in which everything is written that the watch can write, and how its record reads without ids and times.

Each function runs in a fork of the zygote, on a database of its own; the gateway and the clock are the test's. What
`ring` does is what Celery's task does.
"""

from collections.abc import Iterable

from django.conf import settings

from channels_app import invariants, tasks, upkeep
from channels_app.models import Channel, ConnectionPeriod, Watch
from incidents.models import Incident, IncidentEvent
from notifications.models import Notification
from tests.support import people

CLINICS = 3


def prepare(urls: dict[str, str], key: str) -> list[str]:
    """Make clinics with an admin and a number on each server; return the script's names of the numbers.

    Server 2's numbers have tokens of their own.
    """
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    people.operator()
    servers = {n: people.server(name=f"Server {n}", base_url=url, api_key=key) for n, url in urls.items()}
    names = []
    for c in range(CLINICS):
        clinic = people.clinic(f"Clinic {c}")
        people.admin_of(clinic)
        for n, server in servers.items():
            token = "a token" if n == "2" else ""
            people.channel(clinic, server, instance_name=f"number-{c}", heartbeat_threshold_minutes=1, own_token=token)
            names.append(f"{n}/number-{c}")
    return names


def ring() -> None:
    tasks.ring()


def tick() -> None:
    """What every tick does, without a look: how often a ring comes to it depends on the machine."""
    upkeep.keep_up()


def switch_off(server: str, instance: str) -> None:
    Channel.objects.filter(server__name=server, instance_name=instance).update(is_active=False)


def leave(server: str) -> None:
    """Switch off all numbers of a server."""
    Channel.objects.filter(server__name=server).update(is_active=False)


def record() -> list[list]:
    """What is on record, in an order that does not depend on ids."""
    return sorted(map(list, [*_watches(), *_periods(), *_incidents(), *_events(), *_told()]), key=repr)


def violations() -> dict[str, list[int]]:
    return {name: ids for name, ids in invariants.violations().items() if ids}


def _watches() -> Iterable[tuple]:
    rows = Watch.objects.values_list(
        "channel__server__name", "channel__instance_name", "connection_status", "cause", "good_streak"
    )
    return (("watch", *row) for row in rows)


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


def _name(incident: Incident) -> tuple:
    if incident.server_id:
        return "incident", incident.server.name
    return "incident", incident.channel.server.name, incident.channel.instance_name

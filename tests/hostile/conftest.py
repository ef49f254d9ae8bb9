"""Servers that misbehave over real sockets, and the product's own look at them.

D is the deadline of a look that has to end by it; any other ends by itself long before `PATIENCE` is over, however busy
the machine.
"""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from channels_app.gateways import Known, Target, evolution
from core import http, resolver
from core.fields import Secret
from incidents.readings import Reading, Status
from tests.hostile import names
from tests.hostile.server import Ground
from tests.hostile.words import ALPHA, KEY

D = 1.0
PATIENCE = 8.0  # seconds
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SEEN_OPEN = Known(raw_state="open", status=Status.OPEN, cause="connected", integration="WHATSAPP-BAILEYS")


def look(base_url: str, *, name: str = ALPHA, operator_owned: bool = True, seconds: float = PATIENCE) -> Reading:
    """Look as the watch does, at a number that was open last time."""
    key = Secret.seal(KEY)
    whom = Target(base_url=base_url, key=key, instance_name=name, operator_owned=operator_owned, known=SEEN_OPEN)
    return evolution.look(whom, at=NOON, seconds=seconds)


@pytest.fixture(scope="session")
def ground(tmp_path_factory) -> Ground:
    return Ground(tmp_path_factory.mktemp("ground"))


@pytest.fixture(scope="module")
def trusted_ground(ground) -> Iterator[None]:
    """Trust the ground's authority; once for all tests of a module, since reading our own list takes its time."""
    http.forget()
    http.tls_context().load_verify_locations(cadata=ground.pem)
    yield
    http.forget()


@pytest.fixture
def outside(settings, trusted_ground, monkeypatch) -> None:
    """A machine that may look at itself, and asks the book for names."""
    settings.EVOLUTION_ALLOWED_HOSTS = ["127.0.0.0/8", "::1"]
    settings.EVOLUTION_LOCALHOST_ALIAS = ""
    resolver.forget()
    monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)


@pytest.fixture
def dialled(monkeypatch) -> list[tuple[str, int]]:
    """Every address that this process connects to, in order."""
    connect, seen = socket.socket.connect, []

    def note(sock: socket.socket, address: tuple) -> None:
        seen.append(address[:2])
        connect(sock, address)

    monkeypatch.setattr(socket.socket, "connect", note)
    return seen

"""The misbehaving server: for `alpha` and for its list it does as a script says, for every other number as it should.

with ground.http(script) as server:  # or ground.https(script): TLS that the ground's own authority vouches for
    look(server.url)
"""

import re
import ssl
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from urllib.parse import unquote

from cryptography.hazmat.primitives import serialization

from tests.hostile.words import ALPHA, Script, answer, state_body
from tests.support.certificates import Authority
from tests.support.raw_server import RawServer, Visit, raw_server

LIST = "fetchInstances"  # asked for all at once
STAY = object()  # what a script returns to keep its connection


class Ground:
    """Where servers are opened; `pem` is what a client must trust to believe the right ones among them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = Authority()
        self.pem = self._authority.pem

    def with_certificate(self, which: str) -> AbstractContextManager[RawServer]:
        """Answer rightly behind one of the contexts below."""
        return raw_server(partial(_serve, right), tls=getattr(self, which))

    def http(self, script: Script) -> AbstractContextManager[RawServer]:
        return raw_server(partial(_serve, script))

    def https(self, script: Script) -> AbstractContextManager[RawServer]:
        return raw_server(partial(_serve, script), tls=self.trusted)

    @cached_property
    def trusted(self) -> ssl.SSLContext:
        return self._certificate()

    @cached_property
    def expired(self) -> ssl.SSLContext:
        return self._certificate(for_days=(-10, -1))

    @cached_property
    def not_yet_valid(self) -> ssl.SSLContext:
        return self._certificate(for_days=(1, 10))

    @cached_property
    def of_another_name(self) -> ssl.SSLContext:
        return self._certificate(names=("evo.example.com", "127.0.0.2", "*.0.0.1"))

    @cached_property
    def without_a_name(self) -> ssl.SSLContext:
        return self._certificate(names=())

    @cached_property
    def of_an_unknown_authority(self) -> ssl.SSLContext:
        return Authority().server_context(self._folder)

    @cached_property
    def self_signed(self) -> ssl.SSLContext:
        return _SelfSigned().server_context(self._folder)

    def _certificate(self, **options: object) -> ssl.SSLContext:
        return self._authority.server_context(self._folder, **options)


@dataclass
class _Asked(Visit):
    """A visit whose first request has been read."""

    head: bytes = b""

    def request(self) -> bytes:
        read, self.head = self.head, b""
        return read or super().request()


def _serve(script: Script, visit: Visit) -> None:
    while head := visit.request():
        name = unquote(re.split(rb"[/=]", head.split(b" ")[1])[-1].decode())
        if name not in (ALPHA, LIST):
            visit.send(answer(state_body(name=name)))
        elif script(_Asked(visit.sock, visit.server, visit.number, head)) is not STAY:
            return


def right(visit: Visit) -> object:
    """The script that misbehaves in nothing."""
    visit.request()
    visit.send(answer())
    return STAY


class _SelfSigned(Authority):
    """A certificate that vouches for itself, as a fresh installation makes one."""

    def server_context(self, folder: Path, **_options: object) -> ssl.SSLContext:
        key = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        both = folder / "self-signed.pem"
        both.write_bytes(key + self.pem.encode())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(both)
        return context

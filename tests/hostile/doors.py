"""What goes wrong before a request can be read: in the name, in the connection, in TLS. Names lead where `names` says."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache

from tests.hostile.server import Ground, right
from tests.hostile.words import Script
from tests.support.raw_server import RawServer, raw_server

Door = Callable[[Ground], AbstractContextManager[RawServer]]


def before_the_request(script: Script, *, says_tls: bool = False) -> Door:
    """Run the script as soon as the connection is there, in plain bytes; `says_tls`: where TLS should be."""

    @contextlib.contextmanager
    def door(_ground: Ground) -> Iterator[RawServer]:
        with raw_server(script) as server:
            server.scheme = "https" if says_tls else "http"
            yield server

    return door


def with_certificate(which: str) -> Door:
    return lambda ground: ground.with_certificate(which)


@contextlib.contextmanager
def refuses_connections(_ground: Ground) -> Iterator[RawServer]:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        yield RawServer(nobody.getsockname()[1], "http")


@contextlib.contextmanager
def never_accepts(_ground: Ground) -> Iterator[RawServer]:
    with _full("127.0.0.1") as port:
        yield RawServer(port, "http")


@dataclass
class _Named(RawServer):
    name: str = ""

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.name}:{self.port}"


def under_the_name(name: str, *, ipv4: str = "answers", ipv6: str = "refuses") -> Door:
    """Open one port under a name of `names.BOOK`; each family "answers" (IPv4 alone), "refuses" or "swallows"."""

    @contextlib.contextmanager
    def door(ground: Ground) -> Iterator[RawServer]:
        with contextlib.ExitStack() as stack:
            opened = stack.enter_context(ground.http(right) if ipv4 == "answers" else _OTHERWISE[ipv4](ground))
            if ipv6 == "swallows" and _has_ipv6():  # else it has no route, which is dead as well
                stack.enter_context(_full("::1", opened.port))
            yield _Named(opened.port, "http", opened.requests, name=name)

    return door


_OTHERWISE = {"refuses": refuses_connections, "swallows": never_accepts}


@cache
def _has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


@contextlib.contextmanager
def _full(host: str, port: int = 0) -> Iterator[int]:
    """Listen without ever accepting, the queue full: the kernel swallows who comes next. Yield the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((host, port), family=family, backlog=0))
        for _ in range(4):
            filler = stack.enter_context(socket.socket(family))
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]

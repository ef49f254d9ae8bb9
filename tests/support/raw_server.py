"""A server that speaks exactly the bytes it is told to, right or wrong.

    with raw_server(lambda visit: visit.answer(b"HTTP/1.1 200 OK\\r\\n\\r\\n")) as server:
        http.get(server.url, ...)

The script runs once per connection, in a thread of its own; the connection ends when it returns.
"""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass
class RawServer:
    port: int
    scheme: str
    requests: list[bytes] = field(default_factory=list)  # heads of all requests, in the order of their arrival
    connections: int = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"


@dataclass
class Visit:
    """One connection; `number` counts them from 1."""

    sock: socket.socket
    server: RawServer
    number: int

    def request(self) -> bytes:
        """Read one request's head; b"" where the client has gone."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self.sock.recv(4096)
            if not byte:
                return b""
            head += byte
        self.server.requests.append(head)
        return head

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def answer(self, data: bytes) -> None:
        """Read a request and answer it."""
        if self.request():
            self.send(data)

    def drip(self, piece: bytes, *, every_seconds: float = 0.05, for_seconds: float = 20) -> None:
        """Send `piece` again and again, until the client goes."""
        until = time.monotonic() + for_seconds
        while time.monotonic() < until:
            self.send(piece)
            time.sleep(every_seconds)

    def wait_for_the_client_to_go(self) -> None:
        self.sock.settimeout(20)
        while self.sock.recv(4096):
            pass

    def reset(self) -> None:
        """Close so that the client gets a reset instead of an orderly end."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.sock.close()


def ok(body: bytes, *headers: bytes) -> bytes:
    """Write a 200 with its length and these headers."""
    lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@contextlib.contextmanager
def raw_server(script: Callable[[Visit], object], *, tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        server = RawServer(listener.getsockname()[1], "https" if tls else "http")
        threading.Thread(target=_accept, args=(listener, server, script, tls), daemon=True).start()
        yield server
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, server: RawServer, script: Callable, tls: ssl.SSLContext | None) -> None:
    while True:
        try:
            sock, _peer = listener.accept()
        except OSError:
            return
        server.connections += 1
        threading.Thread(target=_serve, args=(sock, server, server.connections, script, tls), daemon=True).start()


def _serve(sock: socket.socket, server: RawServer, number: int, script: Callable, tls: ssl.SSLContext | None) -> None:
    with contextlib.suppress(OSError):  # the client may leave at any moment
        if tls:
            sock = tls.wrap_socket(sock, server_side=True)
        script(Visit(sock, server, number))
    sock.close()


def refusing_url() -> str:
    """An address of this machine at which nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}"

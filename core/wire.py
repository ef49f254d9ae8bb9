"""One look's bounds, held where bytes move: a deadline for all of it, and a count of what may come in.

A socket's own timeout starts anew with each `recv`, so a byte a second lasts for ever. Here each read gets what
is left of the look, whatever is being read: status line, headers, endless 100-continue, chunk sizes, body.
"""

import contextlib
import errno
import io
import socket
import ssl
import time

from core import perimeter, resolver

# An address that swallows our packets must leave time for the next one. Seconds.
MOST_SECONDS_PER_ADDRESS = 2.0
MOST_ADDRESSES = 4

NO_ROUTE = "no route"
_KINDS = {
    errno.ECONNREFUSED: "refused",
    errno.ETIMEDOUT: "timeout",
    errno.ENETUNREACH: NO_ROUTE,
    errno.EHOSTUNREACH: NO_ROUTE,
    errno.ENETDOWN: NO_ROUTE,
    errno.EADDRNOTAVAIL: NO_ROUTE,
    errno.EACCES: NO_ROUTE,
    errno.EPERM: NO_ROUTE,  # a local firewall
    errno.EMFILE: "own limit",
    errno.ENFILE: "own limit",
    errno.ENOBUFS: "own limit",
}


class Failure(Exception):
    """No usable answer came. `detail` is one of our own short words, never the server's."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Unreachable(Failure):
    """`detail`: timeout, refused, reset, no such name, resolver gone, no route, own limit (of this process)."""


class TooLarge(Failure):
    """More bytes than the look may read."""


class Look:
    """The bounds of one look, and what has happened to it so far. Not shared between threads."""

    __slots__ = ("bytes_in", "bytes_left", "deadline", "dialled", "operator_owned", "reuse_allowed", "secured")

    def __init__(self, *, deadline: float, most_bytes: int, operator_owned: bool) -> None:
        self.deadline = deadline  # time.monotonic()
        self.bytes_left = most_bytes
        self.operator_owned = operator_owned
        self.reuse_allowed = True  # may a kept connection be used?
        self.begin()

    def begin(self) -> None:
        """Start one attempt."""
        self.bytes_in = 0
        self.dialled = False  # a fresh connection was opened
        self.secured = False  # its TLS handshake is over, or it needs none

    def remaining(self) -> float:
        """Return the seconds left, or raise `Unreachable`."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Unreachable("timeout")
        return left

    def received(self, count: int) -> None:
        self.bytes_in += count
        self.bytes_left -= count
        if self.bytes_left < 0:
            raise TooLarge("too large")


class BoundedReader(io.BufferedReader):
    """What `sock.makefile("rb")` gives, within a look's bounds. `raw` is that file's unbuffered inside."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, look: Look) -> None:
        self._inflow = _Inflow(raw, sock, look)
        self._sock = sock
        super().__init__(self._inflow)

    @property
    def saw_end(self) -> bool:
        """Has the other side ended its stream?"""
        return self._inflow.saw_end

    def shut_if_more_came(self) -> None:
        """End the connection if bytes beyond the answer are here: the pool then sees that it is dead, and drops it.

        They lie in the buffer or, decrypted, in the TLS layer; those in the kernel are seen by the pool itself.
        """
        self._inflow.is_over = True
        if self.peek(1) or (isinstance(self._sock, ssl.SSLSocket) and self._sock.pending()):
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)


class _Inflow(io.RawIOBase):
    def __init__(self, raw: io.RawIOBase, sock: socket.socket, look: Look) -> None:
        self._raw, self._sock, self._look = raw, sock, look
        self.saw_end = False
        self.is_over = False  # from here on only what is already buffered comes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        if self.is_over:
            return 0
        self._sock.settimeout(self._look.remaining())
        try:
            count = self._raw.readinto(buffer)
        except OSError as error:
            raise unreachable(error) from error
        self.saw_end = count == 0
        self._look.received(count)
        return count

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


def dial(look: Look, host: str, port: int) -> socket.socket:
    """Connect to `host` at an address that was checked: that very one, whatever the name says a moment later.

    Raises `Unreachable` or `AddressRefused`. The families are tried in turn; the one that answers is remembered.
    """
    look.dialled = True
    name = perimeter.dialled_name(host, operator_owned=look.operator_owned)
    addresses = _addresses(name, look)
    for address in addresses:
        perimeter.check(address, host=name, operator_owned=look.operator_owned)
    addresses = _both_families(addresses)
    failures = []
    for left in range(len(addresses), 0, -1):
        address = addresses[-left]
        seconds = look.remaining() if left == 1 else min(look.remaining() / left, MOST_SECONDS_PER_ADDRESS)
        try:
            sock = _connect(address, port, seconds)
        except OSError as error:
            failures.append(unreachable(error))
        else:
            resolver.prefer(name, address)
            sock.settimeout(look.remaining())  # for the TLS handshake, which keeps to it as a whole
            return sock
    # Where this machine has no IPv6, that is what says least: the other address may have been refused.
    raise next((failure for failure in failures if failure.detail != NO_ROUTE), failures[0])


def unreachable(error: OSError) -> Unreachable:
    if isinstance(error, TimeoutError) and error.errno is None:
        return Unreachable("timeout")
    if isinstance(error, ssl.SSLError):  # its errno is OpenSSL's, not the system's
        return Unreachable("reset")
    return Unreachable(_KINDS.get(error.errno, "reset"))


def _connect(address: str, port: int, seconds: float) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(seconds)
        sock.connect((address, port))
    except BaseException:
        sock.close()
        raise
    return sock


def _addresses(name: str, look: Look) -> list[str]:
    if ":" in name or name.replace(".", "").isdigit():
        return [name]  # written as an address: nothing to look up
    try:
        return resolver.resolve(name, seconds=look.remaining())
    except resolver.NameNotResolved as error:
        raise Unreachable(error.kind) from error


def _both_families(addresses: list[str]) -> list[str]:
    """Keep the first few, and among them one of each family there is."""
    first_is_ipv6 = ":" in addresses[0]
    others = [a for a in addresses if (":" in a) is not first_is_ipv6]
    alike = [a for a in addresses if (":" in a) is first_is_ipv6]
    return [alike[0], *others[:1], *alike[1:], *others[1:]][:MOST_ADDRESSES]

"""What a server can say to a look, right or wrong, in a word: the pieces that the misbehaviours are made of.

Looks ask for `alpha`, with which the server misbehaves, and for `beta`, with which it never does.
"""

import json
from collections.abc import Callable

from tests.support.raw_server import Visit

Script = Callable[[Visit], object]  # what happens once a request has been read

ALPHA, BETA = "alpha", "beta"
KEY = "global-key-FAKE"


def state_body(state: object = "open", *, name: object = ALPHA) -> bytes:
    """Write connectionState's body."""
    return json.dumps({"instance": {"instanceName": name, "state": state}}).encode()


OPEN = state_body()


def answer(body: bytes = OPEN, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    """Write an answer with its length and these headers."""
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def head(*headers: bytes, status: bytes = b"200 OK") -> bytes:
    """Write an answer's head alone: what follows, if anything, is the script's matter."""
    return b"\r\n".join([b"HTTP/1.1 " + status, *headers]) + b"\r\n\r\n"


def says(data: bytes) -> Script:
    """Send these very bytes, and end the connection."""
    return lambda visit: visit.send(data)


def refuses(status: int, body: bytes = OPEN, *headers: bytes) -> Script:
    return says(answer(body, *headers, status=b"%d Odd" % status))


def drips(begin: bytes, piece: bytes) -> Script:
    """Send the beginning at once and the piece again and again, slowly, until the client goes."""

    def script(visit: Visit) -> None:
        visit.send(begin)
        visit.drip(piece, every_seconds=0.1)  # a hundred headers would take ten seconds, longer than any look

    return script


def floods(begin: bytes, piece: bytes, *, most_bytes: int | None = None) -> Script:
    """Send the beginning and then the piece as fast as it goes, for ever or until there were that many bytes."""
    block = piece * max(1, 65536 // len(piece))

    def script(visit: Visit) -> None:
        visit.send(begin)
        sent = 0
        while most_bytes is None or sent < most_bytes:
            visit.send(block)
            sent += len(block)

    return script

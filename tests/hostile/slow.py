"""Servers that take their time: each would outlast any look, and ends only when the look goes."""

from tests.hostile.words import OPEN, Script, drips, head
from tests.support.raw_server import Visit


def wait(visit: Visit) -> None:
    visit.wait_for_the_client_to_go()


def sends_and_waits(data: bytes) -> Script:
    def script(visit: Visit) -> None:
        visit.send(data)
        visit.wait_for_the_client_to_go()

    return script


CHUNKED = head(b"Transfer-Encoding: chunked")

SCRIPTS = {
    "never answers": wait,
    "status line byte by byte": drips(b"", b"H"),
    "header byte by byte": drips(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
    "headers one by one": drips(b"HTTP/1.1 200 OK\r\n", b"X-Slow: x\r\n"),
    "body byte by byte": drips(head(b"Content-Length: 1000"), b"x"),
    "body that stops": sends_and_waits(head(b"Content-Length: 1000") + OPEN),
    "whole body without an end": sends_and_waits(head() + OPEN),
    "chunks byte by byte": drips(CHUNKED, b"1\r\nx\r\n"),
    "chunk's size byte by byte": drips(CHUNKED, b"0"),
    "chunk's extension byte by byte": drips(CHUNKED + b"5;x=", b"x"),
    "trailers byte by byte": drips(CHUNKED + b"0\r\nX-Slow: ", b"x"),
    "100-continue stream": drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "error's body byte by byte": drips(head(b"Content-Length: 1000", status=b"500 Oops"), b"x"),
    "401 whose body never comes": sends_and_waits(head(b"Content-Length: 1000", status=b"401 No")),
    "429 whose body never comes": sends_and_waits(head(b"Content-Length: 1000", status=b"429 Wait")),
    "redirect whose body never comes": sends_and_waits(head(b"Location: /x", b"Content-Length: 1000", status=b"302 Found")),
}

# Where TLS should be; the connection is there, and no handshake ends.
IN_TLS = {
    "hangs in TLS": wait,
    "handshake byte by byte": drips(b"\x16\x03\x03\x40\x00\x02", b"\x00"),
    "half a handshake record": sends_and_waits(b"\x16\x03\x03\x40\x00\x02"),
}

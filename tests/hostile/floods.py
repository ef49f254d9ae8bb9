"""Servers that send too much, and bodies that would grow when decoded. Each ends when the look goes."""

import gzip
import zlib

from tests.hostile.slow import CHUNKED
from tests.hostile.words import OPEN, Script, answer, floods, head, refuses, says, state_body

GIGABYTE = 1 << 30
LIMIT = 64 * 1024


def body_of(size: int) -> bytes:
    """Write a right answer of exactly `size` bytes: blanks are allowed behind JSON."""
    return OPEN.ljust(size)


TOO_MUCH = {
    "1 GB body": floods(head(b"Content-Length: %d" % GIGABYTE), b"x", most_bytes=GIGABYTE),
    "1 GB of blanks before the answer": floods(head(b"Content-Length: %d" % GIGABYTE), b" ", most_bytes=GIGABYTE),
    "endless body": floods(head(), b"x"),
    "endless chunks": floods(CHUNKED, b"400\r\n" + b"x" * 1024 + b"\r\n"),
    "one endless chunk": floods(CHUNKED + b"fffffffffff\r\n", b"x"),
    "endless chunk size": floods(CHUNKED, b"0"),
    "endless chunk extension": floods(CHUNKED + b"5;x=", b"x"),
    "endless trailers": floods(CHUNKED + b"0\r\n", b"X-Many: x\r\n"),
    "endless 100-continue": floods(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "endless status line": floods(b"HTTP/1.1 200 ", b"x"),
    "huge header": floods(b"HTTP/1.1 200 OK\r\nX-Huge: ", b"x"),
    "header of 1 MB": says(answer(OPEN, b"X-Huge: " + b"x" * (1 << 20))),
    "10,000 headers": says(answer(OPEN, *(b"X-Many-%d: x" % n for n in range(10_000)))),
    "10,000 cookies": says(answer(OPEN, *(b"Set-Cookie: c%d=x" % n for n in range(10_000)))),
    "one byte too many": says(answer(body_of(LIMIT + 1))),
    "state of 1 MB": says(answer(state_body("x" * (1 << 20)))),
    "length of 30 digits": floods(head(b"Content-Length: " + b"9" * 30), b"x"),
}


def endless_error(status: int, *headers: bytes) -> dict[str, Script]:
    """An error's body is read for its word alone: what it is stands in the status."""
    return {f"endless {status}": floods(head(*headers, status=b"%d Odd" % status), b"x")}


BOMB = gzip.compress(body_of(30 << 20))  # a right answer and blanks, in less than 64 KiB


def raw_deflate(body: bytes) -> bytes:
    squeeze = zlib.compressobj(wbits=-15)
    return squeeze.compress(body) + squeeze.flush()


def encoded(label: bytes, body: bytes) -> Script:
    return says(answer(body, b"Content-Encoding: " + label))


ENCODED = {
    "gzip": encoded(b"gzip", gzip.compress(OPEN)),
    "deflate": encoded(b"deflate", zlib.compress(OPEN)),
    "raw deflate": encoded(b"deflate", raw_deflate(OPEN)),
    "br": encoded(b"br", b"\x0b\x1b\x80" + OPEN + b"\x03"),
    "zstd": encoded(b"zstd", b"\x28\xb5\x2f\xfd\x00\x00\x01\x00\x00"),
    "gzip bomb": encoded(b"gzip", BOMB),
    "gzip bomb twice over": encoded(b"gzip, gzip", gzip.compress(BOMB)),
    "bomb of layers": encoded(b", ".join([b"gzip"] * 200), gzip.compress(OPEN)),
    "plain body that lies to be gzip": encoded(b"gzip", OPEN),
    "gzip cut": encoded(b"gzip", gzip.compress(OPEN)[:-9]),
    "gzip corrupt": encoded(b"gzip", b"\x1f\x8b\x08\x00" + b"\xff" * 60),
    "unknown encoding": encoded(b"x-unknown", OPEN),
    "identity and gzip": encoded(b"identity, gzip", gzip.compress(OPEN)),
    "GZIP in capitals": encoded(b"GZIP", gzip.compress(OPEN)),
    "two labels": says(answer(gzip.compress(OPEN), b"Content-Encoding: identity", b"Content-Encoding: gzip")),
    "404 in gzip": refuses(404, gzip.compress(b"{}"), b"Content-Encoding: gzip"),
}

# Not labelled: nothing says that it is encoded, and nothing tries.
UNLABELLED = {
    "gzip without a label": says(answer(gzip.compress(OPEN))),
    "bomb without a label": says(answer(BOMB)),
    "gzip as a transfer encoding": says(head(b"Transfer-Encoding: gzip, chunked") + b"5\r\nhello\r\n0\r\n\r\n"),
}

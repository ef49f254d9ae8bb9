"""Servers that break HTTP or the connection, in the middle of it and over and over."""

import time

from tests.hostile.slow import CHUNKED
from tests.hostile.words import OPEN, Script, answer, head, says
from tests.support.raw_server import Visit


def reset_after(data: bytes, *, seconds: float = 0) -> Script:
    def script(visit: Visit) -> None:
        if data:
            visit.send(data)
        time.sleep(seconds)
        visit.reset()

    return script


def chunked(*parts: bytes) -> Script:
    return says(CHUNKED + b"".join(parts))


def chunk(data: bytes, size: bytes | None = None) -> bytes:
    return (b"%x" % len(data) if size is None else size) + b"\r\n" + data + b"\r\n"


END = b"0\r\n\r\n"
WHOLE = len(answer(OPEN))

GONE = {
    "closes without a word": says(b""),
    "reset without a word": reset_after(b""),
}
RESET = {
    "reset amid the status line": reset_after(b"HTTP/1.1 2"),
    "reset amid the headers": reset_after(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "reset before the body": reset_after(head(b"Content-Length: %d" % len(OPEN))),
    "reset amid the body": reset_after(answer(OPEN)[: WHOLE - 9]),
    "reset amid the chunks": reset_after(CHUNKED + chunk(OPEN)),
}
CUT = {
    "cut amid the status line": says(b"HTTP/1.1 2"),
    "cut amid the headers": says(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "cut before the headers' end": says(b"HTTP/1.1 200 OK\r\nX: x\r\n"),
    "cut before the body": says(head(b"Content-Length: %d" % len(OPEN))),
    "cut before the last chunk": chunked(chunk(OPEN)),
    "cut amid a chunk": chunked(chunk(OPEN)[:-9]),
    "cut amid a chunk's size": chunked(chunk(OPEN), b"5"),
}
LENGTHS = {
    "length too long": says(head(b"Content-Length: %d" % (len(OPEN) + 1)) + OPEN),
    "length too short": says(head(b"Content-Length: %d" % (len(OPEN) - 1)) + OPEN),
    "length of nothing": says(head(b"Content-Length: 0") + OPEN),
    "two lengths": says(head(b"Content-Length: %d" % len(OPEN), b"Content-Length: 3") + OPEN),
    "two lengths in one": says(head(b"Content-Length: %d, 3" % len(OPEN)) + OPEN),
}
ODD_LENGTHS = {
    "length below nothing": says(head(b"Content-Length: -1") + OPEN),
    "length that is no number": says(head(b"Content-Length: many") + OPEN),
    "length in hexadecimal": says(head(b"Content-Length: 0x%x" % len(OPEN)) + OPEN),
    "length with a sign": says(head(b"Content-Length: +%d" % len(OPEN)) + OPEN),
    "length with a line in it": says(head(b"Content-Length: 5_%d" % (len(OPEN) % 10)) + OPEN),
    "transfer encoding that nobody knows": says(head(b"Transfer-Encoding: x", b"Content-Length: %d" % len(OPEN)) + OPEN),
    "transfer encoding that lies": says(head(b"Transfer-Encoding: gzip, chunked") + OPEN),
}
CHUNKS = {
    "chunk's size is nonsense": chunked(chunk(OPEN, b"nonsense"), END),
    "chunk's size is missing": chunked(chunk(OPEN, b""), END),
    "chunk's size is negative": chunked(chunk(OPEN, b"-5"), END),
    "chunk's size is too small": chunked(chunk(OPEN, b"5"), END),
    "chunk's size is too large": chunked(chunk(OPEN, b"ff"), END),
    "chunk's size is astronomical": chunked(chunk(OPEN, b"f" * 40), END),
    "chunks announced and none there": chunked(OPEN),
}
ODD_CHUNKS = {
    "chunk's size with a prefix": chunked(chunk(OPEN, b"0x%x" % len(OPEN)), END),
    "chunk's size with a sign": chunked(chunk(OPEN, b"+%x" % len(OPEN)), END),
    "chunk's size with a line in it": chunked(chunk(OPEN, b"%x_%x" % divmod(len(OPEN), 16)), END),
}
BANNERS = {
    "banner of SSH": says(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "banner of SMTP": says(b"220 mail.example ESMTP\r\n"),
    "banner of Redis": says(b"-ERR wrong number of arguments\r\n"),
    "banner of MySQL": says(b"\x4a\x00\x00\x00\x0a8.0.36\x00"),
}
HEADS = {
    "HTTP/0.9": says(OPEN),
    "HTTP/0.9 page": says(b"<html>open</html>"),
    "HTTP/2": says(b"HTTP/2.0 200 OK\r\n\r\n" + OPEN),
    "HTTP/2 frames": says(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00"),
    "HTTP/9.9": says(b"HTTP/9.9 200 OK\r\n\r\n" + OPEN),
    "RTSP": says(b"RTSP/1.0 200 OK\r\n\r\n" + OPEN),
    "ICY": says(b"ICY 200 OK\r\n\r\n" + OPEN),
    "blank lines only": says(b"\r\n\r\n\r\n"),
    "NULs": says(b"\x00" * 64),
    **{f"status {word}": says(head(status=word.encode()) + OPEN) for word in ("abc", "99", "1000", "-200", "")},
}
SWITCHING = {
    "101": says(head(b"Upgrade: websocket", b"Connection: Upgrade", status=b"101 Switching Protocols") + OPEN),
    "101 and then the answer": says(head(status=b"101 Switching Protocols") + answer(OPEN)),
    "102 and then the answer": says(head(status=b"102 Processing") + answer(OPEN)),
    "103 and then the answer": says(head(b"Link: </x>", status=b"103 Early Hints") + answer(OPEN)),
    "199 that says open": says(head(status=b"199 Odd") + OPEN),
}
STILL_AN_ANSWER = {
    "reset after the answer": reset_after(answer(OPEN), seconds=0.1),
    "100 and then the answer": says(head(status=b"100 Continue") + answer(OPEN)),
    "HTTP/1.0 until the end": says(b"HTTP/1.0 200 OK\r\n\r\n" + OPEN),
    "no reason": says(head(status=b"200") + OPEN),
    "chunks of a byte": chunked(*(chunk(OPEN[n : n + 1]) for n in range(len(OPEN))), END),
    "chunks with extensions and trailers": chunked(chunk(OPEN, b"%x;a=b" % len(OPEN)), b"0\r\nX: x\r\n\r\n"),
    "chunk that ends in another way": chunked(chunk(OPEN)[:-2] + b"xx", END),  # http.client does not look
    "headers that are none": says(head(b"no colon here", b": nothing", b"X\x00Y: \xff") + OPEN),
}
MALFORMED = CUT | LENGTHS | CHUNKS | BANNERS | HEADS | SWITCHING

PLAIN = {
    "HTTP": says(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "TLS alert": says(b"\x15\x03\x01\x00\x02\x02\x28"),
    **BANNERS,
}


def leave(visit: Visit) -> None:
    visit.sock.recv(65536)

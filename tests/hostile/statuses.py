"""Answers that are not a 200. Whatever their body says of states, the number is not healthy."""

import json

from tests.hostile.words import OPEN, Script, refuses, says

ITSELF = b"/instance/connectionState/alpha"
WHERE_TO = {
    "beta": b"/instance/connectionState/beta",
    "a connecting command": b"/instance/connect/alpha",
    "another scheme": b"//localhost/",
    "metadata": b"http://169.254.169.254/latest/meta-data/",
    "file": b"file:///etc/passwd",
    "gopher": b"gopher://127.0.0.1:6379/_FLUSHALL",
    "script": b"javascript:alert(1)",
    "nonsense": b"http://[::1",
    "an empty place": b"",
    "the end of the world": b"/" + b"x" * 20_000,
    "user info": b"http://evo.example@127.0.0.1/",
    "bytes": b"http://\xff\x00/",
}
REDIRECTS = {
    **{f"{status} to itself": refuses(status, OPEN, b"Location: " + ITSELF) for status in (301, 302, 303, 307, 308)},
    **{f"302 to {name}": refuses(302, OPEN, b"Location: " + where) for name, where in WHERE_TO.items()},
    "302 to nowhere": refuses(302, OPEN),
    "302 with two ways": refuses(302, OPEN, b"Location: /a", b"Location: /b"),
}


def saying_open(*numbers: int) -> dict[str, Script]:
    return {f"{number} that says open": refuses(number) for number in numbers}


ODD = {
    **saying_open(201, 202, 203, 205, 206, 207, 208, 226, 299, 300, 305, 306, 400, 402, 405, 406, 407, 408, 409, 410, 411),
    **saying_open(412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 425, 426, 428, 431, 451, 499),
    "204 without a body": says(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "204 with a body": refuses(204),
    "206 of a part": refuses(206, OPEN, b"Content-Range: bytes 0-55/56"),
    "304 without a body": says(b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    "304 with a body": refuses(304),
}
BEYOND = saying_open(600, 700, 999)
SERVER_ERRORS = saying_open(*range(500, 512), *range(520, 531), 598, 599)
KEY_REJECTED = {
    **saying_open(401, 403),
    "401 that wants a password": refuses(401, b"", b'WWW-Authenticate: Basic realm="open"'),
    "403 of a firewall": refuses(403, b"<html>blocked</html>"),
}


def says_404(message: object) -> Script:
    return refuses(404, json.dumps({"status": 404, "error": "Not Found", "response": {"message": message}}).encode())


INSTANCE_MISSING = {
    'The "alpha"': says_404(['The "alpha" instance does not exist']),
    'The "alpha" as text': says_404('The "alpha" instance does not exist'),
    'Instance "alpha"': says_404([['Instance "alpha" not found']]),
}
NOT_EVOLUTION = {
    "Cannot GET": says_404(["Cannot GET /instance/connectionState/alpha"]),
    "404 page": refuses(404, b"<html>open</html>"),
    "404 text": refuses(404, b"404 page not found"),
    "404 empty": refuses(404, b""),
    "404 bytes": refuses(404, b"\xff\xfe\x00"),
    "404 too long for its word": refuses(404, b'{"response":{"message":["' + b"x" * 5_000 + b'"]}}'),
}
OTHER_404 = {
    "404 that says open": refuses(404),
    **{f"404 with message {json.dumps(word)}": says_404(word) for word in (None, 7, [], [[]], {}, "open", ["gone"])},
}
RETRY_AFTER = [
    b"90",
    b"0",
    b"-5",
    b"1.5",
    b"1e9",
    b"9" * 5_000,
    b"\xb2",
    b"soon",
    b"",
    b"Wed, 01 Jan 2020 00:00:00 GMT",
    b"Fri, 01 Jan 2999 00:00:00 GMT",
    b"Tue, 99 Foo 2026 99:99:99 GMT",
    b"Fri, 31 Dec 9999 23:59:59 -2359",
    b"30, 60",
]
ASKED_TO_WAIT = {
    "429": refuses(429),
    "429 twice told": refuses(429, OPEN, b"Retry-After: 30", b"Retry-After: soon"),
    **{f"429 {word[:32]!r}": refuses(429, OPEN, b"Retry-After: " + word) for word in RETRY_AFTER},
}

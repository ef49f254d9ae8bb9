"""A 200 whose body is not, or not quite, the answer that was asked for."""

import json

from tests.hostile.floods import LIMIT, body_of
from tests.hostile.words import BETA, OPEN, Script, answer, says, state_body

BOM = b"\xef\xbb\xbf"
PAGE = b"<!doctype html><title>open</title>"


def body(data: bytes) -> Script:
    return says(answer(data))


def instance(inside: bytes) -> Script:
    return body(b'{"instance":' + inside + b"}")


def value(data: bytes) -> Script:
    """Put a value where JSON has none, beside an open state."""
    return body(OPEN[:-2] + b',"x":' + data + b"}}")


def states(*words: object) -> dict[str, Script]:
    return {f"state {json.dumps(word)[:40]}": body(state_body(word)) for word in words}


NOT_AN_ANSWER = {
    "empty": body(b""),
    "blank": body(b" \r\n\t"),
    "cut": body(OPEN[:-2]),
    "cut and closed": says(answer(OPEN)[:-2]),
    "bare word": body(b"open"),
    "two documents": body(OPEN + OPEN),
    "two lines of JSON": body(OPEN + b"\n" + OPEN),
    "rubbish behind it": body(OPEN + b"\x00"),
    "bad UTF-8 behind it": body(OPEN + b"\xff"),
    "bad UTF-8 inside": value(b'"\xc3\x28"'),
    "UTF-16": body(OPEN.decode().encode("utf-16")),
    "UTF-32": body(OPEN.decode().encode("utf-32")),
    "two byte order marks": body(BOM + BOM + OPEN),
    "NaN": value(b"NaN"),
    "Infinity": value(b"-Infinity"),
    "single quotes": body(OPEN.replace(b'"', b"'")),
    "comment": body(b"// open\n" + OPEN),
    "trailing comma": body(OPEN[:-2] + b",}}"),
    "JSONP": body(b"callback(" + OPEN + b")"),
    "protected JSON": body(b")]}',\n" + OPEN),
    "line break in the state": body(OPEN.replace(b"open", b"open\n")),
    "number of 60,000 digits": value(b"9" * 60_000),
    "deep nesting of lists": body(b"[" * 60_000),
    "deep nesting of objects": body(b'{"instance":' * 5_000),
    "deep nesting inside": value(b"[" * 30_000 + b"]" * 30_000),
}
PAGES = {
    "page": body(PAGE),
    "page labelled JSON": says(answer(PAGE, b"Content-Type: application/json")),
    "page behind a byte order mark": body(BOM + b"\r\n " + PAGE),
    "page that leads on by itself": body(b'<meta http-equiv=refresh content="0;url=http://169.254.169.254/">'),
    "XML": body(b'<?xml version="1.0"?><instance><state>open</state></instance>'),
}
OTHER_TYPES = {
    **{f"body {word}": body(word.encode()) for word in ("null", "true", "7", "1e999", '"open"', "[]", "[null]", "{}")},
    "list of answers": body(b"[" + OPEN + b"]"),
    "state without an instance": body(b'{"instanceName":"alpha","state":"open"}'),
    "state beside the instance": body(b'{"instance":{"instanceName":"alpha","state":7},"state":"open"}'),
    **{f"instance {word}": instance(word.encode()) for word in ("null", "true", "7", '"open"', "[]", '["open"]')},
    **states(None, True, 1, 0.0, [], ["open"], {}, {"state": "open"}),
}
UNKNOWN_STATES = {
    **states("OPEN", "Open", " open", "open ", " open\n", "\topen", "open\r\n", "closed", "refused", "connected", "true", ""),
    **states("opeп", "оpen", "ｏｐｅｎ", "open\u200b", "\u202eopen", "\u2066open\u2069", "o\u0301pen", "open\u00a0", "🦷"),
    **states("open\x00", "\x00", "\x1b[31mopen", "\ud800", "open\udfff", "<b>open</b>", "<script>alert(1)</script>"),
    **states("open'; drop table watch; --", "{{ open }}", "%s%n", "${open}", "open,open", "absent", "unknown", "timeout"),
    "state of 60,000 letters": body(state_body("x" * 60_000)),
    "state of 60,000 NULs": body(state_body("\x00" * 10_000)),
}
WITHOUT_STATE = {
    "only the name": body(b'{"instance":{"instanceName":"alpha"}}'),
    "state by another name": body(b'{"instance":{"instanceName":"alpha","State":"open","status":"open"}}'),
}
OTHER_NAMES = {
    "its neighbour's": body(state_body(name=BETA)),
    "its own and a path": body(state_body(name="alpha/../beta")),
    **{
        f"name {name!r}": body(state_body(name=name)) for name in ("Alpha", "alpha ", "", "аlpha", "alpha\x00", "alpha/../beta")
    },
    **{f"name {name!r}": body(state_body(name=name)) for name in (None, 7, ["alpha"], {"alpha": "alpha"})},
    "no name": body(b'{"instance":{"state":"open"}}'),
    "name outside": body(b'{"instanceName":"alpha","instance":{"state":"open"}}'),
}


def labelled(content_type: bytes) -> Script:
    return says(answer(OPEN, b"Content-Type: " + content_type))


TOLERATED = {
    "byte order mark": body(BOM + OPEN),
    "blanks around it": body(b"\r\n " + OPEN + b"\r\n"),
    "more than was asked for": value(b'{"nested":[1,2,{"state":"close"}]}'),
    "64 KiB exactly": body(body_of(LIMIT)),
    "identity by name": says(answer(OPEN, b"Content-Encoding: identity")),
    "no Content-Type": body(OPEN),
    **{
        f"Content-Type {label!r}": labelled(label.encode("latin-1"))
        for label in ("text/html", "text/plain; charset=utf-16", "image/png", "", ";;;", "\xff", 'x/y; q="', "a" * 999)
    },
}

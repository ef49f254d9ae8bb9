"""What a server can do to a kept connection, so that the next look, at somebody else's number, would pay for it."""

import time

from tests.hostile.server import STAY
from tests.hostile.words import BETA, OPEN, Script, answer, head, state_body
from tests.support.raw_server import Visit

LATER = 0.03  # seconds
NOT_ASKED_FOR = answer(state_body("close", name=BETA))


def stays(data: bytes) -> Script:
    def script(visit: Visit) -> object:
        visit.send(data)
        return STAY

    return script


def sends_more(extra: bytes) -> Script:
    def script(visit: Visit) -> object:
        visit.send(answer(OPEN))
        time.sleep(LATER)
        visit.send(extra)
        return STAY

    return script


def leaves(visit: Visit) -> None:
    visit.send(answer(OPEN))
    time.sleep(LATER)


def leaves_at_reuse(visit: Visit) -> None:
    visit.send(answer(OPEN))
    visit.sock.recv(65536)


def resets(visit: Visit) -> None:
    visit.send(answer(OPEN))
    time.sleep(LATER)
    visit.reset()


def resets_at_reuse(visit: Visit) -> None:
    leaves_at_reuse(visit)
    visit.reset()


AT_ONCE = {
    "extra answer": stays(answer(OPEN) + NOT_ASKED_FOR),
    "half an extra answer": stays(answer(OPEN) + NOT_ASKED_FOR[:20]),
    "extra blank line": stays(answer(OPEN) + b"\r\n"),
    "100 extra answers": stays(answer(OPEN) + NOT_ASKED_FOR * 100),
    "length too short": stays(head(b"Content-Length: 5") + OPEN),
    "answer behind the last chunk": stays(head(b"Transfer-Encoding: chunked") + b"1\r\nx\r\n0\r\n\r\n" + NOT_ASKED_FOR),
    "204 with a body": stays(answer(NOT_ASKED_FOR, status=b"204 No Content")),
    "304 with a body": stays(answer(NOT_ASKED_FOR, status=b"304 Not Modified")),
    "103 and then the answer": stays(head(status=b"103 Early Hints") + answer(OPEN)),
    "101 and then the answer": stays(head(status=b"101 Switching Protocols") + answer(OPEN)),
    "error that is not read to its end": stays(answer(NOT_ASKED_FOR * 1000, status=b"500 Oops")),
    "body that is too large": stays(answer(NOT_ASKED_FOR * 1000)),
    "broken chunks": stays(head(b"Transfer-Encoding: chunked") + b"zz\r\n" + NOT_ASKED_FOR),
}
A_MOMENT_LATER = {
    "extra answer": sends_more(NOT_ASKED_FOR),
    "408 for the idle": sends_more(answer(b"", status=b"408 Request Timeout")),
}
IDLE_END = {
    "idle close": leaves,
    "idle reset": resets,
}
AT_REUSE = {"close at reuse": leaves_at_reuse, "reset at reuse": resets_at_reuse}

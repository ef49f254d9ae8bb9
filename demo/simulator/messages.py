"""One request and one answer, as plain values: what passes between the sockets and those who decide."""

import json
import math
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import parse_qsl

NEVER = math.inf  # seconds: the answer does not come


class UnknownWord(LookupError):
    """No server, phone, mishap or mood of that name."""


@dataclass(frozen=True)
class Request:
    method: str
    target: str  # as it came, still quoted
    headers: dict[str, str] = field(default_factory=dict)  # names in small letters
    body: bytes = b""
    keeps_alive: bool = True

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @cached_property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @cached_property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    after_seconds: float = 0.0


def as_json(content: object, status: int = 200, *, after_seconds: float = 0.0) -> Answer:
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return Answer(status, body, after_seconds=after_seconds)


def as_html(text: str, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    return Answer(status, text.encode(), "text/html; charset=UTF-8", headers)

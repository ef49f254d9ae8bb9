"""What was seen around an incident's start, in words: the periods before it, then the readings of its run.

Clinics read of checks, operators of readings. What is missing from an old reading's JSON breaks nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from incidents import moments
from incidents.causes import CAUSES
from incidents.moments import SECONDS
from incidents.periods import Stretch
from incidents.readings import Status

STATUSES = {
    Status.OPEN: ("success", _("Connected")),
    Status.CONNECTING: ("info", _("Connecting")),
    Status.QR_PENDING: ("warning", _("QR pending")),
    Status.DISCONNECTED: ("danger", _("Disconnected")),
    Status.ERROR: ("neutral", _("Server error")),
    Status.UNKNOWN: ("neutral", _("Unknown")),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """One reading of the run. What the server answered, and how fast, is the operator's to see."""

    at: datetime
    tone: str
    label: str
    cause: str
    raw: str  # the server's own word, cleaned
    code: int | None
    took_ms: int | None
    is_inferred: bool  # nobody looked at the number itself: its server was down as a whole

    @property
    def answer(self) -> str:
        """`close, 401`; a code alone says that it is one."""
        if self.is_inferred:
            return gettext("not asked: its server was down")
        if self.raw:
            return f"{self.raw}, {self.code}" if self.code else self.raw
        return gettext("code {code}").format(code=self.code) if self.code else ""

    @property
    def took(self) -> str:
        return "-" if self.took_ms is None else f"{self.took_ms} ms"

    @property
    def sentence(self) -> str:
        if not self.raw:
            return ", ".join(filter(None, [self.label, self.answer]))
        if not self.code:
            return gettext('The server answered "{word}".').format(word=self.raw)
        return gettext('The server answered "{word}", code {code}.').format(word=self.raw, code=self.code)


@dataclass(frozen=True, slots=True)
class Before:
    """One row of what was before the run: `tone` and `label` until then, since when, and why it was not connected."""

    tone: str
    label: str
    reason: str
    since: str
    until: str


def readings(kept: Sequence[dict]) -> list[Seen]:
    return [_seen(reading, at) for reading in kept if (at := parse_datetime(reading.get("at", "")))]


def before(stretches: Iterable[Stretch], start: datetime) -> list[Before]:
    """Say the stretches in words; their times carry a date where that is not the day of the start."""
    return [_before(stretch, start) for stretch in stretches]


def _before(stretch: Stretch, start: datetime) -> Before:
    tone, label = STATUSES.get(stretch.status, ("neutral", stretch.status)) if stretch.status else ("neutral", _("No check"))
    is_bad = stretch.status and stretch.status != Status.OPEN and stretch.cause in CAUSES
    reason = str(CAUSES[stretch.cause].title) if is_bad else ""
    since, until = (moments.written(at, seen_from=start, to=SECONDS) for at in (stretch.start, stretch.end))
    return Before(tone, str(label), reason, since, until)


def _seen(reading: dict, at: datetime) -> Seen:
    tone, label = STATUSES.get(reading.get("status"), ("neutral", reading.get("status") or "?"))
    return Seen(
        at=at,
        tone=tone,
        label=str(label),
        cause=reading.get("cause", ""),
        raw=reading.get("raw") or "",
        code=reading.get("code"),
        took_ms=reading.get("ms"),
        is_inferred=reading.get("inferred", False),
    )

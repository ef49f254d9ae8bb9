"""The last three hours of a number, as a small drawing with words beside it.

Twenty-four beats of 7min 30s. A beat shows the worst that was seen within it; where nobody looked it is blind.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.durations import spell
from incidents.readings import Status

BEAT = timedelta(minutes=7, seconds=30)
BEATS = 24
SPAN = BEATS * BEAT

UP, DOWN, UNSTABLE, BLIND = "up", "down", "unstable", "blind"
KIND = {
    Status.OPEN: UP,
    Status.DISCONNECTED: DOWN,
    Status.ERROR: DOWN,
    Status.CONNECTING: UNSTABLE,
    Status.QR_PENDING: UNSTABLE,
}
_WORST_FIRST = (DOWN, UNSTABLE, UP)
_BARS = {UP: (4, 12), DOWN: (0, 20), UNSTABLE: (2, 16), BLIND: (8, 4)}  # top and height within 20
_LABELS = {
    UP: gettext_lazy("connected %(length)s"),
    DOWN: gettext_lazy("down %(length)s"),
    UNSTABLE: gettext_lazy("in transition %(length)s"),
    BLIND: gettext_lazy("not checked %(length)s"),
}


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time of one status. `ended_at` is None while it lasts."""

    status: str
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Drawing:
    paths: list[tuple[str, str]]  # CSS class, path data
    label: str


def seen_until(now: datetime, last_verdict_at: datetime | None, longest_gap: timedelta) -> datetime:
    """Until when what was seen last still holds: until now while looks come as they should, else until the last one."""
    if last_verdict_at is None:
        return now
    return now if now - last_verdict_at <= longest_gap else last_verdict_at


def tally(stretches: Iterable[Stretch], *, start: datetime, end: datetime, seen_until: datetime) -> dict[str, timedelta]:
    """Return how long it was up, down, unstable and blind between two moments."""
    lengths = dict.fromkeys((UP, DOWN, UNSTABLE), timedelta())
    for kind, began, ended in _clip(stretches, start, end, seen_until):
        lengths[kind] += ended - began
    lengths[BLIND] = max(timedelta(), end - start - sum(lengths.values(), timedelta()))
    return lengths


def draw(stretches: Iterable[Stretch], *, now: datetime, seen_until: datetime) -> Drawing:
    start, stretches = now - SPAN, list(stretches)
    kinds: list[set[str]] = [set() for _beat in range(BEATS)]
    for kind, began, ended in _clip(stretches, start, now, seen_until):
        first, last = int((began - start) / BEAT), int((ended - start - timedelta(microseconds=1)) / BEAT)
        for beat in kinds[first : last + 1]:
            beat.add(kind)
    shown = [next((kind for kind in _WORST_FIRST if kind in beat), BLIND) for beat in kinds]
    bars = {kind: "".join(_bar(n, kind) for n in range(BEATS) if shown[n] == kind) for kind in _BARS}
    lengths = tally(stretches, start=start, end=now, seen_until=seen_until)
    parts = [
        str(_LABELS[kind]) % {"length": spell(length)} for kind, length in lengths.items() if length >= timedelta(seconds=1)
    ]
    label = _("Last 3 hours: %(parts)s") % {"parts": ", ".join(parts)}
    return Drawing([(f"c-{kind}", path) for kind, path in bars.items() if path], label)


def _bar(n: int, kind: str) -> str:
    top, height = _BARS[kind]
    return f"M{5 * n} {top}h3v{height}h-3z"


def _clip(stretches: Iterable[Stretch], start: datetime, end: datetime, seen_until: datetime):
    for stretch in stretches:
        kind = KIND.get(stretch.status)
        began, ended = max(stretch.started_at, start), min(stretch.ended_at or seen_until, end)
        if kind and ended > began:
            yield kind, began, ended

"""The last three hours of a number, as a small drawing with words beside it.

Twenty-four beats of 7min 30s. A beat shows the worst that was seen within it; where nobody looked it is blind.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from channels_app import stretches
from channels_app.stretches import STATES, Period, State
from core.durations import spell
from incidents.readings import Status

BEAT = timedelta(minutes=7, seconds=30)
BEATS = 24
SPAN = BEATS * BEAT
A_SECOND = timedelta(seconds=1)

# Unlike in the clinic's strip, what is on its way back has a look of its own.
_STATES = STATES | {Status.CONNECTING: State.UNSTABLE, Status.QR_PENDING: State.UNSTABLE}
_WORST_LAST = (State.BLIND, State.UP, State.UNSTABLE, State.DOWN)
_HEIGHTS = {State.UP: (4, 12), State.DOWN: (0, 20), State.UNSTABLE: (2, 16), State.BLIND: (8, 4)}  # top and height within 20
_BARS = {
    state: [f"M{5 * beat} {top}h3v{height}h-3z" for beat in range(BEATS)] for state, (top, height) in _HEIGHTS.items()
}  # path data of each beat, should it be of that state
_LABELS = {
    State.UP: gettext_lazy("connected %(length)s"),
    State.DOWN: gettext_lazy("down %(length)s"),
    State.UNSTABLE: gettext_lazy("in transition %(length)s"),
    State.BLIND: gettext_lazy("not checked %(length)s"),
}


@dataclass(frozen=True, slots=True)
class Drawing:
    paths: list[tuple[str, str]]  # CSS class, path data
    label: str

    @property
    def svg(self) -> str:
        paths = format_html_join("", '<path class="{}" d="{}"/>', self.paths)
        return format_html('<svg class="beats" viewBox="0 0 118 20" role="img" aria-label="{}">{}</svg>', self.label, paths)


def draw(periods: Iterable[Period], *, now: datetime, seen_until: datetime) -> Drawing:
    start = now - SPAN
    seen = stretches.within(stretches.of(periods, now=now, seen_until=seen_until, states=_STATES), start, now)
    shown = _worst_of_each_beat(seen, start)
    bars: dict[State, list[str]] = {state: [] for state in _BARS}
    for beat, state in enumerate(shown):
        bars[state].append(_BARS[state][beat])
    return Drawing([(f"c-{state}", "".join(path)) for state, path in bars.items() if path], _label(seen))


def _worst_of_each_beat(seen: list[stretches.Stretch], start: datetime) -> list[State]:
    worst = [0] * BEATS  # places in _WORST_LAST
    for stretch in seen:
        place = _WORST_LAST.index(stretch.state)
        first, last = int((stretch.start - start) / BEAT), int((stretch.end - start - timedelta(microseconds=1)) / BEAT)
        for beat in range(first, last + 1):
            worst[beat] = max(worst[beat], place)
    return [_WORST_LAST[place] for place in worst]


def _label(seen: list[stretches.Stretch]) -> str:
    lengths = {state: stretches.total(seen, state) for state in (State.UP, State.DOWN, State.UNSTABLE)}
    lengths[State.BLIND] = SPAN - sum(lengths.values(), timedelta())  # with the time before it was entered
    said = [str(_LABELS[state]) % {"length": spell(length)} for state, length in lengths.items() if length >= A_SECOND]
    return _("Last 3 hours: %(parts)s") % {"parts": ", ".join(said)}

"""One day as a drawing: its stretches as SVG paths, one per state, the worse on top."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from channels_app.stretches import State, Stretch

WIDTH, HEIGHT = 1440, 10  # one unit is a minute of an ordinary day
LEAST_WIDTH = 40  # narrower, a fall would not be seen


def paths(stretches: Iterable[Stretch], *, start: datetime, end: datetime, until: datetime) -> Iterator[tuple[str, str]]:
    """Yield (state, path) from bottom to top. The day lasts from `start` to `end`; beyond `until` nothing is drawn."""
    stretches = list(stretches)
    for state in State:  # in its order: what is worse lies on top
        spans = sorted(_span(stretch, start, end, until) for stretch in stretches if stretch.state is state)
        path = "".join(f"M{left} 0h{right - left}v{HEIGHT}h-{right - left}z" for left, right in _merged(spans) if left < right)
        if path:
            yield state.value, path


def _span(stretch: Stretch, start: datetime, end: datetime, until: datetime) -> tuple[int, int]:
    """Left and right of a stretch. What is not up is at least so wide that it is seen, and never drawn beyond now."""
    whole = end - start  # a day of 23 or 25 hours is as wide as any other
    left, right, edge = (round((at - start) / whole * WIDTH) for at in (stretch.start, stretch.end, until))
    if stretch.state is State.UP or right - left >= LEAST_WIDTH:
        return left, right
    right = min(left + LEAST_WIDTH, max(edge, LEAST_WIDTH))
    return right - LEAST_WIDTH, right


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for left, right in spans:
        if merged and left <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], right))
        else:
            merged.append((left, right))
    return merged

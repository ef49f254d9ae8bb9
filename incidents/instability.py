"""Does a channel keep falling and coming back? Then one incident of instability stands for all of its falls.

Pure, like `lifecycle`. A *change of health* lies between two verdicts in a row of which one is healthy and the other is
not; what could not be seen, or cannot be known, is no change. So changes by turns are falls and returns.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

CAUSE = "unstable"  # of incidents.causes; the one that no single reading has
CHANGES = 6  # so many changes of health ...
CHANGES_WITHIN = timedelta(minutes=30)  # ... in so long a time,
INCIDENTS = 3  # or so many incidents, the one that would open with them, ...
INCIDENTS_WITHIN = timedelta(hours=2)  # ... opened in so long a time
STILL = timedelta(minutes=30)  # without a change: up, the trouble is over; down, it is an outage like any other

MINUTE = timedelta(minutes=1)


def with_change(changes: Sequence[datetime], at: datetime) -> tuple[datetime, ...]:
    """Return the changes that are to be remembered once there is one more."""
    return (*changes, at)[-CHANGES:]


def comes_with(changes: Sequence[datetime]) -> bool:
    """Say whether the last of these changes, which came just now, makes the channel unstable."""
    # Not last minus first: a clock may have been set back between them.
    return len(changes) == CHANGES and max(changes) - min(changes) <= CHANGES_WITHIN


def comes_with_incident(opened_before: Iterable[datetime], at: datetime) -> bool:
    """Say whether an incident that opens at this moment is one too many; `opened_before`: when those before it opened."""
    return sum(at - opened <= INCIDENTS_WITHIN for opened in opened_before) >= INCIDENTS - 1


def is_still(changes: Sequence[datetime], at: datetime) -> bool:
    """Say whether the last change lies so far back that the channel is simply what it is: down, or up."""
    return not changes or at - changes[-1] >= STILL


def falls(changes: Sequence[datetime], *, is_down: bool) -> Sequence[datetime]:
    """Return those changes that were falls, oldest first; `is_down`: after the last of them."""
    return changes[-1 if is_down else -2 :: -2][::-1]


def count(changes: Sequence[datetime], *, is_down: bool) -> tuple[int, int]:
    """Return how often it fell, and in how many minutes, begun ones counted: from the first fall to the last change."""
    fallen = falls(changes, is_down=is_down)
    if not fallen:
        return 0, 0
    return len(fallen), max(1, math.ceil((changes[-1] - fallen[0]) / MINUTE))

"""The rules of design section 5, told a second time in another shape: nothing is remembered, all is recounted.

`History` keeps every reading of one channel and works each answer out from the whole list. It is slow, and it shares
no code with `incidents.lifecycle`; where the two disagree, one of them has misread the design.
Left out, as in lifecycle: who is told, server incidents, `follows`.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from incidents.readings import Health

HALF_AN_HOUR, TWO_HOURS = timedelta(minutes=30), timedelta(hours=2)
BAD, GOOD, UNSEEN, UNKNOWABLE = Health.UNHEALTHY, Health.HEALTHY, Health.UNSEEN, Health.UNKNOWABLE


@dataclass(frozen=True)
class Seen:
    """One reading, with what was true of the channel when it came."""

    at: datetime
    health: Health
    threshold: timedelta
    is_paired: bool = True
    wait: timedelta | None = None


@dataclass
class BadRun:
    """The verdicts from the first unhealthy one on; `ended` if the last of all readings ended it."""

    verdicts: list[Seen] = field(default_factory=list)
    ended: bool = False
    opened_by: Seen | None = None  # the verdict with which its incident opened
    unstable_from: Seen | None = None  # the verdict with which that was, or became, one of instability
    started_at: datetime | None = None  # of the incident


@dataclass
class History:
    interval: timedelta
    recheck: timedelta
    deadline: timedelta
    seen: list[Seen] = field(default_factory=list)

    def switch_off_and_on(self):
        self.seen.clear()

    # What is on record

    def last_run(self) -> BadRun | None:
        """The bad run that goes on, or that the last reading ended."""
        verdicts = self.verdicts()
        changed = self.changes(verdicts)
        run, over = None, []
        for number, verdict in enumerate(verdicts):
            if run is None and not (verdict.health is BAD and verdict.is_paired):
                continue
            run = run or BadRun()
            run.verdicts.append(verdict)
            self._open(run, over, changed[number])
            if self._ends(run):
                if verdict is self.seen[-1]:
                    run.ended = True
                    return run
                over.append(run)
                run = None
        return run

    def verdicts(self) -> list[Seen]:
        return [s for s in self.seen if s.health is not UNSEEN]

    def _open(self, run: BadRun, over: list[BadRun], changed: list[Seen]) -> None:
        last, six = run.verdicts[-1], changed[-6:]
        if run.opened_by is None and last.health is BAD and self.bad_for(run.verdicts) >= last.threshold:
            run.opened_by, run.started_at = last, run.verdicts[0].at
            openings = [r.opened_by.at for r in over if r.opened_by and r.verdicts[-1].health is GOOD]
            if len([at for at in openings if last.at - at <= TWO_HOURS]) >= 2:
                run.unstable_from = last
        times = [change.at for change in six]
        if len(six) == 6 and six[-1] is last and max(times) - min(times) <= HALF_AN_HOUR:
            if run.opened_by in (None, last):
                run.opened_by = last
                run.started_at = min(run.verdicts[0].at, next(change.at for change in six if change.health is BAD))
            run.unstable_from = run.unstable_from or last

    def _ends(self, run: BadRun) -> bool:
        if run.verdicts[-1].health is UNKNOWABLE:
            return True
        streak = self.streak(run.verdicts)
        if run.unstable_from:
            return bool(streak) and streak[-1].at - streak[0].at >= HALF_AN_HOUR
        return len(streak) >= 2

    def streak(self, verdicts: list[Seen]) -> list[Seen]:
        """The healthy verdicts with which these end, since the last blind gap."""
        streak: list[Seen] = []
        for verdict in reversed(verdicts):
            if verdict.health is not GOOD or (streak and self._is_blind(verdict, streak[0])):
                break
            streak.insert(0, verdict)
        return streak

    def changes(self, verdicts: list[Seen]) -> list[list[Seen]]:
        """For each verdict those up to it that differ in health from the one before, since the last that could not tell."""
        changed: list[list[Seen]] = [[]] if verdicts else []
        for before, after in pairwise(verdicts):
            differs = before.is_paired and after.is_paired and (before.health, after.health) in ((BAD, GOOD), (GOOD, BAD))
            changed.append([] if after.health is UNKNOWABLE else [*changed[-1], after] if differs else changed[-1])
        return changed

    def last_changes(self) -> list[Seen]:
        return (self.changes(self.verdicts()) or [[]])[-1]

    def bad_for(self, verdicts: list[Seen]) -> timedelta:
        stretches = [after.at - before.at for before, after in pairwise(verdicts) if before.health is after.health is BAD]
        return sum((max(timedelta(), min(stretch, self.interval)) for stretch in stretches), timedelta())

    def good_since(self, run: BadRun) -> datetime | None:
        """When the streak of healthy readings began that goes on, or that ended the run."""
        is_cut = run.verdicts[-1].health is UNKNOWABLE
        streak = self.streak(run.verdicts[:-1] if is_cut else run.verdicts)
        return streak[0].at if streak else None

    def resolved_at(self, run: BadRun) -> datetime | None:
        if not run.ended or run.opened_by is None:
            return None
        return self.good_since(run) or run.verdicts[-1].at

    def is_unstable_now(self, run: BadRun) -> bool:
        """Whether the last verdict leaves the incident one of instability, rather than of a channel that is simply down."""
        last, changed = run.verdicts[-1], self.last_changes()
        if run.ended or run.unstable_from is None:
            return False
        is_still = not changed or last.at - changed[-1].at >= HALF_AN_HOUR
        return last.health is GOOD or run.unstable_from is last or not is_still

    # When to look again

    def look_again_in(self) -> timedelta:
        last, run = self.seen[-1], self.last_run()
        if last.health is UNSEEN:
            wait = max(self.interval, min(last.wait or timedelta(), timedelta(minutes=10)))
            if run and not run.ended and run.verdicts[-1].health is GOOD:  # one more healthy look may end it
                wait = max(self.recheck, min(wait, run.verdicts[-1].at + 2 * self.interval - last.at))
            return wait
        if run is None or run.ended:
            return self.interval
        if run.unstable_from and last.health is GOOD:
            up_for = max(timedelta(), last.at - self.good_since(run))
            return min(self.interval, timedelta(seconds=60), HALF_AN_HOUR - up_for)
        if last.health is GOOD:
            return self.recheck
        if run.opened_by:
            return min(self.interval, timedelta(seconds=60))
        if len(run.verdicts) == 1:
            return self.recheck
        return min(self.interval, last.threshold - self.bad_for(run.verdicts))

    # What could not be seen

    def unseen_since(self) -> datetime | None:
        first = None
        for reading in reversed(self.seen):
            if reading.health is not UNSEEN:
                break
            first = reading.at
        return first

    def _is_blind(self, before: Seen, after: Seen) -> bool:
        return after.at - before.at > 2 * self.interval + self.deadline

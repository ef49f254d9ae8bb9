"""The rules of design section 5, told a second time in another shape: nothing is remembered, all is recounted.

`History` keeps every reading of one channel and works each answer out from the whole list. It is slow, and it shares
no code with `incidents.lifecycle`; where the two disagree, one of them has misread the design.
Left out, as in lifecycle: unstable channels, `action_needed`, server incidents, `follows`.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from incidents.readings import Health

BAD, GOOD, UNSEEN, UNKNOWABLE = Health.UNHEALTHY, Health.HEALTHY, Health.UNSEEN, Health.UNKNOWABLE


@dataclass(frozen=True)
class Seen:
    """One reading, with what was true of the channel when it came."""

    at: datetime
    health: Health
    threshold: timedelta
    is_paired: bool = True
    wait: timedelta | None = None


@dataclass(frozen=True)
class BadRun:
    """The verdicts from the first unhealthy one on; `ended` if the last of them ended it."""

    verdicts: list[Seen]
    ended: bool


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
        verdicts = [s for s in self.seen if s.health is not UNSEEN]
        run: list[Seen] = []
        for number, verdict in enumerate(verdicts, start=1):
            if not run and not (verdict.health is BAD and verdict.is_paired):
                continue
            run = [*run, verdict]
            if self._ends(run):
                if number == len(verdicts) and self.seen[-1] is verdict:
                    return BadRun(run, ended=True)
                run = []
        return BadRun(run, ended=False) if run else None

    def _ends(self, run: list[Seen]) -> bool:
        if run[-1].health is UNKNOWABLE:
            return True
        return [s.health for s in run[-2:]] == [GOOD, GOOD] and not self._is_blind(run[-2], run[-1])

    def bad_for(self, verdicts: list[Seen]) -> timedelta:
        stretches = [after.at - before.at for before, after in pairwise(verdicts) if before.health is after.health is BAD]
        return sum((max(timedelta(), min(stretch, self.interval)) for stretch in stretches), timedelta())

    def opened_by(self, run: BadRun) -> Seen | None:
        """The reading that opened this run's incident: the first unhealthy one at which the sum had the threshold."""
        for number, verdict in enumerate(run.verdicts, start=1):
            if verdict.health is BAD and self.bad_for(run.verdicts[:number]) >= verdict.threshold:
                return verdict
        return None

    def good_since(self, run: BadRun) -> datetime | None:
        """When the streak of healthy readings began that goes on, or that ended the run."""
        before_the_end = run.verdicts[:-1] if run.ended else run.verdicts
        return before_the_end[-1].at if before_the_end[-1].health is GOOD else None

    def resolved_at(self, run: BadRun) -> datetime | None:
        if not run.ended or self.opened_by(run) is None:
            return None
        return self.good_since(run) or run.verdicts[-1].at

    # When to look again

    def look_again_in(self) -> timedelta:
        last, run = self.seen[-1], self.last_run()
        if last.health is UNSEEN:
            return max(self.interval, min(last.wait or timedelta(), timedelta(minutes=10)))
        if run is None or run.ended:
            return self.interval
        if last.health is GOOD:
            return self.recheck
        if self.opened_by(run):
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

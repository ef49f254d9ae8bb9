"""How well was the whole fleet connected within seven days? `fleet_week` reckons it, the page only reads."""

from dataclasses import dataclass
from datetime import timedelta

from channels_app import availability
from channels_app.models import Pulse


@dataclass(frozen=True, slots=True)
class FleetWeek:
    """The last seven days of all numbers in the count."""

    share: float | None = None  # up / (up + down); None where neither was seen, and before the first measure
    blind: timedelta = timedelta()  # without a check, on average of a number

    @classmethod
    def of(cls, pulse: Pulse | None) -> "FleetWeek":
        if pulse is None or not pulse.week_numbers:
            return cls()
        seen = pulse.week_up_seconds + pulse.week_down_seconds
        blind = timedelta(seconds=pulse.week_blind_seconds / pulse.week_numbers)
        return cls(pulse.week_up_seconds / seen if seen else None, blind)

    @property
    def percent(self) -> str:
        return availability.percent(self.share, places=2)

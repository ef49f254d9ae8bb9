"""The host's clock, wrong by what a lever says: `time.time`, `datetime.now`. The monotonic one goes on, as on a real host."""

import datetime as module
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.levers import Levers

Real = module.datetime


def put_wrong(levers: "Levers") -> None:
    """Call before anybody takes `time.time` or `datetime.datetime` by name."""
    right = time.time

    def wrong() -> float:
        return right() + levers.host_seconds

    class _IsReal(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, Real)

        def __subclasscheck__(cls, other: type) -> bool:
            return issubclass(other, Real)

    class Wrong(Real, metaclass=_IsReal):
        """Makes real datetimes: only what it takes for now is wrong."""

        def __new__(cls, *arguments, **named):
            return Real(*arguments, **named)

        @classmethod
        def now(cls, tz=None):
            return Real.fromtimestamp(wrong(), tz)

        @classmethod
        def utcnow(cls):
            return Real.fromtimestamp(wrong(), module.UTC).replace(tzinfo=None)

        @classmethod
        def today(cls):
            return cls.now()

    time.time = wrong
    module.datetime = Wrong

"""What the operator's pages say of a server as a whole: is it down, does it answer slowly, how fast."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import formats

from channels_app.models import Server

SLOW_MS = 2000


@dataclass(frozen=True, slots=True)
class Reach:
    latency_ms: float | None = None
    dark_since: datetime | None = None

    @classmethod
    def of(cls, server: Server) -> "Reach":
        """A server that was never looked at has no such row. Without a query where `reachability` came along."""
        known = getattr(server, "reachability", None)
        return cls(known.latency_ms, known.dark_since) if known else cls()

    @property
    def is_slow(self) -> bool:
        return self.dark_since is None and self.latency_ms is not None and self.latency_ms >= SLOW_MS

    @property
    def latency(self) -> str:
        """How long an answer takes: `84 ms`, from a second on `2.4 s`; empty while there are no answers.

        What is less than the last digit is dropped, as in lengths of time: what reads 2.0 s is slow.
        """
        if self.latency_ms is None or self.dark_since is not None:
            return ""
        if self.latency_ms < 1000:
            return f"{int(self.latency_ms)} ms"
        return f"{formats.number_format(self.latency_ms // 100 / 10, 1)} s"

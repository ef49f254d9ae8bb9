"""The contract between the watch and the servers: one look at one channel becomes one `Reading`.

A gateway never raises, never writes, and lets no HTTP type and no word of the server's out of its file.
It calls nothing that changes anything on the server: a look only reads.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from core.fields import Secret
from incidents.readings import Reading, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the last verdict said. A repeat of the same raw state keeps it, without asking for the reason again."""

    raw_state: str
    status: Status
    cause: str
    code: int | None = None
    integration: str = ""  # empty: never asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Whom to look at: plain values, so that a look needs no database."""

    base_url: str  # as core.addresses rebuilt it: scheme, host, port, path prefix, no slash at the end
    key: Secret | None = field(repr=False)
    instance_name: str
    operator_owned: bool  # the operator's servers may stand in networks that EVOLUTION_ALLOWED_HOSTS lists
    known: Known | None = None  # None before the first verdict
    ask_reason: bool = False  # an incident may open on this look: ask why, even if the state is a repeat


class Gateway(Protocol):
    """A module of this package: `gateways.evolution` is one."""

    def look(self, target: Target, *, at: datetime, seconds: float) -> Reading:
        """Look once, within `seconds` in all. Never raises. `at` becomes the reading's time."""

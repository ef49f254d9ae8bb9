"""The contract between the watch and the servers: one look at one channel becomes one `Reading`.

A gateway is a module with `look` and `list_all`, as `evolution` is. It never raises, never writes, and lets no HTTP type and
no word of the server's out of its file. It calls nothing that changes anything on the server: a look only reads.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from core.fields import Secret
from incidents.readings import Status


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
    row: dict | None = None  # what the server's last full list said of this number, as `list_all` gave it
    row_is_fresh: bool = False  # it may still be believed about a connection that is down
    row_is_of_run: bool = False  # it came since the bad run began: a connection that it says is there did not fall after it
    may_ask: Callable[[bool], bool] = lambda is_bad: True  # may this look ask for the reason? (or, if not bad, for the owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A server's own full list. `rows` is None where there is none: `failure` says why, in our own short words."""

    rows: dict[str, dict] | None = None  # by instance name; plain values, for `Target.row`
    failure: str = ""
    is_legacy: bool = False  # a version whose list says nothing more than a look does


MISSING = {"missing": True}  # a Target.row: the complete list has no such number

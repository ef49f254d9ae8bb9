"""What a look at a channel can mean, in the words that every layer shares.

Plain values, no Django: `lifecycle` judges them, gateways make them, the database stores their words.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum

RAW_STATE_CHARACTERS = 32


class Status(StrEnum):
    OPEN = "open"
    CONNECTING = "connecting"
    QR_PENDING = "qr_pending"
    DISCONNECTED = "disconnected"
    ERROR = "error"
    UNKNOWN = "unknown"  # not looked at yet, or it cannot be known from outside


class Health(Enum):
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNSEEN = "unseen"  # we could not look: it says nothing about the channel
    UNKNOWABLE = "unknowable"  # we looked, and looking cannot tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One look, told in our words. `status` is None where we could not look; `cause` then says why not."""

    at: datetime  # aware UTC; when the look started, by the database's clock
    status: Status | None
    cause: str  # a code of incidents.causes
    raw_state: str = ""  # the server's own word, cleaned; at most RAW_STATE_CHARACTERS
    code: int | None = None  # WhatsApp's reason code, or the HTTP status
    took_ms: int = 0
    wait: timedelta | None = None  # how long the server asked us to stay away
    integration: str = ""  # empty where it was not asked
    owner_jid: str = ""  # empty where it was not asked, or nobody ever paired
    ended_at: datetime | None = None  # when the connection ended, as the server remembers it; by its clock
    inferred: bool = False  # nobody looked: its server is down as a whole
    again_in: timedelta | None = None  # with an unseen one: when the next look is worth it
    reason_owed: bool = False  # a bad state whose reason may be had soon: too many asked at once

    @property
    def health(self) -> Health:
        if self.status is None:
            return Health.UNSEEN
        if self.status is Status.OPEN:
            return Health.HEALTHY
        return Health.UNKNOWABLE if self.status is Status.UNKNOWN else Health.UNHEALTHY


def clean_text(text: str, limit: int = RAW_STATE_CHARACTERS) -> str:
    """Return what may go near SQL, a log or a page: printable characters only, cut to `limit`.

    NUL and lone surrogates make psycopg raise; control and direction marks make logs and pages lie.
    """
    return "".join(c for c in text[: limit * 4] if c.isprintable())[:limit]

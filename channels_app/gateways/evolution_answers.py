"""What Evolution's answers say: bodies to facts, facts to meanings. Pure; `evolution` asks, this reads.

Everything here comes from another machine: each part may be missing, of another type, or hostile.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from incidents.readings import Status, clean_text

ABSENT = "absent"  # 200 without the key `state`: the row is there, the instance not (yet) in memory
STATES = {"open", "connecting", "close"}
NOT_VERIFIABLE = {"WHATSAPP-BUSINESS", "EVOLUTION"}  # say `open` from the moment they exist, with an invalid token too
OWN_INTEGRATION = "WHATSAPP-BAILEYS"  # the only one of 1.x, whose rows may not name it
MOST_JID_CHARACTERS = 64
MOST_ROWS = 20_000  # of a list: a server has some hundreds of numbers, and a row of ours costs a kilobyte

LOGGED_OUT = 401
BANNED = {402, 403, 406}
REASONS = range(1000)  # what a reason code may be; a server can send any number
REPLACED = 440

Meaning = tuple[Status, str, int | None]  # status, cause, WhatsApp's reason code


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is kept of a row of fetchInstances. Its `token` is the instance's secret in clear: never kept."""

    status: str  # connectionStatus; empty on 1.x, whose rows only repeat the state in memory
    integration: str
    owner_jid: str = ""  # survives a logout, so it tells "paired once" from "never"
    reason: int | None = None  # not cleared by a new pairing: believed only where `status` is close
    by_command: bool = False  # somebody called logout
    disconnected_at: datetime | None = None  # when it ended for the reason; aware, by the server's clock


class OldList(Exception):
    """A list of 1.x, whose rows only repeat what is in memory."""


class OddAnswer(Exception):
    """A 200 whose body is no answer to our question."""

    def __init__(self, cause: str, received: str) -> None:
        super().__init__(cause)
        self.cause = cause
        self.received = received


# What a state means without its row, or with one that stands between two states: with the row there may be more to say.
UNEXPLAINED = {"starting", "reconnecting", "reason_unknown"}


def classify(state: str, row: Row | None) -> Meaning:
    """Say what a state in memory means beside the row in the database; `row` is None where it is not known."""
    if row and row.integration in NOT_VERIFIABLE:
        return Status.UNKNOWN, "not_verifiable", None
    if state == "open":
        return Status.OPEN, "connected", None
    if state == ABSENT:
        return Status.CONNECTING, "starting", None
    if state == "connecting":
        return _connecting(row)
    return _closed(row)


def _connecting(row: Row | None) -> Meaning:
    if row is None or row.status == "open":
        return Status.CONNECTING, "reconnecting", None
    if row.status == "close":
        return Status.CONNECTING, "starting", None  # between two states: settled within seconds
    if not row.owner_jid:
        return Status.QR_PENDING, "awaiting_scan", None
    if row.status == "connecting":  # it shows a QR code, and was paired before: logged out, then restarted
        return Status.QR_PENDING, "logged_out", None
    return Status.CONNECTING, "reconnecting", None


def _closed(row: Row | None) -> Meaning:
    if row is None:
        return Status.DISCONNECTED, "reason_unknown", None
    if row.status == "open":
        return Status.DISCONNECTED, "network_lost", None
    if row.status == "connecting":
        return Status.DISCONNECTED, "logged_out" if row.owner_jid else "qr_expired", None
    if row.reason is None and not row.owner_jid:
        return Status.DISCONNECTED, "never_paired", None
    return Status.DISCONNECTED, _why(row), row.reason


def _why(row: Row) -> str:
    if row.reason == LOGGED_OUT:
        return "logged_out_by_command" if row.by_command else "logged_out"
    if row.reason in BANNED:
        return "banned"
    return "replaced" if row.reason == REPLACED else "reason_unknown"


def state_of(body: bytes, name: str) -> str:
    """Return one of STATES or ABSENT from connectionState's body, or raise `OddAnswer`."""
    if _looks_like_a_page(body):
        raise OddAnswer("wrong_address", "a web page")
    answer = _parse(body)
    instance = answer.get("instance") if isinstance(answer, dict) else None
    if not isinstance(instance, dict):
        raise OddAnswer("invalid_answer", "no instance")
    if instance.get("instanceName") != name:
        raise OddAnswer("invalid_answer", "another instance")
    state = instance.get("state", ABSENT)
    if not isinstance(state, str):
        raise OddAnswer("invalid_answer", "no state")
    if state not in STATES and "state" in instance:
        raise OddAnswer("unknown_state", clean_text(state))
    return state


def find_row(body: bytes, name: str) -> Row | None:
    """Find the row of that very name: in an array of rows (2.x), of `{"instance": row}`, or in one such (1.x)."""
    answer = _parse(body)
    for item in answer if isinstance(answer, list) else [answer]:
        if not isinstance(item, dict):
            continue
        inner = item.get("instance")
        if isinstance(inner, dict) and inner.get("instanceName") == name:
            return Row(status="", integration=_integration(inner), owner_jid=_text(inner.get("owner")))
        if item.get("name") == name:
            return _row(item)
    return None


def rows_of(body: bytes) -> dict[str, Row]:
    """Read a server's full list: each row by its instance's name. Raises `OddAnswer` or `OldList`."""
    answer = _parse(body)
    if not isinstance(answer, list):
        raise OddAnswer("invalid_answer", "no list")
    if len(answer) > MOST_ROWS:
        raise OddAnswer("invalid_answer", "too many rows")
    items = [item for item in answer if isinstance(item, dict)]
    if any(isinstance(item.get("instance"), dict) for item in items):
        raise OldList
    return {item["name"]: _row(item) for item in items if isinstance(item.get("name"), str)}


def as_json(row: Row) -> dict:
    """Return the row as plain values that JSON has; `from_json` reads them back."""
    at = row.disconnected_at
    return {**asdict(row), "disconnected_at": at.isoformat() if at else None}


def from_json(kept: dict | None) -> Row | None:
    """Return the row that `as_json` kept; None where the list had none of that name."""
    try:
        return Row(**{**kept, "disconnected_at": _moment(kept["disconnected_at"])}) if kept else None
    except (KeyError, TypeError):  # missing, or kept by another release
        return None


def _row(item: dict) -> Row:
    reason = item.get("disconnectionReasonCode")
    return Row(
        status=_text(item.get("connectionStatus")),
        integration=_integration(item),
        owner_jid=_text(item.get("ownerJid")),
        reason=reason if type(reason) is int and reason in REASONS else None,
        by_command=_disconnection_message(item).startswith("Log out instance"),
        disconnected_at=_moment(item.get("disconnectionAt")),
    )


def _moment(value: object) -> datetime | None:
    """Read an ISO date with a zone, as `2026-11-24T11:18:22.232Z`; None where it is anything else."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) and len(value) < 40 else None
        return found if found and found.tzinfo and found.utcoffset() is not None else None
    except ValueError:
        return None


def error_message(body: bytes) -> str | None:
    """Return `response.message` of an error envelope: a text, a list of texts, or a list of lists. None: no JSON."""
    try:
        found = _parse(body)
    except OddAnswer:
        return None
    for key in ("response", "message"):
        found = found.get(key) if isinstance(found, dict) else None
    while isinstance(found, list) and found:
        found = found[0]
    return found if isinstance(found, str) else ""


def _looks_like_a_page(body: bytes) -> bool:
    return body.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")  # the Content-Type label is not judged


def _parse(body: bytes) -> object:
    try:
        return json.loads(body.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise OddAnswer("invalid_answer", "not JSON" if body else "nothing") from None


def _refuse_constant(_word: str) -> None:
    raise ValueError  # NaN and Infinity are Python's idea of JSON, not JSON's


def _integration(row: dict) -> str:
    found = row.get("integration")
    found = found.get("integration") if isinstance(found, dict) else found  # 1.x nests it
    return clean_text(_text(found)) or OWN_INTEGRATION


def _disconnection_message(row: dict) -> str:
    """Return the message inside `disconnectionObject`, which is JSON in a string."""
    try:
        found = json.loads(row.get("disconnectionObject") or "null")
    except (TypeError, ValueError, RecursionError):
        return ""
    for key in ("error", "output", "payload", "message"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""


def _text(value: object) -> str:
    return clean_text(value, MOST_JID_CHARACTERS) if isinstance(value, str) else ""

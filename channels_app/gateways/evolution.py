"""Evolution API: one look at one channel becomes one Reading.

Facts (2.3.6, observed): GET /instance/connectionState/{name} answers from process memory and never asks WhatsApp,
so `open` proves nothing about sending; the row that GET /instance/fetchInstances reads changes only on a QR code, a
login and a final logout. The pair says why a number is down. `connectionState` finds a name before it looks at the
key (404 before 401). Query parameters override the path there, so a look's path carries none.
Never raises: what goes wrong becomes a Reading with a cause. No HTTP type and no word of Evolution leaves this file and
`evolution_answers`, which reads the bodies.

`raw_state` is the state's own word; "absent" where the server answered without one; and where no state was read,
our short word for what came instead: "timeout", "refused", "no such name", "not JSON" …
"""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from urllib.parse import quote

import structlog

from channels_app.gateways import Listing, Target
from channels_app.gateways.evolution_answers import (
    ABSENT,
    NOT_VERIFIABLE,
    UNEXPLAINED,
    Meaning,
    OddAnswer,
    OldList,
    Row,
    as_json,
    classify,
    error_message,
    find_row,
    from_json,
    rows_of,
    state_of,
)
from core import addresses, http
from core.fields import Secret, UndecryptableSecret
from incidents.causes import UNSEEN_ASKED_TO_WAIT, UNSEEN_CUT_OFF, UNSEEN_SEALED_KEY
from incidents.readings import Reading, Status, clean_text

log = structlog.get_logger(__name__)

_NOT_BELIEVED = "not believed"  # a row's status; what else stands in it does not change
LIST_BYTES = 5_000_000  # a server of 300 numbers sends 156 kB


def look(target: Target, *, at: datetime, seconds: float) -> Reading:
    """Look once, within `seconds` in all: one request, and a second one where the reason is needed."""
    started = time.monotonic()
    try:
        reading = _look(target, at, started + seconds)
    except Exception as error:  # one channel's surprise stays that channel's
        log.error("look_surprised", error=type(error).__name__)
        reading = _error(at, "invalid_answer")
    return replace(reading, took_ms=round((time.monotonic() - started) * 1000))


def list_all(*, base_url: str, key: Secret | None, operator_owned: bool, seconds: float) -> Listing:
    """Ask the server for all its numbers: one request."""
    try:
        headers = _headers(key)
        if headers is None:
            return Listing(failure="no key")
        limits = {"seconds": seconds, "max_bytes": LIST_BYTES, "operator_owned": operator_owned}
        answer = http.get(f"{base_url}/instance/fetchInstances", headers=headers, **limits)
        if answer.status != 200:
            return Listing(failure=f"HTTP {answer.status}")
        return Listing(rows={name: as_json(row) for name, row in rows_of(answer.body).items()})
    except OldList:
        return Listing(failure="version 1", is_legacy=True)
    except OddAnswer as odd:
        return Listing(failure=odd.received)
    except http.Failure as failure:
        return Listing(failure=failure.detail)
    except http.AddressRefused:
        return Listing(failure="address refused")
    except UndecryptableSecret:
        return Listing(failure="no key")
    except Exception as error:
        log.error("list_surprised", error=type(error).__name__)
        return Listing(failure="surprise")


def _look(target: Target, at: datetime, deadline: float) -> Reading:
    try:
        headers = _headers(target.key)
    except UndecryptableSecret:  # our own trouble: nobody has been asked
        log.warning("a key cannot be opened: put the key that sealed it back into FIELD_ENCRYPTION_KEYS")
        return Reading(at=at, status=None, cause=UNSEEN_SEALED_KEY)
    if headers is None:
        return _error(at, "key_rejected", received="key cannot be sent")
    try:
        name = quote(addresses.instance_name(target.instance_name), safe="")
        path = f"/instance/connectionState/{name}"
        answer = _get(target, path, headers, deadline)
        if answer.on_kept_connection and _is_anothers(answer, target.instance_name):
            answer = _get(target, path, headers, deadline, fresh=True)
        if answer.status != 200:
            return _refusal(answer, at)
        state = state_of(answer.body, target.instance_name)
    except addresses.AddressError:
        return _error(at, "instance_missing", received="impossible name")
    except OddAnswer as odd:
        return _error(at, odd.cause, received=odd.received)
    except (http.Failure, http.AddressRefused) as failure:
        return _no_answer(failure, at)
    row = _row(target, state, lambda: _ask_for_row(target, name, headers, deadline))
    status, cause, code = _meaning(target, state, row)
    return Reading(
        at=at,
        status=status,
        cause=cause,
        code=code,
        raw_state=state,
        integration=row.integration if row else "",
        owner_jid=row.owner_jid if row else "",
        ended_at=row.disconnected_at if row else None,
        reason_owed=cause in UNEXPLAINED and state != ABSENT and (row is None or row.status == _NOT_BELIEVED),
    )


def _row(target: Target, state: str, ask: Callable[[], Row | None]) -> Row | None:
    """Return the number's row, out of the server's full list or asked for; None where it is not needed or not to be had."""
    if state == ABSENT or (state == "open" and target.known and target.known.integration in NOT_VERIFIABLE):
        return None
    if state != "open":
        return _row_of_a_bad_state(target, state, ask)
    if target.known and target.known.integration:
        return None
    return from_json(target.row) or (ask() if target.may_ask(False) else None)  # however old: these do not change


def _row_of_a_bad_state(target: Target, state: str, ask: Callable[[], Row | None]) -> Row | None:
    """Ask where the state is new, or not explained, or may open an incident; else, or where too many ask, the list may do."""
    known = target.known
    # Without its row nobody knows whether the number was ever paired, and one that was not opens no incident.
    never_had_it = known is None or not known.integration
    listed = from_json(target.row) if target.row_is_fresh else None
    if listed and listed.status == "open" and not target.row_is_of_run:  # perhaps it fell since then
        listed = replace(listed, status=_NOT_BELIEVED, reason=None, disconnected_at=None) if never_had_it else None
    if listed and listed.status != _NOT_BELIEVED and known is None:
        return listed
    is_wanted = never_had_it or target.ask_reason or state != known.raw_state or known.cause in UNEXPLAINED
    return (ask() if is_wanted and target.may_ask(True) else None) or listed


def _meaning(target: Target, state: str, row: Row | None) -> Meaning:
    known = target.known
    if row is None and known and known.integration in NOT_VERIFIABLE:
        return Status.UNKNOWN, "not_verifiable", None
    is_repeat = known is not None and state == known.raw_state
    if row is None and is_repeat and (known.status is Status.OPEN) is (state == "open"):
        return known.status, known.cause, known.code
    return classify(state, row)


def _ask_for_row(target: Target, name: str, headers: dict[str, str], deadline: float) -> Row | None:
    """Ask for the row; None where it is refused, unknown, odd or late: a look does without it."""
    try:
        answer = _get(target, f"/instance/fetchInstances?instanceName={name}", headers, deadline)
        return find_row(answer.body, target.instance_name) if answer.status == 200 else None
    except (http.Failure, http.AddressRefused, OddAnswer):
        return None


def _is_anothers(answer: http.Answer, name: str) -> bool:
    """Was it sent before we asked? A proxy's farewell to an idle connection, or an answer that came twice."""
    try:
        return answer.status == 408 or (answer.status == 200 and not state_of(answer.body, name))
    except OddAnswer as odd:
        return odd.received == "another instance"


def _get(target: Target, path: str, headers: dict[str, str], deadline: float, *, fresh: bool = False) -> http.Answer:
    return http.get(
        target.base_url + path,
        headers=headers,
        seconds=deadline - time.monotonic(),
        operator_owned=target.operator_owned,
        fresh=fresh,
    )


def _headers(key: Secret | None) -> dict[str, str] | None:
    """Return the headers, or None where there is no key that a header can carry (a zero-width blank was pasted).

    Raises UndecryptableSecret.
    """
    text = key.reveal().strip() if key else ""
    try:
        text.encode("latin-1")
    except UnicodeEncodeError as error:
        log.warning("key_not_usable", error=type(error).__name__)
        return None
    return {"apikey": text} if text and text.isprintable() else None


def _refusal(answer: http.Answer, at: datetime) -> Reading:
    """Translate an answer that is not a 200. Whatever its body says of states, it is never healthy."""
    status = answer.status
    if status == 429:
        return Reading(at=at, status=None, cause=UNSEEN_ASKED_TO_WAIT, code=status, wait=answer.retry_after)
    if status in (401, 403):
        return _error(at, "key_rejected", code=status)
    if status in (301, 302, 303, 307, 308):
        return _error(at, "wrong_address", code=status, received="a redirect")
    if 500 <= status <= 599:
        return _error(at, "server_error", code=status)
    if status == 404:
        return _error(at, _not_found(error_message(answer.body)), code=status)
    return _error(at, "invalid_answer", code=status)


def _not_found(message: str | None) -> str:
    if message is None or message.startswith("Cannot "):  # a proxy's page, or a path that Evolution does not know
        return "wrong_address"
    return "instance_missing" if message.startswith(('The "', 'Instance "')) else "invalid_answer"


def _no_answer(failure: Exception, at: datetime) -> Reading:
    match failure:
        case http.AddressRefused():
            return _error(at, "address_refused", received=failure.host)
        case http.Unreachable(detail="own limit"):
            return Reading(at=at, status=None, cause=UNSEEN_CUT_OFF)
        case http.Unreachable():
            return _error(at, "server_unreachable", received=failure.detail)
        case http.BadCertificate():
            return _error(at, "certificate", received=failure.detail)
        case _:
            return _error(at, "invalid_answer", received=failure.detail)


def _error(at: datetime, cause: str, *, code: int | None = None, received: str = "") -> Reading:
    return Reading(at=at, status=Status.ERROR, cause=cause, code=code, raw_state=clean_text(received))

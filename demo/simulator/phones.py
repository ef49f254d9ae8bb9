"""A simulated phone: what a server's memory and its database say of it.

Facts (Evolution API 2.3.6, observed; `tests/recorded/` holds us to them): `connectionState` answers from memory,
`fetchInstances` from a row that no outage changes; the pair of them tells situations apart.
"""

import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

BAILEYS = "WHATSAPP-BAILEYS"
OFFICIAL_API = "WHATSAPP-BUSINESS"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why WhatsApp ended the connection for good."""

    code: int
    message: str
    removed_on_phone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    name: str  # the instance's name
    number: str  # digits, with the country's
    token: str = ""
    integration: str = BAILEYS
    condition: str = "never_connected"  # the last of `mishaps.MISHAPS` that happened to it
    memory: str | None = "close"  # what connectionState says; None: the server has not loaded it
    row: str | None = "close"  # what fetchInstances says; None: there is no row
    owner: str | None = None  # set by pairing, and never cleared
    reason: Reason | None = None
    reason_at: datetime | None = None
    delay_seconds: float = 0.0

    @property
    def exists(self) -> bool:
        return self.row is not None


def row_of(phone: Phone) -> dict:
    """Return the phone's element of fetchInstances."""
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, phone.name)),
        "name": phone.name,
        "connectionStatus": phone.row,
        "ownerJid": phone.owner,
        "profileName": None,
        "profilePicUrl": None,
        "integration": phone.integration,
        "number": None if phone.integration == BAILEYS else phone.number,
        "businessId": None,
        "token": phone.token,
        "clientName": "evolution_exchange",
        "disconnectionReasonCode": phone.reason.code if phone.reason else None,
        "disconnectionObject": _disconnection_object(phone),
        "disconnectionAt": _instant(phone.reason_at),
        "createdAt": "2026-01-05T12:00:00.000Z",
        "updatedAt": _instant(phone.reason_at) or "2026-01-05T12:00:00.000Z",
        "Setting": {"rejectCall": False, "groupsIgnore": False, "alwaysOnline": False},
        "_count": {"Message": 0, "Contact": 0, "Chat": 0},
    }


def _disconnection_object(phone: Phone) -> str | None:
    """The server puts JSON into a string here: encoded twice."""
    if not phone.reason:
        return None
    code, title = phone.reason.code, HTTPStatus(phone.reason.code).phrase
    data: dict | None = None if phone.reason.message.startswith("Log out") else {"reason": str(code), "location": "sim"}
    if phone.reason.removed_on_phone:
        conflict = {"tag": "conflict", "attrs": {"type": "device_removed"}}
        data = {"tag": "stream:error", "attrs": {"code": str(code)}, "content": [conflict]}
    payload = {"statusCode": code, "error": title, "message": phone.reason.message}
    output = {"statusCode": code, "payload": payload, "headers": {}}
    error = {"data": data, "isBoom": True, "isServer": False, "output": output}
    return json.dumps({"error": error, "date": _instant(phone.reason_at)})


def _instant(at: datetime | None) -> str | None:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z" if at else None

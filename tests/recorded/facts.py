"""The facts of an answer that a monitor reads, and nothing else of it: what recorded, simulated and scripted answers share.

`Said` is what connectionState gave, `Row` what fetchInstances gave for that name, `Gives` what one look makes of the two.
"""

import json
from dataclasses import dataclass

BAILEYS, OFFICIAL_API, OWN_API = "WHATSAPP-BAILEYS", "WHATSAPP-BUSINESS", "EVOLUTION"

# Why a row says it ended, by what disconnectionObject holds
REMOVED = "device_removed"  # error.data.content[0].attrs.type
COMMANDED = "Log out instance: "  # error.output.payload.message begins so
FAILED = "Connection Failure"  # likewise

TIMEOUT, REFUSED = "no answer", "connection refused"


@dataclass(frozen=True)
class Said:
    http: int | None  # None: no answer, `word` says which way
    word: str | None = None  # the state; None: the key is absent. Of an error: how its message begins. Of a page: "html"


@dataclass(frozen=True)
class Row:
    http: int | None
    word: str | None = None  # connectionStatus; of an error: how its message begins; None with 200: an empty list
    owned: bool = False  # ownerJid is there
    code: int | None = None  # disconnectionReasonCode, and whether there is a disconnectionAt
    why: str | None = None  # REMOVED, COMMANDED or FAILED
    integration: str = BAILEYS


@dataclass(frozen=True)
class Gives:
    status: str
    cause: str
    code: int | None = None


MESSAGES = (
    'The "',
    'Instance "',
    "Cannot GET ",
    "Unauthorized",
    "Failed to decode param",
    "PrismaClient",
    "\nInvalid `",
    "Invalid `",
)


def said(http: int | None, body: object, *, name: str = "") -> Said:
    """Reduce connectionState's answer."""
    if http == 200 and isinstance(body, dict):
        assert set(body) == {"instance"}, body
        assert set(body["instance"]) <= {"instanceName", "state"}, body
        assert not name or body["instance"]["instanceName"] == name, body
        return Said(200, body["instance"].get("state"))
    return Said(http, _word(body))


def row(http: int | None, body: object, *, name: str) -> Row:
    """Reduce fetchInstances' answer to its element of that name."""
    if http != 200 or not isinstance(body, list):
        return Row(http, _word(body))
    named = [each for each in body if each["name"] == name]
    if not named:
        return Row(200)
    element = named[0]
    assert (
        (element["disconnectionAt"] is None)
        == (element["disconnectionReasonCode"] is None)
        == (element["disconnectionObject"] is None)
    )
    return Row(
        200,
        element["connectionStatus"],
        owned=str(element["ownerJid"]).endswith("@s.whatsapp.net"),
        code=element["disconnectionReasonCode"],
        why=_why(element["disconnectionObject"]),
        integration=element["integration"],
    )


def _why(disconnection_object: str | None) -> str | None:
    if disconnection_object is None:
        return None
    error = json.loads(disconnection_object)["error"]  # JSON within JSON
    message = error["output"]["payload"]["message"]
    if (error["data"] or {}).get("content"):
        return error["data"]["content"][0]["attrs"]["type"]
    return next(word for word in (COMMANDED, FAILED) if message.startswith(word))


def _word(body: object) -> str:
    """Return how an error's message begins: it comes as text, as a list, or not at all."""
    if not isinstance(body, dict):
        return "html" if isinstance(body, str) and "<html" in body.lower() else TIMEOUT if body is None else repr(body)
    message = body["response"]["message"]
    text = message if isinstance(message, str) else message[0]
    return next(word for word in MESSAGES if text.startswith(word)).strip("\n")

"""The table of docs/causes.md: what each recorded situation becomes, by the code that judges it.

`python -m tests.recorded.table` writes it into the document; a test holds the document to the code.
"""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from channels_app.circuit import History, Limits, ServerState
from channels_app.verdicts import settle
from incidents.causes import CAUSES, Acts
from incidents.readings import Reading, Status
from tests.recorded import situations
from tests.recorded.facts import Gives, Row, Said

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/causes.md"
BEGIN, END = "<!-- table: python -m tests.recorded.table -->", "<!-- end of table -->"
HEAD = "| recording | situation | `connectionState` | row of `fetchInstances` | at first | where it lasts | who acts |"
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LONG = timedelta(minutes=20)
QUOTES = ' `"'  # that stand where the beginning of an error's message ends
ACTS = {Acts.CLINIC: "the clinic", Acts.OPERATOR: "the operator", Acts.OWNER: "the server's owner", Acts.TIME: "time"}


def table() -> str:
    lines = [_line(*line[:5], line[5]) for line in situations.SITUATIONS if line[5] is not None]
    return "\n".join([HEAD, "| --- " * HEAD.count(" |") + "|", *lines])


def first(gives: Gives, said: Said, row: Row | None) -> Reading:
    """The verdict of the first look that sees this, on a number that was connected before if its row has an owner."""
    return _settle(gives, said, History(status=Status.OPEN, cause="connected", is_paired=bool(row and row.owned)))


def lasting(gives: Gives, said: Said, row: Row | None) -> Reading:
    """The verdict after twenty minutes of looks that saw the same."""
    before = first(gives, said, row)
    history = History(
        status=before.status,
        cause=before.cause,
        code=before.code,
        cause_since=NOON - LONG,
        cause_streak=9,
        is_paired=bool(row and row.owned),
    )
    return _settle(gives, said, history)


def _settle(gives: Gives, said: Said, history: History) -> Reading:
    raw = "absent" if said.http == 200 and said.word is None else said.word or ""
    seen = Reading(at=NOON, status=Status(gives.status), cause=gives.cause, code=gives.code, raw_state=raw)
    return settle(seen, history, ServerState(), limits=Limits())


def _line(number: int, name: str, moment: str, said: Said, row: Row | None, gives: Gives) -> str:
    now, later = first(gives, said, row), lasting(gives, said, row)
    stays = (now.status, now.cause) == (later.status, later.cause)
    cells = [
        f"{number:02}",
        f"{name}: {moment}" if moment else name,
        _answer(said.http, said.word),
        "not asked" if row is None else _row(row),
        _verdict(now),
        "the same" if stays else _verdict(later),
        ACTS.get(CAUSES[later.cause].acts, "nobody"),
    ]
    return f"| {' | '.join(cells)} |"


def _verdict(seen: Reading) -> str:
    return f"`{seen.status}` `{seen.cause}`" + (f" {seen.code}" if seen.code else "")


def _answer(http: int | None, word: str | None) -> str:
    if http is None:
        return str(word)
    if http == 200:
        return f"`{word}`" if word else "no state"
    return f"{http}, “{(word or '').rstrip(QUOTES)} …”"


def _row(row: Row) -> str:
    said = _answer(row.http, row.word) if row.word or row.http != 200 else "not in the list"
    facts = [said, "owner" if row.owned else "", str(row.code or ""), row.why or ""]
    return ", ".join(fact.strip() for fact in facts if fact)


def write() -> None:
    text = DOCUMENT.read_text()
    DOCUMENT.write_text(re.sub(f"{BEGIN}.*?{END}", lambda _: f"{BEGIN}\n{table()}\n{END}", text, flags=re.DOTALL))


if __name__ == "__main__":
    write()

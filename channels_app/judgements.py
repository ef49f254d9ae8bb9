"""One look's verdict beside its watch: what `lifecycle` makes of it, and what becomes of the watch's row."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from channels_app import timing
from channels_app.circuit import ServerState
from channels_app.connection_periods import Change
from channels_app.watch_rows import Row, shows_pairing
from incidents import instability
from incidents.ledger import Bad
from incidents.lifecycle import Decision, Policy, Step, is_blind, judge
from incidents.models import MOST_READINGS
from incidents.readings import Health, Reading, Status

MOST_COUNTED = 32_767  # that the column of a streak holds
A_CAUSE_HOLDS = 2  # verdicts in a row


@dataclass(frozen=True, slots=True)
class Judged:
    row: Row
    seen: Reading
    decision: Decision
    policy: Policy

    @classmethod
    def of(cls, row: Row, seen: Reading, server: ServerState) -> "Judged":
        policy = timing.policy(row.threshold_minutes)
        return cls(row, seen, judge(row.state(seen, server), seen, policy), policy)

    @property
    def has_verdict(self) -> bool:
        return self.seen.health is not Health.UNSEEN

    @property
    def concerns_every_number(self) -> bool:
        return self.row.concerns_every_number(self.seen)

    def period(self) -> Change | None:
        """The period that begins with this verdict, where one does: status and cause are others, or nobody looked for long."""
        row, seen = self.row, self.seen
        if not self.has_verdict:
            return None
        is_after_blind_gap = row.last_verdict_at is None or is_blind(row.last_verdict_at, seen.at, self.policy)
        if not is_after_blind_gap and (row.status, row.cause) == (seen.status, seen.cause):
            return None
        last_ends_at = row.last_verdict_at if is_after_blind_gap else seen.at
        return Change(row.channel_id, row.tenant_id, seen.status, seen.cause, seen.at, last_ends_at)

    def readings(self) -> list[dict]:
        """The run's first reading and its latest ones, with this: what the incident's page shows after the periods before."""
        seen = self.seen
        told = {"at": seen.at.isoformat(), "status": seen.status, "cause": seen.cause}
        told |= {"inferred": True} if seen.inferred else {"raw": seen.raw_state, "code": seen.code, "ms": seen.took_ms}
        run = [*json.loads(self.row.run_readings), told]
        return run[:1] + run[1:][1 - MOST_READINGS :]

    def bad(self) -> Bad:
        decision = self.decision
        is_unstable = decision.step in (Step.UNSTABLE_OPENS, Step.UNSTABLE_STAYS)
        is_down = self.seen.health is Health.UNHEALTHY
        drops, minutes = instability.count(decision.health_changes, is_down=is_down) if is_unstable else (0, 0)
        return Bad(
            subject=self.row.subject(),
            seen=self.seen,
            started_at=decision.started_at or decision.run.first_unhealthy_at,
            readings=self.readings(),
            threshold_minutes=self.row.threshold_minutes,
            cause_holds=is_unstable or self.row.streak(self.seen) >= A_CAUSE_HOLDS,
            is_unstable=is_unstable,
            drops=drops,
            minutes=minutes,
        )

    def columns(self) -> dict[str, object]:
        """The watch's new values, by column."""
        row, seen, decision, run = self.row, self.seen, self.decision, self.decision.run
        verdict = self.has_verdict
        streak = row.streak(seen)
        gathers, keeps = decision.step in (Step.RUN_STARTS, Step.RUN_GOES_ON), decision.step in (Step.RECOVERS, Step.UNSEEN)
        return {
            "channel_id": row.channel_id,
            "connection_status": seen.status if verdict else row.status,
            "cause": seen.cause if verdict else row.cause,
            "raw_state": seen.raw_state if verdict else row.raw_state,
            "code": seen.code if verdict else row.code,
            "status_since": seen.at
            if verdict and (seen.status != row.status or row.status_since is None)
            else row.status_since,
            "cause_since": seen.at if verdict and (streak == 1 or row.cause_since is None) else row.cause_since,
            "cause_streak": min(streak, MOST_COUNTED) if verdict else row.cause_streak,
            "last_open_at": seen.at if seen.status is Status.OPEN else row.last_open_at,
            "paired_at": row.paired_at or (seen.at if shows_pairing(seen) else None),
            # A number that is missing may be made anew as another kind.
            "integration": seen.integration or ("" if seen.cause == "instance_missing" else row.integration),
            "owner_jid": seen.owner_jid or row.owner_jid,
            "seen_server": row.server_id,
            "seen_instance": row.instance_name,
            "first_unhealthy_at": run.first_unhealthy_at,
            "bad_seconds": run.bad_for.total_seconds(),
            "threshold_seconds": self.policy.threshold.total_seconds() if verdict else row.threshold_seconds,
            "good_streak": run.good_streak,
            "good_since": run.good_since,
            "health_changes": f"{{{','.join(at.isoformat() for at in decision.health_changes)}}}",
            "run_readings": json.dumps(self.readings()) if gathers else row.run_readings if keeps else "[]",
            "last_health_check": seen.at + timedelta(milliseconds=seen.took_ms),
            "last_verdict_at": seen.at if verdict else row.last_verdict_at,
            "unseen_since": decision.unseen_since,
            "next_look_at": self.next_look_at(),
        }

    def next_look_at(self) -> datetime:
        wait = self.decision.look_again_in
        in_step = self.seen.health is Health.HEALTHY and wait == self.policy.interval
        return timing.in_phase(self.row.channel_id, self.seen.at, wait) if in_step else self.seen.at + wait


def write(judged: Iterable[Judged]) -> None:
    rows = [item.columns() for item in judged]
    values = []
    for name, kind in _COLUMNS.items():
        column = [row[name] for row in rows]
        # Without blanks an instant needs no quotes: psycopg would look for what to escape in each of some eight a look.
        values.append([at and at.isoformat() for at in column] if kind == "timestamptz" else column)
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, values)


_COLUMNS = {
    "channel_id": "bigint",
    "connection_status": "text",
    "cause": "text",
    "raw_state": "text",
    "code": "int",
    "status_since": "timestamptz",
    "cause_since": "timestamptz",
    "cause_streak": "int",
    "last_open_at": "timestamptz",
    "paired_at": "timestamptz",
    "integration": "text",
    "owner_jid": "text",
    "seen_server": "bigint",
    "seen_instance": "text",
    "first_unhealthy_at": "timestamptz",
    "bad_seconds": "float8",
    "threshold_seconds": "float8",
    "good_streak": "smallint",
    "good_since": "timestamptz",
    "health_changes": "timestamptz[]",
    "run_readings": "jsonb",
    "last_health_check": "timestamptz",
    "last_verdict_at": "timestamptz",
    "unseen_since": "timestamptz",
    "next_look_at": "timestamptz",
}

# Who asked for a look while this one was under way gets another at once; a request that lies ahead is a clock's that went back.
# An array of arrays cannot be unnested into arrays: such a column comes as text.
_WRITE = f"""
update channels_app_watch w
set lease_until = null, strikes = 0,
    {", ".join(f"{name} = v.{name}::{kind}" for name, kind in _COLUMNS.items() if name not in ("channel_id", "next_look_at"))},
    next_look_at = case when w.requested_at > w.look_started_at and w.requested_at <= statement_timestamp()
        then statement_timestamp() else v.next_look_at end
from unnest({", ".join(f"%s::{'text' if '[]' in kind else kind}[]" for kind in _COLUMNS.values())}) as v ({", ".join(_COLUMNS)})
where w.channel_id = v.channel_id
"""  # noqa: S608

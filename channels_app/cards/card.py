"""One number as its clinic reads it: what is wrong and what to do, who knows, what has changed. It answers without a query.

Words are the clinic's: number, fall, message server.
"""

import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from django.utils.translation import gettext as _

from channels_app.cards import asked
from channels_app.cards.alerts import Alerts
from channels_app.cards.history import History
from channels_app.cards.moments import moment
from channels_app.cards.support import Support, support
from channels_app.cards.told import Told
from channels_app.models import STATUS_LABELS, Sweep
from channels_app.number import TONES, Number
from core.durations import spell
from incidents import advice, instability
from incidents.causes import CAUSES, Acts, title_of
from incidents.models import Incident
from incidents.readings import Status

SERVER_DOWN = "server_unreachable"  # in these words, whichever failure made the operator's server dark

ICONS = {
    Status.OPEN: "triangle-alert",
    Status.CONNECTING: "refresh-cw",
    Status.QR_PENDING: "qr-code",
    Status.DISCONNECTED: "unplug",
    Status.ERROR: "server-off",
    Status.UNKNOWN: "circle-question-mark",
}


@dataclass(frozen=True, slots=True)
class Box:
    """What is wrong, and what to do."""

    tone: str
    icon: str
    tag: str
    title: str
    step: str = ""
    down_since: datetime | None = None
    has_way: bool = False  # somebody has to act: the big button


@dataclass(kw_only=True)
class Card(Number):
    alerts: Alerts
    server_name: str
    incident: Incident | None = None  # the open one
    told: Told | None = None
    sweep: Sweep | None = None  # the last that was asked for
    history: History | None = None

    # Its state

    @property
    def is_well(self) -> bool:
        return self.box is None and not self.is_late

    @property
    def tag(self) -> tuple[str, str]:
        """Tone and word beside the name, where no box says how the number is just now; else empty."""
        if self.box is not None and not self.is_unstable:
            return ("", "")
        return ("neutral", _("No check")) if self.is_late else (TONES[self.status], str(STATUS_LABELS[self.status]))

    @property
    def is_unstable(self) -> bool:
        """It keeps falling and coming back: what it is just now says little."""
        return self.is_watched and self.incident is not None and self.incident.cause == instability.CAUSE

    @property
    def has_way(self) -> bool:
        return self.box is not None and self.box.has_way

    @cached_property
    def box(self) -> Box | None:
        """None where all is well."""
        if not self.is_watched:
            words = _("Talk to {support} to have it watched again.").format(support=support().name)
            return Box("neutral", "eye-off", _("Not watched"), _("The watch over this number is switched off"), words)
        if self.is_blind:
            return None  # the tag says so: what was wrong then may be over
        if self._is_down_with_its_server:
            return self._box_of_the_server()
        if self.is_unstable:
            return self._box_of_instability()
        if self.status is Status.OPEN and self.watch.cause == "connected":
            return None
        if not self.is_paired and self.status not in (Status.ERROR, Status.UNKNOWN):
            step = self._step("never_paired")
            return Box("info", "smartphone", _("Not connected"), str(CAUSES["never_paired"].title), step, has_way=True)
        return self._box_of_the_cause()

    @property
    def support(self) -> Support:
        return support()

    @property
    def down_for_pattern(self) -> str:
        """With a %s that static/ago.js fills every second."""
        return _("Down for %s")

    @property
    def down_for(self) -> str:
        return self.down_for_pattern % spell(self.now - self.box.down_since)

    @property
    def down_from(self) -> str:
        return moment(self.box.down_since, beside=self.now)

    @property
    def up_for(self) -> str:
        since = self.watch.status_since
        return spell(self.now - since) if since and self.status is Status.OPEN and not self.is_late else ""

    # Who knows, and the check that was asked for

    @property
    def told_line(self) -> str:
        if not self.is_down and not self.is_unstable:
            return ""
        if self.told:
            return self.told.sentence(self.now)
        if self._is_down_with_its_server:
            return ""  # its clinic gets one calm notice, later or never: not a failure to tell
        if not self.channel.alerts_enabled:
            return _("Alerts are off: nobody is told")
        if self.incident:
            return _("Nobody has been told yet")
        return _("An alert goes out after %(length)s down") % {"length": self.threshold}

    @property
    def is_waiting(self) -> bool:
        return asked.is_waited_for(self.sweep, self)

    @property
    def check_line(self) -> str:
        return asked.sentence(self.sweep, self)

    # What has changed

    @property
    def news(self) -> str:
        """Changes with what the rest of the page depends on; where the number is down, with each minute that was seen."""
        seen = self.watch.last_verdict_at
        minutes = (seen - self._down_since) // timedelta(minutes=1) if self.is_down and seen and self._down_since else None
        incident = self.incident and (self.incident.pk, self.incident.cause)
        return _sum(self.watch.connection_status, self.watch.cause, incident, self.is_late, minutes)

    @property
    def fingerprint(self) -> str:
        """Changes with anything that the card's head shows; times count by themselves."""
        return _sum(
            self.news, self.box, self.told_line, self.check_line, self.watch.last_health_check, self.channel.name, self.phone
        )

    def _box_of_the_cause(self) -> Box:
        return Box(
            tone="warning" if self.status is Status.OPEN else TONES[self.status],
            icon=ICONS[self.status],
            tag=_("Not verified") if self.status is Status.UNKNOWN else str(STATUS_LABELS[self.status]),
            title=self.watch.cause_title,
            step=self._step(self.watch.cause),
            down_since=self._down_since if self.is_down else None,
            has_way=self._acts in (Acts.CLINIC, Acts.OPERATOR),
        )

    def _box_of_the_server(self) -> Box:
        """Calm: there is nothing to do, and once support knows nobody to call. As its clinic is told of it."""
        cause = self.watch.cause if self.channel.server_owner else SERVER_DOWN
        return Box(
            tone=TONES[Status.ERROR],
            icon=ICONS[Status.ERROR],
            tag=str(STATUS_LABELS[Status.ERROR]),
            title=title_of(cause),
            step=self._step(cause),
            down_since=self._down_since,
            has_way=not self._support_knows,
        )

    def _box_of_instability(self) -> Box:
        drops, minutes = instability.count(self.watch.health_changes, is_down=self.status is not Status.OPEN)
        return Box(
            tone="warning",
            icon="activity",
            tag=_("Unstable"),
            title=str(CAUSES[instability.CAUSE].title),
            step=self._step(instability.CAUSE, drops=drops, minutes=minutes),
            down_since=self._down_since if self.is_down else None,
            has_way=True,
        )

    @property
    def _is_down_with_its_server(self) -> bool:
        """Its own cause is shown where it has come back to another, or where the clinic has to act on its own server."""
        has_parent = self.incident is not None and self.incident.parent_id is not None
        return has_parent and self.is_down and self.status is Status.ERROR and self._acts is not Acts.CLINIC

    @property
    def _acts(self) -> Acts:
        if self.watch.cause not in CAUSES:
            return Acts.NOBODY
        return advice.who_acts(self.watch.cause, self.subject(server_name=self.server_name))

    @property
    def _down_since(self) -> datetime | None:
        if self.is_unstable:  # its incident is older than this fall
            return self.watch.health_changes[-1] if self.watch.health_changes else self.watch.status_since
        return (self.incident and self.incident.started_at) or self.watch.first_unhealthy_at or self.watch.status_since

    @property
    def _support_knows(self) -> bool:
        return self.told is not None and self.told.support_knows

    def _step(self, cause: str, **falls: int) -> str:
        if cause not in CAUSES:
            return ""
        subject = self.subject(server_name=self.server_name)
        return str(advice.clinic_step(cause, subject, support_knows=self._support_knows, **falls))


def _sum(*parts: object) -> str:
    return f"{zlib.crc32(repr(parts).encode()):08x}"

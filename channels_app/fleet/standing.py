"""How a number stands: the one group it belongs to, and that in a tone and a word.

The database says the group of ten thousand numbers in one expression, `in_group`, where counts and orders need it;
`Group.of` says that of one at hand. A test holds the two together, and `late` with `Number.is_late`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from django.db.models import Case, IntegerField, Q, Value, When
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from channels_app.models import STATUS_LABELS, WATCHED
from channels_app.number import TONES, Number, late_before
from incidents.readings import Status


class Group(IntEnum):
    """Each number is in exactly one, the worst first."""

    DOWN = 1
    QR = 2
    CONNECTING = 3
    BLIND = 4
    CONNECTED = 5
    UNPAIRED = 6
    UNVERIFIABLE = 7
    UNSEEN = 8
    UNWATCHED = 9

    @property
    def is_counted(self) -> bool:
        return self not in _OUTSIDE

    @classmethod
    def of(cls, number: Number) -> "Group":
        if not number.is_watched:
            return cls.UNWATCHED
        if number.watch.cause == "not_looked_at":
            return cls.UNSEEN
        if number.is_blind:
            return cls.BLIND
        if number.status is Status.UNKNOWN:
            return cls.UNVERIFIABLE
        return cls.UNPAIRED if number.watch.paired_at is None else _OF_STATUS[number.status]


_OF_STATUS = {
    Status.OPEN: Group.CONNECTED,
    Status.CONNECTING: Group.CONNECTING,
    Status.QR_PENDING: Group.QR,
    Status.DISCONNECTED: Group.DOWN,
    Status.ERROR: Group.DOWN,
}


def in_group(now: datetime) -> Case:
    by_status = (
        When(watch__connection_status=status, then=Value(group)) for status, group in _OF_STATUS.items() if group != Group.DOWN
    )
    return Case(
        When(~WATCHED, then=Value(Group.UNWATCHED)),
        When(Q(watch=None) | Q(watch__cause="not_looked_at"), then=Value(Group.UNSEEN)),
        When(blind(now), then=Value(Group.BLIND)),
        When(watch__connection_status=Status.UNKNOWN, then=Value(Group.UNVERIFIABLE)),
        When(watch__paired_at=None, then=Value(Group.UNPAIRED)),
        *by_status,
        default=Value(Group.DOWN),
        output_field=IntegerField(),
    )


def blind(now: datetime) -> Q:
    """As `Number.is_blind` says of one that is watched."""
    return Q(watch__last_verdict_at__lt=late_before(now))


def late(now: datetime) -> Q:
    """As `Number.is_late` says of one that is watched."""
    return blind(now) | Q(watch__last_verdict_at=None, watch__last_health_check__lt=late_before(now))


@dataclass(frozen=True, slots=True)
class Standing:
    """A number's state in a tone and a word; since when where it is not well, or where nothing is known of it."""

    tone: str
    label: str
    since: datetime | None = None
    is_within_limit: bool = False

    @classmethod
    def of(cls, number: Number, *, has_incident: bool) -> "Standing":
        group, tone = Group.of(number), f"is-{TONES[number.status]}"
        if not group.is_counted:
            return cls("is-neutral", str(_OUTSIDE[group]), number.watch.last_verdict_at if group is Group.BLIND else None)
        label = _("Reconnecting") if group is Group.CONNECTING else str(STATUS_LABELS[number.status])
        if group is Group.CONNECTED:
            return cls(tone, label)
        return cls(tone, label, number.watch.status_since, not has_incident)


_OUTSIDE = {  # every count
    Group.BLIND: gettext_lazy("No check"),
    Group.UNPAIRED: gettext_lazy("Never connected"),
    Group.UNVERIFIABLE: gettext_lazy("Not verifiable"),
    Group.UNSEEN: gettext_lazy("Not checked yet"),
    Group.UNWATCHED: gettext_lazy("Not watched"),
}

"""How a number stands: the one group it belongs to, and that in a tone and a word.

The database says the group of ten thousand numbers in one expression, `IN_GROUP`, where counts and orders need it;
`Group.of` says that of one at hand. A test holds the two together.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from django.conf import settings
from django.db.models import Case, IntegerField, Q, Value, When
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from channels_app.models import STATUS_LABELS, WATCHED
from channels_app.number import INTERVALS_UNTIL_LATE, TONES, Number
from incidents.readings import Status


class Group(IntEnum):
    """Each number is in exactly one, the worst first. Those after CONNECTED are outside every count."""

    DOWN = 1
    QR = 2
    CONNECTING = 3
    CONNECTED = 4
    UNPAIRED = 5
    UNVERIFIABLE = 6
    UNSEEN = 7
    UNWATCHED = 8

    @property
    def is_counted(self) -> bool:
        return self <= Group.CONNECTED

    @classmethod
    def of(cls, number: Number) -> "Group":
        if not number.is_watched:
            return cls.UNWATCHED
        if number.watch.cause == "not_looked_at":
            return cls.UNSEEN
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

IN_GROUP = Case(
    When(~WATCHED, then=Value(Group.UNWATCHED)),
    When(Q(watch=None) | Q(watch__cause="not_looked_at"), then=Value(Group.UNSEEN)),
    When(watch__connection_status=Status.UNKNOWN, then=Value(Group.UNVERIFIABLE)),
    When(watch__paired_at=None, then=Value(Group.UNPAIRED)),
    *(When(watch__connection_status=status, then=Value(group)) for status, group in _OF_STATUS.items() if group != Group.DOWN),
    default=Value(Group.DOWN),
    output_field=IntegerField(),
)


@dataclass(frozen=True, slots=True)
class Standing:
    """A number's state in a tone and a word; since when where it is not well."""

    tone: str
    label: str
    since: datetime | None = None
    is_within_limit: bool = False

    @classmethod
    def of(cls, number: Number, *, has_incident: bool) -> "Standing":
        group, tone = Group.of(number), f"is-{TONES[number.status]}"
        if not group.is_counted:
            return cls("is-neutral", str(_OUTSIDE[group]))
        label = _("Reconnecting") if group is Group.CONNECTING else str(STATUS_LABELS[number.status])
        if group is Group.CONNECTED:
            return cls(tone, label)
        return cls(tone, label, number.watch.status_since, not has_incident)


_OUTSIDE = {
    Group.UNPAIRED: gettext_lazy("Never connected"),
    Group.UNVERIFIABLE: gettext_lazy("Not verifiable"),
    Group.UNSEEN: gettext_lazy("Not checked yet"),
    Group.UNWATCHED: gettext_lazy("Not watched"),
}


def late_before(now: datetime) -> datetime:
    """A last check before this moment is late, as `Number.is_late` says of one."""
    return now - INTERVALS_UNTIL_LATE * timedelta(seconds=settings.HEARTBEAT_INTERVAL_SECONDS)

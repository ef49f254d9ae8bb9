"""Numbers that nobody could look at for long: one warning per server and cause, however many they are.

No incident: nothing bad was seen. What is our own limit is nobody's server's, and one warning for the whole fleet.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from core.durations import spell
from incidents.causes import UNSEEN_ASKED_TO_WAIT, UNSEEN_CUT_OFF, UNSEEN_SEALED_KEY, UNSEEN_SERVER_BACK
from incidents.notices import moment
from notifications import announce
from notifications.announce import Notice

_WHY = {
    UNSEEN_ASKED_TO_WAIT: _("{server} asks us to stay away"),
    UNSEEN_CUT_OFF: _("Vigia has come to its own limit of connections"),
    UNSEEN_SEALED_KEY: _("the key of {server} cannot be opened: look at FIELD_ENCRYPTION_KEYS"),
    UNSEEN_SERVER_BACK: _("{server} keeps going down and coming back"),
}
OUR_OWN = {UNSEEN_CUT_OFF}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """Numbers of a server that nobody can look at just now; of all servers where the cause is one of OUR_OWN."""

    cause: str
    server_id: int | None
    server_name: str
    numbers: int
    since: datetime  # the first of them


def warn(unseen: Iterable[Unseen], *, at: datetime) -> None:
    """Tell the operators of each, once."""
    announce.tell([_notice(one, at=at) for one in unseen], at=at)


def _notice(unseen: Unseen, *, at: datetime) -> Notice:
    n, since = unseen.numbers, unseen.since
    title = ngettext_lazy("{n} number could not be checked", "{n} numbers could not be checked", n)
    body = ngettext_lazy(
        "No check of {n} number since {since} ({length}): {why}. It may be fine.",
        "No check of {n} numbers, of the first since {since} ({length}): {why}. They may be fine.",
        n,
    )
    where = f"&servidor={unseen.server_id}" if unseen.server_id else ""
    return announce.warning(
        f"unseen:{unseen.server_id or 'own'}:{unseen.cause}:{since:%Y-%m-%dT%H}",
        format_lazy("{}: {}", unseen.server_name or "Vigia", format_lazy(title, n=n)),
        format_lazy(
            body,
            n=n,
            since=moment(since, at),
            length=spell(at - since),
            why=format_lazy(_WHY[unseen.cause], server=unseen.server_name),
        ),
        link=f"{reverse('overview')}?situacao=sem-verificacao{where}",
    )

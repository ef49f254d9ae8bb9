"""Numbers that nobody could look at for long: one warning per server and cause, however many they are.

No incident: nothing bad was seen. What is our own limit is nobody's server's, and one warning for the whole fleet.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.apps import apps
from django.db.models import Count, Min
from django.urls import reverse
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from core.durations import spell
from incidents.advice import Subject
from incidents.causes import UNSEEN_ASKED_TO_WAIT, UNSEEN_CUT_OFF, UNSEEN_SEALED_KEY, UNSEEN_SERVER_BACK
from incidents.notices import moment
from incidents.readings import Reading
from notifications.announce import Audience, Notice, Text
from notifications.models import Notification

_WHY = {
    UNSEEN_ASKED_TO_WAIT: _("{server} asks us to stay away"),
    UNSEEN_CUT_OFF: _("Vigia has come to its own limit of connections"),
    UNSEEN_SEALED_KEY: _("the key of {server} cannot be opened: look at FIELD_ENCRYPTION_KEYS"),
    UNSEEN_SERVER_BACK: _("{server} keeps going down and coming back"),
}
_OUR_OWN = {UNSEEN_CUT_OFF}


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Those of a server, or of all of them, that nobody can look at just now."""

    count: int
    since: datetime  # the first of them


def warnings(unseen: Iterable[tuple[Subject, datetime, Reading]]) -> list[Notice]:
    """Return what operators are to read of these (channel, since, what was seen last). Two queries.

    How many there are is asked of all watches, as they stand in this transaction: a flush has only some of them.
    """
    unseen = list(unseen)
    Watch = apps.get_model("channels_app.Watch")
    mine = Watch.objects.filter(channel__in=[subject.channel_id for subject, *_rest in unseen])
    server_of = dict(mine.values_list("channel", "channel__server"))
    of_server = _by_server(Watch)
    notices: dict[tuple, Notice] = {}
    for subject, since, seen in sorted(unseen, key=lambda one: one[1]):
        server_id = None if seen.cause in _OUR_OWN else server_of.get(subject.channel_id)
        if (server_id, seen.cause) not in notices:
            known = of_server.values() if seen.cause in _OUR_OWN else filter(None, [of_server.get(server_id)])
            numbers = _together(known) or _Numbers(1, since)
            notices[server_id, seen.cause] = _notice(numbers, seen, server_id=server_id, server_name=subject.server_name)
    return list(notices.values())


def _by_server(watches) -> Mapping[int, _Numbers]:
    rows = watches.objects.filter(unseen_since__isnull=False).order_by().values_list("channel__server")
    return {pk: _Numbers(n, since) for pk, n, since in rows.annotate(Count("pk"), Min("unseen_since"))}


def _together(of_servers: Iterable[_Numbers]) -> _Numbers | None:
    known = list(of_servers)
    return _Numbers(sum(one.count for one in known), min(one.since for one in known)) if known else None


def _notice(numbers: _Numbers, seen: Reading, *, server_id: int | None, server_name: str) -> Notice:
    n, since, at = numbers.count, numbers.since, seen.at
    title = ngettext_lazy("{n} number could not be checked", "{n} numbers could not be checked", n)
    body = ngettext_lazy(
        "No check of {n} number since {since} ({length}): {why}. It may be fine.",
        "No check of {n} numbers, of the first since {since} ({length}): {why}. They may be fine.",
        n,
    )
    where = f"&servidor={server_id}" if server_id else ""
    return Notice(
        dedupe_key=f"unseen:{server_id or 'own'}:{seen.cause}:{since:%Y-%m-%dT%H}",
        event=Notification.Event.WARNING,
        tenant_id=None,
        incident_id=None,
        texts={
            Audience.OPERATOR: Text(
                format_lazy("{}: {}", server_name if server_id else "Vigia", format_lazy(title, n=n)),
                format_lazy(
                    body,
                    n=n,
                    since=moment(since, at),
                    length=spell(at - since),
                    why=format_lazy(_WHY[seen.cause], server=server_name),
                ),
            )
        },
        link=f"{reverse('overview')}?situacao=sem-verificacao{where}",
    )

"""Numbers that nobody could look at for long: one warning per server and cause, however many they are.

No incident: nothing bad was seen. A flush has only some of the numbers; the operators hear of all. What is our own limit is
nobody's server's, and one warning for the whole fleet.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.urls import reverse
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from core.durations import spell
from incidents.causes import (
    UNSEEN_ASKED_TO_WAIT,
    UNSEEN_CUT_OFF,
    UNSEEN_OWN_NETWORK,
    UNSEEN_SEALED_KEY,
    UNSEEN_SERVER_BACK,
)
from incidents.notices import moment
from incidents.readings import Reading
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


def warn(looks: Iterable[tuple[int, str, Reading]]) -> None:
    """Warn of these (server, its name, what came of the look), once of each server and cause, in the flush's transaction."""
    looks = [look for look in looks if look[2].cause != UNSEEN_OWN_NETWORK]  # of that they hear once for all
    if not looks:
        return
    with connection.cursor() as cursor:
        cursor.execute(_BY_SERVER)
        by_server = {server_id: (numbers, since) for server_id, numbers, since in cursor.fetchall()}
    servers = {(seen.cause, None if seen.cause in OUR_OWN else server_id): name for server_id, name, seen in looks}
    unseen = []
    for (cause, server_id), name in servers.items():
        of_these = [by_server[server_id]] if server_id else list(by_server.values())
        unseen.append(
            Unseen(
                cause=cause,
                server_id=server_id,
                server_name=name if server_id else "",
                numbers=sum(numbers for numbers, _since in of_these),
                since=min(since for _numbers, since in of_these),
            )
        )
    at = max(seen.at for *_server, seen in looks)
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


_BY_SERVER = """
select c.server_id, count(*), min(w.unseen_since)
from channels_app_watch w join channels_app_channel c on c.id = w.channel_id
where w.unseen_since is not null
group by c.server_id
"""

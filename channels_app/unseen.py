"""Numbers that nobody could look at for long: how many they are by now, of which server, and since when.

A flush has only some of them; the operators hear of all in one warning.
"""

from collections.abc import Iterable

from django.db import connection

from incidents import unseen
from incidents.causes import UNSEEN_OWN_NETWORK
from incidents.readings import Reading
from incidents.unseen import OUR_OWN, Unseen


def warn(looks: Iterable[tuple[int, str, Reading]]) -> None:
    """Warn of these (server, its name, what came of the look), once of each server and cause, in the flush's transaction."""
    looks = [look for look in looks if look[2].cause != UNSEEN_OWN_NETWORK]  # of that they hear once for all
    if not looks:
        return
    with connection.cursor() as cursor:
        cursor.execute(_BY_SERVER)
        by_server = {server_id: (numbers, since) for server_id, numbers, since in cursor.fetchall()}
    servers = {(seen.cause, None if seen.cause in OUR_OWN else server_id): name for server_id, name, seen in looks}
    warnings = []
    for (cause, server_id), name in servers.items():
        of_these = [by_server[server_id]] if server_id else list(by_server.values())
        warnings.append(
            Unseen(
                cause=cause,
                server_id=server_id,
                server_name=name if server_id else "",
                numbers=sum(numbers for numbers, _since in of_these),
                since=min(since for _numbers, since in of_these),
            )
        )
    unseen.warn(warnings, at=max(seen.at for *_server, seen in looks))


_BY_SERVER = """
select c.server_id, count(*), min(w.unseen_since)
from channels_app_watch w join channels_app_channel c on c.id = w.channel_id
where w.unseen_since is not null
group by c.server_id
"""

"""What the clinic's page says of its numbers: a card for each, read in a fixed number of queries.

`card` is one number in words, put together from who was `told`, the check that was `asked` for, its `history` and its
`alerts`. Queries are done in `read`; a card only answers.
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime

from django.db.models import Q
from django.forms import BaseForm
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from channels_app import availability
from channels_app.cards import asked, history, told
from channels_app.cards.alerts import Alerts
from channels_app.cards.card import Card
from channels_app.models import Channel, Server
from channels_app.number import read_periods, watch_of
from incidents.models import Incident


def read(
    channels: Collection[Channel],
    *,
    now: datetime,
    with_history: bool = True,
    chosen_day: date | None = None,
    of_channel: int | None = None,
    refused: Mapping[int, BaseForm] | None = None,
    saved: int | None = None,
) -> list[Card]:
    """Return a card per channel (one clinic's, with clinic and watch). At most six queries, however many they are, and a
    seventh, as the service, where a server of theirs is down.

    `refused`: the forms that were, by channel; `saved`: the channel whose settings were.
    """
    since = availability.first_moment(now, timezone.get_current_timezone()) if with_history else None
    incidents = _incidents(channels, since)
    standing = {incident.channel_id: incident for incident in incidents if incident.resolved_at is None}
    knows, sweeps, names = told.read(standing.values()), asked.read(channels, now), _server_names(channels)
    cards = []
    for channel in channels:
        incident = standing.get(channel.pk)
        cards.append(
            Card(
                channel=channel,
                watch=watch_of(channel),
                now=now,
                alerts=Alerts(channel, (refused or {}).get(channel.pk), is_saved=channel.pk == saved),
                server_name=names.get(channel.server_id, _("the message server")),
                incident=incident,
                told=knows.get(incident.pk) if incident else None,
                sweep=sweeps.get(channel.pk),
            )
        )
    if since:
        periods = read_periods(channels, since)
        for card in cards:
            own = [incident for incident in incidents if incident.channel_id == card.channel.pk]
            day = chosen_day if of_channel in (None, card.channel.pk) else None
            card.history = history.of(card, periods[card.channel.pk], own, day)
    return cards


def all_is_well(cards: list[Card], *, reader_is_told: bool) -> str:
    """The line above the numbers; nothing where one is not well. Those that cannot be verified stand outside, but
    not while something is wrong with their server.

    `reader_is_told`: alerts go to whoever reads this, where they are on.
    """
    judged = [card for card in cards if card.watch.cause != "not_verifiable"]
    if not judged or not all(card.is_well for card in judged):
        return ""
    n = len(judged)
    says = [ngettext("Your number is connected.", "Your %(count)d numbers are connected.", n) % {"count": n}]
    if reader_is_told and all(card.channel.alerts_enabled for card in judged):
        says.append(ngettext("If it drops, you are told.", "If one drops, you are told.", n))
    return " ".join(says)


def _incidents(channels: Collection[Channel], since: datetime | None) -> list[Incident]:
    """The open ones, and those that lasted into the time since then; newest first."""
    wanted = Q(resolved_at=None) if since is None else Q(resolved_at=None) | Q(resolved_at__gt=since)
    rows = Incident.objects.filter(wanted, channel__in=[channel.pk for channel in channels])
    needed = ("tenant", "channel", "parent", "kind", "cause", "started_at", "resolved_at")
    return list(rows.only(*needed).order_by("-started_at", "-pk"))


def _server_names(channels: Collection[Channel]) -> dict[int, str]:
    """Names of the clinic's own servers; the operator's are none of its business, and not seen."""
    own = {channel.server_id for channel in channels if channel.server_owner}
    return dict(Server.objects.filter(pk__in=own).values_list("pk", "name")) if own else {}

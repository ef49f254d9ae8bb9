"""manage.py check_channels: ask for a look now, wait for it, and print what was seen."""

import time

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from channels_app import on_demand
from channels_app.models import Channel, Sweep, Watch
from core.durations import spell
from tenants.models import Tenant

PEEK_SECONDS = 0.25


class Command(BaseCommand):
    help = "Looks at numbers now, through the running workers, and prints a table of what was seen."

    def add_arguments(self, parser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--channel", type=int, metavar="ID", help="one number")
        which.add_argument("--tenant", metavar="SLUG", help="the numbers of one clinic")
        which.add_argument("--all", action="store_true", help="every number that is watched")
        parser.add_argument("--wait", type=float, metavar="SECONDS", help="give up after this long without any progress")

    def handle(self, *, channel: int | None, tenant: str | None, wait: float | None, **_options: object) -> None:
        which = _which(channel, tenant)
        asked = list(Channel.objects.watched().filter(**which).values_list("pk", flat=True))
        if not asked:
            raise CommandError(_("There is no number to look at: none of these is watched."))
        sweep = on_demand.request(by=None, tenant_id=which.get("tenant"), channel_id=which.get("pk"))
        left = _wait(sweep, _patience() if wait is None else wait)
        self._print(asked)
        if left:
            raise CommandError(
                _("{left} of {all} were not looked at: is a worker running? (celery -A config worker -Q watch)").format(
                    left=left, all=len(asked)
                )
            )

    def _print(self, channels: list[int]) -> None:
        rows = [("ID", _("NUMBER"), _("CLINIC"), _("STATUS"), _("CAUSE"), _("SINCE"), _("SERVER SAID"))]
        watches = (
            Watch.objects.filter(pk__in=channels).select_related("channel", "tenant").order_by("tenant__name", "channel__name")
        )
        rows += [_row(watch) for watch in watches]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            self.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _which(channel_id: int | None, tenant_slug: str | None) -> dict[str, int]:
    """Return what to filter the channels by; nothing for all of them."""
    if channel_id is not None:
        if not Channel.objects.filter(pk=channel_id).exists():
            raise CommandError(_("There is no number with the id {id}.").format(id=channel_id))
        return {"pk": channel_id}
    if tenant_slug is not None:
        tenant = Tenant.objects.filter(slug=tenant_slug).first()
        if tenant is None:
            raise CommandError(_("There is no clinic with the short name {name}.").format(name=tenant_slug))
        return {"tenant": tenant.pk}
    return {}


def _patience() -> float:
    """A look under way, the next ring, the look that was asked for, and its flush."""
    return 2 * settings.HEARTBEAT_TIMEOUT_SECONDS + settings.HEARTBEAT_TICK_SECONDS + 5


def _wait(sweep: Sweep, patience_seconds: float) -> int:
    """Wait until everything was looked at, or nothing moves any more; return how many are left."""
    left = fewest = sweep.waiting().count()
    gives_up_at = time.monotonic() + patience_seconds
    while left and time.monotonic() < gives_up_at:
        time.sleep(PEEK_SECONDS)
        now_left = sweep.waiting().count()
        if now_left < fewest:
            fewest, gives_up_at = now_left, time.monotonic() + patience_seconds
        left = now_left
    return left


def _row(watch: Watch) -> tuple[str, ...]:
    since = spell(watch.last_verdict_at - watch.cause_since) if watch.cause_since and watch.last_verdict_at else "-"
    status = watch.get_connection_status_display()
    return (str(watch.pk), watch.channel.name, watch.tenant.name, status, watch.cause_title, since, watch.raw_state or "-")

"""A number's settings as its card shows them: are alerts on, after how long, and what was refused."""

from dataclasses import dataclass

from django.forms import BaseForm
from django.utils.translation import gettext as _

from channels_app.models import Channel

THRESHOLD = "heartbeat_threshold_minutes"


@dataclass(frozen=True, slots=True)
class Alerts:
    channel: Channel
    refused: BaseForm | None = None
    is_saved: bool = False

    @property
    def line(self) -> str:
        """What holds: where a form was refused, its channel carries what was typed."""
        saved = self.refused.initial[THRESHOLD] if self.refused else self.channel.heartbeat_threshold_minutes
        return _("Alerts on, after %(length)s") % {"length": f"{saved}min"} if self.channel.alerts_enabled else _("Alerts off")

    @property
    def shown_threshold(self) -> str:
        """What stands in the field: what was typed, where it was refused."""
        if self.refused:
            return self.refused[THRESHOLD].value() or ""
        return str(self.channel.heartbeat_threshold_minutes)

    @property
    def error(self) -> str:
        return " ".join(self.refused.errors.get(THRESHOLD, [])) if self.refused else ""

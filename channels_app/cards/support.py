"""Whom a clinic turns to, as the settings say it."""

from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _


@dataclass(frozen=True, slots=True)
class Support:
    name: str
    contact: str

    @property
    def link(self) -> str:
        return self.contact if self.contact.startswith(("tel:", "mailto:", "https://")) else ""


def support() -> Support:
    return Support(settings.SUPPORT_NAME or _("support"), settings.SUPPORT_CONTACT)

"""What stands around every page: who is here, the menu with its counts, and whether the watch itself is alive."""

from dataclasses import dataclass

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from incidents.models import Incident
from notifications.models import Notification


@dataclass(frozen=True, slots=True)
class Item:
    url: str
    icon: str
    label: str
    is_current: bool
    count: int = 0
    count_means: str = ""


def frame(request) -> dict:
    """A context processor. Pages of a person who is signed in cost three queries for it; others none."""
    theme = request.COOKIES.get("theme")
    context = {"theme": theme if theme in ("light", "dark") else ""}
    if not getattr(request, "user", None) or not request.user.is_authenticated or not hasattr(request, "membership"):
        return context
    return context | {"frame": Frame(request)}


class Frame:
    """Computed where a template asks for it: fragments do not."""

    def __init__(self, request) -> None:
        self._request = request
        self.is_demo = settings.DEBUG
        self.clinics = [membership.tenant for membership in request.memberships]
        self.clinic = request.membership and request.membership.tenant

    @property
    def menu(self) -> list[Item]:
        if not hasattr(self, "_menu"):
            self._menu = self._operators_menu() if self._request.user.is_saas_admin else self._clinics_menu()
        return self._menu

    def _operators_menu(self) -> list[Item]:
        standing = Incident.objects.open().count()
        return [
            self._item("overview", "message-circle", _("WhatsApp")),
            self._item("incidents", "triangle-alert", _("Incidents"), standing, _("open")),
            self._item("inbox", "bell", _("Alerts"), self._unread(), _("unread")),
            self._item("admin:index", "settings", _("Administration")),
        ]

    def _clinics_menu(self) -> list[Item]:
        if self.clinic is None:
            return []
        return [
            self._item("my-whatsapp", "smartphone", _("My WhatsApp")),
            self._item("inbox", "bell", _("Alerts"), self._unread(), _("unread")),
            self._item("incidents", "history", _("History")),
        ]

    def _unread(self) -> int:
        return Notification.objects.filter(user=self._request.user, read_at=None).count()

    def _item(self, name: str, icon: str, label: str, count: int = 0, means: str = "") -> Item:
        url = reverse(name)
        return Item(url, icon, label, self._request.path.startswith(url), count, means)

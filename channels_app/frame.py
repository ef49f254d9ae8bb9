"""What stands around every page: who is here, the menu with its counts, and whether the watch itself is alive."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _

from channels_app import health
from channels_app.health import Glance, Health
from incidents import advice
from incidents.models import Incident
from incidents.notices import moment
from notifications import inbox


@dataclass(frozen=True, slots=True)
class Item:
    url: str
    icon: str
    label: str
    is_current: bool
    count: int = 0
    count_means: str = ""
    name: str = ""  # of the url


@dataclass(frozen=True, slots=True)
class Choice(Item):
    """One of the clinics of a person of several, with what is unread there; its url leads to its inbox."""

    slug: str = ""


def frame(request) -> dict:
    """A context processor. A page costs the operator three queries for it; a clinic one, and one in service scope.

    For a person of several clinics both are in service scope: one count of what is unread, for all of them at once.
    Only where the last tick's word is not enough does the operator's read every watch.
    """
    theme = request.COOKIES.get("theme")
    context = {"theme": theme if theme in ("light", "dark") else ""}
    if not getattr(request, "user", None) or not request.user.is_authenticated or not hasattr(request, "membership"):
        return context
    return context | {"frame": Frame(request)}


class Frame:
    """Computed where a template asks for it: fragments do not."""

    def __init__(self, request) -> None:
        self._request = request
        self.is_demo = settings.DEMONSTRATION
        self.clinics = [membership.tenant for membership in request.memberships]
        self.clinic = request.membership and request.membership.tenant

    @property
    def menu(self) -> list[Item]:
        if not hasattr(self, "_menu"):
            self._menu = self._operators_menu() if self._request.user.is_saas_admin else self._clinics_menu()
        return self._menu

    @cached_property
    def choices(self) -> list[Choice]:
        """The clinics of a person of several; none for everybody else."""
        if len(self.clinics) < 2:
            return []
        return [
            Choice(
                url=f"{reverse('inbox')}?clinica={clinic.slug}",
                icon="building-2",
                label=str(clinic),
                is_current=clinic == self.clinic,
                count=self._unread_by_clinic.get(clinic.pk, 0),
                count_means=_("unread"),
                name=f"clinic-{clinic.pk}",
                slug=clinic.slug,
            )
            for clinic in self.clinics
        ]

    @property
    def elsewhere(self) -> list[Choice]:
        """Those of their other clinics that have news."""
        return [item for item in self.choices if item.count and not item.is_current]

    @property
    def unread_elsewhere(self) -> Item | None:
        """All of it together, for the closed chooser; None for somebody who has nothing to choose."""
        if not self.choices:
            return None
        total = sum(item.count for item in self.elsewhere)
        return Item(reverse("inbox"), "bell", "", False, total, _("unread in your other clinics"), "elsewhere")

    @cached_property
    def _unread_by_clinic(self) -> dict[int, int]:
        return inbox.unread_by_clinic(self._request.user)

    @cached_property
    def _health(self) -> Health | None:
        """Of all numbers for the operator, of their own for a clinic; None where there is nothing to warn of anyway."""
        if self._request.user.is_saas_admin:
            return None if self._glance.is_surely_watching else health.read()
        return health.read(tenant_id=self.clinic.pk) if self.clinic else None

    @cached_property
    def _glance(self) -> Glance:
        return health.glance()

    @property
    def offline_sentence(self) -> str:
        """Our own network is gone: the operator can help it. A clinic reads of its numbers that nobody could check them."""
        since = self._glance.offline_since if self._request.user.is_saas_admin else None
        if since is None:
            return ""
        words = _("Vigia's own network has been gone since {since}: nothing is known of any number.")
        return words.format(since=moment(since, timezone.now()))

    @property
    def blind_since(self) -> datetime | None:
        return self._health and self._health.blind_since

    @property
    def blind_sentence(self) -> str:
        """The clinic is calmed; the operator reads which part is dead, with a link where it can be started by one."""
        since, operators_know = moment(self.blind_since, timezone.now()), health.tell_operators(self._health)
        if self._request.user.is_saas_admin:
            remedy, url = health.remedy(self._health)
            sentence = _("No check since {since}. {remedy}").format(since=since, remedy=remedy)
            return format_html('{} <a href="{}">{}</a>', sentence, url, _("Open the periodic tasks")) if url else sentence
        if operators_know:
            return _("No check since {since}. Your WhatsApp may be fine; support has already been told.").format(since=since)
        support = advice.support()
        return _("No check since {since}. Your WhatsApp may be fine. Talk to {support}.").format(since=since, support=support)

    def _operators_menu(self) -> list[Item]:
        standing = Incident.objects.open().counted().count()
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
        if len(self.clinics) > 1:
            return self._unread_by_clinic.get(self.clinic.pk, 0)
        return inbox.of(self._request.user, self.clinic and self.clinic.pk).filter(read_at=None).count()

    def _item(self, name: str, icon: str, label: str, count: int = 0, means: str = "") -> Item:
        url = reverse(name)
        return Item(url, icon, label, self._request.path.startswith(url), count, means, name)

"""Who was told what. A notification's row is its delivery: it stands, or nobody was told."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from tenants.models import Tenant, User


class Notification(models.Model):
    """One message to one person, in the app. Rendered when it was written, in the reader's language and the clinic's zone."""

    class Type(models.TextChoices):
        SYSTEM_ALERT = "system_alert", _("System alert")

    class Event(models.TextChoices):
        OPENED = "opened", _("Incident opened")
        ACTION_NEEDED = "action_needed", _("It is the clinic's turn")
        RESOLVED = "resolved", _("Incident resolved")
        SERVER_DOWN = "server_down", _("The server of a clinic's numbers is down")
        SERVER_BACK = "server_back", _("The server of a clinic's numbers is back")
        WARNING = "warning", _("Warning for the operator")  # without an incident

    user = models.ForeignKey(User, models.PROTECT, related_name="notifications", verbose_name=_("person"))
    tenant = models.ForeignKey(Tenant, models.PROTECT, null=True, related_name="+", verbose_name=_("clinic"))
    incident = models.ForeignKey(
        "incidents.Incident", models.PROTECT, null=True, related_name="notifications", verbose_name=_("incident")
    )
    type = models.CharField(_("type"), max_length=16, choices=Type.choices, default=Type.SYSTEM_ALERT)
    event = models.CharField(_("event"), max_length=16, choices=Event.choices)
    title = models.CharField(_("title"), max_length=200)
    body = models.TextField(_("text"))
    link = models.CharField(_("link"), max_length=200, blank=True, default="")
    dedupe_key = models.CharField(_("told once by"), max_length=80)
    created_at = models.DateTimeField(_("written"), db_default=Now())
    read_at = models.DateTimeField(_("read"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("notification"), _("notifications")
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["user", "-created_at", "-id"], name="notification_of_user_by_time"),
            models.Index(fields=["user"], condition=Q(read_at=None), name="notification_unread_of_user"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["user", "dedupe_key"], name="each_person_is_told_once"),
            models.CheckConstraint(condition=Q(incident=None) ^ ~Q(event="warning"), name="only_a_warning_has_no_incident"),
        ]

    def __str__(self) -> str:
        return self.title

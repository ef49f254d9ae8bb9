"""What went wrong, on record: incidents and their timelines.

Written by `ledger` (numbers), `servers`, `actions` (people) and `telling` (who was told).
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from incidents.causes import title_of
from tenants.models import Tenant, User

MOST_NOTE_CHARACTERS = 1000
MOST_READINGS = 10  # kept of a bad run: the first and the latest ones


class WholeSeconds(Func):
    """The whole seconds of an interval. A bare cast would round 90.6 up to 91."""

    template = "(FLOOR(EXTRACT(EPOCH FROM %(expressions)s)))::integer"
    output_field = models.IntegerField()


class IncidentQuerySet(models.QuerySet):
    def open(self) -> "IncidentQuerySet":
        return self.filter(resolved_at=None)

    def counted(self) -> "IncidentQuerySet":
        """A dead server counts as one: what its numbers have because of it hangs on its own incident."""
        return self.filter(parent=None)

    def visible_to(self, person: User, tenant_id: int | None) -> "IncidentQuerySet":
        """The operator sees every one; a person those of the clinic they look at."""
        return self if person.is_saas_admin else self.filter(tenant=tenant_id, tenant__isnull=False)


class Incident(models.Model):
    """One outage of one channel or of one server; at most one of each is open at a time."""

    class Kind(models.TextChoices):
        DISCONNECTED = "disconnected", _("Disconnection")
        QR_PENDING = "qr_pending", _("QR pending")
        ERROR = "error", _("Server failure")
        CONNECTING = "connecting", _("Slow reconnection")
        UNSTABLE = "unstable", _("Instability")
        SERVER_DOWN = "server_down", _("Server down")  # of a server, and only of one

    class Resolution(models.TextChoices):
        RECOVERED = "recovered", _("Recovered")
        SWITCHED_OFF = "switched_off", _("Watch switched off")
        ARCHIVED = "archived", _("Archived")
        MOVED = "moved", _("Moved to another server or instance")
        TENANT_INACTIVE = "tenant_inactive", _("Clinic inactive")
        NOT_VERIFIABLE = "not_verifiable", _("Can no longer be verified")

    tenant = models.ForeignKey(Tenant, models.PROTECT, null=True, related_name="incidents", verbose_name=_("clinic"))
    channel = models.ForeignKey(
        "channels_app.Channel",
        models.PROTECT,
        null=True,
        related_name="incidents",
        db_constraint=False,
        db_index=False,
        verbose_name=_("number"),
    )
    server = models.ForeignKey(
        "channels_app.Server", models.PROTECT, null=True, related_name="incidents", verbose_name=_("server")
    )
    # As on Server: ties an incident of a server to the clinic whose server it is, or to nobody.
    owner_key = models.GeneratedField(
        expression=Coalesce("tenant_id", Value(0)), output_field=models.BigIntegerField(), db_persist=True
    )
    # The server's incident that this one belongs to: told to nobody on its own. Plain: the parent's tenant may be empty.
    parent = models.ForeignKey("self", models.PROTECT, null=True, related_name="children", verbose_name=_("server incident"))
    follows = models.ForeignKey("self", models.PROTECT, null=True, related_name="+", db_index=False, verbose_name=_("follows"))
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    cause = models.CharField(_("cause"), max_length=32)
    started_at = models.DateTimeField(_("start"))  # the first unhealthy reading of the run
    opened_at = models.DateTimeField(_("opened"))
    resolved_at = models.DateTimeField(_("end"), null=True)
    duration_seconds = models.GeneratedField(
        expression=WholeSeconds(F("resolved_at") - F("started_at")),
        output_field=models.IntegerField(null=True),
        db_persist=True,
    )
    resolution = models.CharField(_("resolution"), max_length=16, choices=Resolution.choices, blank=True, default="")
    notified_at = models.DateTimeField(_("somebody was told"), null=True)
    readings = models.JSONField(_("readings before it opened"), default=list)
    threshold_minutes = models.PositiveSmallIntegerField(_("threshold when it opened (minutes)"), null=True)
    taken_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("taken care of by"))
    taken_at = models.DateTimeField(_("taken care of since"), null=True)

    objects = IncidentQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("incident"), _("incidents")
        ordering = ["-started_at", "-pk"]
        indexes = [
            models.Index(fields=["channel", "started_at"], name="incident_of_channel_by_start"),
            models.Index(fields=["tenant", "-started_at", "-id"], name="incident_of_tenant_by_start"),
            models.Index(fields=["-started_at", "-id"], name="incident_by_start"),
            # Whoever deletes an incident asks who follows it.
            models.Index(fields=["follows"], condition=Q(follows__isnull=False), name="incident_by_the_one_before"),
            # Who had one lately is read from the index alone: `tenant` is what the wall asks for.
            models.Index(fields=["resolved_at"], include=["channel", "tenant"], name="incident_by_end"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["channel"], condition=Q(resolved_at=None), name="one_open_incident_per_channel"),
            models.UniqueConstraint(fields=["server"], condition=Q(resolved_at=None), name="one_open_incident_per_server"),
            models.UniqueConstraint(fields=["tenant", "id"], name="incident_and_its_tenant"),
            models.CheckConstraint(
                condition=Q(channel__isnull=False, server=None, tenant__isnull=False) | Q(channel=None, server__isnull=False),
                name="incident_of_a_channel_or_of_a_server",
            ),
            models.CheckConstraint(condition=Q(opened_at__gte=F("started_at")), name="incident_opened_after_start"),
            models.CheckConstraint(
                condition=Q(resolved_at=None) | Q(resolved_at__gte=F("started_at")), name="incident_resolved_after_start"
            ),
            models.CheckConstraint(condition=Q(resolved_at=None) ^ ~Q(resolution=""), name="resolved_says_how"),
            models.CheckConstraint(condition=Q(taken_by=None) ^ Q(taken_at__isnull=False), name="taken_says_when"),
            models.CheckConstraint(
                condition=Q(kind__in=["disconnected", "qr_pending", "error", "connecting", "unstable"], channel__isnull=False)
                | Q(kind="server_down", channel=None, parent=None),
                name="incident_kind_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.get_kind_display()}"

    @property
    def cause_title(self) -> str:
        return title_of(self.cause)


class IncidentEvent(models.Model):
    """One line of an incident's timeline. Lines are added, never changed."""

    class Kind(models.TextChoices):
        OPENED = "opened", _("Opened")
        CAUSE_CHANGED = "cause_changed", _("Cause changed")
        TOLD = "told", _("People were told")
        RESOLVED = "resolved", _("Resolved")
        TAKEN = "taken", _("Taken care of")
        NOTE = "note", _("Note")
        FALSE_ALARM = "false_alarm", _("False alarm")

    tenant = models.ForeignKey(Tenant, models.PROTECT, null=True, related_name="+", db_index=False)
    incident = models.ForeignKey(Incident, models.PROTECT, related_name="events", verbose_name=_("incident"))
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    at = models.DateTimeField(_("at"))
    cause = models.CharField(_("cause"), max_length=32, blank=True, default="")
    event = models.CharField(_("what was told"), max_length=16, blank=True, default="")  # with TOLD: the notification's event
    told = ArrayField(models.BigIntegerField(), verbose_name=_("who was told"), default=list)  # user ids
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("by"))
    text = models.CharField(_("text"), max_length=MOST_NOTE_CHARACTERS, blank=True, db_default="")  # of a NOTE

    class Meta:
        verbose_name, verbose_name_plural = _("event"), _("events")
        ordering = ["at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "by"], condition=Q(kind="false_alarm"), name="one_false_alarm_per_person"
            )
        ]

    def __str__(self) -> str:
        return self.get_kind_display()

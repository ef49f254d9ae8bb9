"""Whom Vigia watches (settings) and what the watch knows (state).

A person writes `Server` and `Channel`; the service alone writes the rest. Every table with tenant data has its own
`tenant_id`, tied to its parent's by a composite foreign key in the migration.
"""

from datetime import datetime, timedelta

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Value
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core import addresses
from core.fields import EncryptedTextField, Secret
from incidents.causes import title_of
from incidents.readings import RAW_STATE_CHARACTERS, Status
from tenants.models import Tenant, User

LEAST_MINUTES, MOST_MINUTES = 1, 60  # of a threshold

STATUS_LABELS = {
    Status.OPEN: _("Connected"),
    Status.CONNECTING: _("Connecting"),
    Status.QR_PENDING: _("QR pending"),
    Status.DISCONNECTED: _("Disconnected"),
    Status.ERROR: _("Server error"),
    Status.UNKNOWN: _("Unknown"),
}
STATUSES = [(status.value, label) for status, label in STATUS_LABELS.items()]
KNOWN_STATUS = Q(connection_status__in=[status.value for status in Status])


class Server(models.Model):
    """One Evolution API server. Without a tenant it is the operator's."""

    class Kind(models.TextChoices):
        EVOLUTION = "evolution", "Evolution API"

    tenant = models.ForeignKey(
        Tenant,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="servers",
        verbose_name=_("clinic"),
        help_text=_("Empty: the operator's own server."),
    )
    name = models.CharField(_("name"), max_length=80)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices, default=Kind.EVOLUTION)
    base_url = models.CharField(
        _("address"),
        max_length=addresses.MOST_URL_CHARACTERS,
        help_text=_("For example https://evolution.example.com, without /manager."),
    )
    api_key = EncryptedTextField(_("access key"), blank=True)
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True)
    # 0 for the operator's: what a channel's pair (server, owner) refers to, so that no tenant uses another's server.
    owner_key = models.GeneratedField(
        expression=Coalesce("tenant_id", Value(0)), output_field=models.BigIntegerField(), db_persist=True
    )

    class Meta:
        verbose_name, verbose_name_plural = _("server"), _("servers")
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["id", "owner_key"], name="server_and_its_owner")]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def from_db(cls, db, field_names, values) -> "Server":
        server = super().from_db(db, field_names, values)
        server._loaded_url = server.__dict__.get("base_url", "")
        return server

    def clean(self) -> None:
        """Rebuild the address from its parts. The key follows the host: a new scheme, host or port empties it."""
        if self.archived_at and self.pk and self.channels.watched().exists():
            raise ValidationError({"archived_at": _("Archive or move its numbers first: they are still watched.")})
        if not 0 < len(self.base_url) <= addresses.MOST_URL_CHARACTERS:
            return  # the field has said so
        try:
            self.base_url = addresses.rebuild(self.base_url)
        except addresses.AddressError as error:
            raise ValidationError({"base_url": error.sentence}) from error
        if self.has_another_host and isinstance(self.api_key, Secret):
            self.api_key = ""  # what was typed just now is a plain text, and stays

    @property
    def has_another_host(self) -> bool:
        """Does the address lead elsewhere than the one that was loaded? Not answered for a new server."""
        came_from = getattr(self, "_loaded_url", "")
        return bool(came_from) and addresses.origin(came_from) != addresses.origin(self.base_url)


class Reachability(models.Model):
    """What the looks say of a server as a whole. Written by the service alone; `circuit` says what it means.

    Apart from Server, whose form would write an hour-old state back.
    """

    server = models.OneToOneField(Server, models.PROTECT, primary_key=True, db_constraint=False, related_name="reachability")
    # As on Server: ties it to the clinic whose server it is, or to nobody.
    tenant = models.ForeignKey(Tenant, models.PROTECT, null=True, related_name="+", db_constraint=False, db_index=False)
    owner_key = models.GeneratedField(
        expression=Coalesce("tenant_id", Value(0)), output_field=models.BigIntegerField(), db_persist=True
    )
    last_success_at = models.DateTimeField(_("last answer"), null=True)
    latency_ms = models.FloatField(_("latency (ms)"), null=True)  # of healthy looks, smoothed
    # Failed looks since the last success
    failed_looks = models.PositiveIntegerField(_("failed looks in a row"), db_default=0)
    failed_on_healthy = models.PositiveIntegerField(_("of these on numbers that were healthy"), db_default=0)
    failing_since = models.DateTimeField(_("failing since"), null=True)
    failing_locally_since = models.DateTimeField(null=True)  # since then only errors of our own network
    failing_cause = models.CharField(max_length=32, db_default="")  # of the last failed look, and
    failing_cause_since = models.DateTimeField(null=True)  # since when they have it
    refused_since = models.DateTimeField(null=True)  # since then every instance token was refused
    # What follows
    dark_since = models.DateTimeField(_("down since"), null=True)
    dark_cause = models.CharField(_("cause"), max_length=32, db_default="")
    was_dark_since = models.DateTimeField(_("last outage: start"), null=True)  # of the last one that is over
    back_at = models.DateTimeField(_("back since"), null=True)  # and its end
    falls = ArrayField(models.DateTimeField(), db_default=[])  # when it went dark, the last three times
    falling_since = models.DateTimeField(null=True)  # the first fall of one that keeps falling
    # Its own full list, asked where many of its numbers are bad
    is_legacy = models.BooleanField(_("version 1"), db_default=False)
    list_wanted_at = models.DateTimeField(null=True)  # when an errand was sent for it
    list_asked_at = models.DateTimeField(null=True)  # when the server was asked

    class Meta:
        verbose_name, verbose_name_plural = _("reachability"), _("reachabilities")
        constraints = [
            models.CheckConstraint(condition=Q(dark_since=None) ^ ~Q(dark_cause=""), name="dark_says_why"),
        ]

    def __str__(self) -> str:
        return str(self.server)


class ChannelQuerySet(models.QuerySet):
    def watched(self) -> "ChannelQuerySet":
        return self.filter(WATCHED)


class Channel(models.Model):
    """One WhatsApp number: one instance on a server. Settings only; `Watch` holds what is known of it."""

    class Provider(models.TextChoices):
        EVOLUTION_API = "evolution_api", "Evolution API"
        OTHER = "other", _("Other, not watched")

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="channels", verbose_name=_("clinic"))
    server = models.ForeignKey(Server, models.PROTECT, related_name="channels", verbose_name=_("server"))
    server_owner = models.BigIntegerField(editable=False)  # the server's owner_key, held to it by the database
    instance_name = models.CharField(_("instance name"), max_length=addresses.MOST_NAME_CHARACTERS)
    name = models.CharField(_("name"), max_length=80, help_text=_("What people call this number, for example Reception."))
    phone = models.CharField(
        _("phone"),
        max_length=20,
        blank=True,
        validators=[RegexValidator(r"^\+?[0-9 ()-]{8,20}$", _("Write the number with digits, for example +55 11 90000-0000."))],
    )
    provider = models.CharField(_("provider"), max_length=16, choices=Provider.choices, default=Provider.EVOLUTION_API)
    own_token = EncryptedTextField(_("instance token"), blank=True, help_text=_("Optional; used instead of the server's key."))
    is_active = models.BooleanField(_("watched"), default=True)
    alerts_enabled = models.BooleanField(_("warn when this number disconnects"), default=True)
    heartbeat_threshold_minutes = models.PositiveSmallIntegerField(
        _("warn after (minutes)"), default=5, validators=[MinValueValidator(LEAST_MINUTES), MaxValueValidator(MOST_MINUTES)]
    )
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    objects = ChannelQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("number"), _("numbers")
        ordering = ["name", "pk"]
        indexes = [models.Index(fields=["tenant", "name", "id"], name="channel_of_tenant_by_name")]
        constraints = [
            models.UniqueConstraint(fields=["server", "instance_name"], name="one_channel_per_instance"),
            models.UniqueConstraint(fields=["tenant", "id"], name="channel_and_its_tenant"),
            models.CheckConstraint(
                condition=Q(heartbeat_threshold_minutes__gte=LEAST_MINUTES, heartbeat_threshold_minutes__lte=MOST_MINUTES),
                name="threshold_from_1_to_60_minutes",
            ),
            models.CheckConstraint(
                condition=Q(server_owner=0) | Q(server_owner=F("tenant_id")), name="server_is_the_operators_or_its_own"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def from_db(cls, db, field_names, values) -> "Channel":
        channel = super().from_db(db, field_names, values)
        channel._loaded_server_id = channel.__dict__.get("server_id")
        return channel

    def clean(self) -> None:
        if 0 < len(self.instance_name) <= addresses.MOST_NAME_CHARACTERS:  # else the field has said so
            try:
                addresses.instance_name(self.instance_name)
            except addresses.AddressError as error:
                raise ValidationError({"instance_name": error.sentence}) from error
        if getattr(self, "_loaded_server_id", self.server_id) != self.server_id and isinstance(self.own_token, Secret):
            self.own_token = ""  # like a server's key, it never follows to another server
        if self.server_id and self.tenant_id:
            self.server_owner = self.server.owner_key
            if self.server_owner not in (0, self.tenant_id):
                raise ValidationError({"server": _("This server belongs to another clinic.")})


WATCHED = Q(provider=Channel.Provider.EVOLUTION_API, is_active=True, archived_at=None, tenant__is_active=True)
# The same of a channel `c` and its tenant `t`, for statements that the ORM cannot write.
WATCHED_SQL = "c.provider = 'evolution_api' and c.is_active and c.archived_at is null and t.is_active"


class Watch(models.Model):
    """What the watch knows of one channel. Written by the service alone: `due` claims, `flush` writes what was seen.

    No index holds a column that every look writes, and the pages keep room: 100 % of the updates stay HOT.
    """

    channel = models.OneToOneField(
        Channel, models.PROTECT, primary_key=True, db_constraint=False, related_name="watch", verbose_name=_("number")
    )
    tenant = models.ForeignKey(
        Tenant, models.PROTECT, related_name="+", db_constraint=False, db_index=False, verbose_name=_("clinic")
    )
    # Written by the claim
    lease_until = models.DateTimeField(_("claimed until"), null=True)
    look_no = models.BigIntegerField(_("look number"), db_default=0)
    look_started_at = models.DateTimeField(_("last look began"), null=True)
    strikes = models.PositiveSmallIntegerField(_("looks in a row without a result"), db_default=0)
    # The last verdict
    connection_status = models.CharField(_("status"), max_length=16, choices=STATUSES, db_default=Status.UNKNOWN.value)
    cause = models.CharField(_("cause"), max_length=32, db_default="not_looked_at")
    raw_state = models.CharField(_("server's word"), max_length=RAW_STATE_CHARACTERS, db_default="")
    code = models.IntegerField(_("code"), null=True)
    status_since = models.DateTimeField(_("status since"), null=True)
    cause_since = models.DateTimeField(_("cause since"), null=True)
    cause_streak = models.PositiveSmallIntegerField(_("verdicts in a row with this cause and code"), db_default=0)
    last_open_at = models.DateTimeField(_("last seen connected"), null=True)
    paired_at = models.DateTimeField(_("first seen paired"), null=True)
    integration = models.CharField(_("integration"), max_length=40, db_default="")
    owner_jid = models.CharField(_("paired account"), max_length=80, db_default="")
    seen_server = models.BigIntegerField(
        _("server of the last verdict (id)"), null=True
    )  # a channel that has moved starts anew
    seen_instance = models.CharField(_("instance of the last verdict"), max_length=255, db_default="")
    # The bad run, as lifecycle keeps it
    first_unhealthy_at = models.DateTimeField(_("bad since"), null=True)
    bad_seconds = models.FloatField(_("observed bad seconds"), db_default=0.0)
    threshold_seconds = models.FloatField(_("threshold of the last verdict (seconds)"), null=True)
    good_streak = models.PositiveSmallIntegerField(_("healthy looks in a row"), db_default=0)
    good_since = models.DateTimeField(_("healthy since"), null=True)
    run_readings = models.JSONField(_("readings of the bad run"), db_default=Value([], models.JSONField()))
    health_changes = ArrayField(models.DateTimeField(), verbose_name=_("last changes of health"), db_default=[])  # six times
    # The server's row of this number, as the last full list had it
    listed = models.JSONField(_("row of the server's list"), null=True)
    listed_at = models.DateTimeField(_("listed at"), null=True)
    # When
    last_health_check = models.DateTimeField(_("last check"), null=True)
    last_verdict_at = models.DateTimeField(_("last verdict"), null=True)
    unseen_since = models.DateTimeField(_("unseen since"), null=True)
    next_look_at = models.DateTimeField(_("next look"), db_default=Now())
    requested_at = models.DateTimeField(_("check asked for at"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("watch"), _("watches")
        constraints = [
            models.CheckConstraint(condition=KNOWN_STATUS, name="watch_status_is_known"),
            models.CheckConstraint(condition=Q(bad_seconds__gte=0), name="bad_seconds_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.channel}: {self.get_connection_status_display()}"

    @property
    def cause_title(self) -> str:
        return title_of(self.cause)

    def is_waited_for(self, asked_at: datetime | None, *, now: datetime) -> bool:
        """Was a look asked for at this moment that has not ended yet? After a quarter of an hour nobody waits any more.

        A look that was in flight when asked does not count: as `looked_at_since` has it, for a watch that is at hand.
        """
        if asked_at is None or now - asked_at > Sweep.WAITED_FOR:
            return False
        began, verdict = self.look_started_at, self.last_verdict_at
        has_ended = began is not None and began >= asked_at and self.lease_until is None
        return not has_ended and (verdict is None or verdict < asked_at)


class ConnectionPeriod(models.Model):
    """An interval of one status and cause of one channel. A new row only when they change, or after a blind gap."""

    tenant = models.ForeignKey(
        Tenant, models.PROTECT, related_name="+", db_constraint=False, db_index=False, verbose_name=_("clinic")
    )
    channel = models.ForeignKey(
        Channel, models.PROTECT, related_name="periods", db_constraint=False, db_index=False, verbose_name=_("number")
    )
    status = models.CharField(_("status"), max_length=16, choices=STATUSES)
    cause = models.CharField(_("cause"), max_length=32)
    started_at = models.DateTimeField(_("start"))
    ended_at = models.DateTimeField(_("end"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("period"), _("periods")
        ordering = ["-started_at", "-pk"]
        indexes = [
            models.Index(fields=["channel", "started_at"], name="period_of_channel_by_start"),
            models.Index(fields=["ended_at"], name="period_by_end"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["channel"], condition=Q(ended_at=None), name="one_open_period_per_channel"),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gte=F("started_at")), name="period_ends_after_its_start"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel}: {self.get_status_display()}"


def looked_at_since(asked_at: datetime | F) -> Q:
    """The condition for a channel that a look which began after this moment has ended. `Watch.is_waited_for` is its twin."""
    has_verdict = Q(watch__last_verdict_at__gte=asked_at)  # a verdict's time is its look's start
    return has_verdict | Q(watch__look_started_at__gte=asked_at, watch__lease_until=None)


class SweepQuerySet(models.QuerySet):
    def of_everything(self) -> "SweepQuerySet":
        return self.filter(tenant=None, channel=None)

    def running(self) -> "SweepQuerySet":
        """Those of everything for which some number still waits. What was asked too long ago nobody waits for any more."""
        waiting = Channel.objects.watched().exclude(looked_at_since(OuterRef("started_at")))
        recent = Q(started_at__gt=Now() - Sweep.WAITED_FOR, started_at__lte=Now())  # what lies ahead, a clock left behind
        return self.of_everything().filter(recent, Exists(waiting))


class Sweep(models.Model):
    """ "Check now": a moment, a scope, who asked. Its progress is derived: whose look began after that moment.

    The scope is everything, one tenant's numbers, or one channel.
    """

    WAITED_FOR = timedelta(minutes=15)

    tenant = models.ForeignKey(Tenant, models.PROTECT, null=True, related_name="+", verbose_name=_("clinic"))
    channel = models.ForeignKey(
        Channel, models.PROTECT, null=True, related_name="+", db_constraint=False, verbose_name=_("number")
    )
    requested_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("asked by"))
    started_at = models.DateTimeField(_("start"), db_default=Now())

    objects = SweepQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("check on demand"), _("checks on demand")
        ordering = ["-started_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(channel=None) | Q(tenant__isnull=False), name="sweep_of_a_channel_names_its_tenant"
            ),
        ]

    def __str__(self) -> str:
        return str(self.channel or self.tenant or _("All numbers"))

    def channels(self) -> ChannelQuerySet:
        """Those it is about and that are watched now."""
        if self.channel_id:
            return Channel.objects.watched().filter(pk=self.channel_id)
        return Channel.objects.watched().filter(tenant=self.tenant_id) if self.tenant_id else Channel.objects.watched()

    def waiting(self) -> ChannelQuerySet:
        """Those whose look after the asking has not ended yet. A look in flight when asked does not count."""
        return self.channels().exclude(looked_at_since(self.started_at))


class Pulse(models.Model):
    """One row: that the watch itself is alive, and what it has reckoned of the whole fleet."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    last_tick_at = models.DateTimeField(_("last tick"))
    oldest_overdue_seconds = models.FloatField(_("oldest overdue look (seconds)"))
    channels_watched = models.IntegerField(_("numbers watched"))
    # Our own network: nothing can be said of any number while it is gone
    offline_since = models.DateTimeField(_("own network gone since"), null=True)
    online_since = models.DateTimeField(_("own network back since"), null=True)  # None while it is gone
    witness_at = models.DateTimeField(_("witness asked at"), null=True)
    witness_answered_at = models.DateTimeField(_("witness last answered at"), null=True)
    witness_failing_since = models.DateTimeField(_("witness silent since"), null=True)
    # An outage of the watch itself that is over and that nobody has been told of
    outage_started_at = models.DateTimeField(_("untold outage of Vigia: start"), null=True)
    outage_ended_at = models.DateTimeField(_("untold outage of Vigia: end"), null=True)
    ping_at = models.DateTimeField(_("last ping"), null=True)  # when the last ping was due
    errand_asked_at = models.DateTimeField(_("errands waited for since"), null=True)  # None while they come back
    # The last seven days of all numbers together; empty before they were first measured
    week_measured_at = models.DateTimeField(_("seven days measured at"), null=True)  # its beginning: whoever writes it measures
    week_numbers = models.IntegerField(_("seven days: numbers"), null=True)
    week_up_seconds = models.FloatField(_("seven days: seconds connected"), null=True)
    week_down_seconds = models.FloatField(_("seven days: seconds down"), null=True)
    week_blind_seconds = models.FloatField(_("seven days: seconds without a check"), null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("pulse")
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="one_pulse"),
            models.CheckConstraint(
                condition=~(Q(outage_started_at=None) ^ Q(outage_ended_at=None)), name="outage_has_both_its_ends"
            ),
        ]

    def __str__(self) -> str:
        return str(self.last_tick_at)

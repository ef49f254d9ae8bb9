from django.contrib import admin
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, Func, IntegerField, OuterRef
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _

from core.admin import ReadOnlyAdmin, ReadOnlyInline
from core.durations import spell
from incidents import checks, moments, timeline
from incidents.causes import CAUSES
from incidents.models import Incident, IncidentEvent
from tenants.models import User


class EventInline(ReadOnlyInline):
    model = IncidentEvent
    fields = ["at", "kind", "cause_title", "event", "people", "by", "text"]
    readonly_fields = ["cause_title", "people"]
    verbose_name_plural = _("timeline")

    def get_queryset(self, request):
        place = Func(OuterRef("told"), F("pk"), function="array_position", output_field=IntegerField())
        told = User.objects.annotate(place=place).exclude(place=None).order_by("email")
        return super().get_queryset(request).select_related("by").annotate(emails=ArraySubquery(told.values("email")))

    @admin.display(description=_("cause"))
    def cause_title(self, event: IncidentEvent) -> str:
        return str(CAUSES[event.cause].title) if event.cause in CAUSES else "-"

    @admin.display(description=_("who was told"))
    def people(self, event: IncidentEvent) -> str:
        return ", ".join(event.emails) or "-"


class IsOpen(admin.SimpleListFilter):
    title = _("open or resolved")
    parameter_name = "open"

    def lookups(self, request, model_admin):
        return [("yes", _("Open")), ("no", _("Resolved"))]

    def queryset(self, request, queryset):
        return queryset if self.value() is None else queryset.filter(resolved_at__isnull=self.value() == "yes")


class CauseFilter(admin.AllValuesFieldListFilter):
    """The causes that occur, by their titles."""

    def choices(self, changelist):
        for choice in super().choices(changelist):
            title = CAUSES[choice["display"]].title if choice["display"] in CAUSES else choice["display"]
            yield {**choice, "display": title}


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    list_display = [
        "__str__",
        "channel",
        "tenant",
        "cause_title",
        "started_at",
        "resolved_at",
        "duration",
        "resolution",
        "notified_at",
        "taken_by",
    ]
    list_filter = [IsOpen, "kind", ("cause", CauseFilter), "resolution", ("notified_at", admin.EmptyFieldListFilter), "tenant"]
    search_fields = ["channel__name", "channel__instance_name", "tenant__name"]
    date_hierarchy = "started_at"
    list_select_related = ["channel", "tenant", "server", "taken_by"]
    fields = [
        "tenant",
        "channel",
        "server",
        "kind",
        "cause_title",
        "started_at",
        "opened_at",
        "threshold",
        "resolved_at",
        "duration",
        "resolution",
        "notified_at",
        "taken_by",
        "taken_at",
        "readings_in_words",
    ]
    inlines = [EventInline]

    @admin.display(description=_("duration"), ordering="duration_seconds")
    def duration(self, incident: Incident) -> str:
        return spell((incident.resolved_at or timezone.now()) - incident.started_at)

    @admin.display(description=_("cause"), ordering="cause")
    def cause_title(self, incident: Incident) -> str:
        return incident.cause_title

    @admin.display(description=_("threshold when it opened"))
    def threshold(self, incident: Incident) -> str:
        limit = timeline.threshold(incident)
        return "-" if limit is None else spell(limit)

    @admin.display(description=_("readings before it opened"))
    def readings_in_words(self, incident: Incident) -> str:
        lines = [
            (moments.time(seen.at, to=moments.SECONDS), seen.label, seen.cause, seen.answer or "-", seen.took)
            for seen in checks.readings(incident.readings)
        ]
        return format_html_join("", "<div>{}: {} (<code>{}</code>), {}, {}</div>", lines) or "-"

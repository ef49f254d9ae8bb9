from datetime import timedelta

from django.contrib import admin, messages
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import JSONObject
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from channels_app import on_demand
from channels_app.models import Channel, ConnectionPeriod, Pulse, Server, Sweep, Watch
from core.admin import KeptAdmin, ReadOnlyAdmin, ReadOnlyInline
from core.durations import spell
from incidents.admin import CauseFilter
from incidents.models import Incident

MOST_WORDS = 5  # of a server's, shown


@admin.register(Server)
class ServerAdmin(KeptAdmin):
    list_display = ["name", "base_url", "owner", "channels_watched", "unknown_words", "archived_at"]
    list_filter = ["kind", ("archived_at", admin.EmptyFieldListFilter), "tenant"]
    search_fields = ["name", "base_url"]
    list_select_related = ["tenant"]

    def get_queryset(self, request):
        odd = Watch.objects.filter(cause="unknown_state", channel__in=Channel.objects.watched(), channel__server=OuterRef("pk"))
        words = odd.values("raw_state").annotate(numbers=Count("pk")).order_by("-numbers", "raw_state")
        return (
            super()
            .get_queryset(request)
            .annotate(
                watched=Count("channels", filter=Q(channels__in=Channel.objects.watched())),
                odd=ArraySubquery(words.values(json=JSONObject(word="raw_state", numbers="numbers"))),
            )
        )

    def get_readonly_fields(self, request, obj=None):
        return ["tenant", "unknown_words"] if obj else []  # its channels hang on whose it is

    def save_model(self, request, server: Server, form, change) -> None:
        super().save_model(request, server, form, change)
        if server.has_another_host:
            server.channels.update(own_token="")  # tokens follow the host as the key does
            self.message_user(
                request, _("The address has another host: its keys were emptied, type them anew."), messages.WARNING
            )

    @admin.display(description=_("belongs to"), ordering="tenant__name")
    def owner(self, server: Server):
        return server.tenant or _("the operator")

    @admin.display(description=_("numbers watched"), ordering="watched")
    def channels_watched(self, server: Server) -> int:
        return server.watched

    @admin.display(description=_("answers that Vigia does not know"))
    def unknown_words(self, server: Server) -> str:
        """What its numbers answer instead of a known state, each with how many do, and a link to them."""
        if not server.odd:
            return "-"
        them = reverse("admin:channels_app_channel_changelist")
        query = f"server__id__exact={server.pk}&watch__cause=unknown_state&is_active__exact=1"
        shown = [(odd["word"], odd["numbers"]) for odd in server.odd[:MOST_WORDS]]
        words = format_html_join(", ", "<code>{}</code> ({})", shown)
        return format_html('<a href="{}?{}">{}{}</a>', them, query, words, " …" if len(server.odd) > MOST_WORDS else "")


class WatchInline(ReadOnlyInline):
    model = Watch
    fields = ["connection_status", "cause_title", "raw_state", "code", "status_since", "last_health_check", "next_look_at"]
    readonly_fields = ["cause_title"]


@admin.register(Channel)
class ChannelAdmin(KeptAdmin):
    list_display = [
        "name",
        "tenant",
        "status",
        "cause",
        "open_incident",
        "last_check",
        "server",
        "is_active",
        "alerts_enabled",
        "heartbeat_threshold_minutes",
    ]
    list_filter = [
        "watch__connection_status",
        ("watch__cause", CauseFilter),
        "is_active",
        "alerts_enabled",
        ("archived_at", admin.EmptyFieldListFilter),
        "server",
        "tenant",
    ]
    search_fields = ["name", "phone", "instance_name", "tenant__name"]
    list_select_related = ["tenant", "server", "watch"]
    list_per_page = 50
    readonly_fields = ["created_at"]
    actions = ["check_now"]
    inlines = [WatchInline]

    def get_queryset(self, request):
        standing = Incident.objects.open().filter(channel=OuterRef("pk"))
        return super().get_queryset(request).annotate(incident_id=Subquery(standing.values("pk")[:1]))

    def get_readonly_fields(self, request, obj=None):
        # Its history is the clinic's: a number that changes hands is archived and made anew.
        return [*super().get_readonly_fields(request, obj), *(["tenant"] if obj else [])]

    @admin.display(description=_("status"), ordering="watch__connection_status")
    def status(self, channel: Channel) -> str:
        return channel.watch.get_connection_status_display() if hasattr(channel, "watch") else "-"

    @admin.display(description=_("cause"), ordering="watch__cause")
    def cause(self, channel: Channel) -> str:
        return channel.watch.cause_title if hasattr(channel, "watch") else "-"

    @admin.display(description=_("last check"), ordering="watch__last_health_check")
    def last_check(self, channel: Channel) -> str:
        at = channel.watch.last_health_check if hasattr(channel, "watch") else None
        return _("%(length)s ago") % {"length": spell(timezone.now() - at)} if at else "-"

    @admin.display(description=_("open incident"), ordering="incident_id")
    def open_incident(self, channel: Channel) -> str:
        if not channel.incident_id:
            return "-"
        return format_html(
            '<a href="{}">#{}</a>', reverse("admin:incidents_incident_change", args=[channel.incident_id]), channel.incident_id
        )

    @admin.action(description=_("Check the selected numbers now"))
    def check_now(self, request, queryset) -> None:
        watched = queryset.watched()
        on_demand.request_each(watched, by=request.user)
        asked = ngettext(
            "Asked for %(n)d check: the result comes within seconds.",
            "Asked for %(n)d checks: the results come within seconds.",
            len(watched),
        )
        if watched:
            self.message_user(request, asked % {"n": len(watched)})
        if unwatched := len(queryset) - len(watched):
            skipped = ngettext("%(n)d number is not watched.", "%(n)d numbers are not watched.", unwatched)
            self.message_user(request, skipped % {"n": unwatched}, messages.WARNING)


@admin.register(Watch)
class WatchAdmin(ReadOnlyAdmin):
    list_display = [
        "channel",
        "tenant",
        "connection_status",
        "cause_title",
        "status_since",
        "last_health_check",
        "next_look_at",
    ]
    list_filter = ["connection_status", ("cause", CauseFilter), "tenant"]
    search_fields = ["channel__name", "channel__instance_name", "tenant__name"]
    list_select_related = ["channel", "tenant"]


@admin.register(ConnectionPeriod)
class ConnectionPeriodAdmin(ReadOnlyAdmin):
    list_display = ["channel", "tenant", "status", "cause", "started_at", "ended_at"]
    list_filter = ["status", ("cause", CauseFilter), "tenant"]
    search_fields = ["channel__name", "channel__instance_name"]
    date_hierarchy = "started_at"
    list_select_related = ["channel", "tenant"]


@admin.register(Sweep)
class SweepAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "requested_by", "started_at"]
    fields = ["tenant", "channel", "requested_by", "started_at", "still_waiting"]
    list_filter = ["tenant"]
    list_select_related = ["channel", "tenant", "requested_by"]

    @admin.display(description=_("still waiting"))
    def still_waiting(self, sweep: Sweep) -> int:
        return sweep.waiting().count()


@admin.register(Pulse)
class PulseAdmin(ReadOnlyAdmin):
    list_display = ["last_tick_at", "oldest_overdue", "errand_asked_at", "channels_watched"]

    @admin.display(description=_("oldest overdue look"))
    def oldest_overdue(self, pulse: Pulse) -> str:
        return spell(timedelta(seconds=pulse.oldest_overdue_seconds))

"""The operator's page: the whole fleet, what is wrong in it, and everything checked at once."""

import csv
import io
from dataclasses import replace
from datetime import timedelta

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from channels_app import fleet
from channels_app.fleet import Selection
from channels_app.models import Sweep
from channels_app.number import Number, watch_of
from incidents.causes import CAUSES
from tenants.door import operators_only

SERVERS_SHOWN = 6  # in the card, the worst first; all of them are in the filter
SILENT_AFTER = timedelta(minutes=1)  # without a round, the watch is not said to work
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would take for a formula


@operators_only
@require_GET
def page(request):
    if "" in request.GET.values():  # a form sends its empty fields too; the address is to be one that people pass on
        return redirect(f"{request.path}?{query}" if (query := Selection.of(request.GET).query()) else request.path)
    return render(request, "channels_app/overview.html", _overview(request))


@operators_only
@require_GET
def live(request):  # what _overview.html asks for, again and again
    return render(request, "channels_app/_overview.html", _overview(request))


@operators_only
@require_POST
def check_all(request):
    sweep = fleet.check_everything(by=request.user)
    if not request.htmx:
        return redirect("overview")
    return render(request, "channels_app/_sweep.html", {"progress": fleet.progress(sweep, timezone.now())})


@operators_only
@require_GET
def sweep(request, pk: int):  # what _sweep.html asks for while it runs
    asked = get_object_or_404(Sweep.objects.of_everything().select_related("requested_by"), pk=pk)
    progress = fleet.progress(asked, timezone.now())
    response = render(request, "channels_app/_sweep.html", {"progress": progress})
    if not progress.is_running:
        response["HX-Trigger"] = "swept"  # the page around it asks anew
    return response


@operators_only
@require_GET
def table(request):
    """What is filtered, as a file for a spreadsheet; built whole, because the scope ends with this view."""
    now = timezone.now()
    selection = Selection.of(request.GET)
    channels = fleet.ordered(selection, now).select_related("tenant", "server", "watch").defer("own_token", "server__api_key")
    standing = dict(fleet.of_week(now).filter(resolved_at=None).values_list("channel", "pk"))
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";")
    writer.writerow(_columns())
    for channel in channels.annotate(incidents_of_week=fleet.count_of_week(now)):
        number = Number(channel=channel, watch=watch_of(channel), now=now)
        writer.writerow([harmless(cell) for cell in _cells(number, standing.get(channel.pk))])
    response = HttpResponse(text.getvalue().encode("utf-8-sig"), content_type="text/csv; charset=utf-8")
    name = timezone.localtime(now).strftime("vigia-%Y-%m-%d-%Hh%M.csv")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _columns() -> list[str]:
    who = [_("Client"), _("Name"), _("Number"), _("Instance"), _("Server")]
    state = [_("Status"), _("Cause"), _("Since"), _("Open incident"), _("Last check"), _("Incidents (7 days)")]
    return [*who, *state, _("Alerts"), _("Warn after (minutes)")]


def _cells(number: Number, incident_id: int | None) -> list:
    channel, watch = number.channel, number.watch
    return [
        channel.tenant.name,
        channel.name,
        number.phone,
        channel.instance_name,
        channel.server.name,
        fleet.Standing.of(number, has_incident=incident_id is not None).label,
        "" if number.is_blind else watch.cause_title,
        _moment(watch.last_verdict_at if number.is_blind else watch.status_since),
        f"#{incident_id}" if incident_id else "",
        _moment(number.checked_at),
        channel.incidents_of_week,
        _("on") if channel.alerts_enabled else _("off"),
        channel.heartbeat_threshold_minutes,
    ]


def harmless(cell: object) -> object:
    """A spreadsheet runs what starts like a formula: an apostrophe makes a text of it."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell


def _moment(at) -> str:
    return formats.date_format(timezone.localtime(at), "SHORT_DATETIME_FORMAT") if at else ""


def _overview(request) -> dict:
    """Six queries: the last round, the sweep, the counts, one page of rows, their incidents, their periods."""
    now = timezone.now()
    selection = Selection.of(request.GET)
    pulse = fleet.pulse()
    last_round = pulse and pulse.last_tick_at
    asked = fleet.last_sweep()
    census = fleet.census(selection, now, asked)
    if selection.servidor and selection.servidor not in {line.id for line in census.servers}:
        selection = replace(selection, servidor=None)  # no such server: as if it were not there
        census = fleet.census(selection, now, asked)
    whole = census.whole
    number, pager = fleet.pages(selection, whole.matching)
    first = fleet.PAGE * (number - 1)
    return {
        "selection": selection,
        "here": replace(selection, pagina=number).query(pagina=number),
        "whole": whole,
        "standing": census.standing,
        "week": fleet.FleetWeek.of(pulse),
        "servers": [
            (line, selection.query(servidor=None if line.id == selection.servidor else line.id), line.id == selection.servidor)
            for line in sorted(census.servers, key=_worst_first)[:SERVERS_SHOWN]
        ],
        "servers_hidden": max(0, len(census.servers) - SERVERS_SHOWN),
        "all_servers": census.servers,
        "causes": sorted({str(cause.title): code for code, cause in CAUSES.items() if cause.statuses}.items()),
        "pills": _pills(selection, whole),
        "heads": _heads(selection),
        "rows": fleet.rows(selection, number, now) if whole.matching else [],
        "number": number,
        "pager": [(page, page and selection.query(pagina=page)) for page in pager],
        "before": selection.query(pagina=number - 1) if number > 1 else None,
        "after": selection.query(pagina=number + 1) if first + fleet.PAGE < whole.matching else None,
        "first": first + 1,
        "last": min(first + fleet.PAGE, whole.matching),
        "progress": asked and fleet.Progress(asked, whole.watched, whole.waiting, now),
        "last_round": last_round,
        "offline_since": pulse and pulse.offline_since,
        "is_silent": last_round is None
        or now - last_round > max(SILENT_AFTER, 3 * timedelta(seconds=settings.HEARTBEAT_TICK_SECONDS)),
        "late_query": Selection().query(ordem="verificacao"),
    }


def _worst_first(line: fleet.ServerLine) -> tuple:
    tally = line.tally
    return (line.reach.dark_since is None, -tally.failing, -tally.blind, tally.connected - tally.counted, line.name)


def _pills(selection: Selection, whole: fleet.Tally) -> list[tuple]:
    return [
        (pill.value or "todos", label, whole.of_pill(pill), selection.query(situacao=pill.value), selection.situacao == pill)
        for pill, label in fleet.PILL_LABELS.items()
        if pill != fleet.Pill.BLIND or whole.blind or selection.situacao == pill  # mostly there is none
    ]


def _heads(selection: Selection) -> dict[str, dict]:
    """Per sortable column: where a click leads, and what aria-sort says now."""
    heads = {}
    for name in fleet.ORDERS:
        is_current, is_turned = selection.ordem.removeprefix("-") == name, selection.ordem == f"-{name}"
        # The first click shows what matters first: for all but the name that is the highest, the oldest or the worst.
        up, down = ("descending", "ascending") if name == "cliente" else ("ascending", "descending")
        sort = (up if is_turned else down) if is_current else None
        heads[name] = {"query": selection.query(ordem=f"-{name}" if is_current and not is_turned else name), "sort": sort}
    return heads

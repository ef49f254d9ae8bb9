"""One change to many numbers of the overview: first a page that says how many and which, then the change."""

from django.contrib import messages
from django.http import QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from channels_app import bulk, fleet
from channels_app.fleet import Selection
from channels_app.models import Channel
from tenants.door import operators_only

NAMES_SHOWN = 20


@operators_only
@require_POST
def preview(request):
    selection, action = _selection(request), _action(request)
    if request.POST.get("todos"):
        channels = fleet.ordered(selection, timezone.now())
    else:
        picked = [
            int(text) for text in request.POST.getlist("numero") if text.isascii() and text.isdecimal() and len(text) < 16
        ]
        channels = Channel.objects.filter(pk__in=picked, archived_at=None).order_by("tenant__name", "name", "pk")
    ids = list(channels.values_list("pk", flat=True))
    if action is None or not ids:
        messages.warning(request, _("Choose numbers first, then what to do with them."))
        return redirect(_back(selection))
    return _ask(request, selection, action, ids, bulk.Minutes("5"))


@operators_only
@require_POST
def confirm(request):
    selection, action = _selection(request), _action(request)
    ids = bulk.ids_in(request.POST.get("numeros", ""))
    minutes = bulk.Minutes.of(request.POST.get("minutos", "")) if action == bulk.Action.THRESHOLD else bulk.Minutes("")
    if action is None or not ids:
        return redirect(_back(selection))
    if minutes.error:
        return _ask(request, selection, action, ids, minutes)
    messages.success(request, bulk.apply(action, ids, by=request.user, minutes=minutes.value))
    return redirect(_back(selection))


def _ask(request, selection: Selection, action: bulk.Action, ids: list[int], minutes: bulk.Minutes):
    channels = Channel.objects.filter(pk__in=ids, archived_at=None)
    named = channels.select_related("tenant").order_by("tenant__name", "name", "pk")[:NAMES_SHOWN]
    context = {
        "action": action,
        "is_threshold": action == bulk.Action.THRESHOLD,
        "is_everything": action == bulk.Action.CHECK and len(ids) > bulk.MOST_CHECKS,
        "unwatched": channels.count() - channels.watched().count() if action == bulk.Action.CHECK else 0,
        "label": bulk.LABELS[action],
        "count": len(ids),
        "ids": ",".join(map(str, ids)),
        "named": list(named),
        "more": max(0, len(ids) - NAMES_SHOWN),
        "minutes": minutes,
        "filtro": selection.query(pagina=selection.pagina),
        "back": _back(selection),
    }
    return render(request, "channels_app/overview_bulk.html", context)


def _selection(request) -> Selection:
    """The filters come along in one field, so that the way back leads where one was."""
    return Selection.of(QueryDict(request.POST.get("filtro", "")[:1000]))


def _action(request) -> bulk.Action | None:
    said = request.POST.get("acao", "")
    return bulk.Action(said) if said in set(bulk.Action) else None


def _back(selection: Selection) -> str:
    query = selection.query(pagina=selection.pagina)
    return reverse("overview") + (f"?{query}" if query else "")

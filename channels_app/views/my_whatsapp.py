"""The clinic's page: each number with its state, the way back, and seven days of history.

The page and its poll share one fragment, `_now.html`. Forms post and are redirected; with scripts the browser takes
from the page that answers only the piece that the form stands in.
"""

from datetime import date
from functools import wraps
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from channels_app import cards
from channels_app.cards.support import support
from channels_app.forms import AlertsForm, ThresholdForm
from channels_app.models import Channel
from channels_app.views.check import ask_or_not_found
from tenants.door import of_a_clinic
from tenants.models import Membership


def in_its_zone(view):
    """For somebody of a clinic, with times in the clinic's zone."""

    @never_cache
    @of_a_clinic
    @wraps(view)
    def zoned(request, *args, **kwargs):
        with timezone.override(ZoneInfo(request.membership.tenant.time_zone)):
            return view(request, *args, **kwargs)

    return zoned


def posted(view):
    """For what a form is sent to. Whoever comes by the address alone (a reload, a link back) is led to the page."""

    @wraps(view)
    def only_posted(request, *args, **kwargs):
        return view(request, *args, **kwargs) if request.method == "POST" else redirect("my-whatsapp")

    return only_posted


@require_GET
@in_its_zone
def page(request):
    return _page(request)


@require_GET
@in_its_zone
def now(request, pk: int):
    """What a card's head asks for again and again; no content where it has not changed."""
    (card,) = cards.read([_channel(request, pk)], now=timezone.now(), with_history=False)
    if request.GET.get("seen") == card.fingerprint:
        return HttpResponse(status=204)
    response = render(request, "channels_app/_now.html", {"card": card, "is_first_way": request.GET.get("way") == "1"})
    if request.GET.get("news") != card.news:
        response["HX-Trigger-After-Settle"] = "number-changed"  # its history and the line above the numbers follow
    return response


@posted
@in_its_zone
def check(request, pk: int):
    channel = _channel(request, pk)
    ask_or_not_found(request.user, channel.pk)
    return _back(channel)


@posted
@in_its_zone
def set_alerts(request, pk: int):
    channel = _channel(request, pk)
    _only_admins(request)
    form = AlertsForm(request.POST, instance=channel)
    if form.is_valid():  # a switch that is not sent is off: always
        form.save()
    return _back(channel, saved=True)


@posted
@in_its_zone
def set_threshold(request, pk: int):
    channel = _channel(request, pk)
    _only_admins(request)
    form = ThresholdForm(request.POST, instance=channel)
    if not form.is_valid():
        return _page(request, refused={pk: form})
    form.save()
    return _back(channel, saved=True)


def _page(request, refused: dict[int, ThresholdForm] | None = None):
    read = cards.read(
        list(_channels(request)),
        now=timezone.now(),
        chosen_day=_day(request.GET.get("dia", "")),
        of_channel=_whole(request.GET.get("numero", "")),
        refused=refused or {},
        saved=_whole(request.GET.get("salvo", "")),
    )
    read.sort(key=lambda card: not card.has_way)  # what somebody has to do comes first
    context = {
        "cards": read,
        "first_way": next((card.channel.pk for card in read if card.has_way), None),
        "all_is_well": cards.all_is_well(read, reader_is_told=_is_admin(request)),
        "may_change": _is_admin(request),
        "support": support(),
    }
    return render(request, "channels_app/my_whatsapp.html", context)


def _channels(request):
    return Channel.objects.filter(tenant=request.membership.tenant_id, archived_at=None).select_related("tenant", "watch")


def _channel(request, pk: int) -> Channel:
    """One of this clinic's; another's is not found, like one that does not exist."""
    channel = _channels(request).filter(pk=pk).first()
    if channel is None:
        raise Http404
    return channel


def _is_admin(request) -> bool:
    return request.membership.role in Membership.ADMIN_ROLES


def _only_admins(request) -> None:
    if not _is_admin(request):
        raise PermissionDenied


def _back(channel: Channel, *, saved: bool = False):
    asked, place = (f"?salvo={channel.pk}", "avisos") if saved else ("", "numero")
    return redirect(f"{reverse('my-whatsapp')}{asked}#{place}-{channel.pk}")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None

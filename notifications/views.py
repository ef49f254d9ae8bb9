"""The inbox: what a person was told, what of it is new, and the way from each alert to its incident."""

from django.core.paginator import Paginator
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST, require_safe

from notifications import inbox as letters
from notifications.models import Notification
from tenants.door import signed_in
from tenants.local_time import in_the_clinics_time

PER_PAGE = 20


@signed_in
@require_safe
@in_the_clinics_time
def inbox(request):
    mine = letters.of(request.user, _clinic(request))
    page = Paginator(mine, PER_PAGE).get_page(request.GET.get("pagina"))
    pages = page.paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1)
    newest = mine.values_list("pk", flat=True).order_by("-pk").first()
    unread = mine.filter(read_at=None).count()
    context = {"page": page, "pages": pages, "newest": newest, "unread": unread}
    return render(request, "notifications/inbox.html", context)


@signed_in
@require_GET
def follow(request, pk: int):
    """Lead from an alert to what it is about; whoever follows it has read it."""
    _mark(request, pk)
    link = letters.of(request.user, _clinic(request)).values_list("link", flat=True).get(pk=pk)
    return redirect(link if _leads_here(request, link) else "inbox")


@signed_in
@require_POST
def mark_read(request, pk: int):
    _mark(request, pk)
    return _back(request)


@signed_in
@require_POST
def mark_all_read(request):
    given = request.POST.get("ate", "")
    up_to = int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None
    letters.mark_all_read(by=request.user, tenant_id=_clinic(request), up_to=up_to, at=timezone.now())
    return _back(request)


@signed_in
@require_safe
def unread_count(request):
    """The menu's counts, each for its place: what every page polls."""
    return render(request, "notifications/_counts.html")


def _clinic(request) -> int | None:
    return request.membership and request.membership.tenant_id


def _mark(request, pk: int) -> None:
    try:
        letters.mark_read(pk, by=request.user, tenant_id=_clinic(request), at=timezone.now())
    except Notification.DoesNotExist as error:
        raise Http404 from error


def _back(request):
    page = request.POST.get("next", "")
    return redirect(page if _leads_here(request, page) else "inbox")


def _leads_here(request, url: str) -> bool:
    return url_has_allowed_host_and_scheme(url, allowed_hosts={request.get_host()}, require_https=request.is_secure())

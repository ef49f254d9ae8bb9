"""Asking for one number's check: from any page, and what the pages of one number share of it."""

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from channels_app import on_demand
from channels_app.models import Sweep
from tenants.door import signed_in
from tenants.models import User


@signed_in
@require_POST
def ask(request, pk: int):
    """Led back to where one was."""
    ask_or_not_found(request.user, pk)
    back = request.POST.get("next", "")
    here = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return redirect(back if here else "home")


def ask_or_not_found(person: User, channel_id: int) -> Sweep:
    """Another clinic's number is not found, just as one that does not exist."""
    try:
        return on_demand.request_once(by=person, channel_id=channel_id)
    except PermissionDenied as error:
        raise Http404 from error

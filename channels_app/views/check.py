"""Asking for one number's check from any page: post, and be led back to where one was."""

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from channels_app import due
from tenants.door import signed_in


@signed_in
@require_POST
def ask(request, pk: int):
    """Another clinic's number is not found, just as one that does not exist."""
    try:
        due.request(by=request.user, channel_id=pk)
    except PermissionDenied as error:
        raise Http404 from error
    back = request.POST.get("next", "")
    here = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return redirect(back if here else "home")

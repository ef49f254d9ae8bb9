"""Where a person lands, which of their clinics they look at, and light or dark."""

from django.conf import settings
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from tenants.door import signed_in

THEMES = {"light": "dark", "dark": "light"}
THEME_COOKIE = "theme"
YEAR = 365 * 24 * 3600  # seconds


@signed_in
def home(request):
    """Lead each person to their page."""
    if request.user.is_saas_admin:
        return redirect("overview")
    if request.membership is None:
        return render(request, "tenants/no_clinic.html", status=403)
    return redirect("my-whatsapp")


def closed(request):
    raise Http404


@signed_in
@require_POST
def switch_clinic(request):
    """Look at another of one's own clinics from now on."""
    slug = request.POST.get("clinic", "")
    if not any(membership.tenant.slug == slug for membership in request.memberships):
        raise Http404
    request.session["clinic"] = slug
    return redirect("home")


@require_POST
def theme(request):
    """Switch between light and dark, and stay on the page."""
    chosen = THEMES.get(request.COOKIES.get(THEME_COOKIE, ""), "dark")
    back = request.POST.get("next", "")
    here = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    response = redirect(back if here else settings.LOGIN_REDIRECT_URL)
    response.set_cookie(
        THEME_COOKIE, chosen, max_age=YEAR, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE, httponly=True
    )
    return response

"""Signing in: one door for clinics and operators, for the pages and the admin; and who may pass which view."""

from functools import wraps
from urllib.parse import urlsplit, urlunsplit

import structlog
from allauth.account import forms
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext_lazy as _
from django_htmx.http import HttpResponseClientRedirect

from core.fields import Secret

log = structlog.get_logger(__name__)


class Adapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": _("The e-mail or the password is not right. Try again."),
        "too_many_login_attempts": _("Too many attempts. Wait five minutes and try again."),
        "rate_limited": _("Too many attempts. Wait a minute and try again."),
    }

    def is_open_for_signup(self, request) -> bool:
        return False  # people are entered by the operator, later invited by their clinic

    def login(self, request, user) -> None:
        super().login(request, user)
        _limit(request.session, user)

    def send_notification_mail(self, template_prefix, user, *args, **kwargs) -> None:
        """Tell of a change that is made already: a mail server that is away must not make it look failed."""
        try:
            super().send_notification_mail(template_prefix, user, *args, **kwargs)
        except OSError as error:  # smtplib's errors are OSErrors too
            log.warning("a change of an account was not mailed", change=template_prefix, user_id=user.pk, error=str(error))


class LoginForm(forms.LoginForm):
    def login(self, request, redirect_url=None):
        response = super().login(request, redirect_url)
        if request.user.is_authenticated:  # not yet, where a second factor follows
            _limit(request.session, request.user)  # again: allauth has just set one length for everybody
        return response


def _limit(session, user) -> None:
    session.set_expiry(settings.OPERATOR_SESSION if user.is_saas_admin else settings.CLINIC_SESSION)


class SecondFactorAdapter(DefaultMFAAdapter):
    """Its secrets are sealed like the servers' keys; an operator who must have one cannot put it down."""

    def encrypt(self, text: str) -> str:
        return Secret.seal(text).token

    def decrypt(self, encrypted_text: str) -> str:
        return Secret(encrypted_text).reveal()

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        return not (settings.SECOND_FACTOR_FOR_OPERATORS and authenticator.user.is_saas_admin)


def has_second_factor(request) -> bool:
    """Whether this session passed it, or may from now on: one query at most, none once it was used to sign in."""
    used = any(record.get("method") == "mfa" for record in get_authentication_records(request, request.user))
    return used or Authenticator.objects.filter(user=request.user, type=Authenticator.Type.TOTP).exists()


def signed_in(view):
    """Ask a stranger to sign in. A poll whose session has ended gets a sentence with a link, and asks no more."""

    @wraps(view)
    def guarded(request, *args, **kwargs):
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        if request.htmx:
            return _session_has_ended(request)
        return redirect_to_login(_page_of(request), resolve_url(settings.LOGIN_URL))

    return guarded


def operators_only(view):
    """Not found for anybody else who is signed in."""

    @wraps(view)
    def guarded(request, *args, **kwargs):
        if not request.user.is_saas_admin:
            raise Http404
        return view(request, *args, **kwargs)

    return signed_in(guarded)


def of_a_clinic(view):
    """`request.membership` is there. Everybody else is led to where they belong: the operator to the overview."""

    @wraps(view)
    def guarded(request, *args, **kwargs):
        if request.membership is not None:
            return view(request, *args, **kwargs)
        return lead(request, "overview" if request.user.is_saas_admin else "home")

    return signed_in(guarded)


def lead(request, name: str):
    """Send somebody to another page. A fragment must not be answered by a page: there the browser itself goes."""
    return HttpResponseClientRedirect(resolve_url(name)) if request.htmx else redirect(name)


def _page_of(request) -> str:
    """Return where to go on after signing in: what a form was sent to answers no GET, so it is the page it stood on."""
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    came_from = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(came_from, {request.get_host()}, require_https=request.is_secure())
    page = urlsplit(came_from)
    return urlunsplit(("", "", page.path, page.query, "")) if is_ours and page.path else resolve_url("home")


def _session_has_ended(request):
    page = request.htmx.current_url_abs_path or "/"
    door = f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': page})}"
    response = render(request, "tenants/_session_ended.html", {"door": door}, status=401)
    response["HX-Reswap"] = "outerHTML"  # the element that polled goes, and its polling with it
    return response

"""Opens each request's scope: from the person who is signed in to the rows they may see; asks operators for two factors."""

import structlog
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponseServerError
from django.utils.translation import gettext as _

from tenants import door, scope
from tenants.models import Membership

log = structlog.get_logger(__name__)


class ScopeMiddleware:
    """Sets `request.memberships`, `request.membership` (the clinic looked at) and the database's scope for the request.

    Operators and strangers have no membership. A person in several clinics looks at the one they chose; a link may name
    another by `?clinica=slug`, and then it is switched: a link in an alert leads to the right clinic.

    ATOMIC_REQUESTS opens its transaction only around the view, too late for settings that live as long as a
    transaction: this one opens its own, around everything that follows.
    """

    def __init__(self, get_response) -> None:
        self.get_response = get_response

    def __call__(self, request):
        with scope.use(scope.PERSON, user_id=request.user.pk) as found:
            if found and scope.process_is_undeclared():
                return self._refuse(found)
            request.memberships, request.membership = [], None
            if request.user.is_authenticated:
                self._narrow(request)
            return self.get_response(request)

    def _chosen(self, request) -> Membership | None:
        by_slug = {membership.tenant.slug: membership for membership in request.memberships}
        named = request.GET.get("clinica")
        if named in by_slug and request.session.get("clinic") != named:
            request.session["clinic"] = named
        return by_slug.get(request.session.get("clinic")) or next(iter(request.memberships), None)

    def _refuse(self, found: str):
        """A pooler has handed a worker's connection to the web, with a scope that outlives the request."""
        log.critical("connection already carries a scope", found=found, remedy="give each kind of process its own pooler alias")
        return HttpResponseServerError("The database connection is not clean.")

    def _narrow(self, request) -> None:
        if request.user.is_saas_admin:
            scope.enter(scope.OPERATOR, user_id=request.user.pk)
            return
        mine = Membership.objects.in_force().filter(user=request.user).select_related("tenant")
        request.memberships = sorted(mine, key=lambda membership: membership.tenant.name)
        request.membership = self._chosen(request)
        if request.membership:
            scope.enter(scope.TENANT, tenant_id=request.membership.tenant_id, user_id=request.user.pk)


class SecondFactorMiddleware:
    """Leads an operator without a second factor to set one up, before anything else (production, see the settings)."""

    OPEN = ("account_", "mfa_", "set_language", "theme")  # names of what may be reached on the way there

    def __init__(self, get_response) -> None:
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request, view, args, kwargs):
        if not settings.SECOND_FACTOR_FOR_OPERATORS or not request.user.is_authenticated or not request.user.is_saas_admin:
            return None
        match = request.resolver_match
        is_on_the_way = not match.namespaces and (match.url_name or "").startswith(self.OPEN)
        if is_on_the_way or door.has_second_factor(request):
            return None
        messages.warning(request, _("Operators need a second factor. Set it up to go on."))
        return door.lead(request, "mfa_activate_totp")

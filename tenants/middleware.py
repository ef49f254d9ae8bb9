"""Opens each request's scope: from the person who is signed in to the rows they may see."""

import structlog
from django.http import HttpResponseServerError

from tenants import scope
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

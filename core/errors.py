"""Error pages in our look with DEBUG too, which the demonstration runs with: Django would show its own yellow ones.

Tracebacks are in the log. Who asks for plain text reads one: curl -H "Accept: text/plain".
"""

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.template.loader import render_to_string
from django.views.debug import ExceptionReporter
from django.views.defaults import page_not_found

OF_THE_REQUEST = (BadRequest, SuspiciousOperation)  # the request's fault: 400


class Reporter(ExceptionReporter):
    """What DEBUG shows of an error: as without it, the page alone. DEFAULT_EXCEPTION_REPORTER names it."""

    def get_traceback_html(self) -> str:
        return render_to_string("400.html" if isinstance(self.exc_value, OF_THE_REQUEST) else "500.html")


class NotFoundMiddleware:
    """What is not found has no such hook. Innermost, so that who is signed in is still known to the page."""

    def __init__(self, get_response) -> None:
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        return page_not_found(request, None) if response.status_code == 404 else response

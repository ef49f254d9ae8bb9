"""One line a request, without its query string: people search for names and numbers there."""

from django.http import HttpRequest
from django_structlog import middlewares


class RequestMiddleware(middlewares.RequestMiddleware):
    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {request.path}"

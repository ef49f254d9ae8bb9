"""What probes ask: is the process alive, can it work, does the watch watch. No login, nothing of anybody's data.

`Probes` answers before sessions, scope and transactions, which all need the database: a probe has to be answered
when it is away, too.
"""

from django.db import Error as DatabaseAway
from django.db.transaction import non_atomic_requests
from django.http import HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from channels_app import health


class Probes:
    """A middleware, the first of all: a probe is neither redirected to https nor does it wait for a transaction."""

    def __init__(self, get_response) -> None:
        self.get_response = get_response

    def __call__(self, request):
        view = BY_PATH.get(request.path_info)
        if view is None:
            return self.get_response(request)
        request.get_host()  # raises where ALLOWED_HOSTS does not know it
        return view(request)


@non_atomic_requests
@require_safe
def alive(request):
    """The process answers."""
    return _plain(HttpResponse("ok\n", content_type="text/plain"))


@non_atomic_requests
@require_safe
def ready(request):
    """Database, broker and the tick are there. Names what is not."""
    state, has_database = None, True
    try:
        state = health.read()
    except DatabaseAway:
        has_database = False
    parts = {
        "database": has_database,
        "broker": health.broker_answers(),
        "beat": bool(state and state.is_tick_fresh and not state.is_tick_off),
    }
    return _answer({name: "ok" if is_there else "not ready" for name, is_there in parts.items()}, is_well=all(parts.values()))


@non_atomic_requests
@require_safe
def sweep(request):
    """Nobody waits longer for a look than is promised."""
    try:
        state = health.read()
    except DatabaseAway:
        return _answer({"database": "not ready"}, is_well=False)
    told = {
        "oldest_overdue_seconds": round(state.overdue_seconds),
        "last_tick_seconds": None if state.tick_seconds is None else round(state.tick_seconds),
        "tick_is_switched_off": state.is_tick_off,
        "errands_waited_for_seconds": round(state.errand_seconds),
    }
    if state.blind_since:
        health.tell_operators(state)
    return _answer(told, is_well=state.blind_since is None)


BY_PATH = {"/healthz": alive, "/readyz": ready, "/healthz/sweep": sweep}


def _answer(told: dict, *, is_well: bool) -> HttpResponse:
    return _plain(JsonResponse(told, status=200 if is_well else 503))


def _plain(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"], response["X-Robots-Tag"] = "no-store", "noindex"
    return response

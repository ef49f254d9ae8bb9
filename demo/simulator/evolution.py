"""What a simulated Evolution server answers to one request. Pure but for `connect`, which, as upstream, changes the phone.

Facts (2.3.6, observed): a name's existence is checked before the key; with the server's database down the global key
is answered from memory while an instance's token is refused; a name that is not loaded has no `state`, and only the
full list still shows its row.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from urllib.parse import unquote

from demo.simulator import qr
from demo.simulator.messages import NEVER, Answer, Request, as_html, as_json
from demo.simulator.mishaps import play
from demo.simulator.phones import row_of
from demo.simulator.servers import Server

CONNECT_SECONDS = 2.0  # `connect` waits this long before it answers
WELCOME = "Welcome to the Evolution API, it is working!"
VERSION = "2.3.6"
_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def answer(server: Server, request: Request, *, at: datetime) -> Answer:
    """Answer one request as the server would in its mood."""
    match server.mood:
        case "hanging":
            return Answer(200, after_seconds=NEVER)
        case "bad_gateway":
            return as_html("<html><head><title>502 Bad Gateway</title></head></html>", 502)
        case "nonsense":
            return as_html("<!doctype html><html><head><title>Bem-vindo</title></head></html>")
        case "asked_to_wait":
            return Answer(429, b"", "text/plain", (("Retry-After", f"{server.seconds:.0f}"),))
        case "slow":
            on_time = _route(server, request, at)
            return replace(on_time, after_seconds=on_time.after_seconds + server.seconds)
    return _route(server, request, at)


def _route(server: Server, request: Request, at: datetime) -> Answer:
    """Find the route, whose letters may be of any case, then the name, whose letters may not."""
    is_get, path = request.method == "GET", request.path
    if is_get and path == "/":
        return _front_page(server)
    if is_get and path.lower().startswith("/manager"):
        return as_html("<!doctype html><html><head><title>Evolution Manager</title></head></html>")
    first, _, rest = path.removeprefix("/").partition("/")
    second, _, name = rest.partition("/")
    route, name = f"{first}/{second}".lower(), name.removesuffix("/")
    if is_get and route == "instance/fetchinstances" and not name:
        return _list(server, request)
    if not is_get or route not in _ACTIONS or not name or "/" in name:
        return _error(404, [f"Cannot {request.method} {path}"])
    if (decoded := _decoded(name)) is None:
        return _error(400, f"Failed to decode param '{name}'", title="Internal Server Error")
    if server.mood == "sessions_down" and route == "instance/connectionstate":
        return Answer(200, after_seconds=NEVER)
    # Upstream reads the name again after the guard, and a parameter of the query then wins over the path.
    return _guard(server, decoded, request) or _ACTIONS[route](server, request.query.get("instanceName", decoded), at)


def _guard(server: Server, name: str, request: Request) -> Answer | None:
    """Refuse, or return None: first for an unknown name, only then for the key."""
    phone, key = server.phone_at(name), request.headers.get("apikey")
    has_database = server.mood != "database_down"
    if not has_database and not server.loaded(name):
        return _error(500, ["PrismaClientKnownRequestError: Can't reach database server"])
    if phone is None:
        return _error(404, [f'The "{name}" instance does not exist'])
    if server.takes_global(key) or (has_database and phone.token and key == phone.token):
        return None
    return _error(401, "Unauthorized")


def _state(server: Server, name: str, at: datetime) -> Answer:
    phone = server.phone_at(name)
    state = {"state": phone.memory} if phone and server.loaded(name) else {}
    return as_json({"instance": {"instanceName": name, **state}}, after_seconds=phone.delay_seconds if phone else 0)


def _list(server: Server, request: Request) -> Answer:
    """Return every row to the global key; else, and by name, those that are loaded."""
    name, key = request.query.get("instanceName"), request.headers.get("apikey")
    sees_all = server.takes_global(key)
    if server.mood == "database_down":
        return _error(500, "Invalid `findMany()` invocation") if sees_all else _error(401, "Unauthorized")
    rows = [phone for phone in server.phones.values() if phone.exists and (sees_all or (key and phone.token == key))]
    if name is not None:
        rows = [phone for phone in rows if phone.name == name]
    elif sees_all:
        return as_json([row_of(phone) for phone in rows])
    if not rows and not sees_all:
        return _error(401, "Unauthorized")
    if not (loaded := [phone for phone in rows if server.loaded(phone.name)]):
        return _error(404, [f'Instance "{name or rows[0].name}" not found'])
    return as_json([row_of(phone) for phone in loaded])


def _connect(server: Server, name: str, at: datetime) -> Answer:
    phone = server.phone_at(name)
    if phone is None or not server.loaded(name):
        return as_json({"error": True, "message": "[object Object]"})
    if phone.memory == "open":
        return _state(server, name, at)
    if phone.memory == "connecting":
        return as_json(qr.shown_for(name))
    if phone.row == "open":  # paired, but without a network: there is no QR to give
        return as_json({"count": 0}, after_seconds=CONNECT_SECONDS)
    server.phones[name] = play(phone, "awaiting_scan", at=at)
    return as_json(qr.shown_for(name), after_seconds=CONNECT_SECONDS)


def _webhook(server: Server, name: str, at: datetime) -> Answer:
    return as_json(None)


_ACTIONS: dict[str, Callable[[Server, str, datetime], Answer]] = {
    "instance/connectionstate": _state,
    "instance/connect": _connect,
    "webhook/find": _webhook,
}


def _front_page(server: Server) -> Answer:
    manager = f"{server.base_url}/manager"
    return as_json(
        {"status": 200, "message": WELCOME, "version": VERSION, "clientName": "evolution_exchange", "manager": manager}
    )


def _decoded(name: str) -> str | None:
    if _BARE_PERCENT.search(name):
        return None
    try:
        return unquote(name, errors="strict")
    except UnicodeDecodeError:
        return None


def _error(status: int, message: str | list[str], *, title: str = "") -> Answer:
    title = title or HTTPStatus(status).phrase
    return as_json({"status": status, "error": title, "response": {"message": message}}, status)

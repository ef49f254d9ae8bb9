"""The simulator's own page and JSON calls: what a person or a test may let happen.

It listens on this machine alone, and a page of another site, open in the same browser, must not press its buttons:
the `Host` has to be ours, and so has the `Origin` of whatever posts.
"""

import json
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from django.template import Context, Engine

from demo.loopback import is_loopback
from demo.simulator.messages import Answer, Request, UnknownWord, as_html, as_json
from demo.simulator.mishaps import MISHAPS
from demo.simulator.phones import Phone
from demo.simulator.servers import MOODS, Server

PAGE = "/simulador"
SHOWN_PHONES = 100  # per server: a bench adds thousands
_HERE = Path(__file__).resolve().parent.parent
_ENGINE = Engine(dirs=[_HERE / "templates"])
_HEADERS = (
    ("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'"),
    ("Referrer-Policy", "same-origin"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
)


def answer(simulator, request: Request) -> Answer:
    """Answer one request to the control port."""
    if not _is_ours(request):
        return as_json({"error": "This address answers pages of its own alone."}, 403)
    try:
        return _get(simulator, request) if request.method == "GET" else _post(simulator, request)
    except UnknownWord as unknown:
        return as_json({"error": f"Unknown: {unknown}"}, 404)
    except (ValueError, KeyError, TypeError) as error:
        return as_json({"error": f"{type(error).__name__}: {error}"}, 400)


def _get(simulator, request: Request) -> Answer:
    match request.path.rstrip("/"):
        case "":
            return _see(PAGE)
        case "/simulador":
            return as_html(_ENGINE.get_template("demo/simulator.html").render(Context(_page(simulator))), headers=_HEADERS)
        case "/simulador/simulator.css":
            return Answer(200, (_HERE / "static/demo/simulator.css").read_bytes(), "text/css; charset=utf-8")
        case "/simulador/api/phones":
            return as_json({"servers": [_server(each) for each in simulator.servers.values()], "phones": _phones(simulator)})
    raise UnknownWord(request.path)


def _post(simulator, request: Request) -> Answer:
    match request.path.strip("/").split("/"):
        case ["simulador", "phones"]:
            simulator.play(int(request.form["server"]), request.form["name"], request.form["mishap"])
            return _see(f"{PAGE}#{quote(request.form['server'])}-{quote(request.form['name'])}")
        case ["simulador", "servers"]:
            simulator.set_mood(int(request.form["server"]), request.form["mood"])
            return _see(f"{PAGE}#{quote(request.form['server'])}")
        case ["simulador", "api", "phones"]:
            return as_json({"added": sum(_add(simulator, given) for given in _given(request)["phones"])}, 201)
        case ["simulador", "api", "phones", name]:
            given = _given(request)
            server, phone = simulator.play(given.get("server"), unquote(name), given["mishap"], seconds=_seconds(given))
            return as_json(_phone(server, phone))
        case ["simulador", "api", "servers", number]:
            given = _given(request)
            return as_json(_server(simulator.set_mood(int(number), given["mood"], seconds=_seconds(given))))
    raise UnknownWord(request.path)


def _add(simulator, given: dict) -> int:
    """Add one phone from its JSON: name, and if wished server, number, token, integration, mishap, seconds."""
    fields = {key: given[key] for key in ("token", "integration") if key in given}
    phone = Phone(name=given["name"], number=given.get("number", "5511900000000"), **fields)
    server = simulator.server(given.get("server", 1))
    simulator.put(server.number, [phone])
    simulator.play(server.number, phone.name, given.get("mishap", "paired"), seconds=_seconds(given))
    return 1


def _page(simulator) -> dict:
    """Return what the template shows: servers, each with its moods and its first phones, each with its mishaps."""
    return {
        "servers": [
            {
                "number": server.number,
                "name": server.name,
                "base_url": server.base_url,
                "mood": MOODS[server.mood],
                **_offered(MOODS, server.mood),
                "phones": [_shown(phone) for phone in list(server.phones.values())[:SHOWN_PHONES]],
                "hidden": max(0, len(server.phones) - SHOWN_PHONES),
            }
            for server in simulator.servers.values()
        ]
    }


def _shown(phone: Phone) -> dict:
    return {"phone": phone, "seen": MISHAPS[phone.condition], **_offered(MISHAPS, phone.condition)}


def _offered(words: dict, current: str) -> dict[str, list]:
    """Return the buttons: what is not the case now, the rare ones apart."""
    others = [(word, offer) for word, offer in words.items() if word != current]
    return {
        "common": [(word, offer) for word, offer in others if not offer.rare],
        "rare": [(word, offer) for word, offer in others if offer.rare],
    }


def _server(server: Server) -> dict:
    told = {"number": server.number, "name": server.name, "url": server.base_url, "mood": server.mood}
    return {**told, "phones": len(server.phones)}


def _phones(simulator) -> list[dict]:
    return [_phone(server, phone) for server in simulator.servers.values() for phone in server.phones.values()]


def _phone(server: Server, phone: Phone) -> dict:
    fields = ("name", "number", "integration", "condition", "memory", "row", "owner", "delay_seconds")
    told = {field: getattr(phone, field) for field in fields}
    return {"server": server.number, **told, "code": phone.reason.code if phone.reason else None}


def _given(request: Request) -> dict:
    given = json.loads(request.body)
    if not isinstance(given, dict):
        raise ValueError("an object is expected")
    return given


def _seconds(given: dict) -> float | None:
    return float(given["seconds"]) if "seconds" in given else None


def _see(address: str) -> Answer:
    return Answer(303, headers=(("Location", address),))


def _is_ours(request: Request) -> bool:
    """Refuse names that only lead here (DNS rebinding), and posts that another site's page sends."""
    host = request.headers.get("host", "")
    if not is_loopback(urlsplit(f"//{host}").hostname or ""):
        return False
    origin = request.headers.get("origin")
    return request.method == "GET" or origin is None or origin == f"http://{host}"

"""A server that says over real HTTP what a line of `situations` says, and nothing else."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from tests.recorded.facts import COMMANDED, REMOVED, TIMEOUT, Row, Said
from tests.support.raw_server import refusing_url


@contextmanager
def scripted(said: Said, row: Row | None, *, name: str) -> Iterator[str]:
    """Yield the base URL of a server that answers so for the instance `name`."""
    if said.http is None and said.word != TIMEOUT:
        yield refusing_url()
        return
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            state = self.path.startswith("/instance/connectionState/")
            assert not state or unquote(self.path.rsplit("/", 1)[1]) == name
            answer = said if state else row or Row(200)
            if answer.http is None:
                over.wait()
                self.close_connection = True
                return
            kind, body = _state(said, name) if state else _list(answer, name)
            self.send_response(answer.http)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        over.set()
        server.shutdown()
        server.server_close()


def _state(said: Said, name: str) -> tuple[str, bytes]:
    if said.word == "html":
        return "text/html; charset=UTF-8", b"<!doctype html><html><head><title>Evolution Manager</title></head></html>"
    if said.http != 200:
        return _error(said.http, said.word, name)
    word = {} if said.word is None else {"state": said.word}
    return _json({"instance": {"instanceName": name, **word}})


def _list(row: Row, name: str) -> tuple[str, bytes]:
    if row.http != 200:
        return _error(row.http, row.word, name)
    return _json([] if row.word is None else [_element(row, name)])


def _element(row: Row, name: str) -> dict:
    ended = None
    if row.code is not None:
        message = (
            f"{COMMANDED}{name}" if row.why == COMMANDED else "Stream Errored (conflict)" if row.why == REMOVED else row.why
        )
        content = [{"tag": "conflict", "attrs": {"type": REMOVED}}]
        data = {"content": content} if row.why == REMOVED else None if row.why == COMMANDED else {"reason": str(row.code)}
        output = {"statusCode": row.code, "payload": {"statusCode": row.code, "message": message}}
        ended = json.dumps({"error": {"data": data, "isBoom": True, "output": output}, "date": "2026-11-24T12:00:00.000Z"})
    return {
        "name": name,
        "connectionStatus": row.word,
        "ownerJid": "5511900000000@s.whatsapp.net" if row.owned else None,
        "integration": row.integration,
        "token": "a-token",
        "disconnectionReasonCode": row.code,
        "disconnectionObject": ended,
        "disconnectionAt": "2026-11-24T12:00:00.010Z" if ended else None,
    }


def _error(status: int, begins: str, name: str) -> tuple[str, bytes]:
    """The message is text for a refused key, a list elsewhere; quoted where its beginning is."""
    text = f'{begins}{name}" and so on' if begins.endswith('"') else begins
    message = text if begins in ("Unauthorized", "Failed to decode param", "Invalid `") else [text]
    return _json({"status": status, "error": "Some title", "response": {"message": message}})


def _json(content: object) -> tuple[str, bytes]:
    return "application/json; charset=utf-8", json.dumps(content).encode()

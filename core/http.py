"""The only way out: every request to a server, and to every address a person typed, goes through `get`.

`requests` carries it, used at its adapter: no session stands between, so nothing follows a redirect, keeps a
cookie, reads `.netrc` or obeys a proxy from the environment. `core.wire` bounds time and bytes at the socket and
connects to checked addresses only. One TLS context per process: reading the CA file costs 18 ms each time.
"""

import logging
import os
import re
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache, lru_cache
from threading import local

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import parse_url

from core import resolver, wire
from core.perimeter import AddressRefused
from core.wire import Failure, TooLarge, Unreachable

__all__ = ["AddressRefused", "Answer", "BadAnswer", "BadCertificate", "Failure", "TooLarge", "Unreachable", "get"]

LOOK_BYTES = 64 * 1024
ERROR_BYTES = 4 * 1024  # enough for the error word of an answer that is not 200
HEAD_BYTES = 32 * 1024  # status line, headers and the framing of chunks, on top of the body
KEEP_SECONDS = 10.0  # Node closes idle connections after 5 s; ours would pile up as dead descriptors
MOST_HOSTS = 4096  # beyond it, each look at another server would cost one of ours its kept connections
MOST_KEPT_PER_HOST = 64
LONGEST_WAIT = timedelta(days=1)
LONGEST_CHUNK_LINE = 4096  # its size and extensions

_URL = re.compile(r"([a-z]+://[^/?#]*)(/?)([^#]*)")
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}")


class BadCertificate(Failure):
    """The TLS handshake failed; `detail` says why in OpenSSL's words, cleaned to letters."""


class BadAnswer(Failure):
    """What came is not HTTP, was cut, or came in an encoding that we did not ask for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One complete answer. A body that is not a 200's is cut at ERROR_BYTES."""

    status: int
    body: bytes
    content_type: str
    took_seconds: float
    retry_after: timedelta | None  # at most LONGEST_WAIT
    on_kept_connection: bool = False  # it may have been sent before we asked, and be meant for another


def get(
    url: str,
    *,
    headers: dict[str, str],
    seconds: float,
    max_bytes: int = LOOK_BYTES,
    operator_owned: bool = False,
    fresh: bool = False,  # on a connection of its own
) -> Answer:
    """Ask once, all within `seconds`: name, connection, TLS, request, answer. Safe to call from any thread.

    `url` is sent as it is: its parts must be quoted. Raises `Failure` or `AddressRefused`, nothing else. A kept
    connection that turns out to be dead before the first byte is replaced by a fresh one, once.
    """
    started = time.monotonic()
    look = wire.Look(deadline=started + seconds, most_bytes=max_bytes + HEAD_BYTES, operator_owned=operator_owned)
    look.reuse_allowed = not fresh
    _thread.look = look
    try:
        return _ask(url, headers, look, max_bytes, started)
    except Unreachable as failure:
        if look.dialled or look.bytes_in or failure.detail != "reset":
            raise
    look.reuse_allowed = False
    return _ask(url, headers, look, max_bytes, started)


@cache
def tls_context() -> ssl.SSLContext:
    """Return the process's one context: Mozilla's CAs as `requests` ships them, whatever the environment says."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks certificate and host name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(requests.certs.where())
    return context


def forget() -> None:
    """Drop kept connections, names and the TLS context: in a forked child, which must share none of them."""
    _adapter.cache_clear()
    tls_context.cache_clear()
    resolver.forget()


logging.getLogger("urllib3").setLevel(logging.ERROR)  # its warnings quote what the server sent
os.register_at_fork(after_in_child=forget)
_thread = local()  # .look: the connection classes below are called by urllib3, which knows nothing of looks


def _ask(url: str, headers: dict[str, str], look: wire.Look, max_bytes: int, started: float) -> Answer:
    look.begin()
    try:
        response = _adapter(look.operator_owned).ask(url, headers, look.remaining())
        try:
            return _read(response, max_bytes, started, on_kept_connection=not look.dialled)
        finally:
            response.close()  # a connection whose answer was not read to its end is not used again
    except (Failure, AddressRefused):
        raise
    except Exception as error:
        raise _failure(error, look) from error


def _read(response: requests.Response, max_bytes: int, started: float, *, on_kept_connection: bool) -> Answer:
    _refuse_odd_framing(response)
    if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise BadAnswer("encoded")
    good = response.status_code == 200
    most = max_bytes if good else min(ERROR_BYTES, max_bytes)
    body = b""
    while len(body) <= most and (piece := response.raw.read(most + 1 - len(body), decode_content=False)):
        body += piece
        if response.raw.length_remaining == 0:
            break
    if good and len(body) > most:
        raise TooLarge("too large")
    return Answer(
        status=response.status_code,
        body=body[:most],
        content_type=response.headers.get("Content-Type", ""),
        took_seconds=time.monotonic() - started,
        retry_after=_wait(response.headers.get("Retry-After", "")),
        on_kept_connection=on_kept_connection,
    )


def _refuse_odd_framing(response: requests.Response) -> None:
    """Refuse what http.client forgives: it reads to the end of the stream where it cannot tell the body's length."""
    length = response.headers.get("Content-Length", "0").strip()
    if not (length.isascii() and length.isdigit()):
        raise BadAnswer("malformed")
    if response.headers.get("Transfer-Encoding", "chunked").strip().lower() != "chunked":
        raise BadAnswer("encoded")


def _wait(text: str) -> timedelta | None:
    """Read a Retry-After header: seconds or a date; None where it is neither."""
    text = text.strip()[:64]
    try:
        if text.isascii() and text.isdigit():
            return min(timedelta(seconds=min(int(text), 10**9)), LONGEST_WAIT)
        until = parsedate_to_datetime(text)
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        return min(max(until - datetime.now(UTC), timedelta()), LONGEST_WAIT)
    except (TypeError, ValueError, OverflowError):
        return None


def _failure(error: Exception, look: wire.Look) -> Failure:
    """Translate what `requests`, urllib3, http.client or ssl raised; each wraps the other's."""
    if (inner := _inside(error, ssl.SSLCertVerificationError)) is not None:
        return BadCertificate(inner.verify_message)
    if (inner := _inside(error, ssl.SSLError)) is not None and not isinstance(inner, ssl.SSLEOFError) and not look.secured:
        return BadCertificate((inner.reason or "no TLS").replace("_", " ").lower())
    if (inner := _inside(error, OSError)) is not None:  # RemoteDisconnected is a ConnectionResetError too
        return wire.unreachable(inner)
    return BadAnswer("malformed")


def _inside(error: BaseException, kind: type) -> BaseException | None:
    """Find an exception of `kind` in the chain, other than requests' own (which are OSErrors as well)."""
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, kind) and not isinstance(one, requests.RequestException):
            return one
        seen.append(one)
        inner = (one.__cause__, one.__context__, getattr(one, "reason", None), *one.args)
        waiting += [e for e in inner if isinstance(e, BaseException) and not any(e is s for s in seen)]
    return None


class _BoundedResponse(HTTPConnection.response_class):
    """http.client's response, reading through a `BoundedReader`."""

    def __init__(self, sock, *args, **kwargs) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = wire.BoundedReader(self.fp.detach(), sock, _thread.look)

    def begin(self) -> None:
        super().begin()
        if self.fp.saw_end:  # http.client takes the end of the stream for the end of the headers
            raise BadAnswer("cut")

    def _read_next_chunk_size(self) -> int:
        """As http.client's, but by HTTP's grammar: there `int` takes "0x5", "+5" and "5_0" for sizes as well."""
        line = self.fp.readline(LONGEST_CHUNK_LINE + 1)
        size = line.partition(b";")[0].strip()
        if not _CHUNK_SIZE.fullmatch(size) or not line.endswith(b"\n"):
            raise ValueError  # http.client makes it an IncompleteRead
        return int(size, 16)

    def _close_conn(self) -> None:  # http.client calls it when the body is over
        # Bytes beyond it would be read as the answer to the next look, perhaps another tenant's.
        if self.fp is not None and not self.fp.closed:
            self.fp.shut_if_more_came()
        super()._close_conn()


class _Dialled:
    """Opens connections by `wire.dial`, and reads answers within the bounds of the look that uses them."""

    response_class = _BoundedResponse

    def _new_conn(self):
        return wire.dial(_thread.look, self.host, self.port)

    def request(self, *args, **kwargs) -> None:
        _thread.look.secured = True
        self.timeout = _thread.look.remaining()
        super().request(*args, **kwargs)


class _Connection(_Dialled, HTTPConnection):
    pass


class _SecureConnection(_Dialled, HTTPSConnection):
    pass


class _FreshIfAsked:
    def _get_conn(self, timeout=None):
        connection = super()._get_conn(timeout)
        if not _thread.look.reuse_allowed:
            connection.close()
        return connection


class _Pool(_FreshIfAsked, HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(_FreshIfAsked, HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    def __init__(self) -> None:
        super().__init__(pool_connections=MOST_HOSTS, pool_maxsize=MOST_KEPT_PER_HOST, pool_block=False)
        self.fresh_until = 0.0

    def init_poolmanager(self, connections, maxsize, block=False, **kwargs) -> None:
        super().init_poolmanager(connections, maxsize, block, ssl_context=tls_context(), **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    # The four below leave out what one look would otherwise pay a third of its time for, and what none of ours needs:
    # proxies, a TLS context worked out anew, the CA file read for each connection, cookies, a history, three parses of the URL.

    def get_connection_with_tls_context(self, request, verify, proxies=None, cert=None):
        origin, _ = _parts(request.url)
        return self.poolmanager.connection_from_host(*_host(origin))

    def cert_verify(self, conn, url, verify, cert) -> None:
        """Leave it to the context."""

    def request_url(self, request, proxies) -> str:
        _, target = _parts(request.url)
        return target

    def build_response(self, request, answer: HTTPResponse) -> requests.Response:
        response = requests.Response()
        response.request, response.raw = request, answer
        response.status_code, response.headers = answer.status, answer.headers
        return response

    def ask(self, url: str, headers: dict[str, str], seconds: float) -> requests.Response:
        now = time.monotonic()
        if now > self.fresh_until:  # safe beside looks in flight: theirs are closed when they come back
            self.fresh_until = now + KEEP_SECONDS
            self.poolmanager.clear()
        request = requests.PreparedRequest()  # by hand: `prepare` would quote the URL its own way
        request.method, request.url = "GET", url
        request.headers = CaseInsensitiveDict(
            {"User-Agent": "Vigia", "Accept": "application/json", **headers, "Accept-Encoding": "identity"}
        )
        return self.send(request, stream=True, timeout=seconds, verify=True, proxies={})


def _parts(url: str) -> tuple[str, str]:
    """Return the origin, and what stands in the request's first line."""
    origin, _slash, target = _URL.match(url).groups()
    return origin, f"/{target}"


@lru_cache(MOST_HOSTS)
def _host(origin: str) -> tuple[str, int | None, str]:
    """The host, its port where one is given, and the scheme: as the pools know it."""
    parsed = parse_url(origin)
    return parsed.host, parsed.port, parsed.scheme


@cache
def _adapter(operator_owned: bool) -> _Adapter:
    """One per trust: a connection opened under the operator's allowance is never reused for a tenant."""
    return _Adapter()

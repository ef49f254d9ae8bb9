"""A server's whole list, of a server that misbehaves: it says why there is none, in time, and costs little."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from channels_app.gateways import Listing, evolution
from channels_app.gateways.evolution import LIST_BYTES
from core.fields import Secret
from tests.hostile import looker, table
from tests.hostile.conftest import D
from tests.hostile.words import ALPHA, KEY, OPEN, Script, answer, says
from tests.support.raw_server import Visit, raw_server

pytestmark = pytest.mark.usefixtures("outside")

AT_ONCE = 16
MEGABYTE = 1 << 20


def list_of(url: str, seconds: float = D) -> tuple[Listing, float]:
    """The listing, and how many seconds it took."""
    started = time.monotonic()
    listing = evolution.list_all(base_url=url, key=Secret.seal(KEY), operator_owned=True, seconds=seconds)
    return listing, time.monotonic() - started


def right_list(size: int) -> bytes:
    """Write a list of one number, in exactly so many bytes, of which none can be spared."""
    row = {"name": ALPHA, "connectionStatus": "open", "x": ""}
    row["x"] = "x" * (size - len(json.dumps([row])))
    return json.dumps([row]).encode()


RIGHT = right_list(len(OPEN))  # as long as the answer to a look: lengths and chunks around it stay as they are


class _Lister:
    """A visit to whom every right answer to a look becomes a right list."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit

    def __getattr__(self, name: str) -> object:
        return getattr(self._visit, name)

    def send(self, data: bytes) -> None:
        self._visit.send(data.replace(OPEN, RIGHT))


def says_lists(script: Script) -> Script:
    return lambda visit: script(_Lister(visit))


def has_a_right_list(case: table.Case) -> bool:
    """Is it an answer that a look believes, or would but for its length? A list may be longer."""
    return case.row.becomes == "connected" or case.name == "one byte too many"


def test_nothing_that_a_server_does_gives_rows_or_an_exception_or_lasts(ground):
    """The body is a right list wherever it is a right answer to a look: what is wrong is all around it."""
    cases = [case for case in table.cases() if case.script]
    with ExitStack() as stack, ThreadPoolExecutor(AT_ONCE) as pool:
        urls = [stack.enter_context(ground.http(says_lists(case.script))).url for case in cases]
        seen = list(zip(cases, urls, pool.map(list_of, urls), strict=True))
        # A busy machine is late now and then, a list without a deadline always.
        late = [(case, list_of(url)[1]) for case, url, (_listing, took) in seen if took > 1.5 * D]

    wrong = [(str(case), listing) for case, _url, (listing, _took) in seen if listing.rows and not has_a_right_list(case)]
    assert wrong == []
    assert sum(bool(listing.rows) for *_, (listing, _took) in seen) > 10  # so it is a right one
    assert {listing.failure for *_, (listing, _took) in seen} >= {"timeout", "too large", "no list", "HTTP 302", "HTTP 500"}
    assert [(str(case), took) for case, took in late if took > 1.5 * D] == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["{other}/instance/fetchInstances", "//127.0.0.1:{port}/", "/elsewhere"])
def test_a_list_is_not_fetched_from_where_a_redirect_points_to(status, where):
    with raw_server(lambda visit: visit.answer(answer(RIGHT))) as other:
        location = where.format(other=other.url, port=other.port).encode()
        sent_away = answer(b"", b"Location: " + location, status=b"%d Odd" % status)
        with raw_server(
            lambda visit: visit.send(sent_away if b"fetchInstances" in visit.request() else answer(RIGHT))
        ) as server:
            listing, _ = list_of(server.url)

    assert (listing.rows, listing.failure) == (None, f"HTTP {status}")
    assert (other.connections, len(server.requests)) == (0, 1)


@pytest.mark.parametrize("size", [LIST_BYTES, LIST_BYTES + 1])
def test_a_right_list_may_have_so_many_bytes_and_no_more(size, ground):
    with ground.http(says(answer(RIGHT.ljust(size)))) as server:
        listing, _ = list_of(server.url, seconds=30)

    assert (listing.rows is None, listing.failure) == ((True, "too large") if size > LIST_BYTES else (False, ""))


def row(n: int) -> dict:
    return {"name": f"n{n}", "connectionStatus": "open"}


def test_a_list_of_many_more_numbers_than_any_server_has_is_none(ground):
    body = json.dumps([row(n) for n in range(100_000)]).encode()
    assert len(body) < LIST_BYTES
    with ground.http(says(answer(body))) as server:
        listing, _ = list_of(server.url, seconds=30)

    assert (listing.rows, listing.failure) == (None, "too many rows")


@pytest.mark.parametrize("item", [b"{}", b'{"name":"x"}'])
def test_the_largest_list_there_may_be_takes_a_bounded_memory(ground, item):
    body = b"[" + b",".join([item] * (LIST_BYTES // (len(item) + 1) - 1)) + b"]"
    with ground.http(says(answer(body))) as server, looker.watched() as memory:
        listing, _ = list_of(server.url, seconds=30)
        assert listing.failure == "too many rows"
        assert memory() < 160 * MEGABYTE  # 121 and 77 seen: what JSON makes of it, before it is counted

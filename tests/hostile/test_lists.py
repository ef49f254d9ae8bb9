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
from tests.hostile.words import KEY, answer, says

pytestmark = pytest.mark.usefixtures("outside")

AT_ONCE = 16
MEGABYTE = 1 << 20


def list_of(url: str, seconds: float = D) -> tuple[Listing, float]:
    """The listing, and how many seconds it took."""
    started = time.monotonic()
    listing = evolution.list_all(base_url=url, key=Secret.seal(KEY), operator_owned=True, seconds=seconds)
    return listing, time.monotonic() - started


def test_nothing_that_a_server_does_gives_rows_or_an_exception_or_lasts(ground):
    cases = [case for case in table.cases() if case.script]
    with ExitStack() as stack, ThreadPoolExecutor(AT_ONCE) as pool:
        urls = [stack.enter_context(ground.http(case.script)).url for case in cases]
        seen = list(zip(cases, urls, pool.map(list_of, urls), strict=True))
        # A busy machine is late now and then, a list without a deadline always.
        late = [(case, list_of(url)[1]) for case, url, (_listing, took) in seen if took > 1.5 * D]

    assert [(str(case), listing) for case, _url, (listing, _took) in seen if listing.rows] == []
    assert {listing.failure for *_, (listing, _took) in seen} >= {"timeout", "too large", "no list"}
    assert [(str(case), took) for case, took in late if took > 1.5 * D] == []


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

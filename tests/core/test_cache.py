"""The shared cache remembers between processes, forgets instead of failing, and runs nobody's pickles."""

import time
from uuid import uuid4

import pytest
import redis
from django.conf import settings

from core import cache as module
from core.cache import Cache

HERE = settings.CACHES["default"]


def cache(url: str = settings.REDIS_URL, prefix: str = "") -> Cache:
    return Cache([url], {"KEY_PREFIX": prefix or uuid4().hex, "OPTIONS": HERE["OPTIONS"]})


@pytest.fixture
def away() -> Cache:
    return cache("redis://127.0.0.1:1/0")


def test_what_one_process_counts_the_other_sees():
    one, other = cache(prefix="together"), cache(prefix="together")
    one.set("attempts", [1.5, 2.5], 30)

    assert other.get("attempts") == [1.5, 2.5]
    assert not other.add("attempts", [], 30)
    assert other.delete("attempts")
    assert one.get("attempts", []) == []


def test_a_pickle_is_never_opened():
    ours = cache(prefix="pickles")
    with redis.Redis.from_url(settings.REDIS_URL) as server:
        server.set(ours.make_key("key"), b"\x80\x04N.", ex=30)

    with pytest.raises(UnicodeDecodeError):
        ours.get("key")


def test_without_its_server_it_forgets(away):
    assert away.add("key", 1) is True
    away.set("key", 1)
    assert away.get("key", "nothing") == "nothing"
    assert away.delete("key") is False


def test_a_server_that_takes_no_connection_is_asked_once_in_a_while(away, monkeypatch):
    asked = []
    monkeypatch.setattr(redis.Redis, "get", lambda self, key: asked.append(key) or (_ for _ in ()).throw(redis.TimeoutError))

    for _ in range(5):
        away.get("key")
    assert len(asked) == 1

    away._cache.away_until = time.monotonic() - 1
    away.get("key")
    assert len(asked) == 2
    assert module.AWAY_SECONDS >= 5

"""The cache that all processes share. Where its server is away it forgets instead of failing.

It counts attempts to sign in. A broker that is away must not keep people from seeing that the watch is ill: without it
attempts are not limited, which a warning says, and the passwords still stand.
"""

import json
import time
from functools import wraps

import redis
import structlog
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.backoff import NoBackoff
from redis.retry import Retry

log = structlog.get_logger(__name__)
AWAY_SECONDS = 10  # not asked again: one request makes a dozen calls, each may wait for its timeout


class JSONSerializer:
    """Instead of pickle, which would let whoever writes to the server run code here."""

    dumps = staticmethod(json.dumps)
    loads = staticmethod(json.loads)


def _forgetting(name: str, answer):
    method = getattr(RedisCacheClient, name)

    @wraps(method)
    def guarded(self, key, *args):
        if time.monotonic() >= self.away_until:
            try:
                return method(self, key, *args)
            except redis.RedisError as error:
                self.away_until = time.monotonic() + AWAY_SECONDS
                log.warning("cache is away: attempts to sign in are not limited", error=type(error).__name__)
        return answer(*args)

    return guarded


class Client(RedisCacheClient):
    away_until = 0.0  # by the monotonic clock

    def __init__(self, servers, **options) -> None:
        super().__init__(servers, serializer=JSONSerializer, retry=Retry(NoBackoff(), 0), **options)

    # `add` says yes: allauth takes it for a lock, which it would otherwise wait for.
    add = _forgetting("add", lambda value, timeout: True)
    get = _forgetting("get", lambda default: default)
    set = _forgetting("set", lambda value, timeout: None)
    delete = _forgetting("delete", lambda: False)


class Cache(RedisCache):
    def __init__(self, server, params) -> None:
        super().__init__(server, params)
        self._class = Client

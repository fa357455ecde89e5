"""Stores on a Redis or Valkey server: fast, shared, and void after a restart or failover.

Needs `pip install 'nitro-attest[redis]'`, Redis 5 or newer, and `maxmemory-policy noeviction`. No
nonce is accepted twice, whatever Redis persists: a server that was restarted, restored or promoted
redeems nothing that was issued before. Clients then ask for a new nonce.
"""

import math
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from secrets import token_bytes
from typing import Final, final

from nitro_attest import MissingExtraError, PolicyError, Reason, StaleDocumentError
from nitro_attest.nonces import _redis_scripts as scripts
from nitro_attest.nonces._store import (
    NONCE_BYTES,
    NonceStoreUnavailableError,
    check_claim,
    check_context,
    check_ttl,
    digest_of,
    milliseconds,
    presented,
)

try:
    from redis.asyncio import Redis as AsyncRedis
    from redis.asyncio.client import Pipeline as AsyncPipeline
    from redis.asyncio.cluster import RedisCluster as AsyncRedisCluster
    from redis.client import Pipeline, Redis
    from redis.cluster import ClusterPipeline, RedisCluster
    from redis.exceptions import (
        ChildDeadlockedError,
        NoScriptError,
        RedisClusterException,
        RedisError,
    )
except ImportError as exc:
    raise MissingExtraError("redis") from exc

__all__ = ["AsyncRedisNonces", "RedisNonces", "RedisOnce"]

_PREFIX: Final = "nitro-attest:"
_CLIENTS: Final = (Redis, RedisCluster)
_ASYNC_CLIENTS: Final = (AsyncRedis, AsyncRedisCluster)
_PIPELINES: Final = (Pipeline, ClusterPipeline)
# The package has no one base class: a cluster's client raises what is no RedisError.
_ERRORS: Final = (RedisError, RedisClusterException, ChildDeadlockedError, OSError)


@final
class RedisNonces:
    """A `NonceStore` on a Redis server, shared by all workers that connect to it.

    A nonce lives for `ttl` by the server's clock. Keys begin with `prefix`. A server that is full
    refuses to issue, and evicts nothing. Give the client a `socket_timeout`, or a server that hangs
    makes callers hang. An expired nonce is told as `freshness.nonce_unknown`.

    Raises:
        PolicyError: `client` is async or a pipeline, `ttl` is not from 1 ms to 1 day, or `prefix`
            is not text.

    """

    def __init__(
        self, client: Redis | RedisCluster, *, ttl: timedelta, prefix: str = _PREFIX
    ) -> None:
        """Keep the settings; the server is not asked yet."""
        self._client = _check_client(client, "RedisNonces.client")
        self._ttl = milliseconds(check_ttl(ttl, "RedisNonces.ttl"))
        self._prefix = _check_prefix(prefix, "RedisNonces.prefix")

    def issue(self, *, context: bytes = b"") -> bytes:
        """Return a new nonce of 32 random bytes.

        Raises:
            NonceStoreUnavailableError: The server is out of reach, full, read-only, or may evict.

        """
        nonce = token_bytes(NONCE_BYTES)
        key = _nonce_key(self._prefix, digest_of(nonce, check_context(context)))
        _run(self._client, scripts.ISSUE, "RedisNonces", [key], [self._ttl])
        return nonce

    def redeem(self, nonce: bytes, *, context: bytes = b"") -> None:
        """Use up a nonce that was issued for this context.

        Raises:
            StaleDocumentError: `freshness.nonce_short`; `nonce_unknown`: not issued, expired, or
                issued before the server was restarted or promoted; `nonce_used`.
            NonceStoreUnavailableError: The server is out of reach, or read-only.

        """
        key = _nonce_key(self._prefix, presented(nonce, context))
        _run(self._client, scripts.REDEEM, "RedisNonces", [key], [])


@final
class RedisOnce:
    """A `OnceStore` on a Redis server, shared by all workers that connect to it.

    Its memory begins with the first claim after the server was started or promoted; what was made
    before is rejected. In a Redis Cluster all its keys are in one slot.

    Raises:
        PolicyError: `client` is async or a pipeline, or `prefix` is not text.

    """

    def __init__(self, client: Redis | RedisCluster, *, prefix: str = _PREFIX) -> None:
        """Keep the settings; the server is not asked yet."""
        self._client = _check_client(client, "RedisOnce.client")
        self._prefix = "{" + _check_prefix(prefix, "RedisOnce.prefix") + "once}:"

    def claim(self, key: bytes, seconds: float, *, age: float = 0.0) -> bool:
        """Return True to the first caller with this key within `seconds`, and False to the others.

        Raises:
            StaleDocumentError: `freshness.nonce_unknown`: made `age` seconds ago, and the store's
                memory does not reach back so far.
            NonceStoreUnavailableError: The server is out of reach, full, read-only, or may evict.

        """
        digest = check_claim(key, seconds, age)
        keys = [self._prefix + digest.hex(), self._prefix + "memory"]
        durations = [math.ceil(seconds * 1000), math.ceil(age * 1000)]
        try:
            _run(self._client, scripts.CLAIM, "RedisOnce", keys, durations)
        except StaleDocumentError as refused:
            if refused.reason is Reason.FRESHNESS_NONCE_USED:
                return False
            raise
        return True


@final
class AsyncRedisNonces:
    """An `AsyncNonceStore` on a Redis server; its nonces and those of `RedisNonces` are the same.

    Raises:
        PolicyError: `client` is not async, `ttl` is not from 1 ms to 1 day, or `prefix` is not
            text.

    """

    def __init__(
        self, client: AsyncRedis | AsyncRedisCluster, *, ttl: timedelta, prefix: str = _PREFIX
    ) -> None:
        """Keep the settings; the server is not asked yet."""
        self._client = _check_async_client(client, "AsyncRedisNonces.client")
        self._ttl = milliseconds(check_ttl(ttl, "AsyncRedisNonces.ttl"))
        self._prefix = _check_prefix(prefix, "AsyncRedisNonces.prefix")

    async def issue(self, *, context: bytes = b"") -> bytes:
        """Return a new nonce, as `RedisNonces.issue` does."""
        nonce = token_bytes(NONCE_BYTES)
        key = _nonce_key(self._prefix, digest_of(nonce, check_context(context)))
        await self._run(scripts.ISSUE, key, self._ttl)
        return nonce

    async def redeem(self, nonce: bytes, *, context: bytes = b"") -> None:
        """Use up a nonce, as `RedisNonces.redeem` does."""
        key = _nonce_key(self._prefix, presented(nonce, context))
        await self._run(scripts.REDEEM, key)

    async def _run(self, script: scripts.Script, key: str, *arguments: int) -> None:
        with _translated("AsyncRedisNonces"):
            try:
                reply = await self._client.evalsha(script.sha1, 1, key, *arguments)
            except NoScriptError:  # new to this server, so it has done nothing yet
                reply = await self._client.eval(script.text, 1, key, *arguments)
        scripts.settle(reply, "AsyncRedisNonces")


def _run(
    client: Redis | RedisCluster,
    script: scripts.Script,
    store: str,
    keys: list[str],
    arguments: list[int],
) -> None:
    """Run a script, and return if its reply says that it is done."""
    with _translated(store):
        try:
            reply = client.evalsha(script.sha1, len(keys), *keys, *arguments)
        except NoScriptError:  # new to this server, so it has done nothing yet
            reply = client.eval(script.text, len(keys), *keys, *arguments)
    scripts.settle(reply, store)


@contextmanager
def _translated(store: str) -> Generator[None]:
    try:
        yield
    except _ERRORS as exc:
        raise NonceStoreUnavailableError(
            store,
            f"the server did not confirm the step ({type(exc).__name__}), so nothing was accepted; "
            "see the cause",
        ) from exc


def _check_client(client: object, field: str) -> Redis | RedisCluster:
    if not isinstance(client, _CLIENTS) or isinstance(client, _PIPELINES):
        raise PolicyError(field, "expected a client of the package redis that is not async")
    return client


def _check_async_client(client: object, field: str) -> AsyncRedis | AsyncRedisCluster:
    if not isinstance(client, _ASYNC_CLIENTS) or isinstance(client, AsyncPipeline):
        raise PolicyError(field, "expected a client of redis.asyncio")
    return client


def _check_prefix(prefix: object, field: str) -> str:
    if type(prefix) is not str:
        raise PolicyError(field, "expected text")
    return prefix


def _nonce_key(prefix: str, digest: bytes) -> str:
    return f"{prefix}nonce:{digest.hex()}"

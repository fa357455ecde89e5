"""The Redis stores without a server: arguments, replies, and a server that is not there."""

import asyncio
import importlib
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NoReturn, cast

import pytest
import redis
import redis.asyncio
from redis.asyncio.client import Pipeline as AsyncPipeline
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.exceptions import RedisClusterException, SlotNotCoveredError
from redis.retry import Retry

from nitro_attest import MissingExtraError, PolicyError, Reason, StaleDocumentError
from nitro_attest.nonces import NonceStoreUnavailableError
from nitro_attest.nonces import _redis_scripts as scripts
from nitro_attest.nonces.redis import AsyncRedisNonces, RedisNonces, RedisOnce

TTL = timedelta(minutes=5)
NOWHERE: dict[str, Any] = {"host": "127.0.0.1", "port": 1, "retry": Retry(NoBackoff(), 0)}


def _client() -> redis.Redis:
    return redis.Redis(**NOWHERE)


def _async_client() -> redis.asyncio.Redis:
    return redis.asyncio.Redis(host="127.0.0.1", port=1)


def test_a_server_that_is_not_there_is_unavailable() -> None:
    """Nothing is issued, redeemed or claimed."""
    with _client() as client:
        nonces, once = RedisNonces(client, ttl=TTL), RedisOnce(client)
        for use in (nonces.issue, lambda: nonces.redeem(bytes(32)), lambda: once.claim(b"key", 1)):
            with pytest.raises(NonceStoreUnavailableError) as refused:
                use()
            assert isinstance(refused.value.__cause__, redis.ConnectionError)


def test_a_server_that_is_not_there_is_unavailable_to_async_callers() -> None:
    """As to others."""

    async def use() -> None:
        async with redis.asyncio.Redis(**NOWHERE, retry_on_error=None) as client:
            store = AsyncRedisNonces(client, ttl=TTL)
            for call in (store.issue(), store.redeem(bytes(32))):
                with pytest.raises(NonceStoreUnavailableError):
                    await call

    asyncio.run(use())


def test_a_cluster_that_is_not_there_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its client has errors of its own, which are no `RedisError`."""

    def find_no_node(*_: object) -> NoReturn:
        raise SlotNotCoveredError

    with _client() as client:
        monkeypatch.setattr(client, "evalsha", find_no_node)
        with pytest.raises(NonceStoreUnavailableError):
            RedisNonces(client, ttl=TTL).issue()

    async def use() -> None:
        client = redis.asyncio.RedisCluster(host="127.0.0.1", port=1)
        with pytest.raises(NonceStoreUnavailableError) as refused:
            await AsyncRedisNonces(client, ttl=TTL).issue()
        assert isinstance(refused.value.__cause__, RedisClusterException)

    asyncio.run(use())


@pytest.mark.parametrize("single", [False, True])
def test_a_cancelled_redemption_answers_for_no_other(single: bool) -> None:  # noqa: FBT001 - as the client takes it
    """Its late reply, 1, is not read as that to the next one, which is 2."""

    async def use() -> None:
        asked, cancelled = asyncio.Event(), asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while command := await _command(reader):
                if command[0] != b"EVALSHA":
                    writer.write(b"+OK\r\n")
                elif cancelled.is_set():
                    writer.write(b":2\r\n")
                else:
                    asked.set()
                    await cancelled.wait()
                    writer.write(b":1\r\n")
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with (
            server,
            redis.asyncio.Redis(port=port, protocol=2, single_connection_client=single) as client,
        ):
            store = AsyncRedisNonces(client, ttl=TTL)
            redemption = asyncio.create_task(store.redeem(bytes(32)))
            await asked.wait()
            redemption.cancel()
            cancelled.set()
            with pytest.raises(asyncio.CancelledError):
                await redemption
            with pytest.raises(StaleDocumentError):
                await store.redeem(bytes(32))

    asyncio.run(use())


async def _command(reader: asyncio.StreamReader) -> list[bytes]:
    """Read one command as a client writes it: an array of strings; empty at the end."""
    head = await reader.readline()
    words: list[bytes] = []
    for _ in range(int(head[1:] or b"0")):
        length = int((await reader.readline())[1:])
        words.append((await reader.readexactly(length + 2))[:-2])
    return words


@pytest.mark.parametrize(
    ("reply", "reason"),
    [(0, Reason.FRESHNESS_NONCE_UNKNOWN), (2, Reason.FRESHNESS_NONCE_USED)],
)
def test_a_script_can_reject(reply: int, reason: Reason) -> None:
    """With one of two reasons."""
    with pytest.raises(StaleDocumentError) as refused:
        scripts.settle(reply, "RedisNonces")
    assert refused.value.reason is reason


def test_only_the_reply_one_accepts() -> None:
    """Neither what is equal to it, nor anything else."""
    scripts.settle(1, "RedisNonces")
    for reply in (True, 1.0, b"1", "1", None, -1, -2, -3, -4, 3, [1], object()):
        with pytest.raises(NonceStoreUnavailableError):
            scripts.settle(reply, "RedisNonces")


def test_other_clients_are_policy_errors() -> None:
    """An async one would answer with a coroutine, a pipeline with itself."""
    client, other = _client(), _async_client()
    pipeline = Pipeline(client.connection_pool, {}, transaction=True, shard_hint=None)
    async_pipeline = AsyncPipeline(other.connection_pool, {}, transaction=True, shard_hint=None)
    cases: list[tuple[Callable[[Any], object], tuple[Any, ...]]] = [
        (lambda wrong: RedisNonces(wrong, ttl=TTL), (None, other, pipeline)),
        (RedisOnce, (None, other, pipeline)),
        (lambda wrong: AsyncRedisNonces(wrong, ttl=TTL), (None, client, async_pipeline)),
    ]
    for make, wrong_ones in cases:
        for wrong in wrong_ones:
            with pytest.raises(PolicyError) as refused:
                make(wrong)
            assert refused.value.field.endswith(".client")


def test_a_prefix_is_text() -> None:
    """And a time to live has its bounds."""
    wrong = cast("str", b"prefix")
    cases: list[Callable[[], object]] = [
        lambda: RedisNonces(_client(), ttl=TTL, prefix=wrong),
        lambda: RedisOnce(_client(), prefix=wrong),
        lambda: AsyncRedisNonces(_async_client(), ttl=TTL, prefix=wrong),
    ]
    for make in cases:
        with pytest.raises(PolicyError) as refused:
            make()
        assert refused.value.field.endswith(".prefix")
    with pytest.raises(PolicyError):
        RedisNonces(_client(), ttl=timedelta(0))


def test_without_redis_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ImportError that says what to install."""
    for name in [name for name in sys.modules if name.startswith("redis.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.delitem(sys.modules, "nitro_attest.nonces.redis")
    with pytest.raises(MissingExtraError) as missing:
        importlib.import_module("nitro_attest.nonces.redis")
    assert "nitro-attest[redis]" in str(missing.value)

"""The Redis stores on a real server: restarts, failovers, full memory, replicas, permissions."""

import asyncio
from collections.abc import Callable, Generator
from datetime import timedelta
from typing import Any, cast

import pytest
import redis
import redis.asyncio

from nitro_attest import FreshNonce, PolicyError, Reason, StaleDocumentError
from nitro_attest.nonces import (
    NonceStore,
    NonceStoreUnavailableError,
    OnceStore,
    averify_once,
)
from nitro_attest.nonces.redis import AsyncRedisNonces, RedisNonces, RedisOnce
from support.nonce_contract import (
    FAKE,
    NONCE_CONTRACT,
    NOW,
    ONCE_CONTRACT,
    accepted,
    policy,
    refusal,
)
from support.servers import LOOPBACK, RedisServer, free_port, redis_server, wait_until

pytestmark = pytest.mark.servers
TTL = timedelta(minutes=30)
MANY = 1_000
AOF = ("--appendonly", "yes")


@pytest.fixture(scope="module")
def shared() -> Generator[RedisServer]:
    """Return a server for tests that leave it as it was."""
    with redis_server() as server:
        yield server


@pytest.fixture
def server() -> Generator[RedisServer]:
    """Return a server of the test's own."""
    with redis_server() as server:
        yield server


def _unredeemed(server: RedisServer) -> int:
    """Return how many nonces a server holds as never redeemed."""
    return sum(server.command("GET", key) != b"used" for key in _keys(server))


def _keys(server: RedisServer) -> list[str]:
    keys = cast("list[bytes]", server.command("KEYS", "nitro-attest:nonce:*"))
    return [key.decode() for key in keys]


@pytest.mark.parametrize("contract", NONCE_CONTRACT)
def test_nonces_keep_the_contract(
    shared: RedisServer, contract: Callable[[NonceStore], None]
) -> None:
    """As the stores that need no server do."""
    contract(RedisNonces(shared.client(), ttl=TTL))


@pytest.mark.parametrize("contract", ONCE_CONTRACT)
def test_claims_keep_the_contract(
    server: RedisServer, contract: Callable[[OnceStore], None]
) -> None:
    """As the stores that need no server do."""
    contract(RedisOnce(server.client()))


def test_a_client_that_decodes_replies_works_as_well(shared: RedisServer) -> None:
    """No reply is text."""
    client = redis.Redis(host=LOOPBACK, port=shared.port, decode_responses=True)
    store = RedisNonces(client, ttl=TTL)
    nonce = store.issue()
    store.redeem(nonce)
    assert refusal(store, nonce) is Reason.FRESHNESS_NONCE_USED
    assert RedisOnce(client).claim(b"decoded", 60) is True


def test_a_nonce_expires_by_the_clock_of_the_server(server: RedisServer) -> None:
    """The server deletes it, so it is unknown."""
    store = RedisNonces(server.client(), ttl=timedelta(milliseconds=1))
    nonce = store.issue()
    wait_until(lambda: not _keys(server), "the end of a millisecond")
    assert refusal(store, nonce) is Reason.FRESHNESS_NONCE_UNKNOWN


def test_a_used_nonce_is_kept_no_longer_than_its_time(server: RedisServer) -> None:
    """What stays of it serves only to name the reason."""
    store = RedisNonces(server.client(), ttl=TTL)
    store.redeem(store.issue())
    (key,) = _keys(server)
    left = cast("int", server.command("PTTL", key))
    assert 0 < left <= TTL / timedelta(milliseconds=1)


def test_stores_with_other_prefixes_share_nothing(shared: RedisServer) -> None:
    """Two services on one server."""
    one = RedisNonces(shared.client(), ttl=TTL, prefix="one:")
    two = RedisNonces(shared.client(), ttl=TTL, prefix="two:")
    nonce = one.issue()
    assert refusal(two, nonce) is Reason.FRESHNESS_NONCE_UNKNOWN
    one.redeem(nonce)


def test_after_a_kill_a_snapshot_brings_back_no_nonce(server: RedisServer) -> None:
    """Redeemed after the snapshot, killed, restarted from it: 1,000 presented, none accepted."""
    store = RedisNonces(server.client(), ttl=TTL)
    nonces = [store.issue() for _ in range(MANY)]
    server.command("SAVE")
    assert accepted(store, nonces) == MANY
    server.kill()
    server.start()
    assert _unredeemed(server) == MANY  # what the snapshot says
    assert accepted(store, nonces) == 0


def test_after_a_kill_an_append_only_file_brings_back_no_nonce() -> None:
    """Redeemed or not: what was outstanding is void as well."""
    with redis_server(*AOF, "--appendfsync", "everysec") as server:
        store = RedisNonces(server.client(), ttl=TTL)
        nonces = [store.issue() for _ in range(MANY)]
        outstanding = [store.issue() for _ in range(10)]
        assert accepted(store, nonces) == MANY
        server.kill()
        server.start()
        assert _unredeemed(server) == 10
        assert accepted(store, nonces + outstanding) == 0


def _replication(server: RedisServer) -> dict[str, object]:
    return cast("dict[str, object]", server.command("INFO", "replication"))


def _replica(primary: RedisServer, replica: RedisServer) -> None:
    replica.command("REPLICAOF", LOOPBACK, str(primary.port))
    wait_until(lambda: _replication(replica)["master_link_status"] == "up", "the replica")


def test_after_a_failover_to_a_lagging_replica_no_nonce_is_redeemed_again(
    server: RedisServer,
) -> None:
    """The replica has all nonces and no redemption when the primary is killed."""
    with redis_server() as replica:
        store = RedisNonces(server.client(), ttl=TTL)
        _replica(server, replica)
        nonces = [store.issue() for _ in range(MANY)]
        wait_until(lambda: _unredeemed(replica) == MANY, "the nonces at the replica")
        replica.command("REPLICAOF", LOOPBACK, "1")  # cut off: nobody listens there
        assert accepted(store, nonces) == MANY
        server.kill()
        replica.command("REPLICAOF", "NO", "ONE")
        promoted = RedisNonces(replica.client(), ttl=TTL)
        assert _unredeemed(replica) == MANY
        assert accepted(promoted, nonces) == 0
        promoted.redeem(promoted.issue())


def test_a_server_that_was_a_replica_in_between_redeems_nothing_of_before(
    server: RedisServer,
) -> None:
    """Its run id is the same as before; its replication id is not."""
    with redis_server() as other:
        store = RedisNonces(server.client(), ttl=TTL)
        _replica(server, other)
        nonces = [store.issue() for _ in range(10)]
        wait_until(lambda: _unredeemed(other) == 10, "the nonces at the replica")
        assert accepted(store, nonces) == 10
        other.command("REPLICAOF", "NO", "ONE")
        other.command("FLUSHALL")
        _replica(other, server)
        server.command("REPLICAOF", "NO", "ONE")
        assert server.command("DBSIZE") == 0
        store.redeem(store.issue())
        nonce = store.issue()
        server.command("REPLICAOF", LOOPBACK, "1")
        server.command("REPLICAOF", "NO", "ONE")
        assert refusal(store, nonce) is Reason.FRESHNESS_NONCE_UNKNOWN


def test_claims_made_before_a_restart_are_not_made_again(server: RedisServer) -> None:
    """What is older than the new memory is rejected, what is younger is new."""
    store = RedisOnce(server.client())
    assert store.claim(b"before", 600)
    server.kill()
    server.start()
    for age in (0.5, 100.0):
        with pytest.raises(StaleDocumentError) as refused:
            store.claim(b"before", 600, age=age)
        assert refused.value.reason is Reason.FRESHNESS_NONCE_UNKNOWN
    assert store.claim(b"since", 600)


def test_the_memory_of_claims_begins_anew_with_another_server(server: RedisServer) -> None:
    """A promoted replica does not take its primary's memory for its own."""
    with redis_server() as replica:
        primary, promoted = RedisOnce(server.client()), RedisOnce(replica.client())
        _replica(server, replica)
        assert primary.claim(b"a key", 600)
        wait_until(lambda: replica.command("DBSIZE") == 2, "the claim at the replica")
        replica.command("REPLICAOF", "NO", "ONE")
        with pytest.raises(StaleDocumentError):
            promoted.claim(b"another key", 600, age=0.5)
        assert not promoted.claim(b"a key", 600)


def test_the_memory_of_claims_grows(server: RedisServer) -> None:
    """By the clock of the server."""
    store = RedisOnce(server.client())
    assert store.claim(b"first", 600)

    def grown() -> bool:
        try:
            return store.claim(b"made a moment ago", 600, age=0.2)
        except StaleDocumentError:
            return False

    wait_until(grown, "a fifth of a second")


def test_a_claim_ends_with_its_time(server: RedisServer) -> None:
    """By the clock of the server."""
    store = RedisOnce(server.client())
    assert store.claim(b"key", 0.001)
    wait_until(lambda: store.claim(b"key", 600), "the end of a millisecond")


def test_a_server_that_is_down_is_told_and_recovers_without_a_hand(server: RedisServer) -> None:
    """The same store object works again when the server does."""
    store, once = RedisNonces(server.client(), ttl=TTL), RedisOnce(server.client())
    nonce = store.issue()
    server.kill()
    for use in (store.issue, lambda: store.redeem(nonce), lambda: once.claim(b"key", 1)):
        with pytest.raises(NonceStoreUnavailableError) as refused:
            use()
        assert "ConnectionError" in refused.value.problem
    server.start()
    assert refusal(store, nonce) is Reason.FRESHNESS_NONCE_UNKNOWN
    store.redeem(store.issue())


def test_a_replica_is_unavailable(server: RedisServer) -> None:
    """It neither issues, redeems nor claims."""
    nonces, once = RedisNonces(server.client(), ttl=TTL), RedisOnce(server.client())
    server.command("REPLICAOF", LOOPBACK, "1")
    _all_refused(nonces, once, "replica")


def test_a_user_who_may_not_see_the_run_id_is_told_so(server: RedisServer) -> None:
    """INFO belongs to the dangerous commands, which some operators forbid."""
    server.command("ACL", "SETUSER", "default", "-info")
    client = server.client()
    _all_refused(RedisNonces(client, ttl=TTL), RedisOnce(client), "INFO")


def _all_refused(nonces: RedisNonces, once: RedisOnce, word: str) -> None:
    uses: list[Callable[[], object]] = [
        nonces.issue,
        lambda: nonces.redeem(bytes(32)),
        lambda: once.claim(b"key", 1),
    ]
    for use in uses:
        with pytest.raises(NonceStoreUnavailableError) as refused:
            use()
        assert word in refused.value.problem


@pytest.mark.parametrize("kind", ["allkeys-lru", "volatile-ttl"])
def test_a_server_that_may_evict_is_refused(server: RedisServer, kind: str) -> None:
    """It could forget a claim; the policy is asked for each time."""
    nonces, once = RedisNonces(server.client(), ttl=TTL), RedisOnce(server.client())
    nonce = nonces.issue()
    server.command("CONFIG", "SET", "maxmemory-policy", kind)
    for use in (nonces.issue, lambda: once.claim(b"key", 1)):
        with pytest.raises(NonceStoreUnavailableError) as refused:
            use()
        assert "noeviction" in refused.value.problem
    nonces.redeem(nonce)
    server.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
    nonces.redeem(nonces.issue())


def test_claims_that_were_evicted_in_between_are_not_made_again(server: RedisServer) -> None:
    """Once a server has evicted anything, its memory of claims begins anew."""
    once = RedisOnce(server.client())
    assert once.claim(b"evicted", 600)
    server.command("SET", "of another service", "x" * 100_000)
    server.command("CONFIG", "SET", "maxmemory-policy", "volatile-random")
    server.command("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(redis.OutOfMemoryError):  # but what can expire is evicted first
        server.command("SET", "more", "x")
    server.command("CONFIG", "SET", "maxmemory", "0")
    server.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
    with pytest.raises(StaleDocumentError) as refused:
        once.claim(b"evicted", 600, age=0.001)
    assert refused.value.reason is Reason.FRESHNESS_NONCE_UNKNOWN
    assert once.claim(b"since", 600)
    assert not once.claim(b"since", 600)


def test_a_full_server_refuses_to_issue_and_loses_no_nonce(server: RedisServer) -> None:
    """What was issued before is redeemed, although nothing can be written."""
    nonces, once = RedisNonces(server.client(), ttl=TTL), RedisOnce(server.client())
    live = [nonces.issue() for _ in range(MANY)]
    server.command("CONFIG", "SET", "maxmemory", "1")
    for use in (nonces.issue, lambda: once.claim(b"key", 1)):
        for _ in range(100):
            with pytest.raises(NonceStoreUnavailableError):
                use()
    assert accepted(nonces, live) == MANY
    assert accepted(nonces, live) == 0


@pytest.fixture(scope="module")
def cluster() -> Generator[RedisServer]:
    """Return a Redis Cluster of one node, which holds all slots."""
    with redis_server("--cluster-enabled", "yes", "--cluster-port", str(free_port())) as server:
        server.command("CLUSTER", "ADDSLOTS", *map(str, range(16_384)))
        wait_until(lambda: _cluster(server)["cluster_state"] == "ok", "the cluster")
        yield server


def _cluster(server: RedisServer) -> dict[str, object]:
    return cast("dict[str, object]", server.command("CLUSTER INFO"))


@pytest.mark.parametrize("contract", [*NONCE_CONTRACT, *ONCE_CONTRACT])
def test_a_cluster_keeps_the_contracts(
    cluster: RedisServer, contract: Callable[[Any], None]
) -> None:
    """Each nonce in a slot of its own, all claims in one."""
    cluster.command("FLUSHALL")
    with redis.RedisCluster(host=LOOPBACK, port=cluster.port) as client:
        of_nonces = contract in NONCE_CONTRACT
        contract(RedisNonces(client, ttl=TTL) if of_nonces else RedisOnce(client))


def test_a_pipeline_of_a_cluster_is_a_policy_error(cluster: RedisServer) -> None:
    """It is a client by its class, and would answer with itself."""
    with (
        redis.RedisCluster(host=LOOPBACK, port=cluster.port) as client,
        cast("Any", client).pipeline() as pipeline,
        pytest.raises(PolicyError),
    ):
        RedisOnce(pipeline)


def test_async_stores_share_a_cluster(cluster: RedisServer) -> None:
    """Issued here, redeemed there, once."""

    async def use() -> None:
        async with redis.asyncio.RedisCluster(host=LOOPBACK, port=cluster.port) as client:
            store = AsyncRedisNonces(client, ttl=TTL)
            nonce = await store.issue()
            await store.redeem(nonce)
            with pytest.raises(StaleDocumentError):
                await store.redeem(nonce)

    asyncio.run(use())


def test_async_stores_share_nonces_with_the_other(shared: RedisServer) -> None:
    """Issued here, redeemed there, once; with averify_once as well."""

    async def use() -> None:
        async with redis.asyncio.Redis(host=LOOPBACK, port=shared.port) as client:
            store = AsyncRedisNonces(client, ttl=TTL)
            other = RedisNonces(shared.client(), ttl=TTL)
            await client.script_flush()
            nonce = await store.issue(context=b"a")
            other.redeem(nonce, context=b"a")
            with pytest.raises(StaleDocumentError):
                await store.redeem(nonce, context=b"a")
            await client.script_flush()
            await store.redeem(other.issue())
            doc = FAKE.enclave_document(nonce=await store.issue())
            trusting = policy(FreshNonce())
            outcomes = await asyncio.gather(
                *(averify_once(doc, trusting, nonces=store, now=NOW) for _ in range(8)),
                return_exceptions=True,
            )
            refused: list[Any] = [one for one in outcomes if isinstance(one, StaleDocumentError)]
            assert len(outcomes) - len(refused) == 1
            assert {one.reason for one in refused} == {Reason.FRESHNESS_NONCE_USED}

    asyncio.run(use())

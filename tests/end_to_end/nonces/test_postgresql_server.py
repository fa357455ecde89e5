"""The SQL stores on a real PostgreSQL: restarts, a promoted standby, settings, permissions."""

import asyncio
from collections.abc import Callable, Generator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.ext.asyncio import create_async_engine

from nitro_attest import FreshNonce, Reason, StaleDocumentError
from nitro_attest.nonces import NonceStore, NonceStoreUnavailableError, OnceStore, averify_once
from nitro_attest.nonces.sql import (
    AsyncSqlNonces,
    SqlNonces,
    SqlOnce,
    acreate_tables,
    create_tables,
)
from support.nonce_contract import (
    FAKE,
    NONCE_CONTRACT,
    NOW,
    ONCE_CONTRACT,
    accepted,
    policy,
    refusal,
)
from support.servers import PostgreSqlServer, postgresql_server, standby_of, wait_until

pytestmark = pytest.mark.servers
TTL = timedelta(minutes=30)
MANY = 1_000
UNREDEEMED = "SELECT count(*) FROM nitro_attest_nonces WHERE used_at IS NULL"


@pytest.fixture(scope="module")
def shared() -> Generator[PostgreSqlServer]:
    """Return a server with the tables, for tests that leave it as it was."""
    with postgresql_server() as server:
        engine = create_engine(server.url())
        create_tables(engine)
        create_tables(engine)
        engine.dispose()
        yield server


@pytest.fixture
def engine(shared: PostgreSqlServer) -> Generator[Engine]:
    """Return an engine for the shared server."""
    engine = create_engine(shared.url(), pool_size=8)
    yield engine
    engine.dispose()


@pytest.fixture
def server() -> Generator[PostgreSqlServer]:
    """Return a server of the test's own, with the tables."""
    with postgresql_server() as server:
        engine = create_engine(server.url())
        create_tables(engine)
        engine.dispose()
        yield server


@pytest.mark.parametrize("contract", NONCE_CONTRACT)
def test_nonces_keep_the_contract(engine: Engine, contract: Callable[[NonceStore], None]) -> None:
    """As the stores that need no server do."""
    contract(SqlNonces(engine, ttl=TTL))


@pytest.mark.parametrize("contract", ONCE_CONTRACT)
def test_claims_keep_the_contract(engine: Engine, contract: Callable[[OnceStore], None]) -> None:
    """As the stores that need no server do."""
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM nitro_attest_claims")
    contract(SqlOnce(engine))


@pytest.mark.parametrize("level", ["SERIALIZABLE", "REPEATABLE READ", "AUTOCOMMIT"])
def test_the_isolation_of_the_engine_does_not_matter(shared: PostgreSqlServer, level: Any) -> None:
    """The loser of a race is told that the nonce is used, not that the database failed."""
    engine = create_engine(shared.url(), isolation_level=level, pool_size=8)
    for contract in NONCE_CONTRACT:
        contract(SqlNonces(engine, ttl=TTL))
    engine.dispose()


def test_expired_nonces_are_expired_and_then_deleted(engine: Engine) -> None:
    """64 with each issue, once they expired longer ago than they lived."""
    store = SqlNonces(engine, ttl=TTL)
    nonce = store.issue()
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE nitro_attest_nonces SET expires_at = expires_at - 1800000"
        )
    assert refusal(store, nonce) is Reason.FRESHNESS_NONCE_EXPIRED
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM nitro_attest_nonces")
        connection.exec_driver_sql(
            "INSERT INTO nitro_attest_nonces SELECT sha256(n::text::bytea), 'x', n, n"
            " FROM generate_series(1, 100) n"
        )
    store.issue()
    assert _count(engine) == 37
    store.issue()
    assert _count(engine) == 2


def _count(engine: Engine) -> object:
    with engine.connect() as connection:
        return connection.exec_driver_sql("SELECT count(*) FROM nitro_attest_nonces").scalar()


def test_the_search_for_expired_rows_uses_an_index(engine: Engine) -> None:
    """Otherwise each issue would read the whole table."""
    seen: list[tuple[str, Any]] = []

    @event.listens_for(engine, "before_cursor_execute")
    def record(*arguments: Any) -> None:
        seen.append((arguments[2], arguments[3]))

    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO nitro_attest_nonces SELECT sha256(n::text::bytea), 'x', 9e15, null"
            " FROM generate_series(1, 5000) n"
        )
        connection.exec_driver_sql("ANALYZE nitro_attest_nonces")
    SqlNonces(engine, ttl=TTL).issue()
    statement, parameters = next(one for one in seen if one[0].startswith("DELETE"))
    with engine.begin() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars().all()
        connection.exec_driver_sql("DELETE FROM nitro_attest_nonces")
    assert any("ix_nitro_attest_nonces_expires_at" in line for line in plan)


@pytest.mark.parametrize(
    ("level", "expected"), [("off", "on"), ("local", "on"), ("remote_apply", "remote_apply")]
)
def test_a_commit_waits_for_the_disk(shared: PostgreSqlServer, level: str, expected: str) -> None:
    """Whatever the session says; more than that is kept."""
    arguments = {"options": f"-c synchronous_commit={level}"}
    engine = create_engine(shared.url(), connect_args=arguments)
    levels: list[Any] = []

    @event.listens_for(engine, "commit")
    def record(connection: Any) -> None:
        levels.append(connection.exec_driver_sql("SHOW synchronous_commit").scalar())

    SqlNonces(engine, ttl=TTL).issue()
    assert levels == [expected]
    engine.dispose()


def test_an_ordinary_user_can_do_all_but_create_tables(shared: PostgreSqlServer) -> None:
    """No function that is used needs a privilege."""
    shared.query("CREATE ROLE worker LOGIN")
    engine = create_engine(shared.url(user="worker"))
    with pytest.raises(NonceStoreUnavailableError):
        SqlNonces(engine, ttl=TTL).issue()
    shared.query(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON"
        " nitro_attest_nonces, nitro_attest_claims, nitro_attest_memory TO worker"
    )
    store = SqlNonces(engine, ttl=TTL)
    store.redeem(store.issue())
    assert SqlOnce(engine).claim(b"of a worker", 60)
    engine.dispose()


def test_after_a_kill_what_was_redeemed_stays_redeemed(server: PostgreSqlServer) -> None:
    """1,000 presented again: none accepted; and what was outstanding is still good."""
    engine = create_engine(server.url(), pool_pre_ping=True)
    store, once = SqlNonces(engine, ttl=TTL), SqlOnce(engine)
    nonces = [store.issue() for _ in range(MANY)]
    outstanding = [store.issue() for _ in range(10)]
    assert accepted(store, nonces) == MANY
    assert once.claim(b"key", 600)
    server.kill()
    server.start()
    assert accepted(store, nonces) == 0
    assert accepted(store, outstanding) == 10
    assert not once.claim(b"key", 600)
    engine.dispose()


def test_a_promoted_standby_that_lags_redeems_nothing_of_before(server: PostgreSqlServer) -> None:
    """It has all nonces and no redemption when the primary is killed."""
    engine = create_engine(server.url())
    store, once = SqlNonces(engine, ttl=TTL), SqlOnce(engine)
    with standby_of(server) as standby:
        nonces = [store.issue() for _ in range(MANY)]
        wait_until(lambda: standby.query(UNREDEEMED) == MANY, "the nonces at the standby")
        promoted_engine = create_engine(standby.url())
        promoted, promoted_once = SqlNonces(promoted_engine, ttl=TTL), SqlOnce(promoted_engine)
        uses: list[Callable[[], object]] = [
            promoted.issue,
            lambda: promoted.redeem(nonces[0]),
            lambda: promoted_once.claim(b"key", 60),
        ]
        for use in uses:
            with pytest.raises(NonceStoreUnavailableError):
                use()
        standby.query("ALTER SYSTEM SET primary_conninfo = ''")
        standby.query("SELECT pg_reload_conf()")
        wait_until(lambda: server.query("SELECT count(*) FROM pg_stat_replication") == 0, "the cut")
        assert accepted(store, nonces) == MANY
        assert once.claim(b"key", 600)
        server.kill()
        assert standby.query("SELECT pg_promote()") is True
        # What makes this test one: the last checkpoint is of before, and so are the rows.
        assert standby.query("SELECT timeline_id FROM pg_control_checkpoint()") == 1
        assert standby.query(UNREDEEMED) == MANY
        assert accepted(promoted, nonces) == 0
        with pytest.raises(StaleDocumentError):
            promoted_once.claim(b"key", 600, age=0.5)
        promoted.redeem(promoted.issue())
        promoted_engine.dispose()
    engine.dispose()


def test_a_server_that_is_down_is_told_and_recovers_without_a_hand(
    server: PostgreSqlServer,
) -> None:
    """The same store object works again when the server does."""
    engine = create_engine(server.url())
    store, once = SqlNonces(engine, ttl=TTL), SqlOnce(engine)
    nonce = store.issue()
    server.kill()
    for use in (store.issue, lambda: store.redeem(nonce), lambda: once.claim(b"key", 1)):
        with pytest.raises(NonceStoreUnavailableError) as refused:
            use()
        assert "OperationalError" in refused.value.problem
    server.start()
    store.redeem(nonce)
    store.redeem(store.issue())
    engine.dispose()


def test_a_server_without_fsync_is_refused() -> None:
    """A crash could undo a redemption there."""
    with postgresql_server("fsync=off") as server:
        engine = create_engine(server.url())
        with pytest.raises(NonceStoreUnavailableError) as refused:
            create_tables(engine)
        with pytest.raises(NonceStoreUnavailableError):
            SqlNonces(engine, ttl=TTL).issue()
        assert "fsync" in refused.value.problem
        engine.dispose()


def test_a_read_only_database_is_unavailable(shared: PostgreSqlServer) -> None:
    """Nothing is issued, redeemed or claimed."""
    shared.query("CREATE ROLE reader LOGIN SUPERUSER")
    shared.query("ALTER ROLE reader SET default_transaction_read_only = on")
    engine = create_engine(shared.url(user="reader"))
    nonces, once = SqlNonces(engine, ttl=TTL), SqlOnce(engine)
    for use in (nonces.issue, lambda: nonces.redeem(bytes(32)), lambda: once.claim(b"key", 1)):
        with pytest.raises(NonceStoreUnavailableError):
            use()
    engine.dispose()


def test_async_stores_share_nonces_with_the_other(shared: PostgreSqlServer, engine: Engine) -> None:
    """Issued here, redeemed there, once; with averify_once as well."""

    async def use() -> None:
        async_engine = create_async_engine(shared.url(), pool_size=8)
        await acreate_tables(async_engine)
        store, other = AsyncSqlNonces(async_engine, ttl=TTL), SqlNonces(engine, ttl=TTL)
        nonce = await store.issue(context=b"a")
        other.redeem(nonce, context=b"a")
        with pytest.raises(StaleDocumentError):
            await store.redeem(nonce, context=b"a")
        doc = FAKE.enclave_document(nonce=other.issue())
        trusting = policy(FreshNonce())
        outcomes = await asyncio.gather(
            *(averify_once(doc, trusting, nonces=store, now=NOW) for _ in range(8)),
            return_exceptions=True,
        )
        refused: list[Any] = [one for one in outcomes if isinstance(one, StaleDocumentError)]
        assert len(outcomes) - len(refused) == 1
        assert {one.reason for one in refused} == {Reason.FRESHNESS_NONCE_USED}
        await async_engine.dispose()

    asyncio.run(use())

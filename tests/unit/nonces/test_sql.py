"""The SQL stores on SQLite: time to live, deletion, lost memory, a database out of reach."""

import asyncio
import importlib
import sqlite3
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from nitro_attest import MissingExtraError, PolicyError, Reason, StaleDocumentError
from nitro_attest.nonces import NonceStoreUnavailableError
from nitro_attest.nonces.sql import (
    AsyncSqlNonces,
    SqlNonces,
    SqlOnce,
    acreate_tables,
    create_tables,
    metadata,
)
from support.nonce_contract import refusal

TTL = timedelta(minutes=5)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the file of a database."""
    return tmp_path / "nonces.db"


def _engine(file: Path, **options: Any) -> Engine:
    return create_engine(f"sqlite:///{file}", poolclass=NullPool, **options)


def _tables(file: Path) -> Engine:
    engine = _engine(file)
    create_tables(engine)
    return engine


def _execute(file: Path, statement: str) -> list[Any]:
    with sqlite3.connect(file) as connection:
        rows = connection.execute(statement).fetchall()
    connection.close()
    return rows


def test_an_expired_nonce_is_expired_until_it_is_deleted(file: Path) -> None:
    """Then it is unknown."""
    store = SqlNonces(_tables(file), ttl=TTL)
    nonce = store.issue()
    _execute(file, "UPDATE nitro_attest_nonces SET expires_at = expires_at - 300000")
    assert refusal(store, nonce) is Reason.FRESHNESS_NONCE_EXPIRED
    store.issue()
    assert refusal(store, nonce) is Reason.FRESHNESS_NONCE_EXPIRED
    _execute(file, "UPDATE nitro_attest_nonces SET expires_at = expires_at - 300000")
    store.issue()
    assert refusal(store, nonce) is Reason.FRESHNESS_NONCE_UNKNOWN


def test_a_nonce_lives_by_the_clock_of_the_database(file: Path) -> None:
    """From its issue, for its time, in ms."""
    store = SqlNonces(_tables(file), ttl=TTL)
    store.issue()
    now = "(julianday('now') - 2440587.5) * 86400000"
    query = f"SELECT expires_at - {now} FROM nitro_attest_nonces"  # noqa: S608 - a text of ours
    ((left,),) = _execute(file, query)
    assert 240_000 < left <= 300_001


def test_a_redeemed_nonce_is_used(file: Path) -> None:
    """The row stays to say so."""
    store = SqlNonces(_tables(file), ttl=TTL)
    nonce = store.issue()
    store.redeem(nonce)
    assert refusal(store, nonce) is Reason.FRESHNESS_NONCE_USED
    assert refusal(SqlNonces(_engine(file), ttl=TTL), nonce) is Reason.FRESHNESS_NONCE_USED


def test_a_nonce_of_another_state_is_unknown(file: Path) -> None:
    """As one that was issued before a standby was promoted."""
    store = SqlNonces(_tables(file), ttl=TTL)
    nonce = store.issue()
    _execute(file, "UPDATE nitro_attest_nonces SET state = 'another'")
    assert refusal(store, nonce) is Reason.FRESHNESS_NONCE_UNKNOWN


def test_expired_rows_are_deleted_a_few_at_a_time(file: Path) -> None:
    """64 with each issue, used ones as well, and none that may still be redeemed."""
    store = SqlNonces(_tables(file), ttl=TTL)
    for number in range(100):
        values = f"(x'{number:064x}', 'sqlite', {number}, {number})"
        _execute(file, f"INSERT INTO nitro_attest_nonces VALUES {values}")  # noqa: S608 - ours
    live = store.issue()
    assert _execute(file, "SELECT count(*), min(expires_at) FROM nitro_attest_nonces") == [(37, 64)]
    store.issue()
    assert _execute(file, "SELECT count(*) FROM nitro_attest_nonces") == [(2,)]
    store.redeem(live)


def test_no_nonce_and_no_context_is_stored(file: Path) -> None:
    """Only a digest, so a copy of the table opens nothing."""
    store = SqlNonces(_tables(file), ttl=TTL)
    nonce = store.issue(context=b"a session id of a user")
    stored = b"".join(path.read_bytes() for path in file.parent.iterdir())
    assert nonce not in stored
    assert b"a session id of a user" not in stored


def test_a_claim_is_forgotten_after_its_time(file: Path) -> None:
    """And made again."""
    store = SqlOnce(_tables(file))
    assert store.claim(b"key", 60)
    _execute(file, "UPDATE nitro_attest_claims SET expires_at = expires_at - 60000")
    assert store.claim(b"key", 60)
    assert not store.claim(b"key", 60)


def test_a_claim_that_expires_at_this_moment_is_made_again(file: Path) -> None:
    """Also when it was not among the few that were deleted."""
    store = SqlOnce(_tables(file))
    assert store.claim(b"key", 60)
    _execute(file, "UPDATE nitro_attest_claims SET expires_at = 1000")
    for number in range(64):
        _execute(file, f"INSERT INTO nitro_attest_claims VALUES (x'{number:064x}', {number})")  # noqa: S608 - the text of this test
    assert store.claim(b"key", 60)


def test_the_memory_begins_with_the_tables(file: Path) -> None:
    """And not with every call of create_tables."""
    store = SqlOnce(_tables(file))
    _execute(file, "UPDATE nitro_attest_memory SET began_at = began_at - 100000")
    create_tables(_engine(file))
    assert store.claim(b"younger", 60, age=99.0)
    with pytest.raises(StaleDocumentError) as refused:
        store.claim(b"older", 60, age=200.0)
    assert refused.value.reason is Reason.FRESHNESS_NONCE_UNKNOWN


@pytest.mark.parametrize(
    "loss",
    [
        "UPDATE nitro_attest_memory SET state = 'another', began_at = began_at - 100000",
        "DELETE FROM nitro_attest_memory",
    ],
)
def test_lost_memory_begins_anew(file: Path, loss: str) -> None:
    """Once, and is kept then."""
    store = SqlOnce(_tables(file))
    _execute(file, loss)
    with pytest.raises(StaleDocumentError):
        store.claim(b"made before", 60, age=50.0)
    _execute(file, "UPDATE nitro_attest_memory SET began_at = began_at - 100000")
    assert store.claim(b"made since", 60, age=50.0)


def _without_tables(file: Path) -> Engine:
    return _engine(file)


def _read_only(file: Path) -> Engine:
    _tables(file)
    return create_engine(f"sqlite:///file:{file}?mode=ro&uri=true", poolclass=NullPool)


def _no_folder(file: Path) -> Engine:
    return _engine(file.parent / "nowhere" / "nonces.db")


def _no_database(file: Path) -> Engine:
    file.write_bytes(b"this is a text" * 100)
    return _engine(file)


@pytest.mark.parametrize("make", [_without_tables, _read_only, _no_folder, _no_database])
def test_a_database_that_does_not_work_is_unavailable(
    make: Callable[[Path], Engine], file: Path
) -> None:
    """Nothing is issued, redeemed or claimed; the driver's error is the cause."""
    engine = make(file)
    nonces, once = SqlNonces(engine, ttl=TTL), SqlOnce(engine)
    for use in (nonces.issue, lambda: nonces.redeem(bytes(32)), lambda: once.claim(b"key", 1)):
        with pytest.raises(NonceStoreUnavailableError) as refused:
            use()
        assert refused.value.__cause__ is not None


def test_a_database_that_is_locked_is_unavailable_and_recovers(file: Path) -> None:
    """The nonce is still live afterwards."""
    _tables(file)
    store = SqlNonces(_engine(file, connect_args={"timeout": 0}), ttl=TTL)
    nonce = store.issue()
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for use in (store.issue, lambda: store.redeem(nonce)):
        with pytest.raises(NonceStoreUnavailableError):
            use()
    other.execute("ROLLBACK")
    other.close()
    store.redeem(nonce)


def test_a_full_disk_is_unavailable_and_loses_no_nonce(file: Path) -> None:
    """When there is room again, what was issued before is redeemed."""
    engine = create_engine(f"sqlite:///{file}")
    create_tables(engine)

    @event.listens_for(engine, "connect")
    def limit(connection: Any, _: object) -> None:
        connection.execute("PRAGMA max_page_count = 20")

    engine.dispose()
    store = SqlNonces(engine, ttl=TTL)
    nonces: list[bytes] = []
    with pytest.raises(NonceStoreUnavailableError):
        nonces.extend(iter(store.issue, b""))
    engine.dispose()
    with_room = SqlNonces(_engine(file), ttl=TTL)
    for nonce in nonces[:3]:
        with_room.redeem(nonce)


def test_a_commit_waits_for_the_disk(file: Path) -> None:
    """Whatever the connection was set to before."""
    engine = _tables(file)
    seen: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def record(*arguments: Any) -> None:
        seen.append(arguments[2])

    SqlNonces(engine, ttl=TTL).issue()
    assert seen[:2] == ["PRAGMA synchronous=EXTRA", "BEGIN IMMEDIATE"]
    assert _execute(file, "PRAGMA journal_mode") == [("wal",)]


def test_a_row_that_answers_another_question_accepts_nothing(file: Path) -> None:
    """As when a forked process reads from the connection of its parent."""
    engine = _tables(file)
    nonce = SqlNonces(engine, ttl=TTL).issue()

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def answer_another(*arguments: Any) -> tuple[str, Any]:
        if "RETURNING" in arguments[2]:
            return "SELECT zeroblob(32) AS digest", ()
        return arguments[2], arguments[3]

    with pytest.raises(StaleDocumentError):
        SqlNonces(engine, ttl=TTL).redeem(nonce)
    assert not SqlOnce(engine).claim(b"key", 60)


def test_an_application_that_begins_its_own_transactions_can_share_its_engine(file: Path) -> None:
    """The recipe of SQLAlchemy's documentation for SQLite, and its autocommit."""
    recipe = _engine(file)

    @event.listens_for(recipe, "connect")
    def leave_alone(connection: Any, _: object) -> None:
        connection.isolation_level = None

    @event.listens_for(recipe, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    create_tables(recipe)
    for engine in (recipe, _engine(file, isolation_level="AUTOCOMMIT")):
        store, once = SqlNonces(engine, ttl=TTL), SqlOnce(engine)
        nonce = store.issue()
        store.redeem(nonce)
        assert refusal(store, nonce) is Reason.FRESHNESS_NONCE_USED
        with pytest.raises(StaleDocumentError):
            once.claim(b"key", 60, age=1000.0)


def _async_engine(file: Path) -> AsyncEngine:
    return create_async_engine(f"sqlite+aiosqlite:///{file}", poolclass=NullPool)


def test_the_async_store_shares_nonces_with_the_other(file: Path) -> None:
    """Issued here, redeemed there, once."""

    async def use() -> None:
        engine = _async_engine(file)
        await acreate_tables(engine)
        store = AsyncSqlNonces(engine, ttl=TTL)
        other = SqlNonces(_engine(file), ttl=TTL)
        await store.redeem(other.issue(context=b"a"), context=b"a")
        nonce = await store.issue(context=b"a")
        assert refusal(other, nonce) is Reason.FRESHNESS_NONCE_UNKNOWN
        other.redeem(nonce, context=b"a")
        with pytest.raises(StaleDocumentError) as refused:
            await store.redeem(nonce, context=b"a")
        assert refused.value.reason is Reason.FRESHNESS_NONCE_USED
        await engine.dispose()

    asyncio.run(use())


def test_an_async_database_that_does_not_work_is_unavailable(file: Path) -> None:
    """Nothing is issued, redeemed or created."""
    _no_database(file)

    async def use() -> None:
        engine = _async_engine(file)
        store = AsyncSqlNonces(engine, ttl=TTL)
        for call in (store.issue(), store.redeem(bytes(32)), acreate_tables(engine)):
            with pytest.raises(NonceStoreUnavailableError):
                await call
        await engine.dispose()

    asyncio.run(use())


def test_an_error_of_asyncpg_is_translated(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    """SQLAlchemy 2.0 lets it through while it connects, as when the server is starting."""

    class PostgresError(Exception):
        """The base of what a server says; the package itself is not needed here."""

    names = ("PostgresError", "InterfaceError", "InternalClientError")
    monkeypatch.setitem(
        sys.modules, "asyncpg", cast("Any", SimpleNamespace(**dict.fromkeys(names, PostgresError)))
    )

    async def connect() -> Any:
        raise PostgresError

    async def use() -> None:
        engine = create_async_engine(f"sqlite+aiosqlite:///{file}", async_creator=connect)
        with pytest.raises(NonceStoreUnavailableError) as refused:
            await AsyncSqlNonces(engine, ttl=TTL).issue()
        assert isinstance(refused.value.__cause__, PostgresError)

    asyncio.run(use())


def test_other_engines_are_policy_errors(file: Path) -> None:
    """Of another kind, for another database, or none."""
    engine, async_engine = _engine(file), _async_engine(file)
    mock: Any = create_engine(f"sqlite:///{file}")
    mock.dialect.name = "mysql"
    cases: list[tuple[Callable[[Any], object], tuple[Any, ...]]] = [
        (SqlOnce, (None, "sqlite://", async_engine, mock)),
        (lambda wrong: SqlNonces(wrong, ttl=TTL), (None, async_engine, mock)),
        (create_tables, (None, async_engine, mock)),
        (lambda wrong: AsyncSqlNonces(wrong, ttl=TTL), (None, engine)),
        (lambda wrong: asyncio.run(acreate_tables(wrong)), (None, engine)),
    ]
    for make, wrong_ones in cases:
        for wrong in wrong_ones:
            with pytest.raises(PolicyError) as refused:
                make(wrong)
            assert refused.value.field.endswith(".engine")


def test_the_tables_are_named_for_migrations() -> None:
    """Three, and no other."""
    assert sorted(metadata.tables) == [
        "nitro_attest_claims",
        "nitro_attest_memory",
        "nitro_attest_nonces",
    ]


def test_without_sqlalchemy_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ImportError that says what to install."""
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    monkeypatch.delitem(sys.modules, "nitro_attest.nonces.sql")
    with pytest.raises(MissingExtraError) as missing:
        importlib.import_module("nitro_attest.nonces.sql")
    assert "nitro-attest[sql]" in str(missing.value)

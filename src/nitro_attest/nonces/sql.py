"""Stores in a SQL database, SQLite or PostgreSQL, for services that have one anyway.

Needs `pip install 'nitro-attest[sql]'`, which is SQLAlchemy 2; the driver is yours. A restart of
the database voids nothing, for each redemption is on its disk before it is reported. A promoted
standby, which may lack the last redemptions, redeems nothing that was issued before. A database
restored from a copy of its files can't be told from a restart: delete the rows of
`nitro_attest_nonces` and `nitro_attest_memory` after that.
"""

import math
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from secrets import token_bytes
from typing import Final, final

from nitro_attest import MissingExtraError, PolicyError, Reason
from nitro_attest.nonces._store import (
    NONCE_BYTES,
    NonceStoreUnavailableError,
    check_claim,
    check_context,
    check_ttl,
    digest_of,
    milliseconds,
    presented,
    rejected,
)

try:
    from sqlalchemy import Engine
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.ext.asyncio import AsyncEngine

    from nitro_attest.nonces import _sql_transactions as transactions
except ImportError as exc:
    raise MissingExtraError("sql") from exc

__all__ = [
    "AsyncSqlNonces",
    "SqlNonces",
    "SqlOnce",
    "acreate_tables",
    "create_tables",
    "metadata",
]

# The loser of a race reads what the winner committed, whatever the engine is set to.
_OPTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "sqlite": {},
    "postgresql": {"isolation_level": "READ COMMITTED"},
}

metadata: Final = transactions.metadata
"""The tables of all stores here, for migration tools such as Alembic."""


def create_tables(engine: Engine) -> None:
    """Create the tables that are missing.

    Run it once, when you deploy. An SQLite file is switched to WAL.

    Raises:
        PolicyError: `engine` is not an `Engine` for SQLite or PostgreSQL.
        NonceStoreUnavailableError: The database is out of reach, or allows this user no tables.

    """
    checked = _check_engine(engine, "create_tables.engine")
    with _translated("create_tables"), checked.connect() as connection:
        transactions.create(connection)


async def acreate_tables(engine: AsyncEngine) -> None:
    """Create the tables that are missing, as `create_tables` does.

    Raises:
        PolicyError: `engine` is not an `AsyncEngine` for SQLite or PostgreSQL.
        NonceStoreUnavailableError: As `create_tables`.

    """
    checked = _check_async_engine(engine, "acreate_tables.engine")
    with _translated("acreate_tables"):
        async with checked.connect() as connection:
            await connection.run_sync(transactions.create)


@final
class SqlNonces:
    """A `NonceStore` in a SQL database, shared by all workers that connect to it.

    A nonce lives for `ttl` by the database's clock. Each `issue` deletes at most 64 rows that
    expired more than `ttl` ago.

    Raises:
        PolicyError: `engine` is not an `Engine` for SQLite or PostgreSQL, or `ttl` is not from 1 ms
            to 1 day.

    """

    def __init__(self, engine: Engine, *, ttl: timedelta) -> None:
        """Keep the settings; the database is not asked yet."""
        self._engine = _check_engine(engine, "SqlNonces.engine")
        self._ttl = milliseconds(check_ttl(ttl, "SqlNonces.ttl"))

    def issue(self, *, context: bytes = b"") -> bytes:
        """Return a new nonce of 32 random bytes.

        Raises:
            NonceStoreUnavailableError: The database is out of reach, full, or read-only.

        """
        nonce = token_bytes(NONCE_BYTES)
        digest = digest_of(nonce, check_context(context))
        with _translated("SqlNonces"), self._engine.connect() as connection:
            transactions.issue(connection, digest, self._ttl)
        return nonce

    def redeem(self, nonce: bytes, *, context: bytes = b"") -> None:
        """Use up a nonce that was issued for this context.

        Raises:
            StaleDocumentError: `freshness.nonce_short`; `nonce_unknown`: not issued, deleted, or
                issued before a standby was promoted; `nonce_used`; `nonce_expired`.
            NonceStoreUnavailableError: The database is out of reach, or read-only.

        """
        digest = presented(nonce, context)
        with _translated("SqlNonces"), self._engine.connect() as connection:
            reason = transactions.redeem(connection, digest)
        _settle(reason)


@final
class SqlOnce:
    """A `OnceStore` in a SQL database, shared by all workers that connect to it.

    Its memory begins with `create_tables`, or when a standby is promoted; what was made before is
    rejected. A restart of the database changes nothing.

    Raises:
        PolicyError: `engine` is not an `Engine` for SQLite or PostgreSQL.

    """

    def __init__(self, engine: Engine) -> None:
        """Keep the engine; the database is not asked yet."""
        self._engine = _check_engine(engine, "SqlOnce.engine")

    def claim(self, key: bytes, seconds: float, *, age: float = 0.0) -> bool:
        """Return True to the first caller with this key within `seconds`, and False to the others.

        Raises:
            StaleDocumentError: `freshness.nonce_unknown`: made `age` seconds ago, and the store's
                memory does not reach back so far.
            NonceStoreUnavailableError: The database is out of reach, full, or read-only.

        """
        digest = check_claim(key, seconds, age)
        durations = (math.ceil(seconds * 1000), math.ceil(age * 1000))
        with _translated("SqlOnce"), self._engine.connect() as connection:
            outcome = transactions.claim(connection, digest, *durations)
        if outcome is transactions.Claim.BEFORE_MEMORY:
            raise rejected(Reason.FRESHNESS_NONCE_UNKNOWN)
        return outcome is transactions.Claim.FIRST


@final
class AsyncSqlNonces:
    """An `AsyncNonceStore` in a SQL database; its nonces and those of `SqlNonces` are the same.

    Raises:
        PolicyError: `engine` is not an `AsyncEngine` for SQLite or PostgreSQL, or `ttl` is not from
            1 ms to 1 day.

    """

    def __init__(self, engine: AsyncEngine, *, ttl: timedelta) -> None:
        """Keep the settings; the database is not asked yet."""
        self._engine = _check_async_engine(engine, "AsyncSqlNonces.engine")
        self._ttl = milliseconds(check_ttl(ttl, "AsyncSqlNonces.ttl"))

    async def issue(self, *, context: bytes = b"") -> bytes:
        """Return a new nonce, as `SqlNonces.issue` does."""
        nonce = token_bytes(NONCE_BYTES)
        digest = digest_of(nonce, check_context(context))
        with _translated("AsyncSqlNonces"):
            async with self._engine.connect() as connection:
                await connection.run_sync(transactions.issue, digest, self._ttl)
        return nonce

    async def redeem(self, nonce: bytes, *, context: bytes = b"") -> None:
        """Use up a nonce, as `SqlNonces.redeem` does."""
        digest = presented(nonce, context)
        with _translated("AsyncSqlNonces"):
            async with self._engine.connect() as connection:
                reason = await connection.run_sync(transactions.redeem, digest)
        _settle(reason)


def _settle(reason: Reason | None) -> None:
    if reason is not None:
        raise rejected(reason)


@contextmanager
def _translated(store: str) -> Generator[None]:
    try:
        yield
    except _errors() as exc:
        raise NonceStoreUnavailableError(
            store,
            f"the database did not confirm the transaction ({type(exc).__name__}), so nothing was "
            "accepted; see the cause. Tables that are missing are made by create_tables(engine)",
        ) from exc


def _errors() -> tuple[type[Exception], ...]:
    """Return what a database can fail with."""
    errors: list[type[Exception]] = [SQLAlchemyError, OSError]
    asyncpg = sys.modules.get("asyncpg")
    if asyncpg is not None:  # SQLAlchemy before 2.1 lets its errors through while it connects
        errors += [asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError]
    return tuple(errors)


def _check_engine(engine: object, field: str) -> Engine:
    if not isinstance(engine, Engine) or engine.dialect.name not in _OPTIONS:
        raise PolicyError(field, "expected an Engine of SQLAlchemy for SQLite or PostgreSQL")
    return engine.execution_options(**_OPTIONS[engine.dialect.name])


def _check_async_engine(engine: object, field: str) -> AsyncEngine:
    if not isinstance(engine, AsyncEngine) or engine.dialect.name not in _OPTIONS:
        raise PolicyError(field, "expected an AsyncEngine of SQLAlchemy for SQLite or PostgreSQL")
    return engine.execution_options(**_OPTIONS[engine.dialect.name])

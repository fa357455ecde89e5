"""Transactions on the database: SQLite in a file, SQLite in memory for tests, or PostgreSQL.

A reading transaction sees one state of the database; writing transactions come one after another.
No error of the database layer leaves this module with a statement, a value or a URL in it.
"""

from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from threading import RLock
from typing import Any, Final, final

from sqlalchemy import Connection, Engine, create_engine, event, select
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from nitro_attest_broker._schema import HEAD

IN_MEMORY: Final = "sqlite://"
_WRITES: Final = "nitro_attest_broker_writes"
_BUSY_SECONDS: Final = 30
_POOL: Final = 16


class StoreUnavailableError(Exception):
    """The database did not do what was asked; nothing was released."""


@final
class Store:
    """The database, through SQLAlchemy."""

    def __init__(self, url: str) -> None:
        """Take an SQLAlchemy URL; nothing is opened yet.

        Raises:
            StoreUnavailableError: It is no URL of SQLite or PostgreSQL.

        """
        if url == IN_MEMORY:
            options: dict[str, Any] = {
                "poolclass": StaticPool,
                "connect_args": {"check_same_thread": False},
            }
        elif url.startswith("sqlite:"):
            options = {"connect_args": {"timeout": _BUSY_SECONDS}, "pool_size": _POOL}
        elif url.startswith("postgresql+psycopg:"):
            options = {"pool_pre_ping": True, "pool_size": _POOL}
        else:
            raise StoreUnavailableError(
                "expected a database URL that begins with sqlite: or postgresql+psycopg:"
            )
        try:
            self._engine: Final = create_engine(url, hide_parameters=True, **options)
        except ArgumentError:
            raise StoreUnavailableError("the database URL cannot be read") from None
        self._others: Final[list[Engine]] = []
        # One connection serves a database in memory, so one transaction at a time uses it. It is
        # the lock of the ledger as well: two locks could be taken in either order.
        self.lock: Final = RLock()
        self._alone: Final = self.lock if url == IN_MEMORY else nullcontext()
        self._sqlite: Final = self._engine.dialect.name == "sqlite"
        if self._sqlite:
            _begin_explicitly(self._engine)

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """Open a transaction that sees one state of the database and changes nothing.

        Raises:
            StoreUnavailableError: The database did not answer, or not as expected.

        """
        with self._translated(), self._alone, self._engine.connect() as connection:
            if not self._sqlite:
                connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Generator[Connection]:
        """Open a transaction that is alone in writing, and commit it at the end.

        Raises:
            StoreUnavailableError: The database did not answer, or not as expected.

        """
        with self._translated(), self._alone, self._engine.connect() as connection:
            connection.execution_options(**{_WRITES: True})
            with connection.begin():
                yield connection

    def lock_head(self, connection: Connection) -> None:
        """Wait, in a writing transaction, until nobody else writes (SQLite did at its BEGIN)."""
        connection.execute(select(HEAD.c.id).with_for_update()).all()

    def plain_engine(self) -> Engine:
        """Return another engine for the same database, as `nitro_attest.nonces.sql` wants it."""
        engine = create_engine(self._engine.url, hide_parameters=True)
        self._others.append(engine)
        return engine

    def close(self) -> None:
        """Close every connection."""
        for engine in (self._engine, *self._others):
            engine.dispose()

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except SQLAlchemyError as exc:
            # `from None`: the message holds the statement, and may hold the URL.
            raise StoreUnavailableError(f"the database failed: {type(exc).__name__}") from None


def _begin_explicitly(engine: Engine) -> None:
    """Let SQLAlchemy say BEGIN, so that a writer waits for the lock when it begins."""

    def configure(connection: Any, _record: object) -> None:  # noqa: ANN401 - of the DB-API
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")  # a commit is on the disk when it returns
        cursor.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
        cursor.close()

    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "connect", configure)
    event.listen(engine, "begin", begin)

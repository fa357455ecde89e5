"""The tables of the SQL stores, and their transactions on SQLite and PostgreSQL.

A redemption is one UPDATE that at most one transaction can win, and it is reported only after a
commit that waits for the disk. PostgreSQL's *state* is its system identifier and the timeline that
it writes (it changes with every promotion and every point-in-time recovery); it is stored with each
nonce, and a server in another state redeems none of them. The timeline comes from the name of the
file being written: `pg_control_checkpoint()` tells the old one until the first checkpoint after a
promotion, which was seen to take seconds and may take minutes.
"""

from collections.abc import Generator
from contextlib import contextmanager
from enum import Enum
from typing import Final, final

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Delete,
    LargeBinary,
    MetaData,
    String,
    Table,
    delete,
    insert,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from nitro_attest import Reason
from nitro_attest.nonces._store import NonceStoreUnavailableError

_CLEARED_AT_ONCE: Final = 64  # expired rows that one transaction deletes at most
_MEMORY: Final = "claims"

metadata: Final = MetaData()

NONCES: Final = Table(
    "nitro_attest_nonces",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("state", String(64), nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),  # ms since 1970, as all times
    Column("used_at", BigInteger),
)
CLAIMS: Final = Table(
    "nitro_attest_claims",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("expires_at", BigInteger, nullable=False, index=True),
)
MEMORY: Final = Table(
    "nitro_attest_memory",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("state", String(64), nullable=False),
    Column("began_at", BigInteger, nullable=False),
)

# The databases' own clocks, in ms since 1970. That of a whole transaction serves only to find rows
# to delete, for an index can't be searched by a value that changes within the statement.
_SQLITE_CLOCK: Final[ColumnElement[int]] = literal_column(
    "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)", BigInteger
)
_POSTGRESQL_CLOCK: Final[ColumnElement[int]] = literal_column(
    "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)", BigInteger
)
_TRANSACTION_CLOCK: Final[ColumnElement[int]] = literal_column(
    "CAST(extract(epoch FROM now()) * 1000 AS BIGINT)", BigInteger
)
_POSTGRESQL_STATE: Final = text("""
    SELECT system_identifier || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8),
        current_setting('fsync'),
        set_config('synchronous_commit',
            CASE current_setting('synchronous_commit')
                WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on'
            END,
            true)
    FROM pg_control_system()
""")


@final
class Claim(Enum):
    """What became of a claim."""

    FIRST = "first"
    REPEATED = "repeated"
    BEFORE_MEMORY = "before memory"


def create(connection: Connection) -> None:
    """Create the tables that are missing, and begin to remember."""
    with connection.begin():
        if connection.dialect.name == "sqlite":
            _leave_transaction(connection)
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")  # a commit is one write
        metadata.create_all(connection)
    with _transaction(connection) as state:
        _known_since(connection, state)


def issue(connection: Connection, digest: bytes, ttl: int) -> None:
    """Store a nonce for `ttl` ms, and delete some that expired more than `ttl` ms ago."""
    with _transaction(connection) as state:
        connection.execute(_expired(connection, NONCES, ttl))
        expires_at = _clock(connection) + ttl
        connection.execute(
            insert(NONCES).values(digest=digest, state=state, expires_at=expires_at, used_at=None)
        )


def redeem(connection: Connection, digest: bytes) -> Reason | None:
    """Use up a nonce; return the reason if that can't be."""
    clock = _clock(connection)
    with _transaction(connection) as state:
        won = (
            update(NONCES)
            .where(
                NONCES.c.digest == digest,
                NONCES.c.state == state,
                NONCES.c.used_at.is_(None),
                NONCES.c.expires_at > clock,
            )
            .values(used_at=clock)
            .returning(NONCES.c.digest)
        )
        if connection.execute(won).scalar() == digest:  # and no answer to another question
            return None
        row = connection.execute(
            select(NONCES.c.state, NONCES.c.used_at, NONCES.c.expires_at <= clock).where(
                NONCES.c.digest == digest
            )
        ).first()
    if row is None or row[0] != state:
        return Reason.FRESHNESS_NONCE_UNKNOWN
    if row[1] is not None:
        return Reason.FRESHNESS_NONCE_USED
    return Reason.FRESHNESS_NONCE_EXPIRED


def claim(connection: Connection, digest: bytes, duration: int, age: int) -> Claim:
    """Claim a key for `duration` ms, for something that was made `age` ms ago."""
    clock = _clock(connection)
    with _transaction(connection) as state:
        connection.execute(_expired(connection, CLAIMS, 0))
        if _known_since(connection, state) < age:
            return Claim.BEFORE_MEMORY
        expires_at = clock + duration
        first = (
            _upsert(connection, CLAIMS)
            .values(digest=digest, expires_at=expires_at)
            .on_conflict_do_update(
                index_elements=[CLAIMS.c.digest],
                set_={"expires_at": expires_at},
                where=CLAIMS.c.expires_at <= clock,
            )
            .returning(CLAIMS.c.digest)
        )
        won = connection.execute(first).scalar() == digest
        return Claim.FIRST if won else Claim.REPEATED


@contextmanager
def _transaction(connection: Connection) -> Generator[str]:
    """Run a transaction whose commit waits for the disk, and hand out the state of the database."""
    with connection.begin():
        if connection.dialect.name == "sqlite":
            _leave_transaction(connection)
            connection.exec_driver_sql("PRAGMA synchronous=EXTRA")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield "sqlite"
            return
        state, fsync, _ = connection.execute(_POSTGRESQL_STATE).one()
        if fsync != "on":
            raise NonceStoreUnavailableError(
                "PostgreSQL", "fsync is off, so a crash can undo a redemption; turn it on"
            )
        yield state


def _leave_transaction(connection: Connection) -> None:
    """End the transaction that an application's event listener may begin on every connection."""
    if getattr(connection.connection.driver_connection, "in_transaction", False):
        connection.exec_driver_sql("ROLLBACK")


def _known_since(connection: Connection, state: str) -> int:
    """Return for how many ms every claim has been remembered; begin now if the state is new."""
    clock = _clock(connection)
    memory = select(MEMORY.c.state, clock - MEMORY.c.began_at).where(MEMORY.c.name == _MEMORY)
    row = connection.execute(memory).first()
    if row is not None and row[0] == state:
        return int(row[1])
    values = {"state": state, "began_at": clock}
    connection.execute(
        _upsert(connection, MEMORY)
        .values(name=_MEMORY, **values)
        .on_conflict_do_update(index_elements=[MEMORY.c.name], set_=values)
    )
    return 0


def _clock(connection: Connection) -> ColumnElement[int]:
    return _SQLITE_CLOCK if connection.dialect.name == "sqlite" else _POSTGRESQL_CLOCK


def _upsert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def _expired(connection: Connection, table: Table, since: int) -> Delete:
    """Delete a few of the rows that expired over `since` ms ago, except those being deleted."""
    clock = _SQLITE_CLOCK if connection.dialect.name == "sqlite" else _TRANSACTION_CLOCK
    oldest = (
        select(table.c.digest)
        .where(table.c.expires_at <= clock - since)
        .order_by(table.c.expires_at)
        .limit(_CLEARED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    return delete(table).where(table.c.digest.in_(oldest))

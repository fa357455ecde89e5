"""Open a database: make it on first use, and refuse one that was rolled back or changed."""

import hmac
import secrets
from collections.abc import Iterator, Mapping
from typing import cast

from sqlalchemy import Connection, select

from nitro_attest_broker._chain import GENESIS_SEQUENCE, BrokenChainError, ChainKey, Line
from nitro_attest_broker._head_file import Head, HeadFile
from nitro_attest_broker._ledger import CHAIN, Ledger, initialise, read_head
from nitro_attest_broker._master_key import MasterKey
from nitro_attest_broker._records import TamperedError, from_row
from nitro_attest_broker._schema import AUDIT, RECORDS, expect_current, migrate, version_of
from nitro_attest_broker._sealing import KEY_BYTES
from nitro_attest_broker._store import Store


class RolledBackError(Exception):
    """The database is behind its head file: an older backup, or one that lost its end."""


def is_new(store: Store) -> bool:
    """Say whether the database was never used by a broker; its tables are made if there are none.

    Raises:
        SchemaError: Its tables are those of another version.
        StoreUnavailableError: It did not answer.

    """
    with store.writing() as connection:
        migrate_if_empty(connection)
        expect_current(connection)
        return read_head(connection) is None


def migrate_if_empty(connection: Connection) -> None:
    """Make the tables in an empty database; older tables wait for `migrate`, said by a person."""
    if version_of(connection) == 0:
        migrate(connection)


def create(
    store: Store, master: MasterKey, head_file: HeadFile, entry: Mapping[str, object]
) -> None:
    """Begin the records and the audit log of an empty database.

    The head file is written first, at line 0: a start that was killed here can be repeated.

    Raises:
        RolledBackError: The head file is of a database that was used.
        StoreUnavailableError: The database did not answer.
        HeadFileError: The head file could not be read or written.

    """
    known = head_file.read()
    if known is not None and known.sequence != GENESIS_SEQUENCE:
        raise RolledBackError(
            f"the database is empty, but its audit log had {known.sequence} lines: "
            "restore a backup, or name another database"
        )
    chain = ChainKey(secrets.token_bytes(KEY_BYTES))
    head_file.write(chain.genesis(), durably=True)
    head_file.write(initialise(store, master, chain, entry), durably=True)


def open_ledger(
    store: Store, master: MasterKey, head_file: HeadFile, *, known: Head | None = None
) -> Ledger:
    """Return the ledger of a database that is what the broker wrote last.

    `known` replaces the head file's content where a person has accepted another state.

    Raises:
        RolledBackError: The database is behind the head file, or there is no head file.
        TamperedError: The database was changed by somebody else.
        StoreUnavailableError: The database did not answer.
        HeadFileError: The head file could not be read.

    """
    known = head_file.read() if known is None else known
    if known is None:
        raise RolledBackError(
            f"{head_file.path}: there is no head file, so nobody can say whether the database is "
            "the newest: put it back, or run `nitro-attest-broker accept-database`"
        )
    with store.reading() as connection:
        expect_current(connection)
        row = read_head(connection)
        if row is None:
            raise RolledBackError("the database is empty")
        head = Head(row.sequence, bytes(row.mac))
        chain = read_chain_key(connection, master)
        expected = chain.authenticate(head, bytes(row.records_digest))
        if not hmac.compare_digest(expected, bytes(row.authentication)):
            raise TamperedError("the head in the database was changed")
        _expect_not_behind(connection, chain, head, known)
        ledger = Ledger(store, master, chain, head, head_file)
        ledger.adopt(_versions(connection), bytes(row.records_digest))
    head_file.write(head, durably=True)
    return ledger


def read_chain_key(connection: Connection, master: MasterKey) -> ChainKey:
    """Return the key of the audit log.

    Raises:
        TamperedError: Its record is missing or changed, or this is not its master key.

    """
    kind, name = CHAIN
    row = (
        connection.execute(
            select(RECORDS).where(RECORDS.c.kind == kind.value, RECORDS.c.name == name)
        )
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise TamperedError("the key of the audit log is missing")
    return ChainKey(from_row(row, master).secret)


def verify_audit_log(store: Store, master: MasterKey, head_file: HeadFile) -> Head:
    """Check every line of the audit log, and return its head.

    Raises:
        BrokenChainError, RolledBackError, TamperedError, StoreUnavailableError, HeadFileError:
            As `verified_lines`.

    """
    head = Head(GENESIS_SEQUENCE, b"")
    for line in verified_lines(store, master, head_file):
        head = line.head
    return head


def verified_lines(store: Store, master: MasterKey, head_file: HeadFile) -> Iterator[Line]:
    """Go through the audit log as of one moment; whoever gets to its end knows that it is whole.

    Raises:
        BrokenChainError: A line is missing or was changed; the first is named.
        RolledBackError: There is no head file, which alone can tell whether the end is missing.
        TamperedError: The head or the key of the log was changed.
        StoreUnavailableError: The database did not answer.
        HeadFileError: The head file could not be read.

    """
    known = head_file.read()
    with store.reading() as connection:
        expect_current(connection)
        chain = read_chain_key(connection, master)
        head = chain.genesis()
        for line in chain.lines(connection, head):
            head = line.head
            if known is not None and head.sequence == known.sequence and head != known:
                raise BrokenChainError(head.sequence, "it is not the one that the head file knows")
            yield line
        _expect_end(connection, chain, head, known)
    if known is None:
        raise RolledBackError(
            f"{head_file.path}: there is no head file, so nobody can say whether the end of the "
            "log is missing"
        )


def _expect_end(connection: Connection, chain: ChainKey, head: Head, known: Head | None) -> None:
    """Accept the end of the log only if the head file and the head in the database know no more."""
    row = read_head(connection)
    if known is not None and head.sequence < known.sequence:
        raise BrokenChainError(head.sequence + 1, "it is missing: the head file knows it")
    if row is None or row.sequence != head.sequence:
        raise BrokenChainError(head.sequence + 1, "it is missing: the head knows it")
    expected = chain.authenticate(head, bytes(row.records_digest))
    if not hmac.compare_digest(expected, bytes(row.authentication)):
        raise TamperedError("the head in the database was changed")


def _expect_not_behind(connection: Connection, chain: ChainKey, head: Head, known: Head) -> None:
    """Follow the chain from the head that is known to that of the database."""
    if head.sequence < known.sequence:
        raise RolledBackError(
            f"the database ends at audit line {head.sequence}, the head file at {known.sequence}: "
            "it is an older backup, or its end was cut off"
        )
    if known.sequence == GENESIS_SEQUENCE:
        at_known: bytes | None = chain.genesis().mac
    else:
        at_known = connection.execute(
            select(AUDIT.c.mac).where(AUDIT.c.sequence == known.sequence)
        ).scalar_one_or_none()
    if at_known is None or not hmac.compare_digest(bytes(at_known), known.mac):
        raise TamperedError(f"audit line {known.sequence} is not the one that the head file knows")
    last = known
    try:
        for line in chain.lines(connection, known):
            last = line.head
    except BrokenChainError as exc:
        raise TamperedError(str(exc)) from None
    if last != head:
        raise TamperedError("the head in the database is not that of its audit log")


def _versions(connection: Connection) -> dict[tuple[str, str], int]:
    rows = connection.execute(select(RECORDS.c.kind, RECORDS.c.name, RECORDS.c.version)).all()
    return {
        (kind, name): version for kind, name, version in cast("list[tuple[str, str, int]]", rows)
    }

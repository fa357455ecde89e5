"""Backups: every row of the database in one file of JSON lines, sealed as it is there.

A backup is worth nothing without the master key, which is not in it. Restoring an old one is
noticed by the head file; `accept_database` is how a person says that the loss is accepted.
"""

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

from nitro_attest.nonces.sql import metadata as nonces
from sqlalchemy import Connection, LargeBinary, Table, delete, inspect, select

from nitro_attest_broker._head_file import HeadFile
from nitro_attest_broker._ledger import Ledger, read_head
from nitro_attest_broker._master_key import MasterKey, sync_directory
from nitro_attest_broker._opening import (
    migrate_if_empty,
    open_ledger,
    read_chain_key,
)
from nitro_attest_broker._schema import (
    AUDIT,
    HEAD,
    MIGRATIONS,
    RECORDS,
    REPLAYS,
    expect_current,
)
from nitro_attest_broker._store import Store

FORM: Final = "nitro-attest-broker backup 1"
_TABLES: Final[tuple[Table, ...]] = (RECORDS, AUDIT, HEAD, REPLAYS)


class BackupError(Exception):
    """A backup cannot be written, read or restored."""


def back_up(store: Store, path: Path) -> int:
    """Write every row, as of one moment, to a new file of mode 0600; return how many there were.

    Raises:
        BackupError: The file exists or cannot be written.
        StoreUnavailableError: The database did not answer.

    """
    count = 0
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file, store.reading() as connection:
            expect_current(connection)
            file.write(json.dumps({"form": FORM, "schema": len(MIGRATIONS)}) + "\n")
            for line in _rows(connection):
                file.write(line)
                count += 1
            file.write(json.dumps({"rows": count}) + "\n")
            file.flush()
            os.fsync(file.fileno())
        sync_directory(path.parent)
    except OSError as exc:
        raise BackupError(f"{path}: {exc.strerror}") from None
    return count


def restore(store: Store, path: Path) -> int:
    """Write the rows of a backup into an empty database; return how many there were.

    Raises:
        BackupError: The file is no whole backup, or the database is not empty.
        SchemaError: The database or the backup is of another version.
        StoreUnavailableError: The database did not answer.

    """
    try:
        with path.open(encoding="ascii") as file, store.writing() as connection:
            migrate_if_empty(connection)
            expect_current(connection)
            if read_head(connection) is not None:
                raise BackupError("the database is not empty")
            return _restore_rows(connection, file)
    except OSError as exc:
        raise BackupError(f"{path}: {exc.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise BackupError(f"{path}: not a backup of this broker") from None


def accept_database(
    store: Store, master: MasterKey, head_file: HeadFile, entry: dict[str, object]
) -> Ledger:
    """Take the database for the newest, where a person has said why, and say so in its log.

    The chain of the whole log is followed, so a changed database is still refused. Which nonces
    were used since then is lost with the rest, so none that was issued before is accepted.

    Raises:
        TamperedError: The database was changed by somebody else.
        StoreUnavailableError: The database did not answer.
        HeadFileError: The head file cannot be written.

    """
    with store.reading() as connection:
        expect_current(connection)
        genesis = read_chain_key(connection, master).genesis()
    before = head_file.read()
    _forget_nonces(store)
    ledger = open_ledger(store, master, head_file, known=genesis)
    ledger.commit({**entry, "head_file_was_at": None if before is None else before.sequence})
    return ledger


def _forget_nonces(store: Store) -> None:
    with store.writing() as connection:
        there = inspect(connection).get_table_names()
        for table in nonces.sorted_tables:
            if table.name in there:
                connection.execute(delete(table))


def _rows(connection: Connection) -> Iterator[str]:
    for table in _TABLES:
        for row in connection.execute(select(table)).mappings():
            values = {
                name: base64.b64encode(value).decode() if isinstance(value, bytes) else value
                for name, value in row.items()
            }
            yield json.dumps({"table": table.name, "values": values}) + "\n"


def _restore_rows(connection: Connection, lines: Iterator[str]) -> int:
    head = json.loads(next(lines, "{}"))
    if head != {"form": FORM, "schema": len(MIGRATIONS)}:
        raise ValueError
    tables = {table.name: table for table in _TABLES}
    for count, line in enumerate(lines):
        entry = cast("dict[str, Any]", json.loads(line))
        if "rows" in entry:
            if entry["rows"] != count or next(lines, None) is not None:
                raise ValueError
            return count
        table = tables[entry["table"]]
        connection.execute(table.insert().values(_values(table, entry["values"])))
    raise ValueError


def _values(table: Table, written: dict[str, Any]) -> dict[str, Any]:
    return {
        name: base64.b64decode(value, validate=True)
        if isinstance(table.c[name].type, LargeBinary)
        else value
        for name, value in written.items()
    }

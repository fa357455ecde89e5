"""The one way to the broker's state: read a record, or commit a decision with what it changes.

Every decision is a line of the audit log, written in the transaction that makes its change and
before the answer. Because lines name the versions of the records they change, a process that
follows the chain knows the current version of every record, and takes no older row for it.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast, final

from sqlalchemy import Connection, Row, Select, delete, select

from nitro_attest_broker._chain import GENESIS_SEQUENCE, BrokenChainError, ChainKey
from nitro_attest_broker._head_file import Head, HeadFile
from nitro_attest_broker._json import write_object
from nitro_attest_broker._master_key import MasterKey
from nitro_attest_broker._records import Kind, Record, TamperedError, Versions, from_row
from nitro_attest_broker._schema import AUDIT, HEAD, RECORDS, REPLAYS
from nitro_attest_broker._store import Store, StoreUnavailableError

CHAIN: Final = (Kind.SECRET, "audit-chain")
ROTATED: Final = "master_key_rotated"
_REPLAYS_SWEPT: Final = 100  # expired rows deleted with each new one: bounded work, no growth


class ConflictError(Exception):
    """Somebody changed a record between reading it and committing: read it again."""


class ReplayError(Exception):
    """The signature was used before."""


class _MovedError(Exception):
    """The state moved on while it was read."""


@final
@dataclass(frozen=True, slots=True)
class Once:
    """A digest that may be committed once until it expires; times are Unix times in seconds."""

    digest: bytes
    now: int
    expires: int


@final
class Ledger:
    """Records and audit log of one database; safe for threads, and for several processes."""

    def __init__(
        self, store: Store, master: MasterKey, chain: ChainKey, head: Head, head_file: HeadFile
    ) -> None:
        """Take a head that is known to be good; `_opening.open_ledger` makes a ledger."""
        self._store: Final = store
        self._master = master
        self._chain: Final = chain
        self._head = head
        self._head_file: Final = head_file
        self._versions: Final = Versions(chain.records_key())
        self._lock: Final = store.lock

    @property
    def head(self) -> Head:
        """The last line of the audit log that this process knows."""
        return self._head

    def nonce_key(self) -> bytes:
        """Return the secret that signs nonces, the same for every process of this broker."""
        return self._chain.nonce_key()

    def adopt(self, versions: Mapping[tuple[str, str], int], records_digest: bytes) -> None:
        """Take the versions of all records as they are in the database at the head.

        Raises:
            TamperedError: They are not those that the head stands for.

        """
        for key, version in versions.items():
            self._versions.set(key, version)
        if not hmac.compare_digest(self._versions.digest(), records_digest):
            raise TamperedError(
                "the records are not those of the last audit line: one is missing, added or older"
            )

    def read(self, kind: Kind, name: str) -> Record | None:
        """Return the current version of a record, or None if there is none or it was deleted.

        Raises:
            TamperedError: The row was changed, is of an older version, or is missing.
            StoreUnavailableError: The database did not answer.

        """
        query = select(RECORDS).where(RECORDS.c.kind == kind.value, RECORDS.c.name == name)
        found = self._select(query, wanted=(kind.value, name))
        return next((record for record in found if not record.deleted), None)

    def children(self, kind: Kind, parent: str) -> list[Record]:
        """Return the current records of a kind that have this parent, by name.

        Raises:
            TamperedError: As `read`.
            StoreUnavailableError: As `read`.

        """
        query = (
            select(RECORDS)
            .where(RECORDS.c.kind == kind.value, RECORDS.c.parent == parent)
            .where(RECORDS.c.deleted.is_(False))
            .order_by(RECORDS.c.name)
        )
        return self._select(query)

    def page(self, kind: Kind, *, after: str, limit: int) -> list[Record]:
        """Return at most `limit` current records of a kind whose names follow `after`.

        Raises:
            TamperedError: As `read`.
            StoreUnavailableError: As `read`.

        """
        query = (
            select(RECORDS)
            .where(RECORDS.c.kind == kind.value, RECORDS.c.name > after)
            .where(RECORDS.c.deleted.is_(False))
            .order_by(RECORDS.c.name)
            .limit(limit)
        )
        return self._select(query)

    def next_version(self, kind: Kind, name: str) -> int:
        """Return the version that a new or changed record of this name must have."""
        with self._lock:
            return self._versions.get((kind.value, name)) + 1

    def commit(
        self,
        entry: Mapping[str, object],
        *,
        changes: Sequence[Record] = (),
        requires: Sequence[Record] = (),
        once: Once | None = None,
    ) -> None:
        """Write an audit line and the records that it changes, or neither.

        `requires` are records that the decision rests on. When this returns, line and changes are
        on the disk and the head file knows of them.

        Raises:
            ConflictError: A record in `requires` or `changes` has another version by now.
            ReplayError: `once` was committed before.
            TamperedError: The database is not as this process knows it.
            StoreUnavailableError: The database did not answer; whether it committed is unknown.
            HeadFileError: The head file could not be written.

        """
        with self._lock:
            versions = {record.key: record.version for record in changes}
            with self._store.writing() as connection:
                self._store.lock_head(connection)
                self._follow(connection, floor=self._head.sequence)
                self._expect_versions(requires, versions)
                if once is not None:
                    _claim(connection, once)
                for record in changes:
                    _write_record(connection, record, self._master)
                head = self._append(connection, entry, versions)
            for key, version in versions.items():
                self._versions.set(key, version)
            self._head = head
            self._head_file.write(head, durably=bool(changes))

    def rewrap(self, master: MasterKey, time: str) -> int:
        """Wrap every secret under another master key, and return how many there were.

        The audit line stops every other process that still wraps under the key before.

        Raises:
            TamperedError: A row was changed; nothing is rewrapped.
            StoreUnavailableError: The database did not answer.
            HeadFileError: The head file could not be written.

        """
        with self._lock:
            with self._store.writing() as connection:
                self._store.lock_head(connection)
                self._follow(connection, floor=self._head.sequence)
                rows = connection.execute(select(RECORDS)).mappings().all()
                for row in rows:
                    _write_record(connection, from_row(row, self._master), master)
                entry = {"event": ROTATED, "time": time, "master_key": master.name}
                head = self._append(connection, entry, {})
            self._master = master
            self._head = head
            self._head_file.write(head, durably=True)
            return len(rows)

    def check(self) -> None:
        """Ask the database for its head, and hold it against what this process knows.

        Raises:
            TamperedError: The database was rolled back or changed.
            StoreUnavailableError: The database did not answer.

        """
        with self._lock, self._store.reading() as connection:
            self._follow(connection, floor=self._head.sequence)

    def _select(self, query: Select[Any], wanted: tuple[str, str] | None = None) -> list[Record]:
        try:
            return self._select_once(query, wanted)
        except _MovedError:  # no other thread of this process moves the state while this one asks
            with self._lock:
                try:
                    return self._select_once(query, wanted)
                except _MovedError:
                    raise TamperedError("a record is missing or of an older version") from None

    def _select_once(self, query: Select[Any], wanted: tuple[str, str] | None) -> list[Record]:
        floor = self._head.sequence
        with self._store.reading() as connection:
            self._follow(connection, floor=floor)
            rows = connection.execute(query).mappings().all()
        found = [from_row(row, self._master) for row in rows]
        with self._lock:
            current = all(self._versions.get(record.key) == record.version for record in found)
            missing = wanted is not None and not found and self._versions.get(wanted) != 0
        if missing or not current:
            raise _MovedError
        return found

    def _follow(self, connection: Connection, *, floor: int) -> None:
        """Bring this process to the state of the database, or refuse a state that is behind."""
        row = read_head(connection)
        if row is None or row.sequence < floor:
            raise TamperedError("the database is behind what this broker has committed")
        found = Head(row.sequence, bytes(row.mac))
        with self._lock:
            if found.sequence < self._head.sequence:
                return  # another thread has committed since this transaction began
            if found.sequence > self._head.sequence:
                self._catch_up(connection, found)
            if not hmac.compare_digest(found.mac, self._head.mac):
                raise TamperedError("the database holds another audit log")
            expected = self._chain.authenticate(self._head, self._versions.digest())
            if not hmac.compare_digest(expected, bytes(row.authentication)):
                raise TamperedError("the head in the database was changed")

    def _catch_up(self, connection: Connection, target: Head) -> None:
        """Follow the lines that other processes have written; nothing is kept if one is wrong."""
        moved: dict[tuple[str, str], int] = {}
        head = self._head
        try:
            for line in self._chain.lines(connection, self._head):
                head = line.head
                moved.update(_changes_of(line.entry))
                self._expect_own_master_key(line.entry)
        except BrokenChainError as exc:
            raise TamperedError(str(exc)) from None
        if head != target:
            raise TamperedError("the head in the database is not that of its audit log")
        for key, version in moved.items():
            self._versions.set(key, version)
        self._head = head

    def _expect_own_master_key(self, entry: Mapping[str, object]) -> None:
        """Stop once the master key was rotated: what this process wrapped, nobody could unwrap."""
        if entry.get("event") == ROTATED and entry.get("master_key") != self._master.name:
            raise StoreUnavailableError("the master key was rotated: start this process again")

    def _expect_versions(
        self, requires: Sequence[Record], changed: Mapping[tuple[str, str], int]
    ) -> None:
        for record in requires:
            if self._versions.get(record.key) != record.version:
                raise ConflictError
        for key, version in changed.items():
            if self._versions.get(key) + 1 != version:
                raise ConflictError

    def _append(
        self,
        connection: Connection,
        entry: Mapping[str, object],
        versions: Mapping[tuple[str, str], int],
    ) -> Head:
        changes = [[*key, version] for key, version in versions.items()]
        text = write_object({**entry, "changes": changes} if changes else entry)
        head = self._chain.extend(self._head, text)
        digest = self._versions.digest_after(versions)
        connection.execute(AUDIT.insert().values(sequence=head.sequence, entry=text, mac=head.mac))
        connection.execute(
            HEAD.update().values(
                sequence=head.sequence,
                mac=head.mac,
                records_digest=digest,
                authentication=self._chain.authenticate(head, digest),
            )
        )
        return head


def read_head(connection: Connection) -> Row[Any] | None:
    """Return the row of the head, or None in a database that was never used."""
    return connection.execute(select(HEAD)).one_or_none()


def initialise(
    store: Store, master: MasterKey, chain: ChainKey, entry: Mapping[str, object]
) -> Head:
    """Write the first record, the first audit line and the head of an empty database."""
    record = Record(
        kind=CHAIN[0], name=CHAIN[1], version=1, parent="", content="{}", secret=chain.secret
    )
    versions = Versions(chain.records_key())
    versions.set(record.key, record.version)
    text = write_object({**entry, "changes": [[*record.key, record.version]]})
    head = chain.extend(chain.genesis(), text)
    digest = versions.digest()
    with store.writing() as connection:
        connection.execute(RECORDS.insert().values(record.to_row(master)))
        connection.execute(
            AUDIT.insert().values(sequence=GENESIS_SEQUENCE + 1, entry=text, mac=head.mac)
        )
        connection.execute(
            HEAD.insert().values(
                id=1,
                sequence=head.sequence,
                mac=head.mac,
                records_digest=digest,
                authentication=chain.authenticate(head, digest),
            )
        )
    return head


def _changes_of(entry: Mapping[str, object]) -> dict[tuple[str, str], int]:
    """Return the versions that a line with a good MAC, so one of ours, says it wrote."""
    changes = cast("list[tuple[str, str, int]]", entry.get("changes", []))
    return {(kind, name): version for kind, name, version in changes}


def _write_record(connection: Connection, record: Record, master: MasterKey) -> None:
    row = record.to_row(master)
    here = (RECORDS.c.kind == record.kind.value) & (RECORDS.c.name == record.name)
    if connection.execute(RECORDS.update().where(here).values(row)).rowcount == 0:
        connection.execute(RECORDS.insert().values(row))


def _claim(connection: Connection, once: Once) -> None:
    used = select(REPLAYS.c.digest).where(REPLAYS.c.digest == once.digest)
    if connection.execute(used).one_or_none() is not None:
        raise ReplayError
    expired = (
        select(REPLAYS.c.digest)
        .where(REPLAYS.c.expires < once.now)
        .limit(_REPLAYS_SWEPT)
        .scalar_subquery()
    )
    connection.execute(delete(REPLAYS).where(REPLAYS.c.digest.in_(expired)))
    connection.execute(REPLAYS.insert().values(digest=once.digest, expires=once.expires))

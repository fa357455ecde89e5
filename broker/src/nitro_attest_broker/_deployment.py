"""Where a broker keeps what: the database, the master key, the head file and the settings."""

import fcntl
import os
import secrets
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, final

from nitro_attest import AWS_NITRO_ROOT_G1, TrustAnchor
from nitro_attest.nonces import (
    NonceStore,
    NonceStoreUnavailableError,
    SignedNonces,
    SigningKeys,
)
from nitro_attest.nonces.sql import SqlOnce, create_tables

from nitro_attest_broker._access_keys import AccessKey, new_access_key
from nitro_attest_broker._call import Broker
from nitro_attest_broker._head_file import HeadFile
from nitro_attest_broker._ledger import Ledger
from nitro_attest_broker._master_key import (
    MasterKey,
    MasterKeyError,
    make_file,
    read_descriptor,
    read_file,
    write_keys,
)
from nitro_attest_broker._opening import create, is_new, open_ledger
from nitro_attest_broker._release import Documents
from nitro_attest_broker._sealing import KEY_BYTES
from nitro_attest_broker._settings import Settings, read_settings, write_default_settings
from nitro_attest_broker._store import Store, StoreUnavailableError

_CLOCKS_APART: Final = timedelta(seconds=30)
_NONCE_SECONDS: Final = 300


Announce = Callable[[AccessKey], None]
"""What shows the administrator's access key to a person, the one time it is made."""


class InUseError(Exception):
    """A broker is running on this data."""


class FolderError(Exception):
    """The folder of the broker's files cannot be made, or not be locked."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """The places of one broker; what is None lies in `data` under its usual name."""

    data: Path
    database_url: str | None = None
    master_key: Path | None = None
    master_key_descriptor: int | None = None
    head: Path | None = None
    settings: Path | None = None
    trust_anchor: TrustAnchor = AWS_NITRO_ROOT_G1

    def __repr__(self) -> str:
        """Return the folder alone: a database URL may hold a password."""
        return f"Deployment({str(self.data)!r})"

    def prepare(self) -> None:
        """Make the folder, which only its owner may enter, and the default settings in it.

        Raises:
            FolderError: They cannot be made.

        """
        try:
            self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.settings is None:
                write_default_settings(self.data / "broker.toml")
        except OSError as exc:
            raise FolderError(f"{self.data}: {exc.strerror}") from None

    def open_settings(self) -> Settings:
        """Return the settings.

        Raises:
            SettingsError: They cannot be read.

        """
        return read_settings(self.settings or self.data / "broker.toml", self.trust_anchor)

    def open_store(self) -> Store:
        """Return the database, not opened yet.

        Raises:
            StoreUnavailableError: The URL is not one of SQLite or PostgreSQL.

        """
        return Store(self.database_url or f"sqlite:///{self.data / 'broker.sqlite3'}")

    @property
    def head_file(self) -> HeadFile:
        """The head file, which belongs on another disk than the database."""
        return HeadFile(self.head or self.data / "head.json")

    @property
    def master_key_file(self) -> Path:
        """The file of the master key."""
        return self.master_key or self.data / "master.key"

    def read_master_key(self) -> MasterKey:
        """Return the master key.

        Raises:
            MasterKeyError: It cannot be read.

        """
        if self.master_key_descriptor is not None:
            return MasterKey(read_descriptor(self.master_key_descriptor))
        return MasterKey(read_file(self.master_key_file))

    def first_master_key(self) -> MasterKey:
        """Return the master key for a database that is new: it is made if there is none.

        Raises:
            MasterKeyError: It cannot be read or made.

        """
        if self.master_key_descriptor is None and not self.master_key_file.exists():
            return make_file(self.master_key_file)
        return self.read_master_key()

    @contextmanager
    def in_use(self, *, alone: bool = False) -> Generator[None]:
        """Mark the data as in use; `alone` refuses if anybody else does.

        Raises:
            InUseError: A broker is running, or something runs that must be alone.
            FolderError: The folder is not there.

        """
        with self._lock_file("in-use.lock") as descriptor:
            kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InUseError(
                    f"{self.data}: in use by another process; stop the broker first"
                ) from None
            yield

    @contextmanager
    def opening(self) -> Generator[None]:
        """Wait until nobody else opens this data: two first starts at once would make two logs.

        Raises:
            FolderError: The folder is not there.

        """
        with self._lock_file("opening.lock") as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _lock_file(self, name: str) -> Generator[int]:
        try:
            descriptor = os.open(self.data / name, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as exc:
            raise FolderError(f"{self.data}: {exc.strerror}") from None
        try:
            yield descriptor
        finally:
            os.close(descriptor)


@final
@dataclass(frozen=True, slots=True)
class Opened:
    """An open broker."""

    store: Store
    settings: Settings
    ledger: Ledger


def open_deployment(deployment: Deployment, *, announce: Announce) -> Opened:
    """Open the database of a broker, and make it on the first start.

    The first start also makes the administrator's access key; nothing but `announce` gets it.

    Raises:
        FolderError: The folder of the files cannot be made or locked.
        MasterKeyError: The master key cannot be read.
        RolledBackError: The database is behind its head file.
        SchemaError: The database has tables of another version.
        SettingsError: The settings cannot be read.
        StoreUnavailableError: The database did not answer.
        TamperedError: The database was changed by somebody else.
        HeadFileError: The head file cannot be read or written.

    """
    deployment.prepare()
    settings = deployment.open_settings()
    store = deployment.open_store()
    try:
        with deployment.opening():
            return _open(deployment, settings, store, announce)
    except BaseException:
        store.close()
        raise


def _open(deployment: Deployment, settings: Settings, store: Store, announce: Announce) -> Opened:
    if is_new(store):
        master = deployment.first_master_key()
        create(store, master, deployment.head_file, {"event": "initialised", "time": _now()})
    else:
        master = deployment.read_master_key()
    ledger = open_ledger(store, master, deployment.head_file)
    first = ledger.head.sequence == 1  # nothing but the line that the database begins with
    if first and settings.administrators:
        announce(create_access_key(ledger, settings, settings.administrators[0]))
    return Opened(store, settings, ledger)


def create_access_key(ledger: Ledger, settings: Settings, principal: str) -> AccessKey:
    """Make an access key for a principal, with its audit line.

    Raises:
        PrincipalError: It is not a user or a role of the account.
        StoreUnavailableError: The database did not answer.
        TamperedError: The database was changed by somebody else.
        HeadFileError: The head file cannot be written.

    """
    now = int(datetime.now(UTC).timestamp())
    access_key = new_access_key(principal, account=settings.account, now=now)
    ledger.commit(
        {
            "event": "access_key_created",
            "time": _now(),
            "principal": principal,
            "access_key_id": access_key.access_key_id,
        },
        changes=(access_key.to_record(),),
    )
    return access_key


def make_broker(opened: Opened) -> Broker:
    """Return what answers calls.

    Raises:
        StoreUnavailableError: The tables for nonces could not be made.

    """
    return Broker(
        settings=opened.settings,
        ledger=opened.ledger,
        documents=Documents(
            trust_anchor=opened.settings.trust_anchor,
            max_age=opened.settings.max_age,
            clock=lambda: datetime.now(UTC),
        ),
        nonces=_nonces(opened),
        clock=lambda: datetime.now(UTC),
    )


def rotate_master_key(deployment: Deployment, *, announce: Announce) -> tuple[str, int]:
    """Wrap every secret under a new master key; return its name and how many secrets there were.

    Killed anywhere, it can be run again: the file holds both keys until every secret is rewrapped.

    Raises:
        InUseError: A broker is running.
        MasterKeyError: The key comes from a descriptor, or its file cannot be read or written.

    """
    if deployment.master_key_descriptor is not None:
        raise MasterKeyError("a master key from a file descriptor is rotated where it is kept")
    with deployment.in_use(alone=True):
        keys = read_file(deployment.master_key_file)
        if len(keys) == 1:
            keys = [secrets.token_bytes(KEY_BYTES), *keys]
            write_keys(deployment.master_key_file, keys, replace=True)
        opened = open_deployment(deployment, announce=announce)
        try:
            new = MasterKey(keys[:1])
            count = opened.ledger.rewrap(new, _now())
        finally:
            opened.store.close()
        write_keys(deployment.master_key_file, keys[:1], replace=True)
    return new.name, count


def _nonces(opened: Opened) -> NonceStore:
    """Return nonces that carry their own proof, so that issuing them fills no table."""
    engine = opened.store.plain_engine()
    try:
        create_tables(engine)
    except NonceStoreUnavailableError:
        raise StoreUnavailableError("the tables for nonces could not be made") from None
    return SignedNonces(
        SigningKeys(current=1, secrets={1: opened.ledger.nonce_key()}),
        ttl=timedelta(seconds=_NONCE_SECONDS),
        spent=SqlOnce(engine),
        # A file serves one machine, whose one clock stamps and checks; servers may differ.
        max_clock_skew=timedelta(0) if engine.dialect.name == "sqlite" else _CLOCKS_APART,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")

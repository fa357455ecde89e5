"""Sealing, the master key and its file, the head file, tables and their migrations."""

import os
from pathlib import Path

import pytest
from sqlalchemy import inspect, update

from nitro_attest_broker import _schema
from nitro_attest_broker._head_file import Head, HeadFile, HeadFileError
from nitro_attest_broker._master_key import (
    MasterKey,
    MasterKeyError,
    make_file,
    read_descriptor,
    read_file,
    write_keys,
)
from nitro_attest_broker._opening import is_new, open_ledger
from nitro_attest_broker._records import Kind, Record, Versions
from nitro_attest_broker._sealing import NotAuthenticError, join, seal, unseal
from nitro_attest_broker._store import IN_MEMORY, Store, StoreUnavailableError
from support.broker_kit import Kit

KEY = b"k" * 32


def test_unseals_what_was_sealed() -> None:
    sealed = seal(KEY, b"text", purpose=b"p", associated_data=b"a")
    assert len(sealed) == 4 + 48
    assert unseal(KEY, sealed, purpose=b"p", associated_data=b"a") == b"text"
    assert seal(KEY, b"text", purpose=b"p", associated_data=b"a") != sealed


def test_unseals_nothing_else() -> None:
    sealed = seal(KEY, b"text", purpose=b"p", associated_data=b"a")
    wrong = [(b"x" * 32, sealed, b"p", b"a"), (KEY, sealed, b"q", b"a"), (KEY, sealed, b"p", b"b")]
    wrong += [(KEY, sealed[:47], b"p", b"a"), (KEY, b"", b"p", b"a")]
    wrong += [
        (KEY, sealed[:i] + bytes([sealed[i] ^ 1]) + sealed[i + 1 :], b"p", b"a")
        for i in range(len(sealed))
    ]
    for key, data, purpose, associated in wrong:
        with pytest.raises(NotAuthenticError):
            unseal(key, data, purpose=purpose, associated_data=associated)


def test_no_two_lists_of_fields_join_alike() -> None:
    lists = [(b"ab", b"c"), (b"a", b"bc"), (b"abc",), (b"", b"abc"), (b"abc", b"")]
    assert len({join(*fields) for fields in lists}) == len(lists)


def test_a_master_key_unwraps_what_the_one_before_it_wrapped() -> None:
    old, new = b"o" * 32, b"n" * 32
    wrapped = MasterKey([old]).wrap(b"s", associated_data=b"a")
    assert MasterKey([new, old]).unwrap(wrapped, associated_data=b"a") == b"s"
    with pytest.raises(NotAuthenticError):
        MasterKey([new]).unwrap(wrapped, associated_data=b"a")
    assert MasterKey([new, old]).name == MasterKey([new]).name


@pytest.mark.parametrize("keys", [[], [b"x"], [KEY] * 3])
def test_a_master_key_is_one_or_two_keys_of_32_bytes(keys: list[bytes]) -> None:
    with pytest.raises(MasterKeyError):
        MasterKey(keys)


def test_makes_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    made = make_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert MasterKey(read_file(path)).name == made.name
    with pytest.raises(MasterKeyError):
        make_file(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["master.key"]


def test_refuses_a_file_that_others_may_read(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    make_file(path)
    path.chmod(0o640)
    with pytest.raises(MasterKeyError):
        read_file(path)


@pytest.mark.parametrize("text", ["", "00\n", "A" * 64, f"{'0' * 64}\n" * 3, "ü"])
def test_refuses_a_file_without_keys(tmp_path: Path, text: str) -> None:
    path = tmp_path / "master.key"
    path.touch(0o600)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MasterKeyError):
        read_file(path)
    with pytest.raises(MasterKeyError):
        read_file(tmp_path / "none")


def test_reads_a_key_from_a_descriptor(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_keys(path, [KEY], replace=False)
    assert read_descriptor(os.open(path, os.O_RDONLY)) == [KEY]
    with pytest.raises(MasterKeyError):
        read_descriptor(987)


def test_a_key_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MasterKeyError):
        write_keys(tmp_path / "none" / "key", [KEY], replace=True)


def test_a_head_file_holds_one_head(tmp_path: Path) -> None:
    file = HeadFile(tmp_path / "head.json")
    assert file.read() is None
    file.write(Head(7, b"m" * 32), durably=True)
    assert file.read() == Head(7, b"m" * 32)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"sequence":1,"mac":"00"}', '{"sequence":"1","mac":"%s"}' % ("0" * 64)],
)
def test_refuses_a_head_file_without_a_head(tmp_path: Path, text: str) -> None:
    path = tmp_path / "head.json"
    path.write_text(text)
    with pytest.raises(HeadFileError):
        HeadFile(path).read()


def test_a_head_file_that_cannot_be_read_or_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HeadFileError):
        HeadFile(tmp_path).read()
    with pytest.raises(HeadFileError):
        HeadFile(tmp_path / "none" / "head").write(Head(1, b""), durably=False)


@pytest.mark.parametrize("url", ["mysql://h/d", "postgresql://h/d", "", "sqlite:nonsense"])
def test_takes_a_url_of_sqlite_or_postgresql(url: str) -> None:
    with pytest.raises(StoreUnavailableError):
        Store(url)


def test_migrates_from_each_version(tmp_path: Path) -> None:
    for version in range(len(_schema.MIGRATIONS) + 1):
        store = Store(f"sqlite:///{tmp_path / str(version)}")
        with store.writing() as connection:
            if version:
                _schema.SCHEMA_VERSION.create(connection)
                connection.execute(_schema.SCHEMA_VERSION.insert().values(version=version))
                for migration in _schema.MIGRATIONS[:version]:
                    migration(connection)
            assert _schema.migrate(connection) == version
            assert _schema.version_of(connection) == len(_schema.MIGRATIONS)
            indexes = {index["name"] for index in inspect(connection).get_indexes("records")}
            assert indexes == {"records_by_parent"}
        store.close()


def test_the_migrations_make_the_tables_that_are_used() -> None:
    store, direct = Store(IN_MEMORY), Store(IN_MEMORY)
    assert is_new(store)
    with direct.writing() as connection:
        _schema.METADATA.create_all(connection)

    def layout(of: Store) -> dict[str, object]:
        with of.reading() as connection:
            found = inspect(connection)
            return {
                name: (
                    [str(column) for column in found.get_columns(name)],
                    sorted(str(index) for index in found.get_indexes(name)),
                )
                for name in found.get_table_names()
            }

    assert layout(store) == layout(direct)
    store.close()
    direct.close()


@pytest.mark.parametrize("version", [1, 99])
def test_starts_on_no_other_version_of_the_tables(version: int) -> None:
    store = Store(IN_MEMORY)
    is_new(store)
    with store.writing() as connection:
        connection.execute(update(_schema.SCHEMA_VERSION).values(version=version))
    with pytest.raises(_schema.SchemaError):
        is_new(store)
    if version > len(_schema.MIGRATIONS):
        with store.writing() as connection, pytest.raises(_schema.SchemaError):
            _schema.migrate(connection)
    store.close()


def test_a_record_shows_no_secret() -> None:
    record = Record(kind=Kind.KEY, name="n", version=1, parent="", content="{}", secret=b"SECRET")
    assert "SECRET" not in repr(record)


def test_the_number_over_versions_does_not_depend_on_the_way() -> None:
    one, other = Versions(KEY), Versions(KEY)
    for version in (1, 2, 3):
        one.set(("key", "a"), version)
    one.set(("key", "b"), 1)
    other.set(("key", "b"), 1)
    assert one.digest() == other.digest_after({("key", "a"): 3})
    assert one.digest() != other.digest_after({("key", "a"): 2})
    assert one.digest() != other.digest()


def test_two_processes_follow_each_other(kit: Kit) -> None:
    other = open_ledger(kit.store, kit.master, kit.head_file)
    arn = kit.create_key()
    name = arn.rpartition("/")[2]
    assert other.read(Kind.KEY, name) is not None
    assert other.head == kit.broker.ledger.head
    other.commit({"event": "one more"})
    kit.ok("DescribeKey", {"KeyId": arn})


def test_a_process_with_the_master_key_before_the_rotated_one_writes_nothing(
    kit_in_file: Kit,
) -> None:
    """What it wrapped under the key that is gone, nobody could unwrap."""
    kit = kit_in_file
    other = open_ledger(kit.store, kit.master, kit.head_file)
    new = MasterKey([b"n" * 32, b"m" * 32])
    assert other.rewrap(new, "now") == 3
    lines = len(kit.audit())
    status, answer = kit.call("CreateKey", {})
    assert (status, answer["__type"]) == (500, "KMSInternalException")
    with pytest.raises(StoreUnavailableError, match="start this process again"):
        kit.broker.ledger.commit({"event": "x"})
    assert len(kit.audit()) == lines
    again = open_ledger(kit.store, MasterKey([b"n" * 32]), kit.head_file)
    again.commit({"event": "x"})
    other.commit({"event": "y"})

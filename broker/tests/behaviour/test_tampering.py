"""Row 132: whoever can write to the database gets nothing released, and the fault is named."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from nitro_attest.recipient import RecipientKey
from sqlalchemy import Connection, delete, select, update

from nitro_attest_broker._head_file import Head, HeadFile
from nitro_attest_broker._opening import RolledBackError, open_ledger
from nitro_attest_broker._records import TamperedError
from nitro_attest_broker._schema import AUDIT, HEAD, RECORDS, REPLAYS
from nitro_attest_broker._store import StoreUnavailableError
from support.broker_kit import RECIPIENT, Kit
from support.policies import attested_policy, open_policy

TABLES = (RECORDS, AUDIT, HEAD, REPLAYS)


def snapshot(kit: Kit) -> dict[str, list[dict[str, Any]]]:
    """Return every row, as a backup of the database would hold them."""
    with kit.store.reading() as connection:
        return {t.name: [dict(r) for r in connection.execute(select(t)).mappings()] for t in TABLES}


def put_back(kit: Kit, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Replace every row."""
    with kit.store.writing() as connection:
        for table in TABLES:
            connection.execute(delete(table))
            for row in rows[table.name]:
                connection.execute(table.insert().values(row))


def write(kit: Kit, change: Callable[[Connection], None]) -> None:
    """Change the database as somebody who can write to it would."""
    with kit.store.writing() as connection:
        change(connection)


def key_row(kit: Kit, arn: str) -> dict[str, Any]:
    """Return the row of a key."""
    name = arn.rpartition("/")[2]
    with kit.store.reading() as connection:
        query = select(RECORDS).where(RECORDS.c.kind == "key", RECORDS.c.name == name)
        return dict(connection.execute(query).mappings().one())


def replace_row(kit: Kit, row: dict[str, Any]) -> None:
    """Put a row in the place of the one of its kind and name."""
    here = (RECORDS.c.kind == row["kind"]) & (RECORDS.c.name == row["name"])
    write(kit, lambda connection: _expect_one(connection, update(RECORDS).where(here).values(row)))


def _execute(connection: Connection, statement: Any) -> None:
    connection.execute(statement)


def _expect_one(connection: Connection, statement: Any) -> None:
    assert connection.execute(statement).rowcount == 1


def encrypted(kit: Kit, arn: str) -> str:
    """Return a ciphertext under a key."""
    blob: str = kit.ok("Encrypt", {"KeyId": arn, "Plaintext": "c2VjcmV0"})["CiphertextBlob"]
    return blob


EDITS: list[dict[str, Callable[[Any], Any]]] = [
    {"content": lambda text: text.replace("administrator", "enclave")},
    {"content": lambda text: text.replace("Enabled", "Disabled")},
    {"content": lambda text: text.replace('"tags":{', '"tags":{"nitro-attest:attested":"no"')},
    {"version": lambda number: number + 1},
    {"parent": lambda _: "x"},
    {"wrapped": lambda wrapped: wrapped[:-1] + bytes([wrapped[-1] ^ 1])},
    {"wrapped": lambda _: b""},
]


@pytest.mark.parametrize(
    "change",
    EDITS,
)
def test_an_edited_key_releases_nothing(kit: Kit, change: dict[str, Callable[[Any], Any]]) -> None:
    arn = kit.create_key()
    blob = encrypted(kit, arn)
    row = key_row(kit, arn)
    replace_row(kit, {**row, **{name: edit(row[name]) for name, edit in change.items()}})
    status, answer = kit.call("Decrypt", {"CiphertextBlob": blob})
    assert (status, answer["__type"]) == (500, "KMSInternalException")
    line = kit.audit()[-1]
    assert (line["reason"], line["operation"]) == ("database.tampered", "Decrypt")
    assert "tampered" in line


def test_swapped_secrets_release_nothing(kit: Kit) -> None:
    one, other = kit.create_key(), kit.create_key()
    blob = encrypted(kit, one)
    rows = key_row(kit, one), key_row(kit, other)
    replace_row(kit, {**rows[0], "wrapped": rows[1]["wrapped"]})
    assert kit.refused("Decrypt", {"CiphertextBlob": blob}) == (
        "KMSInternalException",
        "database.tampered",
    )


def test_a_policy_of_another_key_releases_nothing(kit: Kit) -> None:
    strict = kit.create_key(attested_policy(kit))
    lax = kit.create_key(open_policy(kit.administrator.principal, kit.enclave.principal))
    row = key_row(kit, strict)
    replace_row(kit, {**row, "content": key_row(kit, lax)["content"]})
    assert kit.refused("DescribeKey", {"KeyId": strict}, key=kit.enclave) == (
        "KMSInternalException",
        "database.tampered",
    )


def test_one_restored_row_releases_nothing(kit: Kit) -> None:
    arn = kit.create_key(open_policy(kit.administrator.principal, kit.enclave.principal))
    blob = encrypted(kit, arn)
    before = key_row(kit, arn)
    closed = open_policy(kit.administrator.principal)
    kit.ok("PutKeyPolicy", {"KeyId": arn, "Policy": closed})
    replace_row(kit, before)  # authentic, and allows what is not allowed any more
    assert kit.refused("Decrypt", {"CiphertextBlob": blob}, key=kit.enclave) == (
        "KMSInternalException",
        "database.tampered",
    )


def test_a_restored_row_stops_the_next_start(kit: Kit) -> None:
    arn = kit.create_key()
    before = key_row(kit, arn)
    kit.ok("DisableKey", {"KeyId": arn})
    replace_row(kit, before)
    with pytest.raises(TamperedError):
        open_ledger(kit.store, kit.master, kit.head_file)


def test_a_removed_row_is_not_taken_for_a_key_that_never_was(kit: Kit) -> None:
    arn = kit.create_key()
    name = arn.rpartition("/")[2]
    write(kit, lambda c: _expect_one(c, delete(RECORDS).where(RECORDS.c.name == name)))
    assert kit.refused("DescribeKey", {"KeyId": arn})[1] == "database.tampered"
    with pytest.raises(TamperedError):
        open_ledger(kit.store, kit.master, kit.head_file)


def test_an_access_key_that_was_given_to_another_principal_signs_nothing(kit: Kit) -> None:
    here = RECORDS.c.name == kit.enclave.access_key_id
    changed = update(RECORDS).where(here).values(parent=kit.administrator.principal)
    write(kit, lambda c: _expect_one(c, changed))
    status, answer = kit.call("ListKeys", {}, key=kit.enclave)
    assert (status, answer["__type"]) == (500, "KMSInternalException")
    kit.service.write_unsigned()
    assert kit.audit()[-1]["reasons"] == {"database.tampered": 1}


def test_a_revoked_access_key_whose_row_was_restored_signs_nothing(kit: Kit) -> None:
    rows = {r["name"]: r for r in snapshot(kit)["records"]}
    kit.broker.ledger.commit({"event": "revoked"}, changes=(kit.enclave.revoked(),))
    replace_row(kit, rows[kit.enclave.access_key_id])
    status, answer = kit.call("ListKeys", {}, key=kit.enclave)
    assert (status, answer["__type"]) == (500, "KMSInternalException")


def test_an_alias_that_was_bent_to_another_key_is_not_followed(kit: Kit) -> None:
    one, other = kit.create_key(), kit.create_key()
    kit.ok("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": one})
    here = RECORDS.c.name == "alias/a"
    bent = update(RECORDS).where(here).values(parent=other.rpartition("/")[2])
    write(kit, lambda c: _expect_one(c, bent))
    assert kit.refused("Encrypt", {"KeyId": "alias/a", "Plaintext": "AA=="})[1] == (
        "database.tampered"
    )


def test_an_older_backup_under_a_running_broker_releases_nothing(kit: Kit) -> None:
    arn = kit.create_key(open_policy(kit.administrator.principal, kit.enclave.principal))
    blob = encrypted(kit, arn)
    backup = snapshot(kit)
    kit.ok("PutKeyPolicy", {"KeyId": arn, "Policy": open_policy(kit.administrator.principal)})
    put_back(kit, backup)
    status, answer = kit.call("Decrypt", {"CiphertextBlob": blob}, key=kit.enclave)
    assert (status, answer["__type"]) == (500, "KMSInternalException")


def test_an_older_backup_stops_the_next_start(kit: Kit) -> None:
    arn = kit.create_key()
    backup = snapshot(kit)
    kit.ok("DisableKey", {"KeyId": arn})
    put_back(kit, backup)
    with pytest.raises(RolledBackError):
        open_ledger(kit.store, kit.master, kit.head_file)


def test_a_missing_head_file_stops_a_start(kit: Kit) -> None:
    kit.head_file.path.unlink()
    with pytest.raises(RolledBackError):
        open_ledger(kit.store, kit.master, kit.head_file)


def test_an_emptied_database_stops_the_next_start(kit: Kit) -> None:
    put_back(kit, {table.name: [] for table in TABLES})
    with pytest.raises(RolledBackError):
        open_ledger(kit.store, kit.master, kit.head_file)


@pytest.mark.parametrize(
    "statement",
    [
        update(HEAD).values(mac=b"x" * 32),
        update(HEAD).values(authentication=b"x" * 32),
        update(HEAD).values(records_digest=b"x" * 32),
        delete(AUDIT).where(AUDIT.c.sequence == 3),
        delete(AUDIT).where(AUDIT.c.sequence == 4),
        delete(RECORDS).where(RECORDS.c.kind == "secret"),
        update(RECORDS).where(RECORDS.c.kind == "key").values(kind="other"),
    ],
)
def test_an_edited_head_or_log_stops_the_next_start(kit: Kit, statement: Any) -> None:
    known = kit.head_file.read()
    kit.create_key()
    kit.create_key()
    assert known is not None
    kit.head_file.write(known, durably=False)  # as if the last writes of the file were lost
    write(kit, lambda c: _execute(c, statement))
    with pytest.raises(TamperedError):
        open_ledger(kit.store, kit.master, kit.head_file)


def test_an_edited_head_is_noticed_by_the_next_call(kit: Kit) -> None:
    write(kit, lambda c: _execute(c, update(HEAD).values(authentication=b"x" * 32)))
    assert kit.call("ListKeys", {})[0] == 500


def test_a_broken_log_is_not_followed(kit: Kit) -> None:
    other = open_ledger(kit.store, kit.master, kit.head_file)
    other.commit({"event": "one"})
    other.commit({"event": "two"})
    last = other.head.sequence
    broken = update(AUDIT).where(AUDIT.c.sequence == last).values(entry='{"event":"zwei"}')
    write(kit, lambda c: _expect_one(c, broken))
    assert kit.call("ListKeys", {})[0] == 500
    write(kit, lambda c: _expect_one(c, delete(AUDIT).where(AUDIT.c.sequence == last)))
    assert kit.call("ListKeys", {})[0] == 500


def test_another_log_of_the_same_length_is_noticed(kit: Kit) -> None:
    backup = snapshot(kit)
    kit.broker.ledger.commit({"event": "one"})
    put_back(kit, backup)
    other = open_ledger(kit.store, kit.master, _earlier(kit))
    other.commit({"event": "two"})
    with pytest.raises(TamperedError):
        kit.broker.ledger.check()


def _earlier(kit: Kit) -> Any:
    """Return a head file as it was before the last line."""
    file = HeadFile(kit.head_file.path.with_name("earlier.json"))
    with kit.store.reading() as connection:
        row = connection.execute(select(HEAD)).one()
    file.write(Head(row.sequence, bytes(row.mac)), durably=False)
    return file


def test_what_cannot_be_written_to_the_log_is_not_answered(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = kit.create_key()
    blob = encrypted(kit, arn)

    def full(_: object) -> None:
        raise StoreUnavailableError("disk full")

    monkeypatch.setattr(kit.store, "lock_head", full)
    status, answer = kit.call("Decrypt", {"CiphertextBlob": blob})
    assert (status, answer["__type"]) == (500, "KMSInternalException")
    assert "Plaintext" not in answer


def test_a_head_file_that_cannot_be_written_means_no_answer(kit: Kit) -> None:
    arn = kit.create_key()
    blob = encrypted(kit, arn)
    kit.head_file.path.unlink()
    kit.head_file.path.mkdir()
    (kit.head_file.path / "x").touch()
    status, answer = kit.call("Decrypt", {"CiphertextBlob": blob})
    assert (status, "Plaintext" in answer) == (500, False)


def test_a_document_for_another_keys_policy_releases_nothing(kit: Kit) -> None:
    arn = kit.create_key(attested_policy(kit, pcrs={0: b"\1" * 48, 1: b"\1" * 48, 2: b"\1" * 48}))
    blob = encrypted(kit, arn)
    recipient = RecipientKey.generate()
    doc = kit.nitro.enclave_document(public_key=recipient.public_key)
    assert kit.refused(
        "Decrypt", {"CiphertextBlob": blob, "Recipient": _recipient(doc)}, key=kit.enclave
    ) == ("AccessDeniedException", "policy.not_allowed")


def _recipient(doc: bytes) -> dict[str, str]:
    return {
        "KeyEncryptionAlgorithm": RECIPIENT,
        "AttestationDocument": base64.b64encode(doc).decode(),
    }

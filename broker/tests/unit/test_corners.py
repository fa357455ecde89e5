"""What no call through the protocol reaches: states that only a fault or another process makes."""

import logging
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from nitro_attest.nonces import NonceStoreUnavailableError
from nitro_attest.reference_values.kms import Transport
from nitro_attest.testing import FakeNitro
from sqlalchemy import select, update

from nitro_attest_broker import __main__, _deployment
from nitro_attest_broker._cli import main
from nitro_attest_broker._head_file import Head
from nitro_attest_broker._keys import Key, KeyState
from nitro_attest_broker._ledger import ConflictError, read_head
from nitro_attest_broker._log import log_to_standard_error
from nitro_attest_broker._opening import open_ledger
from nitro_attest_broker._policies import decide
from nitro_attest_broker._records import Kind, Record, TamperedError, from_row
from nitro_attest_broker._schema import HEAD, RECORDS
from nitro_attest_broker._store import StoreUnavailableError
from nitro_attest_broker._trust_anchor import read_trust_anchor
from support.broker_kit import ADMINISTRATOR, Kit
from support.policies import allow, policy


def test_runs_as_a_module(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["nitro-attest-broker", "--help"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(__main__.__file__), run_name="__main__")
    assert caught.value.code == 0
    assert "KMS" in capsys.readouterr().out


def test_takes_the_root_of_a_fake_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    anchor = FakeNitro().trust_anchor
    path = tmp_path / "root.pem"
    certificate = x509.load_der_x509_certificate(anchor.certificate)
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    assert read_trust_anchor(path).sha256 == anchor.sha256
    assert "not AWS" in read_trust_anchor(path).name
    options = ["--trust-anchor", str(path), "--certificate", "none", "--key", "none"]
    assert main(["serve", "--data", str(tmp_path / "d"), *options]) == 1
    assert "NOT under a root of AWS" in capsys.readouterr().err


def test_tables_for_nonces_that_cannot_be_made_stop_a_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> None:
        raise NonceStoreUnavailableError("sql", "CANARY")

    monkeypatch.setattr(_deployment, "create_tables", fail)
    assert main(["serve", "--data", str(tmp_path), "--port", "0"]) == 1
    assert "CANARY" not in capsys.readouterr().err


def test_a_private_key_of_another_kind_is_an_error() -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    encoded = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    key = Key(
        key_id="k",
        version=1,
        state=KeyState.ENABLED,
        spec="RSA_2048",
        usage="ENCRYPT_DECRYPT",
        description="",
        created=0,
        policy="{}",
        tags={},
        materials=(),
        secrets=(encoded,),
    )
    with pytest.raises(TypeError):
        key.private_key()


def test_a_policy_that_cannot_be_decided_denies(kit: Kit) -> None:
    written = policy(
        allow(ADMINISTRATOR, "kms:*", Condition={"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}})
    )
    decision = decide(
        written,
        "Decrypt",
        principal=ADMINISTRATOR,
        key_arn=kit.broker.settings.key_arn("k"),
        account=kit.broker.settings.account,
        context={},
        claims=None,
        transport=Transport.TLS,
    )
    assert not decision.allowed


def test_a_record_of_an_unknown_kind_is_tampering(kit: Kit) -> None:
    with kit.store.reading() as connection:
        row = connection.execute(select(RECORDS).limit(1)).mappings().one()
    unknown: Any = {**row, "kind": "other"}
    with pytest.raises(TamperedError):
        from_row(unknown, kit.master)


def test_the_head_file_names_a_line_that_the_log_does_not_have(kit: Kit) -> None:
    kit.create_key()
    kit.head_file.write(Head(2, b"x" * 32), durably=False)
    with pytest.raises(TamperedError):
        open_ledger(kit.store, kit.master, kit.head_file)


def test_a_head_that_is_ahead_of_its_log_is_noticed(kit: Kit) -> None:
    with kit.store.writing() as connection:
        connection.execute(update(HEAD).values(sequence=99))
    with pytest.raises(TamperedError):
        kit.broker.ledger.check()


def test_an_older_snapshot_of_the_head_is_no_rollback(kit: Kit) -> None:
    ledger = kit.broker.ledger
    floor = ledger.head.sequence
    with kit.store.reading() as connection:
        row = read_head(connection)
        assert row is not None
        ledger._head = Head(row.sequence + 1, b"x" * 32)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - as if another thread had committed
        ledger._follow(connection, floor=floor)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - what each reading begins with
        with pytest.raises(TamperedError):
            ledger._follow(connection, floor=floor + 1)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - as above


def test_a_version_that_is_not_the_next_is_a_conflict(kit: Kit) -> None:
    record = Record(kind=Kind.ALIAS, name="alias/a", version=2, parent="", content="{}", secret=b"")
    with pytest.raises(ConflictError):
        kit.broker.ledger.commit({"event": "x"}, changes=(record,))


def test_a_database_that_fails_while_a_caller_is_looked_up_releases_nothing(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreUnavailableError("x")

    monkeypatch.setattr(kit.broker.ledger, "read", fail)
    assert kit.call("ListKeys", {})[0] == 500


def test_logs_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:

    loggers = [logging.getLogger(name) for name in ("nitro_attest_broker", "uvicorn.error")]
    before = [(logger.handlers, logger.propagate, logger.level) for logger in loggers]
    try:
        log_to_standard_error()
        loggers[1].info("Started server process [%d]", 7)
    finally:
        for logger, (handlers, propagate, level) in zip(loggers, before, strict=True):
            logger.handlers, logger.propagate = handlers, propagate
            logger.setLevel(level)
    assert '"event": "Started server process [%d]"' in capsys.readouterr().err


def test_a_key_is_created_without_a_description_by_default(kit: Kit) -> None:
    arn = kit.create_key()
    assert kit.ok("DescribeKey", {"KeyId": arn})["KeyMetadata"]["Description"] == ""
    assert kit.refused("UpdateKeyDescription", {"KeyId": arn})[0] == "ValidationException"

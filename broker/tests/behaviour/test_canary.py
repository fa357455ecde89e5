"""Planted secrets, signatures, plaintexts, nonces and URLs turn up only where they belong."""

import base64
import io
import json
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from nitro_attest.recipient import RecipientKey
from nitro_attest.testing import FakeNitro

from nitro_attest_broker._access_keys import new_access_key
from nitro_attest_broker._chain import ChainKey
from nitro_attest_broker._deployment import Deployment
from nitro_attest_broker._keys import key_of
from nitro_attest_broker._log import JsonFormatter
from nitro_attest_broker._master_key import MasterKey
from nitro_attest_broker._records import Kind, Record
from nitro_attest_broker._store import Store, StoreUnavailableError
from nitro_attest_broker.testing import FakeKms
from support.broker_kit import ENCLAVE, make_kit
from support.clients import kms_client

CANARY = b"CANARY-9d1f7a53c0e8"
PASSWORD = "CANARY-database-password"  # noqa: S105 - planted


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonFormatter())
    loggers = [logging.getLogger(name) for name in ("", "nitro_attest_broker", "uvicorn.error")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG if logger.name != "root" else logging.INFO)
    yield written
    for logger, level in zip(loggers, before, strict=True):
        logger.removeHandler(handler)
        logger.setLevel(level)


def test_nothing_secret_is_logged_audited_or_answered_in_an_error(
    fake_kms: FakeKms, fake_nitro: FakeNitro, log: io.StringIO
) -> None:
    kms: Any = kms_client(**fake_kms.client_options)
    signed: list[str] = []

    def remember(request: Any, **_: Any) -> None:
        signed.append(request.headers["Authorization"])

    kms.meta.events.register("before-send.kms", remember)
    tags = [
        {"TagKey": f"nitro-attest:{name}", "TagValue": "true"}
        for name in ("attested", "fresh-nonce")
    ]
    key_id = kms.create_key(Policy=fake_kms.key_policy(), Tags=tags)["KeyMetadata"]["Arn"]
    context = {"secret-context": CANARY.decode()}
    blob = kms.encrypt(KeyId=key_id, Plaintext=CANARY, EncryptionContext=context)["CiphertextBlob"]
    nonce = fake_kms.issue_nonce()
    unredeemed = fake_kms.issue_nonce()
    own = RecipientKey.generate()
    errors: list[str] = []
    for wrong in ({}, {"EncryptionContext": context, "DryRun": True}):
        for given in (unredeemed, None):
            doc = fake_nitro.enclave_document(public_key=own.public_key, nonce=given)
            recipient = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": doc}
            try:
                kms.decrypt(CiphertextBlob=blob, Recipient=recipient, **wrong)
            except ClientError as error:
                errors.append(str(error.response))
    unredeemed = fake_kms.issue_nonce()
    doc = fake_nitro.enclave_document(public_key=own.public_key, nonce=nonce)
    recipient = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": doc}
    answer = kms.decrypt(CiphertextBlob=blob, EncryptionContext=context, Recipient=recipient)
    assert own.open(answer["CiphertextForRecipient"]) == CANARY
    everything = "\n".join([log.getvalue(), json.dumps(fake_kms.audit_log()), *errors])
    planted: list[str | bytes] = [
        CANARY.decode(),
        CANARY.hex(),
        base64.b64encode(CANARY).decode(),
        fake_kms.secret_access_key,
        nonce.hex(),
        base64.b64encode(nonce).decode(),
        unredeemed.hex(),
        base64.b64encode(unredeemed).decode(),
        base64.b64encode(blob).decode(),
        *signed,
        *(header[-64:] for header in signed),
    ]
    assert len(signed) > 5
    texts = [text.decode() if isinstance(text, bytes) else text for text in planted]
    assert [text for text in texts if text in everything] == []
    assert "GenerateDataKey" not in everything
    assert '"event": "call"' in log.getvalue()


def test_no_plaintext_and_no_secret_lies_in_the_database(tmp_path: Path) -> None:
    path = tmp_path / "broker.sqlite3"
    kit = make_kit(tmp_path, url=f"sqlite:///{path}")
    arn = kit.create_key()
    kit.ok("Encrypt", {"KeyId": arn, "Plaintext": base64.b64encode(CANARY).decode()})
    kit.store.close()
    with sqlite3.connect(path) as connection:
        dumped = "\n".join(connection.iterdump())
    connection.close()
    secrets = [CANARY, kit.administrator.secret.encode(), kit.enclave.secret.encode(), b"m" * 32]
    for secret in secrets:
        assert secret.decode() not in dumped
        assert secret.hex().upper() not in dumped.upper()


def test_no_error_of_the_database_shows_its_url_or_a_value() -> None:
    store = Store(f"postgresql+psycopg://user:{PASSWORD}@127.0.0.1:1/none")
    with pytest.raises(StoreUnavailableError) as caught, store.reading():
        pass
    shown = f"{caught.value!r} {caught.value} {caught.value.__cause__!r}"
    assert PASSWORD not in shown
    assert "127.0.0.1" not in shown
    assert caught.value.__suppress_context__
    store.close()


def test_a_traceback_is_logged_without_its_text(log: io.StringIO) -> None:
    try:
        int(CANARY.decode())
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    line = json.loads(log.getvalue().splitlines()[-1])
    assert (line["event"], line["error"]) == ("unexpected_error", "ValueError")
    assert CANARY.decode() not in log.getvalue()
    assert line["at"][0].startswith("test_a_traceback_is_logged_without_its_text:")


def test_what_holds_a_secret_does_not_show_it(fake_kms: FakeKms) -> None:
    access_key = new_access_key(ENCLAVE, account="111122223333", now=0)
    record = Record(kind=Kind.SECRET, name="n", version=1, parent="", content="{}", secret=CANARY)
    deployment = Deployment(data=Path("d"), database_url=f"postgresql+psycopg://u:{PASSWORD}@h/d")
    objects = (access_key, record, deployment, MasterKey([CANARY.ljust(32)]), ChainKey(CANARY))
    for held in objects:
        assert CANARY.decode() not in repr(held)
        assert access_key.secret not in repr(held)
        assert PASSWORD not in repr(held)
    kms = kms_client(**fake_kms.client_options)
    arn = kms.create_key()["KeyMetadata"]["KeyId"]
    key = key_of(fake_kms.broker.ledger.read(Kind.KEY, arn) or record)
    assert repr(key.secrets[0]) not in repr(key)

"""What is there before the sequence begins: the KMS with its keys, the image, the storage."""

import importlib.util
import json
import shutil
import socket
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast, final

from certificates import make_ca
from parties import image
from parties.wire import SECONDS
from policies import CONTEXT, DEVELOPER, ENCLAVE, key_policy
from stage import Party, Stage, StageError

FILE: Final = "payments.csv"
PAYMENTS: Final = """payee,account,amount
Ada Example,GB33BUKB20201555555555,1200.00
Ben Example,DE75512108001245126199,850.50
Cem Example,TR320010009999901234567890,2449.50
"""
SECRETS: Final = ("Ada Example", "GB33BUKB20201555555555", "TR320010009999901234567890")


@final
@dataclass(frozen=True, kw_only=True)
class AccessKey:
    """An access key of the KMS."""

    access_key_id: str
    secret_access_key: str

    def fields(self) -> dict[str, str]:
        """Return it as a part of a message."""
        return {
            "access_key_id": self.access_key_id,
            "secret_access_key": self.secret_access_key,
        }


@final
@dataclass(frozen=True, kw_only=True)
class World:
    """All that a run of the sequence needs to know."""

    stage: Stage
    attestation_service: Party
    kms: Party
    kms_data: Path
    url: str
    ca: Path
    developer: AccessKey
    enclave: AccessKey
    keys: tuple[str, ...]
    image: Path
    wrong_image: Path
    storage: str
    own_certificate: Path
    certified: Path

    def audit_lines(self) -> list[dict[str, object]]:
        """Return the decisions of the KMS, from its database."""
        database = f"file:{self.kms_data / 'broker.sqlite3'}?mode=ro"
        with closing(sqlite3.connect(database, uri=True)) as connection:
            rows = connection.execute("SELECT entry FROM audit ORDER BY sequence").fetchall()
        return [cast("dict[str, object]", json.loads(entry)) for (entry,) in rows]


def prepare(stage: Stage) -> World:
    """Start what runs all the time, and make the keys and the images."""
    root = stage.folder / "fake-nitro-root.pem"
    attestation_service = stage.start(
        "attestation service", "-m", "parties.attestation_service", str(root)
    )
    storage = _start_storage(stage)
    stage.wait_for("attestation service runs", attestation_service)
    ca = make_ca("CA of the KMS")
    ca_file = stage.folder / "ca.pem"
    ca_file.write_bytes(ca.pem())
    data = stage.folder / "kms"
    certificate, key = ca.issue(stage.folder / "tls")
    kms = stage.start(
        "KMS", "-m", "nitro_attest_broker", "serve", "--data", str(data), "--port", "0",
        "--certificate", str(certificate), "--key", str(key), "--trust-anchor", str(root),
        keep_output=True,
    )  # fmt: skip
    administrator = _read_access_key(kms)
    url = _read_url(kms)
    commands = [_start_access_key(stage, data, principal) for principal in (DEVELOPER, ENCLAVE)]
    connection = {"url": url, "ca": str(ca_file)}
    keys = _make_keys(stage, {**connection, **administrator.fields()}, ca.pem())
    developer, enclave = map(_read_access_key, commands)
    return World(
        stage=stage,
        attestation_service=attestation_service,
        kms=kms,
        kms_data=data,
        url=url,
        ca=ca_file,
        developer=developer,
        enclave=enclave,
        keys=keys,
        image=stage.folder / "image",
        wrong_image=_make_wrong_image(stage.folder),
        storage=storage,
        own_certificate=_joined(make_ca("CA of the parent").issue(stage.folder / "own")),
        certified=_joined(ca.issue(stage.folder / "certified")),
    )


def _make_keys(stage: Stage, settings: Mapping[str, str], ca: bytes) -> tuple[str, ...]:
    """Make the keys, build the image that names the first one, and let that image in."""
    administrator = stage.start("administrator", "-m", "parties.administrator")
    administrator.say({**settings, "policy": key_policy(None)})
    arns = stage.wait_for("keys made", administrator)["arns"]
    keys = tuple(cast("list[str]", json.loads(str(arns))))
    pcrs = image.build(stage.folder / "image", ca_certificate=ca, key_arn=keys[0], context=CONTEXT)
    administrator.say({"policy": key_policy(pcrs)})
    stage.wait_for("policy put", administrator)
    return keys


def _make_wrong_image(folder: Path) -> Path:
    """Write an image that differs in one line: it would return the whole file."""
    wrong = folder / "wrong-image"
    shutil.copytree(folder / "image", wrong)
    application = wrong / "parties" / "application.py"
    text = application.read_text(encoding="utf-8")
    changed = text.replace("    rows = ", "    return plaintext.decode()\n    rows = ")
    if changed == text:
        raise StageError("the application is not what the wrong image changes")
    application.write_text(changed, encoding="utf-8")
    return wrong


def _start_access_key(stage: Stage, data: Path, principal: str) -> Party:
    command = ("-m", "nitro_attest_broker", "access-key", "create", "--data", str(data))
    return stage.start("access-key command", *command, "--principal", principal, keep_output=True)


def _read_access_key(party: Party) -> AccessKey:
    """Read the two lines in which the KMS shows a new access key."""
    return AccessKey(
        access_key_id=_read_after(party, "AWS_ACCESS_KEY_ID="),
        secret_access_key=_read_after(party, "AWS_SECRET_ACCESS_KEY="),
    )


def _read_url(kms: Party) -> str:
    port = _read_after(kms, "listening on ").rpartition(":")[2]
    return f"https://localhost:{port}"


def _read_after(party: Party, mark: str) -> str:
    for line in party.lines():
        if mark in line:
            return line.partition(mark)[2].strip()
    raise StageError(f"the {party.name} did not say {mark}")


def _joined(files: tuple[Path, Path]) -> Path:
    """Put certificate and key into one file."""
    certificate, key = files
    joined = certificate.with_name("both.pem")
    joined.write_bytes(certificate.read_bytes() + key.read_bytes())
    return joined


def _start_storage(stage: Stage) -> str:
    """Return moto's S3 where moto is installed, and else a directory."""
    if importlib.util.find_spec("moto") is None or importlib.util.find_spec("flask") is None:
        folder = stage.folder / "storage"
        folder.mkdir()
        return str(folder)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    moto = stage.start("storage", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port))
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and not moto.ended:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return f"http://127.0.0.1:{port}"
        time.sleep(0.1)
    raise StageError("moto's S3 did not start")

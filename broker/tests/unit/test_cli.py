"""The command line, run in this process."""

import ipaddress
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from nitro_attest import StaleDocumentError
from nitro_attest.nonces import NonceStore
from nitro_attest.testing import FakeNitro

from nitro_attest_broker import _cli, _deployment, _opening
from nitro_attest_broker._cli import main
from nitro_attest_broker._deployment import Deployment, Opened, make_broker, open_deployment
from nitro_attest_broker._ledger import Ledger
from nitro_attest_broker._master_key import read_file
from nitro_attest_broker._server import ListenError, Listening
from support.clients import kms_client

Output = pytest.CaptureFixture[str]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def begun(data: Path, capsys: Output) -> Path:
    """Return a broker's folder after its first start."""
    assert run(data, "access-key", "list") == 0
    capsys.readouterr()
    return data


def run(data: Path, *arguments: str) -> int:
    """Run one command on a folder."""
    words = 2 if arguments[0] in ("access-key", "audit") else 1
    return main([*arguments[:words], "--data", str(data), *arguments[words:]])


def test_the_first_start_makes_everything(data: Path, capsys: Output) -> None:
    assert run(data, "access-key", "list") == 0
    assert "user/administrator" in capsys.readouterr().out
    assert data.stat().st_mode & 0o777 == 0o700
    names = {path.name for path in data.iterdir()}
    assert {"broker.sqlite3", "master.key", "head.json", "broker.toml"} <= names


@pytest.mark.parametrize(
    "command", [("list",), ("create", "--principal", "arn:aws:iam::000000000000:role/enclave")]
)
def test_the_administrators_key_is_shown_once_by_whatever_makes_it(
    data: Path, capsys: Output, command: tuple[str, ...]
) -> None:
    shown = ""
    for _ in range(2):
        assert run(data, "access-key", *command) == 0
        shown += capsys.readouterr().out
    administrators = "administrator's access key, shown once, for arn:aws:iam::000000000000:user/"
    assert shown.count(administrators) == 1
    key_id = shown.split(administrators)[1].split("AWS_ACCESS_KEY_ID=")[1].split()[0]
    assert run(data, "access-key", "list") == 0
    listed = capsys.readouterr().out
    assert f"{key_id} arn:aws:iam::000000000000:user/administrator " in listed
    assert "SECRET" not in listed


def test_a_rotation_shows_the_administrators_key_that_it_makes(
    data: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first start that was killed left the data without one."""

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_deployment, "create_access_key", killed)
        with pytest.raises(KeyboardInterrupt):
            run(data, "access-key", "list")
    assert run(data, "rotate-master-key") == 0
    assert "administrator's access key, shown once" in capsys.readouterr().out


def test_two_first_starts_at_once_make_one_log(data: Path) -> None:
    Deployment(data=data).prepare()
    results: list[int] = []
    threads = [
        threading.Thread(target=lambda: results.append(run(data, "access-key", "list")))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [0] * 4
    assert run(data, "audit", "verify") == 0


def test_makes_lists_and_revokes_access_keys(begun: Path, capsys: Output) -> None:
    principal = "arn:aws:iam::000000000000:role/enclave"
    assert run(begun, "access-key", "create", "--principal", principal) == 0
    shown = capsys.readouterr().out
    key_id = shown.split("AWS_ACCESS_KEY_ID=")[1].split()[0]
    assert run(begun, "access-key", "list") == 0
    assert f"{key_id} {principal} " in capsys.readouterr().out
    assert run(begun, "access-key", "revoke", key_id) == 0
    capsys.readouterr()
    assert run(begun, "access-key", "list") == 0
    assert key_id not in capsys.readouterr().out
    assert run(begun, "access-key", "revoke", key_id) == 1
    assert "no such access key" in capsys.readouterr().err


@pytest.mark.parametrize(
    "principal",
    ["x", "arn:aws:iam::111122223333:role/x", "arn:aws:iam::000000000000:root", "*"],
)
def test_refuses_a_principal(begun: Path, capsys: Output, principal: str) -> None:
    assert run(begun, "access-key", "create", "--principal", principal) == 1
    assert "expected an ARN" in capsys.readouterr().err


def test_verifies_the_log_and_names_the_first_break(begun: Path, capsys: Output) -> None:
    for _ in range(3):
        run(begun, "access-key", "create", "--principal", "arn:aws:iam::000000000000:role/x")
    assert run(begun, "audit", "verify") == 0
    assert "5 lines, none missing, none changed" in capsys.readouterr().out
    for statement, line in (
        ("UPDATE audit SET entry = '{}' WHERE sequence = 4", 4),
        ("DELETE FROM audit WHERE sequence = 3", 3),
        ("DELETE FROM audit WHERE sequence > 1", 2),
    ):
        with sqlite3.connect(begun / "broker.sqlite3") as connection:
            connection.execute(statement)
        connection.close()
        assert run(begun, "audit", "verify") == 1
        assert f"audit line {line}: " in capsys.readouterr().err


def test_the_head_file_shows_a_log_that_was_cut(begun: Path, capsys: Output) -> None:
    (begun / "head.json").unlink()
    assert run(begun, "audit", "verify") == 1  # nobody else can say so
    assert "whether the end of the log is missing" in capsys.readouterr().err
    with sqlite3.connect(begun / "broker.sqlite3") as connection:
        connection.execute("DELETE FROM audit WHERE sequence = 2")
    connection.close()
    assert run(begun, "audit", "verify") == 1
    assert "audit line 2: " in capsys.readouterr().err


def test_the_end_of_the_log_is_what_the_head_in_the_database_authenticates(
    begun: Path, capsys: Output
) -> None:
    with sqlite3.connect(begun / "broker.sqlite3") as connection:
        connection.execute("UPDATE head SET records_digest = zeroblob(32)")
    connection.close()
    assert run(begun, "audit", "verify") == 1
    assert "the head in the database was changed" in capsys.readouterr().err


def test_the_head_file_shows_a_log_that_was_replaced(begun: Path, capsys: Output) -> None:
    head = json.loads((begun / "head.json").read_text())
    (begun / "head.json").write_text(json.dumps({**head, "mac": "00" * 32}))
    assert run(begun, "audit", "verify") == 1
    assert "not the one that the head file knows" in capsys.readouterr().err


def test_backs_up_and_restores(begun: Path, tmp_path: Path, capsys: Output) -> None:
    backup = tmp_path / "backup"
    assert run(begun, "backup", str(backup)) == 0
    assert backup.stat().st_mode & 0o777 == 0o600
    assert run(begun, "backup", str(backup)) == 1
    assert run(begun, "restore", str(backup)) == 1
    assert "not empty" in capsys.readouterr().err
    for path in begun.glob("broker.sqlite3*"):
        path.unlink()
    assert run(begun, "restore", str(backup)) == 0
    assert run(begun, "access-key", "list") == 0
    assert "user/administrator" in capsys.readouterr().out


def test_an_older_backup_waits_for_a_person(begun: Path, tmp_path: Path, capsys: Output) -> None:
    backup = tmp_path / "backup"
    assert run(begun, "backup", str(backup)) == 0
    run(begun, "access-key", "create", "--principal", "arn:aws:iam::000000000000:role/x")
    for path in begun.glob("broker.sqlite3*"):
        path.unlink()
    assert run(begun, "access-key", "list") == 1  # an emptied database is no new one
    assert run(begun, "restore", str(backup)) == 0
    assert run(begun, "access-key", "list") == 1
    assert "older backup" in capsys.readouterr().err
    assert run(begun, "accept-database", "--because", "the disk is gone") == 0
    assert run(begun, "access-key", "list") == 0
    assert run(begun, "audit", "verify") == 0
    with sqlite3.connect(begun / "broker.sqlite3") as connection:
        (last,) = connection.execute(
            "SELECT entry FROM audit ORDER BY sequence DESC LIMIT 1"
        ).fetchone()
    connection.close()
    assert json.loads(last)["because"] == "the disk is gone"
    assert json.loads(last)["head_file_was_at"] == 3


def test_no_nonce_from_before_an_accepted_database_is_redeemed(begun: Path) -> None:
    """A copy of the files does not know which of them were used since it was made."""

    def nonces() -> tuple[Opened, NonceStore]:
        opened = open_deployment(Deployment(data=begun), announce=lambda _: None)
        return opened, make_broker(opened).nonces

    opened, store = nonces()
    nonce = store.issue()
    opened.store.close()
    files = {path: path.read_bytes() for path in begun.glob("broker.sqlite3*")}
    opened, store = nonces()
    store.redeem(nonce)
    opened.ledger.commit({"event": "released"})
    opened.store.close()
    for path in begun.glob("broker.sqlite3*"):
        path.unlink()
    for path, content in files.items():
        path.write_bytes(content)
    assert run(begun, "accept-database", "--because", "the disk is gone") == 0
    opened, store = nonces()
    with pytest.raises(StaleDocumentError):
        store.redeem(nonce)
    opened.store.close()


def test_a_missing_head_file_waits_for_a_person(begun: Path, capsys: Output) -> None:
    (begun / "head.json").unlink()
    assert run(begun, "access-key", "list") == 1
    assert "accept-database" in capsys.readouterr().err
    assert run(begun, "accept-database", "--because", "lost") == 0
    assert run(begun, "access-key", "list") == 0


NOT_WHOLE: list[Callable[[list[str]], list[str]]] = [
    lambda lines: lines[:-1],
    lambda lines: lines[:2] + lines[3:],
    lambda lines: [*lines, lines[-1]],
    lambda lines: lines[1:],
    lambda _: [],
    lambda lines: [lines[0], '{"table":"none","values":{}}', lines[-1]],
    lambda lines: [lines[0], "[]", lines[-1]],
    lambda lines: [lines[0], "no json", lines[-1]],
]


@pytest.mark.parametrize(
    "change",
    NOT_WHOLE,
)
def test_restores_no_backup_that_is_not_whole(
    begun: Path, tmp_path: Path, capsys: Output, change: Callable[[list[str]], list[str]]
) -> None:
    backup = tmp_path / "backup"
    run(begun, "backup", str(backup))
    backup.write_text("".join(f"{line}\n" for line in change(backup.read_text().splitlines())))
    assert run(tmp_path / "other", "restore", str(backup)) == 1
    assert "not a backup" in capsys.readouterr().err
    assert run(tmp_path / "other", "restore", str(tmp_path / "none")) == 1


def test_rotates_the_master_key(begun: Path, capsys: Output) -> None:
    (before,) = read_file(begun / "master.key")
    assert run(begun, "rotate-master-key") == 0
    assert "2 secrets are wrapped" in capsys.readouterr().out
    (after,) = read_file(begun / "master.key")
    assert before != after
    assert run(begun, "access-key", "list") == 0
    assert run(begun, "audit", "verify") == 0
    (begun / "master.key").write_text(f"{before.hex()}\n")
    assert run(begun, "access-key", "list") == 1
    assert "another master key" in capsys.readouterr().err


def test_a_backup_from_before_a_rotation_opens_with_the_old_key_as_second_line(
    begun: Path, tmp_path: Path, capsys: Output
) -> None:
    backup = tmp_path / "backup"
    assert run(begun, "backup", str(backup)) == 0
    (old,) = read_file(begun / "master.key")
    assert run(begun, "rotate-master-key") == 0
    for path in begun.glob("broker.sqlite3*"):
        path.unlink()
    assert run(begun, "restore", str(backup)) == 0
    assert run(begun, "accept-database", "--because", "the disk is gone") == 1
    assert "another master key" in capsys.readouterr().err
    (new,) = read_file(begun / "master.key")
    (begun / "master.key").write_text(f"{new.hex()}\n{old.hex()}\n")
    assert run(begun, "accept-database", "--because", "the disk is gone") == 0
    assert run(begun, "rotate-master-key") == 0
    assert read_file(begun / "master.key") == [new]
    assert run(begun, "access-key", "list") == 0
    assert run(begun, "audit", "verify") == 0


def test_a_rotation_that_was_killed_is_finished_by_the_next(
    begun: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(Exception):
        pass

    def killed(*_: object, **__: object) -> int:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "rewrap", killed)
        with pytest.raises(KilledError):
            run(begun, "rotate-master-key")
    keys = read_file(begun / "master.key")
    assert len(keys) == 2
    assert run(begun, "access-key", "list") == 0
    with monkeypatch.context() as patch:
        patch.setattr(_deployment, "write_keys", killed)
        with pytest.raises(KilledError):
            run(begun, "rotate-master-key")
    assert run(begun, "access-key", "list") == 0
    assert run(begun, "rotate-master-key") == 0
    assert read_file(begun / "master.key") == keys[:1]
    assert run(begun, "access-key", "list") == 0


def test_rotates_only_where_nothing_else_runs(begun: Path, capsys: Output) -> None:
    with Deployment(data=begun).in_use():
        assert run(begun, "rotate-master-key") == 1
    assert "in use" in capsys.readouterr().err


def test_makes_no_access_key_while_the_master_key_is_rotated(begun: Path, capsys: Output) -> None:
    with Deployment(data=begun).in_use(alone=True):
        assert run(begun, "access-key", "create", "--principal", "arn:aws:iam::0:role/x") == 1
    assert "in use" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["rotate-master-key", "accept-database"])
def test_needs_a_folder_for_what_must_be_alone(data: Path, capsys: Output, command: str) -> None:
    because = ["--because", "x"] if command == "accept-database" else []
    assert run(data, command, *because) == 1
    assert "No such file" in capsys.readouterr().err


def test_says_why_the_folder_cannot_be_made(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "file").touch()
    assert run(tmp_path / "file" / "data", "access-key", "list") == 1
    assert "Not a directory" in capsys.readouterr().err


def test_reads_the_master_key_from_a_descriptor(begun: Path, capsys: Output) -> None:
    moved = begun.parent / "key"
    (begun / "master.key").rename(moved)
    assert run(begun, "access-key", "list") == 1
    assert "No such file" in capsys.readouterr().err
    descriptor = os.open(moved, os.O_RDONLY)
    assert run(begun, "access-key", "list", "--master-key-fd", str(descriptor)) == 0
    assert run(begun, "rotate-master-key", "--master-key-fd", "3") == 1
    assert "rotated where it is kept" in capsys.readouterr().err


def test_a_first_start_takes_the_key_of_a_descriptor(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("11" * 32 + "\n")
    descriptor = os.open(path, os.O_RDONLY)
    assert run(data, "access-key", "list", "--master-key-fd", str(descriptor)) == 0
    assert not (data / "master.key").exists()


def test_migrates(begun: Path, capsys: Output) -> None:
    assert run(begun, "migrate") == 0
    with sqlite3.connect(begun / "broker.sqlite3") as connection:
        connection.execute("UPDATE schema_version SET version = 99")
    connection.close()
    assert run(begun, "access-key", "list") == 1
    assert run(begun, "migrate") == 1
    assert "update it" in capsys.readouterr().err


def test_takes_its_places_from_options(tmp_path: Path, capsys: Output) -> None:
    settings = tmp_path / "s.toml"
    settings.write_text('account = "111122223333"\nadministrators = []\n')
    elsewhere = [
        *("--head", str(tmp_path / "h")),
        *("--master-key", str(tmp_path / "k")),
        *("--settings", str(settings)),
    ]
    assert run(tmp_path / "d", "access-key", "list", *elsewhere) == 0
    assert capsys.readouterr().out == ""
    assert (tmp_path / "h").exists()
    assert (tmp_path / "k").exists()
    assert not (tmp_path / "d" / "broker.toml").exists()


def test_a_start_that_was_killed_after_the_head_file_begins_again(data: Path) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_opening, "initialise", killed)
        with pytest.raises(KeyboardInterrupt):
            run(data, "access-key", "list")
    assert json.loads((data / "head.json").read_text())["sequence"] == 0
    assert run(data, "access-key", "list") == 0


def test_a_start_that_was_killed_after_the_database_goes_on(data: Path, capsys: Output) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_deployment, "open_ledger", killed)
        with pytest.raises(KeyboardInterrupt):
            run(data, "access-key", "list")
    (data / "head.json").write_text(
        json.dumps({"sequence": 0, "mac": _genesis(data, _opening).hex()})
    )
    assert run(data, "access-key", "list") == 0
    assert "user/administrator" in capsys.readouterr().out


def _genesis(data: Path, opening: Any) -> bytes:
    deployment = Deployment(data=data)
    store = deployment.open_store()
    with store.reading() as connection:
        mac: bytes = opening.read_chain_key(connection, deployment.read_master_key()).genesis().mac
    store.close()
    return mac


# --- settings and the trust anchor ---


@pytest.mark.parametrize(
    "text",
    [
        "account = 1",
        'account = "1"',
        'region = "here"',
        "region = 1",
        "administrators = 1",
        "administrators = [1]",
        "random_principals = {}",
        'max_age_seconds = "1"',
        "max_age_seconds = 0",
        "max_age_seconds = 3601",
        'unknown = "x"',
        "no toml",
        "#" * 65_537,
    ],
)
def test_refuses_settings(begun: Path, capsys: Output, text: str) -> None:
    (begun / "broker.toml").write_text(text)
    assert run(begun, "access-key", "list") == 1
    assert "nitro-attest-broker: " in capsys.readouterr().err


def test_says_which_settings_it_cannot_read(begun: Path, capsys: Output) -> None:
    (begun / "broker.toml").write_bytes(b"\xff")
    assert run(begun, "access-key", "list") == 1
    assert run(begun, "access-key", "list", "--settings", str(begun / "none.toml")) == 1
    assert "No such file" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"-----BEGIN CERTIFICATE-----\n"])
def test_refuses_a_trust_anchor(begun: Path, capsys: Output, content: bytes) -> None:
    path = begun / "root.pem"
    path.write_bytes(content)
    assert run(begun, "serve", "--trust-anchor", str(path)) == 1
    assert run(begun, "serve", "--trust-anchor", str(begun / "none")) == 1
    assert "expected one root certificate" in capsys.readouterr().err


# --- serving ---


@pytest.mark.parametrize(
    "options",
    [
        {"host": "0.0.0.0"},  # noqa: S104 - refused
        {"host": "example.com"},
        {"host": "192.0.2.1"},
        {"certificate": Path("c")},
        {"private_key": Path("k")},
        {"certificate": Path("c"), "private_key": Path("k"), "behind_tls_proxy": True},
    ],
)
def test_listens_in_plain_http_on_loopback_alone(options: dict[str, Any]) -> None:
    with pytest.raises(ListenError):
        Listening(**options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"host": "::1"},
        {"host": "0.0.0.0", "behind_tls_proxy": True},  # noqa: S104 - behind a proxy
        {"host": "0.0.0.0", "certificate": Path("c"), "private_key": Path("k")},  # noqa: S104 - TLS
    ],
)
def test_listens_elsewhere_with_tls(options: dict[str, Any]) -> None:
    listening = Listening(**options)
    assert listening.scheme == ("https" if "certificate" in options else "http")
    assert (listening.transport is None) != ("behind_tls_proxy" in options)


def test_says_why_it_cannot_listen(begun: Path, capsys: Output) -> None:
    assert run(begun, "serve", "--host", "192.0.2.1", "--behind-tls-proxy") == 1
    missing = ["--certificate", str(begun / "c"), "--key", str(begun / "k")]
    assert run(begun, "serve", *missing) == 1
    (begun / "c").write_text("no certificate")
    (begun / "k").write_text("no key")
    assert run(begun, "serve", *missing) == 1
    assert capsys.readouterr().err.count("nitro-attest-broker: ") == 3


def certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "broker")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"


def test_serves_over_tls_and_stops_when_told(data: Path, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    root = tmp_path / "root.pem"
    anchor = FakeNitro().trust_anchor
    root.write_bytes(x509.load_der_x509_certificate(anchor.certificate).public_bytes(Encoding.PEM))
    command = [sys.executable, "-m", "nitro_attest_broker", "serve", "--data", str(data)]
    command += ["--port", "0", "--certificate", str(cert), "--key", str(key)]
    command += ["--trust-anchor", str(root)]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        words = dict(line.strip().split("=", 1) for line in lines if "AWS_" in line)
        kms = kms_client(
            endpoint_url=lines[-1].split()[-1],
            region_name="us-east-1",
            verify=str(cert),
            aws_access_key_id=words["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=words["AWS_SECRET_ACCESS_KEY"],
        )
        assert kms.create_key()["KeyMetadata"]["Enabled"]
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert words["AWS_SECRET_ACCESS_KEY"] not in out + err
    assert "NOT under a root of AWS" in err
    assert any(json.loads(line)["event"] == "call" for line in err.splitlines()[1:])


def test_serves_in_this_process(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    """Run the whole of `serve`, ended from another thread once it has answered."""
    stopped: list[Any] = []
    original = uvicorn.Server

    def remembered(config: Any) -> Any:
        server = original(config)
        stopped.append(server)
        return server

    monkeypatch.setattr(uvicorn, "Server", remembered)
    monkeypatch.setattr(_cli, "log_to_standard_error", lambda: None)
    done: list[int] = []
    thread = threading.Thread(
        target=lambda: done.append(run(data, "serve", "--port", "0", "--host", "127.0.0.1"))
    )
    thread.start()
    shown = ""
    while "listening on" not in shown:
        shown += capsys.readouterr().out
        time.sleep(0.02)
    url = shown.split("listening on ")[1].split()[0]
    with urllib.request.urlopen(f"{url}/nonce") as response:  # noqa: S310 - our own server
        assert len(bytes.fromhex(json.load(response)["nonce"])) >= 32
    stopped[0].should_exit = True
    thread.join()
    assert done == [0]
    assert "AWS_SECRET_ACCESS_KEY=" in shown

"""Verdicts are exit codes, mistakes one line, and no text of a document can harm a terminal."""

import contextlib
import importlib
import io
import json
import os
import re
import runpy
import subprocess
import sys
from base64 import b64encode, encodebytes, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

import nitro_attest
from nitro_attest import (
    AWS_US_GOV_NITRO_ROOT_G1,
    Absent,
    AnyEnclave,
    AnyNitroTpm,
    DebugEnclave,
    Equals,
    FreshNonce,
    NotChecked,
    Policy,
    Present,
    Reason,
    Sha384,
    TimestampOnly,
    UntrustedDocumentError,
    demo,
    read_unverified,
)
from nitro_attest import cli as cli_package
from nitro_attest.cli import _app, _documents, _files, _lines
from nitro_attest.cli._explain import EXPLANATIONS
from nitro_attest.policy_file import policy_from_toml, policy_to_toml, read_policy
from nitro_attest.testing import FakeNitro
from unit.cli.console import CAPTURED, EXAMPLES, Finished, run

NOW = datetime(2026, 1, 3, 12, tzinfo=UTC)
AT = ("--at", "2026-01-03T12:00:00Z")
FAKE = FakeNitro(seed=b"command line, never trust", now=NOW)
NONCE = bytes(range(32))
HEX_NONCE = ("--nonce", NONCE.hex())
PRODUCTION = str(CAPTURED / "enclave-2026-01-03-production.cbor")
PRODUCTION_AT = ("--at", "2026-01-03T20:41:08Z")
SIX = sorted(CAPTURED.glob("*.cbor"))
POLICY = Policy(
    measurements=(FAKE.enclave_measurements(),),
    freshness=FreshNonce(),
    public_key=Present(),
    user_data=Absent(),
    trust_anchor=FAKE.trust_anchor,
)
SECURE_BOOT_OFF = Sha384.fromhex(
    "98441c7f7625d10058c47683aec486ce311c633235eb555593a7ee791121e3578ae72d04ecef661f272d59058b77af35"
)
NO_APPLICATION = Sha384.fromhex(
    "21b9efbc184807662e966d34f390821309eeac6802309798826296bf3e8bec7c10edb30948c90ba67310f7b964fc500a"
)
NO_HEADER: dict[int, object] = {}
CONTROL = "\u001b[2J\u0007\r\n\u202e[red]"


@pytest.fixture(name="folder")
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder with a policy and a document that meets it."""
    monkeypatch.chdir(tmp_path)
    write_policy(tmp_path / "policy.toml", POLICY)
    (tmp_path / "good.cbor").write_bytes(FAKE.enclave_document(nonce=NONCE, public_key=b"key"))
    return tmp_path


def write_policy(path: Path, policy: Policy) -> None:
    """Write a policy file."""
    path.write_text(policy_to_toml(policy), encoding="utf-8")


def verify(*arguments: str, stdin: bytes = b"", columns: int | None = None) -> Finished:
    """Verify under the folder's policy, at the time of its document."""
    return run(
        "verify",
        *arguments,
        "--policy",
        "policy.toml",
        *AT,
        *HEX_NONCE,
        stdin=stdin,
        columns=columns,
    )


def is_one_line(text: str) -> bool:
    """Say whether a text is one printable line and no traceback."""
    return text.endswith("\n") and text[:-1].isprintable() and "Traceback" not in text


# --- verify


def test_a_good_document_is_accepted(folder: Path) -> None:
    """Every step is passed, nothing is left out, and the exit code is 0."""
    done = verify("good.cbor")
    assert (done.code, done.err) == (0, "")
    assert "ACCEPTED" in done.out
    assert "skips no check" in done.out
    assert "checked" not in done.out
    assert folder.exists()


@pytest.mark.parametrize(
    ("doc", "code", "reason"),
    [
        (b"not a document", 2, Reason.CBOR_MALFORMED),
        (bytes(100_000), 2, Reason.COSE_TOO_LARGE),
        (Path(PRODUCTION).read_bytes(), 3, Reason.CHAIN_UNKNOWN_ROOT),
        (
            FAKE.enclave_document(nonce=bytes(32), public_key=b"key"),
            4,
            Reason.FRESHNESS_NONCE_MISMATCH,
        ),
        (FAKE.enclave_document(nonce=NONCE), 5, Reason.POLICY_PUBLIC_KEY),
        (
            FAKE.enclave_document(nonce=NONCE, public_key=b"key", pcrs={0: b"\1" * 48}),
            5,
            Reason.POLICY_PCR_MISMATCH,
        ),
        (
            FAKE.enclave_document(nonce=NONCE, public_key=b"key", pcrs={0: bytes(48)}),
            5,
            Reason.POLICY_DEBUG_ENCLAVE,
        ),
    ],
    ids=["text", "long", "other root", "nonce", "no key", "other code", "debug"],
)
def test_a_rejection_has_its_exit_code_and_its_reason(
    folder: Path, doc: bytes, code: int, reason: Reason
) -> None:
    """In words and as JSON alike."""
    (folder / "doc").write_bytes(doc)
    done = verify("doc")
    assert (done.code, done.err) == (code, "")
    assert "REJECTED" in done.out
    assert reason in done.out
    as_json = verify("doc", "--json")
    assert as_json.code == code
    found = json.loads(as_json.out)
    assert found["verdict"] == "rejected"
    assert reason in [failure["reason"] for failure in found["failures"]]
    assert found["trust_anchor"]["is_root_of_aws"] is False
    assert "NOT A ROOT OF AWS" in done.out


def test_the_json_of_an_accepted_document_is_its_result(folder: Path) -> None:
    """One line, with the claims and what was not checked."""
    assert folder.exists()
    done = verify("good.cbor", "--json")
    found = json.loads(done.out)
    assert (found["verdict"], found["exit_code"], found["not_checked"]) == ("accepted", 0, [])
    assert found["claims"]["public_key"] == b"key".hex()
    assert found["trust_anchor"] == {
        "name": FAKE.trust_anchor.name,
        "sha256": FAKE.trust_anchor.sha256,
        "is_root_of_aws": False,
    }
    assert done.out.count("\n") == 1


@pytest.mark.parametrize("digits", [1, 40])
def test_digits_that_differ_are_marked(folder: Path, digits: int) -> None:
    """A few are marked one by one; of many only the number is said."""
    value = bytes(byte ^ (0x10 if place < digits else 0) for place, byte in enumerate(POLICY_PCR0))
    (folder / "doc").write_bytes(
        FAKE.enclave_document(nonce=NONCE, public_key=b"key", pcrs={0: value})
    )
    done = verify("doc", columns=80)
    assert f"different digits: {digits} of 96" in done.out
    assert ("^" in done.out) == (digits == 1)
    assert value.hex() in verify("doc").out


POLICY_PCR0 = read_unverified(FAKE.enclave_document()).pcrs[0]


def in_lines(doc: bytes) -> bytes:
    """Return base64 as tools write it, 76 characters a line."""
    return encodebytes(doc)


def url_safe(doc: bytes) -> bytes:
    """Return base64 as the web has it, without padding."""
    return urlsafe_b64encode(doc).rstrip(b"=")


def in_hex(doc: bytes) -> bytes:
    """Return hex digits with a line end."""
    return doc.hex().encode() + b"\n"


def in_upper_case(doc: bytes) -> bytes:
    """Return upper-case hex digits."""
    return doc.hex().upper().encode()


@pytest.mark.parametrize("encode", [bytes, in_hex, in_upper_case, b64encode, in_lines, url_safe])
def test_a_document_comes_in_three_forms_and_from_a_pipe(
    folder: Path, encode: Callable[[bytes], bytes]
) -> None:
    """Raw bytes, hex digits and base64, with or without padding, give the same verdict."""
    assert folder.exists()
    assert verify("-", stdin=encode((folder / "good.cbor").read_bytes())).code == 0


@pytest.mark.parametrize(
    "text", [b"", b"A", b"A=", b"AA=", b"AAAAA", b"AAAA=", b"A=B=", b"=", b"\xff", b"abc", b"-_-_-"]
)
def test_text_of_no_form_stays_as_it_is_or_is_refused(text: bytes) -> None:
    """Whatever it decodes to, it is no document."""
    assert run("inspect", "-", stdin=text).code == 2


def test_the_nonce_may_come_from_a_file(folder: Path) -> None:
    """As raw bytes."""
    (folder / "nonce").write_bytes(NONCE)
    done = run("verify", "good.cbor", "--policy", "policy.toml", *AT, "--nonce-file", "nonce")
    assert done.code == 0


def test_waivers_are_shown_with_a_verdict(folder: Path) -> None:
    """What the policy leaves out is named with its reason, whatever the verdict."""
    lax = replace(
        POLICY,
        measurements=(AnyEnclave("any code will do"),),
        freshness=TimestampOnly(because="no nonce here", max_age=timedelta(minutes=5)),
        public_key=NotChecked("no key here"),
        user_data=NotChecked("no data here"),
        unknown_fields=NotChecked("new fields may come"),
    )
    write_policy(folder / "policy.toml", lax)
    for time in ("2026-01-03T12:00:00Z", "2026-01-03T12:30:00Z"):
        done = run("verify", "good.cbor", "--policy", "policy.toml", "--at", time)
        for reason in (
            "any code will do",
            "no nonce here",
            "no key here",
            "no data here",
            "new fields may come",
        ):
            assert reason in done.out
        assert done.code == (0 if time == "2026-01-03T12:00:00Z" else 4)


# --- many documents


def test_many_documents_give_a_table_and_the_highest_exit_code(folder: Path) -> None:
    """Folders, patterns and names; each document once."""
    (folder / "many").mkdir()
    (folder / "many" / "a.cbor").write_bytes((folder / "good.cbor").read_bytes())
    (folder / "many" / "b.cbor").write_bytes(b"nothing")
    done = verify("many", "many/*.cbor", "good.cbor", "missing.cbor")
    assert done.code == 2
    assert "4 documents" in done.out
    assert done.out.splitlines()[:4] == [
        "accepted  many/a.cbor",
        "REJECTED  many/b.cbor  cbor.malformed",
        "accepted  good.cbor",
        "UNREAD    missing.cbor  cannot be read: No such file or directory",
    ]
    assert "NOT A ROOT OF AWS" in done.out
    assert "5 documents" in verify("many", "good.cbor", "missing.cbor", "other", columns=80).out


def test_many_documents_as_json_lines(folder: Path) -> None:
    """One object a line, in the order of the names."""
    (folder / "bad").write_bytes(b"nothing")
    done = verify("good.cbor", "missing", "bad", "--json")
    found = [json.loads(line) for line in done.out.splitlines()]
    assert [(line["file"], line["verdict"], line["exit_code"]) for line in found] == [
        ("good.cbor", "accepted", 0),
        ("missing", "unread", 1),
        ("bad", "rejected", 2),
    ]
    assert done.code == 2


@pytest.mark.parametrize("name", ["missing", "nothing/*.cbor"])
def test_one_document_that_cannot_be_read_is_json_too(folder: Path, name: str) -> None:
    """A script that reads the lines of many documents reads the one line of a single one."""
    assert (folder / "policy.toml").exists()
    done = verify(name, "--json")
    assert (done.code, done.err) == (1, "")
    found = json.loads(done.out)
    assert (found["file"], found["verdict"], found["exit_code"]) == (name, "unread", 1)


@pytest.mark.parametrize("name", ["empty", "nothing/*.cbor"])
def test_a_folder_without_files_is_a_mistake(folder: Path, name: str) -> None:
    """Nothing verified must not look like everything accepted."""
    (folder / "empty").mkdir()
    done = verify(name)
    assert done.code == 1
    assert is_one_line(done.err)


def test_all_cores_give_the_same_verdicts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes and one give the same outcomes in the same order."""
    for number in range(8):
        (folder / f"{number}.cbor").write_bytes(
            (folder / "good.cbor").read_bytes() if number % 2 else b"nothing"
        )
    names = [f"{number}.cbor" for number in range(8)]
    alone = verify(*names, "--json")
    monkeypatch.setattr(_documents, "MIN_FOR_PROCESSES", 2)
    monkeypatch.setattr(_documents, "available_cores", lambda: 2)
    assert verify(*names, "--json").out == alone.out


class Terminal(io.StringIO):
    """A standard error that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_a_terminal_gets_a_bar(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the standard error, so that the table can go to a file."""
    assert folder.exists()
    monkeypatch.setattr(sys, "argv", ["nitro-attest", *batch("good.cbor", "missing")])
    with (
        contextlib.redirect_stderr(Terminal()) as drawn,
        contextlib.redirect_stdout(io.StringIO()) as out,
    ):
        cli_package.main()
    assert "2/2" in drawn.getvalue()
    assert "2 documents" in out.getvalue()


def batch(*names: str) -> tuple[str, ...]:
    """Return the arguments that verify these documents under the folder's policy."""
    return ("verify", *names, "--policy", "policy.toml", *AT, *HEX_NONCE)


def test_the_standard_input_is_read_by_this_process(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker has none, and would see an empty document."""
    monkeypatch.setattr(_documents, "MIN_FOR_PROCESSES", 1)
    done = verify("good.cbor", "-", stdin=(folder / "good.cbor").read_bytes())
    assert done.code == 0


def test_a_mistake_in_the_call_reaches_this_process_from_a_worker(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one line, like any other."""
    monkeypatch.setattr(_documents, "MIN_FOR_PROCESSES", 1)
    monkeypatch.setattr(_documents, "available_cores", lambda: 2)
    (folder / "other.cbor").write_bytes(b"")
    done = run("verify", "good.cbor", "other.cbor", "--policy", "policy.toml", *AT)
    assert (done.code, done.out) == (1, "")
    assert is_one_line(done.err)


def test_the_cores_are_those_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system does not say, all of the machine."""
    assert _documents.available_cores() >= 1
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert _documents.available_cores() >= 1


def test_an_outcome_of_a_worker_is_the_one_of_this_process(folder: Path) -> None:
    """The function that the processes run, called here."""
    assert folder.exists()
    call = _documents.Call(POLICY, NONCE, NOW)
    assert (
        _documents.decide(_documents.Source("good.cbor"), call).exit_code
        is _documents.Exit.ACCEPTED
    )
    assert _documents.decide(_documents.Source("missing.cbor"), call).problem is not None


# --- inspect


@pytest.mark.parametrize("path", SIX, ids=lambda path: path.stem)
def test_inspect_shows_every_captured_document(path: Path) -> None:
    """In 80 columns, without a word that could be taken for a verdict."""
    document = read_unverified(path.read_bytes())
    done = run("inspect", str(path), columns=80)
    assert (done.code, done.err) == (0, "")
    assert "NOTHING HERE WAS VERIFIED" in done.out
    assert document.module_id in done.out
    assert max(map(len, done.out.splitlines())) <= 80
    assert ("DEBUG" in done.out) == ("debug" in path.name)
    assert "\x1b" not in done.out


@pytest.mark.parametrize("path", SIX, ids=lambda path: path.stem)
def test_inspect_as_json_says_that_nothing_was_verified(path: Path) -> None:
    """And holds what the document says, uncut."""
    document = read_unverified(path.read_bytes())
    found = json.loads(run("inspect", str(path), "--json").out)
    assert found["verified"] is False
    assert found["pcrs"] == {str(index): value.hex() for index, value in document.pcrs.items()}
    assert found["user_data"] == (None if document.user_data is None else document.user_data.hex())
    assert len(found["certificates"]) == 5
    assert found["is_root_of_aws"] is True


def hostile_document() -> bytes:
    """Return a document whose every text tries to write to the terminal."""
    payload = {
        "module_id": "[bold]i-x[/bold]\\-enc0123456789abcdef",
        "digest": "SHA384",
        "timestamp": 4_102_444_800_000,
        "pcrs": {0: b"\x1b" * 48, 4: b"\x07" * 48, 31: bytes(48)},
        "certificate": b"\x30\x03\x02\x01\x1b",
        "cabundle": [hostile_certificate(), b"\x30\x00"],
        "public_key": CONTROL.encode() * 40,
        "user_data": b"",
        "nonce": CONTROL.encode(),
        CONTROL: CONTROL,
    }
    return cbor2.dumps([bytes.fromhex("a1013822"), NO_HEADER, cbor2.dumps(payload), bytes(96)])


def hostile_certificate() -> bytes:
    """Return a certificate whose common name holds control characters."""
    key = ec.derive_private_key(7, ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, CONTROL)])
    return (
        x509.CertificateBuilder(
            issuer_name=name,
            subject_name=name,
            public_key=key.public_key(),
            serial_number=1,
            not_valid_before=datetime(2090, 1, 1, tzinfo=UTC),
            not_valid_after=datetime(2090, 1, 1, tzinfo=UTC),
        )
        .sign(key, SHA384(), ecdsa_deterministic=True)
        .public_bytes(Encoding.DER)
    )


@pytest.mark.parametrize("options", [(), ("--json",)])
@pytest.mark.parametrize(
    "time", ["2026-01-03T12:00:00Z", "2090-01-01T00:00:00Z", "2099-01-01T00:00:00Z"]
)
def test_inspect_never_repeats_text_of_a_document(options: tuple[str, ...], time: str) -> None:
    """Controls, right-to-left marks and markup come out as question marks, digits or escapes."""
    done = run("inspect", "-", "--at", time, *options, stdin=hostile_document())
    assert done.code == 0
    assert all(character.isprintable() or character == "\n" for character in done.out)
    assert "\u202e" not in done.out
    assert not options or done.out.isascii()


def test_a_rejection_never_repeats_text_of_a_document(folder: Path) -> None:
    """The same for verify."""
    (folder / "doc").write_bytes(hostile_document())
    done = verify("doc")
    assert done.code == 2
    assert all(character.isprintable() or character == "\n" for character in done.out + done.err)


def test_a_name_of_a_file_is_made_safe(folder: Path) -> None:
    """A file can be called anything too."""
    name = "a\u001b[2Jb"
    (folder / name).write_bytes((folder / "good.cbor").read_bytes())
    shown = [
        run("inspect", name, *AT),
        verify(name, "good.cbor"),
        verify(f"{name}missing"),
        run("policy", "check", name),
    ]
    assert all("\u001b" not in done.out + done.err for done in shown)
    assert [done.code for done in shown] == [0, 0, 1, 1]


def test_blocks_become_ascii_where_the_terminal_has_no_others(folder: Path) -> None:
    """A terminal of the C locale gets # and dots."""
    environment = {
        **os.environ,
        "PYTHONIOENCODING": "ascii",
        "PYTHONUTF8": "0",
        "LC_ALL": "C",
        "COLUMNS": "80",
    }
    program = [sys.executable, "-m", "nitro_attest", "inspect", str(folder / "good.cbor"), *AT]
    done = subprocess.run(program, env=environment, capture_output=True, check=False)  # noqa: S603 - this program
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"#" in done.stdout
    assert done.stdout.isascii()


def test_letters_that_a_terminal_does_not_have_become_question_marks(folder: Path) -> None:
    """A label in another script is no reason for a traceback."""
    write_policy(
        folder / "policy.toml",
        replace(POLICY, measurements=(replace(FAKE.enclave_measurements(), label="платёж"),)),
    )
    environment = {
        **os.environ,
        "PYTHONIOENCODING": "ascii",
        "PYTHONUTF8": "0",
        "LC_ALL": "C",
        "COLUMNS": "80",
    }
    program = [sys.executable, "-m", "nitro_attest", "policy", "show", "policy.toml"]
    done = subprocess.run(program, env=environment, capture_output=True, check=False)  # noqa: S603 - this program
    assert (done.returncode, done.stderr) == (0, b"")
    assert b'"??????"' in done.stdout


def test_output_may_go_to_any_stream() -> None:
    """To one in memory too, which has no encoding."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert _app.run(["pcr", "instance", "i-0123456789abcdef0"]) == 0
    assert len(out.getvalue()) == 97


def test_a_command_that_is_stopped_has_the_exit_code_of_shells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ctrl-C is no traceback."""

    def stop() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "main", stop)
    done = run("demo")
    assert (done.code, done.err) == (130, "")


def test_output_that_nobody_takes_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader of the pipe has gone."""

    def fail() -> int:
        raise BrokenPipeError

    monkeypatch.setattr(demo, "main", fail)
    with contextlib.redirect_stderr(io.StringIO()):
        assert _app.run(["demo"]) == 1


# --- mistakes of the caller


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("verify",),
        ("verify", "good.cbor"),
        ("verify", "good.cbor", "--policy", "policy.toml", "--nonsense"),
        ("verify", "good.cbor", "--policy", "missing.toml"),
        ("verify", "good.cbor", "--policy", "policy.toml"),
        ("verify", "good.cbor", "--policy", "policy.toml", "--nonce", "xyz"),
        ("verify", "good.cbor", "--policy", "policy.toml", "--nonce", "00"),
        (
            "verify",
            "good.cbor",
            "--policy",
            "policy.toml",
            "--nonce",
            "00" * 16,
            "--nonce-file",
            "good.cbor",
        ),
        ("verify", "good.cbor", "--policy", "policy.toml", "--nonce-file", "missing"),
        ("verify", "good.cbor", "--policy", "policy.toml", *HEX_NONCE, "--at", "yesterday"),
        (
            "verify",
            "good.cbor",
            "--policy",
            "policy.toml",
            *HEX_NONCE,
            "--at",
            "2026-01-03T12:00:00",
        ),
        (
            "verify",
            "good.cbor",
            "--policy",
            "policy.toml",
            *HEX_NONCE,
            "--at",
            "0001-01-01T00:00:00+14:00",
        ),
        ("verify", "missing", "--policy", "policy.toml", *HEX_NONCE),
        ("verify", "nul\0", "--policy", "policy.toml", *HEX_NONCE),
        ("inspect", "missing"),
        ("inspect", "."),
        ("explain", "chain.expird"),
        ("explain", "?"),
        ("completion", "csh"),
        ("pcr", "role", "nobody"),
        ("pcr", "instance", "i-1"),
        ("pcr", "certificate", "good.cbor"),
        ("policy", "check", "good.cbor"),
        ("policy", "check", "."),
        ("policy", "new"),
        ("policy", "new", "--from-kms", "a", "--from-nitro-cli", "b"),
        ("verify", "good.cbor", "--policy", ""),
        ("verify", "good.cbor", "--policy", "no-nonce.toml", *HEX_NONCE),
        ("verify", "good.cbor", "--policy", "no-nonce.toml", "--nonce-file", "good.cbor"),
        ("verify", "good.cbor", "missing", "--policy", "policy.toml", "--nonce", "00"),
        ("policy", "to-kms", "policy.toml"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_1(folder: Path, arguments: tuple[str, ...]) -> None:
    """Never a traceback, never exit code 2, which is a verdict, and never a name of Python."""
    write_policy(
        folder / "no-nonce.toml",
        replace(POLICY, freshness=TimestampOnly(because="x", max_age=timedelta(minutes=5))),
    )
    done = run(*arguments)
    assert (done.code, done.out) == (1, "")
    assert is_one_line(done.err)
    assert not re.search(r"[A-Z][a-z]+[A-Z][a-z]", done.err)


def broken_files() -> dict[str, bytes]:
    """Return malformed files of many sorts."""
    good = policy_to_toml(POLICY).encode()
    return {
        "empty": b"",
        "binary": bytes(range(256)) * 64,
        "zeros": bytes(100_000),
        "document": FAKE.enclave_document(),
        "unknown key": good + b"extra = 1\n",
        "duplicate key": b"version = 1\n" + good,
        "duplicate name": b'{"version": 1, "version": 1}',
        "cut": good[:200],
        "wrong type": good.replace(b'"5m"', b"300"),
        "missing": good.replace(b'max_age = "5m"\n', b""),
        "deep": b"[" * 50_000,
        "UTF-16": "version = 1".encode("utf-16"),
        "control": b'version = "\x1b[2J"',
    }


@pytest.mark.parametrize("content", broken_files().values(), ids=broken_files().keys())
@pytest.mark.parametrize("ending", ["toml", "json"])
@pytest.mark.parametrize(
    "command",
    [
        ("policy", "check"),
        ("policy", "show"),
        ("policy", "to-kms"),
        ("policy", "diff", "policy.toml"),
    ],
)
def test_a_malformed_policy_is_one_line(
    folder: Path, content: bytes, ending: str, command: tuple[str, ...]
) -> None:
    """The line names the file."""
    (folder / f"broken.{ending}").write_bytes(content)
    done = run(*command, f"broken.{ending}")
    assert (done.code, done.out) == (1, "")
    assert is_one_line(done.err)
    assert f"broken.{ending}" in done.err


@pytest.mark.parametrize("content", broken_files().values(), ids=broken_files().keys())
@pytest.mark.parametrize("source", ["--from-nitro-cli", "--from-nitro-tpm", "--from-kms"])
def test_a_malformed_source_is_one_line(folder: Path, content: bytes, source: str) -> None:
    """The same for builds and key policies."""
    (folder / "broken").write_bytes(content)
    done = run(
        "policy", "new", source, "broken", "--public-key", "present", "--user-data", "absent"
    )
    assert (done.code, done.out) == (1, "")
    assert is_one_line(done.err)
    assert "broken" in done.err


def test_a_hundred_megabytes_are_refused_unread(folder: Path) -> None:
    """As a document, a policy, a build, a nonce and a certificate."""
    with (folder / "huge.toml").open("wb") as file:
        file.truncate(100_000_000)
    assert verify("huge.toml").code == 2
    assert run("inspect", "huge.toml").code == 2
    for arguments in (
        ("policy", "check", "huge.toml"),
        ("policy", "new", "--from-nitro-cli", "huge.toml"),
        ("policy", "new", "--from-kms", "huge.toml"),
        ("pcr", "certificate", "huge.toml"),
        ("verify", "good.cbor", "--policy", "policy.toml", "--nonce-file", "huge.toml"),
    ):
        done = run(*arguments)
        assert (done.code, done.out) == (1, "")
        assert is_one_line(done.err)


# --- policies

BUILD = str(EXAMPLES / "build.json")
KEY_POLICY = str(EXAMPLES / "key-policy.json")
DECIDED = (
    "--label",
    "x",
    "--pin",
    "pcr3=zero",
    "--waive",
    "pcr4=fleet",
    "--pin",
    "pcr8=zero",
    "--public-key",
    "present",
)
DATA = ("--user-data", "absent")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), ["--role", "--instance", "--certificate", "--public-key", "--user-data"]),
        (DECIDED, ["--user-data"]),
        ((*DECIDED[2:], *DATA), ["--label"]),
        ((*DECIDED, *DATA, "--role", "arn:aws:iam::123456789012:role/x"), ["--pin: PCR3"]),
        ((*DECIDED, *DATA, "--waive", "user_data=x"), ["--user-data"]),
        (
            (*DECIDED, *DATA, "--waive", "unknown_fields=x", "--waive", "unknown_fields=y"),
            ["unknown_fields"],
        ),
        ((*DECIDED, *DATA, "--waive", "pcr16=x"), ["PCR16"]),
        ((*DECIDED, *DATA, "--pin", "pcr0=" + "11" * 48), ["--pin pcr0", "build measured"]),
        ((*DECIDED, *DATA, "--pin", "pcr32=zero"), ["--pin"]),
        ((*DECIDED, *DATA, "--pin", "pcr123=zero"), ["--pin"]),
        ((*DECIDED, *DATA, "--pin", "pcr16"), ["--pin"]),
        ((*DECIDED, *DATA, "--pin", "pcr16=00"), ["--pin"]),
        ((*DECIDED, *DATA, "--waive", "freshness=no"), ["--waive"]),
        ((*DECIDED, "--user-data", "xyz"), ["--user-data"]),
        ((*DECIDED, "--user-data", ""), ["--user-data", "equals"]),
        ((*DECIDED, "--user-data", "00 11"), ["--user-data"]),
        ((*DECIDED, *DATA, "--role", "nobody"), ["--role", "ARN"]),
        ((*DECIDED, *DATA, "--instance", "i-1"), ["--instance"]),
        ((*DECIDED, *DATA, "--certificate", BUILD), ["--certificate"]),
        ((*DECIDED[2:], *DATA, "--label", "\u202e"), ["--label"]),
        ((*DECIDED, *DATA, "--waive", "unknown_fields= "), ["--waive", "printable"]),
        ((*DECIDED, *DATA, "--timestamp-only", ""), ["--timestamp-only"]),
        ((*DECIDED, *DATA, "--max-clock-skew", "1h"), ["--max-clock-skew", "5 minutes"]),
        ((*DECIDED, *DATA, "--trust-anchor", "two.pem"), ["--trust-anchor", "found 2"]),
        ((*DECIDED, *DATA, "--trust-anchor", "leaf.der"), ["--trust-anchor"]),
        ((*DECIDED, "--user-data", "00" * 1025), ["--user-data"]),
        ((*DECIDED, *DATA, "--max-age", "soon"), ["--max-age"]),
        ((*DECIDED, *DATA, "--trust-anchor", BUILD), ["--trust-anchor"]),
        ((*DECIDED, *DATA, "--trust-anchor", "missing"), ["missing"]),
        ((*DECIDED, *DATA, "--output", "policy.yaml"), ["--output"]),
        ((*DECIDED, *DATA, "--output", "policy.toml"), ["policy.toml"]),
        ((*DECIDED, *DATA, "--output", "nul\0.toml"), ["nul"]),
    ],
)
def test_a_decision_that_is_missing_or_contradicts_is_named(
    folder: Path, options: tuple[str, ...], words: list[str]
) -> None:
    """All that is undecided is named at once, by its option; nothing is written."""
    root = (EXAMPLES / "never-trust-root.pem").read_bytes()
    (folder / "two.pem").write_bytes(root + root)
    leaf = read_unverified((folder / "good.cbor").read_bytes()).certificate
    (folder / "leaf.der").write_bytes(leaf)
    done = run("policy", "new", "--from-nitro-cli", BUILD, *options)
    assert (done.code, done.out) == (1, "")
    assert is_one_line(done.err)
    assert all(word in done.err for word in words)
    assert not re.search(r"[A-Z][a-z]+[A-Z][a-z]|Sha384", done.err.replace("SecureBoot", ""))


@pytest.mark.parametrize(
    "build",
    [
        {"Measurements": {"PCR0": "11" * 48}, "PCR1": "22" * 48},
        {"Measurements": {"PCR0": "11" * 48}, "pcr8": "22" * 48},
    ],
)
def test_pcrs_outside_of_measurements_are_a_mistake(folder: Path, build: object) -> None:
    """They would look pinned and would not be."""
    (folder / "odd.json").write_text(json.dumps(build), encoding="utf-8")
    done = run("policy", "new", "--from-nitro-cli", "odd.json", *DECIDED, *DATA)
    assert (done.code, done.out) == (1, "")
    assert is_one_line(done.err)
    assert "Measurements" in done.err


def test_a_set_that_identifies_no_code_is_a_mistake_of_the_build(folder: Path) -> None:
    """Secure Boot is off there, so PCR7 is that of every such machine."""
    pcrs = {"PCR4": "44" * 48, "PCR7": SECURE_BOOT_OFF.hex()}
    (folder / "tpm.json").write_text(json.dumps({"Measurements": pcrs}), encoding="utf-8")
    options = ("--label", "ami", "--public-key", "absent", *DATA, "--waive", "pcr12=grub")
    done = run("policy", "new", "--from-nitro-tpm", "tpm.json", *options)
    assert (done.code, done.out) == (1, "")
    assert is_one_line(done.err)
    assert "tpm.json" in done.err
    assert "Secure Boot is off" in done.err


def test_every_decision_of_a_build_ends_in_the_policy(folder: Path) -> None:
    """Role, instance, certificate, further PCRs, fields, freshness and the root."""
    options = (
        *(
            "--label",
            "payments",
            "--role",
            "arn:aws:iam::123456789012:role/x",
            "--instance",
            "i-0123456789abcdef0",
        ),
        *("--certificate", str(EXAMPLES / "never-trust-root.pem"), "--pin", "pcr16=" + "11" * 48),
        *("--public-key", "6b6579", "--user-data", "absent", "--waive", "unknown_fields=later"),
        *("--timestamp-only", "no nonce", "--max-age", "1m", "--max-clock-skew", "0s"),
        *("--trust-anchor", "AWS_US_GOV_NITRO_ROOT_G1", "--output", "new.json"),
    )
    assert run("policy", "new", "--from-nitro-cli", BUILD, *options) == Finished(0, "", "")
    policy = read_policy(folder / "new.json")
    assert policy.freshness == TimestampOnly(
        because="no nonce", max_age=timedelta(minutes=1), max_clock_skew=timedelta()
    )
    assert (policy.public_key, policy.user_data) == (Equals(b"key"), Absent())
    assert policy.unknown_fields == NotChecked("later")
    assert policy.trust_anchor == AWS_US_GOV_NITRO_ROOT_G1
    pins = policy_to_toml(policy)
    for command, value in (
        ("role", options[3]),
        ("instance", options[5]),
        ("certificate", options[7]),
    ):
        assert run("pcr", command, value).out.strip() in pins
    assert 'other_pcrs = { 16 = "1111' in pins


def test_a_policy_for_nitro_tpm_is_made_from_its_tool(folder: Path) -> None:
    """With a root given as DER."""
    (folder / "tpm.json").write_text(
        json.dumps({"Measurements": {"PCR4": "44" * 48, "PCR7": "77" * 48}}), encoding="utf-8"
    )
    (folder / "root.der").write_bytes(FAKE.trust_anchor.certificate)
    options = (
        "--label",
        "ami",
        "--waive",
        "public_key=x",
        "--user-data",
        "present",
        "--trust-anchor",
        "root.der",
    )
    assert run("policy", "new", "--from-nitro-tpm", "tpm.json", *options).code == 1
    done = run("policy", "new", "--from-nitro-tpm", "tpm.json", *options, "--pin", "pcr12=zero")
    policy = policy_from_toml(done.out)
    assert policy.trust_anchor.certificate == FAKE.trust_anchor.certificate
    assert policy.user_data == Present()


@pytest.mark.parametrize("option", [("--label", "x"), ("--pin", "pcr8=zero")])
def test_a_key_policy_decides_on_pcrs_itself(option: tuple[str, str]) -> None:
    """Two sources for one PCR would hide which one counts."""
    done = run("policy", "new", "--from-kms", KEY_POLICY, "--public-key", "present", *DATA, *option)
    assert (done.code, done.out) == (1, "")


def test_a_key_policy_becomes_a_policy_with_its_remarks() -> None:
    """The remark goes to the standard error and into the file."""
    done = run("policy", "new", "--from-kms", KEY_POLICY, "--public-key", "present", *DATA)
    assert done.code == 0
    assert "without looking at a document" in done.err
    assert "# Statement[0]" in done.out
    policy_from_toml(done.out)


INSTANCE = FAKE.nitro_tpm_measurements()
OTHER = replace(FAKE.enclave_measurements(), label="other", pcr2_application=NO_APPLICATION)
SHOWN = [
    (
        POLICY,
        ["skips no check", "NOT A ROOT OF AWS", "carries the nonce", "zero: unsigned image"],
    ),
    (
        demo.POLICY,
        ["does NOT check", "root of AWS (commercial", "no nonce is demanded", "not checked"],
    ),
    (
        replace(
            POLICY,
            measurements=(FAKE.enclave_measurements(), OTHER),
            public_key=Equals(bytes(20)),
            trust_anchor=AWS_US_GOV_NITRO_ROOT_G1,
            unknown_fields=NotChecked("x"),
        ),
        [
            "one of these 2 sets",
            "exactly these 20 bytes " + "00" * 20,
            "GovCloud",
            "may have fields",
        ],
    ),
    (
        replace(
            POLICY,
            measurements=(
                replace(INSTANCE, other_pcrs=((16, Sha384(b"\1" * 48)), (8, Sha384(b"\1" * 48)))),
                replace(INSTANCE, other_pcrs=((0, Sha384.ZERO),), pcr7_secure_boot=SECURE_BOOT_OFF),
            ),
            public_key=Equals(b"key"),
        ),
        [
            "zero: no kernel command line",
            "PCR16",
            "exactly these 3 bytes 6b6579",
            "Secure Boot is off",
            "the boot loader's commands: a zero PCR12 says nothing",
        ],
    ),
    (replace(POLICY, measurements=(AnyNitroTpm("tests"),)), ["any instance with NitroTPM"]),
    (replace(POLICY, measurements=(DebugEnclave("tests"),)), ["IN DEBUG MODE", "Look twice"]),
    (replace(POLICY, measurements=(AnyEnclave("tests"),)), ["any enclave that is not"]),
]


@pytest.mark.parametrize(("policy", "words"), SHOWN)
def test_a_policy_in_words_names_every_rule(folder: Path, policy: Policy, words: list[str]) -> None:
    """Waivers come first."""
    write_policy(folder / "shown.toml", policy)
    done = run("policy", "show", "shown.toml")
    assert done.code == 0
    text = " ".join(done.out.split())
    assert all(word in text for word in words)
    checked = run("policy", "check", "shown.toml").out
    assert "shown.toml" in checked
    assert policy.digest() in checked
    assert policy.digest() in done.out


def test_a_policy_for_kms_is_printed_with_remarks(folder: Path) -> None:
    """The JSON alone is on the standard output."""
    write_policy(folder / "shown.toml", demo.POLICY)
    done = run("policy", "to-kms", "shown.toml")
    assert done.code == 0
    assert json.loads(done.out)["Statement"][0]["Effect"] == "Allow"
    assert "freshness: KMS checks neither" in done.err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "No document changes verdict."),
        ({"user_data": NotChecked("now")}, "user_data looser"),
        ({"public_key": Equals(b"key")}, "public_key stricter"),
        ({"public_key": Absent()}, "public_key looser"),
        ({"trust_anchor": AWS_US_GOV_NITRO_ROOT_G1}, "trust_anchor stricter"),
        ({"measurements": (AnyEnclave("x"),)}, "measurements looser"),
        (
            {"measurements": (replace(FAKE.enclave_measurements(), label="y"),)},
            "labels or reasons changed",
        ),
    ],
)
def test_the_difference_of_policies_is_told_rule_by_rule(
    folder: Path, change: dict[str, Any], words: str
) -> None:
    """Stricter, looser or both; other words alone change no verdict."""
    write_policy(folder / "new.toml", replace(POLICY, **change))
    done = run("policy", "diff", "policy.toml", "new.toml")
    assert done.code == 0
    assert words in " ".join(done.out.split())
    assert words in " ".join(
        run("policy", "diff", "policy.toml", "new.toml", columns=100).out.split()
    )


# --- explain, demo, completion


def test_every_reason_is_explained() -> None:
    """A reason without an explanation would leave its reader alone."""
    assert set(EXPLANATIONS) == set(Reason)
    assert all(it.meaning.endswith(".") and it.action.endswith(".") for it in EXPLANATIONS.values())


@pytest.mark.parametrize("reason", list(Reason))
def test_explain_says_what_it_means_and_what_to_do(reason: Reason) -> None:
    """With the exception and the exit code of its family."""
    done = run("explain", reason)
    assert done.code == 0
    assert "What to do:" in done.out
    assert "exit code" in done.out


def test_explain_without_a_reason_lists_all() -> None:
    """In 80 columns."""
    done = run("explain", columns=80)
    assert all(reason in done.out for reason in Reason)
    assert max(map(len, done.out.splitlines())) <= 80


def test_the_demo_is_the_one_of_the_package() -> None:
    """The same lines, the same exit code."""
    done = run("demo")
    assert done.code == 0
    assert "Every verdict is the one expected." in done.out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_completion_prints_a_script(shell: str) -> None:
    """For every shell that is named in the help."""
    done = run("completion", shell)
    assert done.code == 0
    assert "_NITRO_ATTEST_COMPLETE" in done.out


def test_completion_completes() -> None:
    """The script asks the program itself."""
    environment = {
        **os.environ,
        "_NITRO_ATTEST_COMPLETE": "complete_bash",
        "COMP_WORDS": "nitro-attest ins",
        "COMP_CWORD": "1",
    }
    program = [sys.executable, "-m", "nitro_attest"]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - this program
    assert done.stdout.split() == ["inspect"]


@pytest.mark.parametrize("arguments", [("--help",), ("policy", "--help"), ("verify", "-h")])
def test_help_is_no_mistake(arguments: tuple[str, ...]) -> None:
    """Its exit code is 0."""
    done = run(*arguments)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("Usage: nitro-attest")


@pytest.mark.parametrize("arguments", [(), ("policy",), ("pcr",)])
def test_a_group_without_a_command_prints_its_help(arguments: tuple[str, ...]) -> None:
    """The exit code is that of a mistake: nothing was verified, and a script must not think so."""
    done = run(*arguments)
    assert (done.code, done.err) == (1, "")
    assert done.out == run(*arguments, "--help").out


def test_the_version_is_printed() -> None:
    """One line, exit code 0."""
    assert run("--version") == Finished(0, f"nitro-attest {nitro_attest.__version__}\n", "")


# --- without the extra, without a reader, without a terminal


@pytest.mark.parametrize("missing", ["typer", "rich.console", "rich.text", "pydantic"])
def test_without_the_extra_one_line_says_how_to_install_it(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No traceback for whoever has installed the library alone."""
    for name in [
        name
        for name in sys.modules
        if name.startswith(("nitro_attest.cli._", "nitro_attest.policy_file"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    done = run("demo")
    assert (done.code, done.out) == (1, "")
    assert "pip install 'nitro-attest[cli]'" in done.err


def test_another_missing_module_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken installation is not the extra's fault."""
    for name in [name for name in sys.modules if name.startswith("nitro_attest.cli._")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "nitro_attest.cli._documents", None)
    with pytest.raises(ModuleNotFoundError):
        run("demo")


def test_a_reader_that_leaves_is_no_traceback(folder: Path) -> None:
    """As in `nitro-attest inspect DOC | head -1`."""
    program = f"{sys.executable} -m nitro_attest inspect {folder / 'good.cbor'} --json | true"
    for _ in range(2):
        done = subprocess.run(["/bin/sh", "-c", program], capture_output=True, check=False)  # noqa: S603 - as below
        assert b"Traceback" not in done.stderr


def test_no_colour_where_it_is_not_wanted(folder: Path) -> None:
    """NO_COLOR counts even where colour is forced."""
    program = [sys.executable, "-m", "nitro_attest", "inspect", str(folder / "good.cbor"), *AT]
    plain = {**os.environ, "NO_COLOR": "1", "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    done = subprocess.run(program, env=plain, capture_output=True, check=False)  # noqa: S603 - this program
    assert b"\x1b[3" not in done.stdout
    assert b"\x1b[9" not in done.stdout


# --- small parts


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(), "0 seconds"),
        (timedelta(seconds=-1), "1 second"),
        (timedelta(minutes=3), "3 minutes"),
        (timedelta(days=800), "2 years"),
    ],
)
def test_time_spans_are_written_roughly(span: timedelta, words: str) -> None:
    """In the largest unit of which there are two."""
    assert _lines.span(span) == words


def test_exit_codes_are_those_of_the_exceptions() -> None:
    """Every subclass of VerificationError has one."""
    assert _documents.EXIT_OF[UntrustedDocumentError] == 3
    assert len(set(_documents.EXIT_OF.values())) == 4
    assert _files.decode_document(b"\xd2") == b"\xd2"


def test_the_package_runs_as_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m nitro_attest` is the command; worker processes only import the module."""
    monkeypatch.setattr(sys, "argv", ["nitro-attest", "explain", "chain.expired"])
    with contextlib.redirect_stdout(io.StringIO()) as out:
        module = importlib.import_module("nitro_attest.__main__")
        assert out.getvalue() == ""
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(module.__file__), run_name="__main__")
    assert ended.value.code == 0
    assert out.getvalue().startswith("chain.expired")

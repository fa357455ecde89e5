"""Odd names and streams give one clear line or the right verdict, and stop no batch."""

import contextlib
import io
import json
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from nitro_attest import Absent, FreshNonce, Policy, PolicyError, Present
from nitro_attest import _bounded_file as bounded
from nitro_attest.cli import _app, _files, _lines
from nitro_attest.policy_file import policy_to_toml
from nitro_attest.testing import FakeNitro
from unit.cli.console import run

NOW = datetime(2026, 1, 3, 12, tzinfo=UTC)
FAKE = FakeNitro(seed=b"odd streams, never trust", now=NOW)
NONCE = bytes(range(32))
POLICY = Policy(
    measurements=(FAKE.enclave_measurements(),),
    freshness=FreshNonce(),
    public_key=Present(),
    user_data=Absent(),
    trust_anchor=FAKE.trust_anchor,
)
GOOD = FAKE.enclave_document(nonce=NONCE, public_key=b"key")
OPTIONS = ("--policy", "policy.toml", "--at", "2026-01-03T12:00:00Z", "--nonce", NONCE.hex())
PROGRAM = (sys.executable, "-m", "nitro_attest")
FULL = Path("/dev/full")
needs_a_full_device = pytest.mark.skipif(not FULL.exists(), reason="Linux has it")


@pytest.fixture(name="folder", autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a policy and a document that meets it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy.toml").write_text(policy_to_toml(POLICY), encoding="utf-8")
    (tmp_path / "good.cbor").write_bytes(GOOD)
    return tmp_path


def verdicts(*names: str, stdin: bytes = b"") -> dict[str, str]:
    """Verify several documents and return each verdict."""
    done = run("verify", *names, *OPTIONS, "--json", stdin=stdin)
    assert done.err == ""
    lines = [json.loads(line) for line in done.out.splitlines()]
    return {line["file"]: line["verdict"] for line in lines}


@pytest.mark.parametrize("names", [(".",), ("./*",), ("*",)])
def test_a_file_called_minus_is_not_the_standard_input(
    folder: Path, names: tuple[str, ...]
) -> None:
    """The standard input, which is empty here, would be rejected."""
    (folder / "-").write_bytes(GOOD)
    assert verdicts(*names)["./-"] == "accepted"


@pytest.mark.parametrize(
    "name", ["x" * 300, "x/" * 3000, "nul\0", "nul\0*", "[" * 300, "?" * 300, "missing/*", "empty"]
)
def test_an_impossible_name_does_not_stop_the_others(folder: Path, name: str) -> None:
    """It is unread, and the exit code is at least 1."""
    (folder / "empty").mkdir()
    assert verdicts(name, "good.cbor") == {name: "unread", "good.cbor": "accepted"}
    done = run("verify", name, "good.cbor", *OPTIONS)
    assert done.code == 1
    assert "2 documents" in done.out
    alone = run("verify", name, *OPTIONS)
    assert (alone.code, alone.out, alone.err.count("\n")) == (1, "", 1)


def test_a_folder_that_cannot_be_listed_does_not_stop_the_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one of another user."""
    (folder / "locked").mkdir()

    def fail(_name: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", fail)
    assert verdicts("locked", "good.cbor") == {"locked": "unread", "good.cbor": "accepted"}


def test_a_pipe_is_a_document_if_somebody_writes_to_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in `nitro-attest verify <(curl ...)`; one without a writer is unread."""
    for name in ("fed", "silent"):
        os.mkfifo(folder / name)
    writer = threading.Thread(target=(folder / "fed").write_bytes, args=(GOOD,))
    writer.start()
    assert verdicts("fed", "good.cbor") == {"fed": "accepted", "good.cbor": "accepted"}
    writer.join()
    monkeypatch.setattr(bounded, "PIPE_WAIT_MS", 0)
    assert verdicts("silent", "good.cbor") == {"silent": "unread", "good.cbor": "accepted"}
    os.mkfifo(folder / "policy-pipe.toml")
    done = run("policy", "check", "policy-pipe.toml")
    assert (done.code, done.err.count("\n")) == (1, 1)


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (None, "it is closed"),
        (SimpleNamespace(buffer=io.BytesIO()), "it is closed"),
    ],
)
def test_a_closed_standard_input_is_one_line(
    stream: SimpleNamespace | None, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python has no stream at all if the process was started without one."""
    if stream is not None:
        stream.buffer.close()
    monkeypatch.setattr(sys, "stdin", stream)
    with pytest.raises(PolicyError, match=words):
        _files.read_document("-")


def test_a_standard_input_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the system's own words."""

    def fail(_limit: int) -> bytes:
        raise IsADirectoryError(21, "Is a directory")

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=SimpleNamespace(read=fail)))
    with pytest.raises(PolicyError, match="Is a directory"):
        _files.read_document("-")


def shell(redirection: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program under a shell with a redirection."""
    command = f'exec "$@" {redirection}'
    return subprocess.run(  # noqa: S603 - this program, with arguments of this test
        ["/bin/sh", "-c", command, "sh", *PROGRAM, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_process_without_a_standard_input_is_one_line() -> None:
    """And exit code 1; in a batch the others are verified."""
    done = shell("<&-", "inspect", "-")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "nitro-attest: standard input: cannot be read: it is closed\n"
    done = shell("<&-", "verify", "-", "good.cbor", *OPTIONS)
    assert done.returncode == 1
    assert "accepted  good.cbor" in done.stdout


@needs_a_full_device
@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "good.cbor", *OPTIONS),
        ("verify", "good.cbor", *OPTIONS, "--json"),
        ("verify", "good.cbor", "missing", *OPTIONS),
        ("policy", "show", "policy.toml"),
        ("--version",),
        ("--help",),
    ],
)
def test_a_full_device_is_one_line(arguments: tuple[str, ...]) -> None:
    """An accepted document that nobody was told of is no success."""
    done = shell("> /dev/full", *arguments)
    assert done.returncode == 1
    assert done.stderr == (
        "nitro-attest: standard output: cannot be written: No space left on device\n"
    )


@needs_a_full_device
def test_a_standard_error_that_takes_nothing_changes_no_exit_code() -> None:
    """There is nobody to complain to."""
    assert shell("2> /dev/full", "verify", "missing", *OPTIONS).returncode == 1
    assert shell("2>&-", "verify", "missing", *OPTIONS).returncode == 1


def test_a_closed_standard_output_leaves_the_exit_code() -> None:
    """Whoever closes it wants nothing but the code."""
    assert shell(">&-", "verify", "good.cbor", *OPTIONS).returncode == 0
    assert shell(">&-", "verify", "policy.toml", *OPTIONS).returncode == 2


@needs_a_full_device
def test_a_stream_that_fails_is_replaced_by_nothing() -> None:
    """The same in this process: what is still buffered must not fail again when it is closed."""
    with FULL.open("w", encoding="utf-8") as out, contextlib.redirect_stdout(out):
        assert _app.run(["--version"]) == 1
        out.write("goes nowhere")


def test_a_process_without_a_standard_output_has_its_exit_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In this process."""
    monkeypatch.setattr(sys, "stdout", None)
    assert _app.run(["verify", "good.cbor", *OPTIONS]) == 0


def test_complaints_go_nowhere_if_there_is_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The functions, in this process."""
    monkeypatch.setattr(sys, "stderr", None)
    _lines.complain("nobody hears this")
    assert verdicts("good.cbor", "missing") == {"good.cbor": "accepted", "missing": "unread"}

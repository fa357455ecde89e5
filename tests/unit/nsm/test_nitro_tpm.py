"""`NitroTpm` runs a program that stands for `nitro-tpm-attest`."""

import json
import os
import pickle
import stat
import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from nitro_attest import NitroAttestError
from nitro_attest.nsm import NitroTpm, NitroTpmError, NitroTpmFailure

Program = Callable[[str], str]

# Tells what it was given: arguments, and content and mode of each file.
TELL: Final = """
import json, os, sys
options = sys.argv[1:]
files = dict(zip(options[::2], options[1::2], strict=True))
told = {
    name: [open(file, "rb").read().hex(), os.stat(file).st_mode & 0o777,
           os.stat(os.path.dirname(file)).st_mode & 0o777, file]
    for name, file in files.items()
}
print(json.dumps({"files": told, "input": sys.stdin.read()}))
"""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Write an executable that runs some Python."""

    def write(source: str) -> str:
        file = tmp_path / "nitro-tpm-attest"
        file.write_text(f"#!{sys.executable} -I\n{source}")
        file.chmod(0o755)
        return str(file)

    return write


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give temporary files a directory of their own."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def failure_of(call: Callable[[], object]) -> NitroTpmFailure:
    """Return how a call failed."""
    with pytest.raises(NitroTpmError) as caught:
        call()
    assert isinstance(caught.value, NitroAttestError)
    return caught.value.failure


def test_the_fields_reach_the_tool_as_private_files_that_are_removed(
    program: Program, temporary: Path
) -> None:
    """Mode 0600 in a directory of mode 0700, gone afterwards."""
    tpm = NitroTpm(command=program(TELL))
    told = json.loads(
        tpm.attestation_document(public_key=b"key", user_data=b"", nonce=b"\0nonce\n")
    )
    assert told["input"] == ""
    assert {name: bytes.fromhex(content) for name, (content, *_) in told["files"].items()} == {
        "--public-key": b"key",
        "--user-data": b"",
        "--nonce": b"\0nonce\n",
    }
    for _, mode, folder_mode, file in told["files"].values():
        assert (stat.filemode(mode), stat.filemode(folder_mode)) == ("?rw-------", "?rwx------")
        assert Path(file).is_relative_to(temporary)
    assert list(temporary.iterdir()) == []


@pytest.mark.usefixtures("temporary")
def test_fields_that_are_absent_are_no_options(program: Program) -> None:
    """An empty file would be an empty field, which is another document."""
    tpm = NitroTpm(command=program(TELL))
    assert json.loads(tpm.attestation_document())["files"] == {}


def test_the_output_is_the_document(program: Program) -> None:
    """Up to the largest size that a document can have."""
    source = "import sys; sys.stdout.buffer.write(bytes(range(256)) * 80)"
    assert len(NitroTpm(command=program(source)).attestation_document()) == 20_480


@pytest.mark.parametrize(
    ("source", "failure"),
    [
        ("import sys; sys.exit('no TPM \\x1b[31m here')", NitroTpmFailure.FAILED),
        ("import os; os.kill(os.getpid(), 9)", NitroTpmFailure.FAILED),
        ("", NitroTpmFailure.INVALID_OUTPUT),
        ("print('x' * 20_480)", NitroTpmFailure.INVALID_OUTPUT),
        ("import time; time.sleep(60)", NitroTpmFailure.TIMED_OUT),
    ],
)
def test_a_failure_of_the_tool_is_told_and_leaves_no_file(
    program: Program, temporary: Path, source: str, failure: NitroTpmFailure
) -> None:
    """Exit status, signal, no output, too much output, no end."""
    seconds = 0.2 if failure is NitroTpmFailure.TIMED_OUT else 60
    tpm = NitroTpm(command=program(source), timeout=timedelta(seconds=seconds))
    assert failure_of(lambda: tpm.attestation_document(nonce=b"nonce")) is failure
    assert list(temporary.iterdir()) == []


def test_what_the_tool_says_is_shown_printable_and_short(program: Program) -> None:
    """It may go into a log."""
    tpm = NitroTpm(command=program("import sys; sys.exit('no TPM\\x1b' + 'x' * 9999)"))
    with pytest.raises(NitroTpmError) as caught:
        tpm.attestation_document()
    assert caught.value.detail.startswith("exit status 1: no TPM x")
    assert len(caught.value.detail) < 250


@pytest.mark.parametrize("command", ["/no/such/program", "null\0byte", "/"])
def test_a_tool_that_can_not_be_started_is_told(command: str) -> None:
    """Missing, impossible, or not executable."""
    tpm = NitroTpm(command=command)
    assert failure_of(tpm.attestation_document) is NitroTpmFailure.NOT_STARTED


def test_temporary_files_that_can_not_be_written_are_told(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container without a writable file system."""
    tpm = NitroTpm(command=program(TELL))
    monkeypatch.setattr(tempfile, "tempdir", "/no/such/folder")
    failure = failure_of(lambda: tpm.attestation_document(nonce=b"nonce"))
    assert failure is NitroTpmFailure.TEMPORARY_FILES


@pytest.mark.parametrize("value", [bytes(1025), "text", bytearray(b"1")])
def test_a_field_of_the_wrong_size_or_type_is_rejected_before_anything_runs(value: Any) -> None:
    """For each of the three fields."""
    tpm = NitroTpm(command="/no/such/program")
    for name in ("public_key", "user_data", "nonce"):
        failure = failure_of(partial(tpm.attestation_document, **{name: value}))
        assert failure is NitroTpmFailure.INVALID_ARGUMENT


@pytest.mark.parametrize("seconds", [0, -1])
def test_the_timeout_is_positive(seconds: int) -> None:
    """Zero would never get a document."""
    failure = failure_of(lambda: NitroTpm(timeout=timedelta(seconds=seconds)))
    assert failure is NitroTpmFailure.INVALID_ARGUMENT


def test_the_default_is_where_amazon_linux_installs_the_tool() -> None:
    """No search along PATH."""
    if not os.path.exists("/usr/bin/nitro-tpm-attest"):  # noqa: PTH110 - the path is the subject
        failure = failure_of(NitroTpm().attestation_document)
        assert failure is NitroTpmFailure.NOT_STARTED


def test_an_error_can_be_pickled() -> None:
    """Worker processes hand errors on by pickle."""
    error = NitroTpmError(NitroTpmFailure.FAILED, "detail")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (again.failure, again.detail) == (error.failure, error.detail)
    assert str(again) == "failed: detail"

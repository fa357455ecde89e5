"""What surrounds a call changes no verdict: links, pipes, variables, disks, killed processes."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Final, NoReturn, Self

import pytest

from nitro_attest import MalformedDocumentError
from nitro_attest.cli import _documents
from nitro_attest.policy_file import policy_to_toml
from unit.cli.console import EXAMPLES, run
from unit.cli.test_streams import GOOD, OPTIONS, POLICY

PROGRAM: Final = (sys.executable, "-m", "nitro_attest")
DECIDED: Final = (
    *("--label", "payments", "--pin", "pcr3=zero", "--pin", "pcr4=zero", "--pin", "pcr8=zero"),
    *("--public-key", "present", "--user-data", "absent"),
)


@pytest.fixture(name="folder", autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a policy and a document that meets it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy.toml").write_text(policy_to_toml(POLICY), encoding="utf-8")
    (tmp_path / "good.cbor").write_bytes(GOOD)
    return tmp_path


@pytest.mark.parametrize("name", ["many", "many/*"])
def test_nothing_in_a_folder_is_omitted_silently(folder: Path, name: str) -> None:
    """Links that lead nowhere or in a circle, and pipes, are unread, and stop no other file."""
    (folder / "many" / "inner").mkdir(parents=True)
    (folder / "many" / "good.cbor").write_bytes(GOOD)
    (folder / "many" / "circle").symlink_to("circle")
    (folder / "many" / "nowhere").symlink_to("missing")
    os.mkfifo(folder / "many" / "pipe")
    done = run("verify", name, *OPTIONS, "--json")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert {line["file"]: line["verdict"] for line in lines} == {
        "many/circle": "unread",
        "many/good.cbor": "accepted",
        "many/nowhere": "unread",
        "many/pipe": "unread",
    }
    assert done.code == 1
    for odd in ("circle", "nowhere", "pipe"):
        (folder / "many" / odd).unlink()
    done = run("verify", name, *OPTIONS)
    assert (done.code, "\n1 document\n" in done.out) == (0, True)


@pytest.mark.parametrize("written", [b"", GOOD[:1000]])
def test_a_standard_input_that_does_not_block_is_waited_for(written: bytes) -> None:
    """A parent process may have set it so; half a document must not be all."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.write(writer, written)
    with subprocess.Popen(  # noqa: S603 - this program, with arguments of this test
        [*PROGRAM, "verify", "-", *OPTIONS], stdin=reader, stdout=subprocess.PIPE
    ) as process:
        while not os.get_blocking(reader):  # one description, which the program sets
            assert process.poll() is None
        os.close(reader)
        os.write(writer, GOOD[len(written) :])
        os.close(writer)
        out, _ = process.communicate()
    assert process.returncode == 0
    assert b"ACCEPTED" in out


@pytest.mark.parametrize("shell", ["source_bash", "complete_zsh", "complete_fish"])
def test_a_completion_variable_in_the_environment_decides_nothing(
    shell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With it, a command line that verifies must not succeed by printing completions."""
    monkeypatch.setenv("_NITRO_ATTEST_COMPLETE", shell)
    assert run("verify", "policy.toml", *OPTIONS).code == 2
    assert run("verify", "good.cbor", *OPTIONS).code == 0
    assert "REJECTED" in run("verify", "policy.toml", *OPTIONS).out


def test_completion_itself_works() -> None:
    """A shell's script calls the program without arguments."""
    environment = {
        **os.environ,
        "_NITRO_ATTEST_COMPLETE": "complete_bash",
        "COMP_WORDS": "nitro-attest ver",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(PROGRAM, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - this program
    assert (done.returncode, done.stdout.split()) == (0, ["verify"])


def test_half_a_policy_is_not_left_on_a_full_disk() -> None:
    """It would be taken for the whole, or stand in the way of the next try."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))  # Python ignores the signal
    try:
        build = str(EXAMPLES / "build.json")
        done = run("policy", "new", "--from-nitro-cli", build, *DECIDED, "--output", "new.toml")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (done.code, done.out) == (1, "")
    assert done.err == "nitro-attest: new.toml: cannot be written: File too large\n"
    assert not Path("new.toml").exists()


class _KilledPool:
    """A pool whose processes were killed, as by a system without memory."""

    def __init__(self, *_arguments: object, **_options: object) -> None:
        """Start nothing."""

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_error: object) -> None:
        """End."""

    def map(self, *_arguments: object, **_options: object) -> Iterator[object]:
        """Lose a process."""
        raise BrokenProcessPool


def _no_pool(*_arguments: object, **_options: object) -> NoReturn:
    raise OSError(38, "Function not implemented")


def many(pool: Callable[..., object], monkeypatch: pytest.MonkeyPatch) -> tuple[int, str, str]:
    """Verify two documents with a pool of processes."""
    monkeypatch.setattr(_documents, "MIN_FOR_PROCESSES", 1)
    monkeypatch.setattr(_documents, "available_cores", lambda: 2)
    monkeypatch.setattr(_documents, "ProcessPoolExecutor", pool)
    Path("other.cbor").write_bytes(GOOD)
    done = run("verify", "good.cbor", "other.cbor", *OPTIONS)
    return done.code, done.out, done.err


def test_a_killed_worker_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a mistake, since not every document has a verdict."""
    code, _, err = many(_KilledPool, monkeypatch)
    assert code == 1
    assert err == "nitro-attest: a worker process was killed: not every document was verified\n"


def test_a_system_without_worker_processes_does_all_the_work_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As AWS Lambda, which has no shared semaphores."""
    code, out, err = many(_no_pool, monkeypatch)
    assert (code, err) == (0, "")
    assert out.count("accepted  ") == 2


def test_inspect_names_the_file_that_it_cannot_take_apart(folder: Path) -> None:
    """And says why as JSON, if that is wanted."""
    (folder / "odd\x1b[2J.cbor").write_bytes(b"nothing!")
    done = run("inspect", "odd\x1b[2J.cbor")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("nitro-attest: odd?[2J.cbor: cose.structure: ")
    done = run("inspect", "odd\x1b[2J.cbor", "--json")
    found = json.loads(done.out)
    assert (done.code, done.err) == (2, "")
    assert (found["verified"], found["error"]) == (False, MalformedDocumentError.__name__)


def test_inspect_says_as_json_that_a_file_cannot_be_read() -> None:
    """One object, as for every other outcome; without --json, one line."""
    assert run("inspect", "missing").err.startswith("nitro-attest: missing: cannot be read: ")
    done = run("inspect", "missing", "--json")
    assert (done.code, done.err) == (1, "")
    problem = "cannot be read: No such file or directory"
    assert json.loads(done.out) == {"verified": False, "problem": problem}


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("role", "x"), "ARN"),
        (("instance", "x"), "ID"),
        (("certificate", "good.cbor"), "good.cbor"),
    ],
)
def test_a_pcr_that_cannot_be_computed_names_the_argument(
    arguments: tuple[str, str], name: str
) -> None:
    """A reader of the command line knows no parameter of a Python function."""
    done = run("pcr", *arguments)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"nitro-attest: {name}: expected ")

"""The sequence runs as the documentation shows it, ends, and leaves nothing."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.servers

ROOT = Path(__file__).parents[3]
RUN = ROOT / "examples" / "sequence" / "run.py"
PAGE = ROOT / "docs" / "guides" / "sequence.md"
SHOWN = re.compile(r"<!-- output of make sequence -->\n```text\n(.*?)```", re.DOTALL)
OF_THIS_MACHINE = re.compile(r"^(Storage|Vsock): .*$", re.MULTILINE)
COLUMNS = 80
SECONDS = 240


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder whose path leaves room for the names of sockets."""
    with tempfile.TemporaryDirectory(prefix="s") as made:
        yield Path(made)


def start(folder: Path) -> "subprocess.Popen[str]":
    """Start the example in a folder, with its temporary files there."""
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT / "broker" / "src")])
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, str(RUN)],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder), "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def leftovers(process: "subprocess.Popen[str]") -> list[str]:
    """Return the processes of a session that are still there."""
    found: list[str] = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if int(fields[3]) == process.pid:
            found.append(status.parent.name)
    return found


def assert_ended(process: "subprocess.Popen[str]") -> None:
    """Wait up to ten seconds: who is killed last may still be on its way out."""
    deadline = time.monotonic() + 10
    while (found := leftovers(process)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert found == []


def test_runs_as_the_documentation_shows(folder: Path) -> None:
    """Exit code 0, the output of the page, no process and no file left."""
    process = start(folder)
    output, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, errors) == (0, ""), output + errors
    shown = SHOWN.search(PAGE.read_text(encoding="utf-8"))
    assert shown is not None
    assert OF_THIS_MACHINE.sub(r"\1", output) == OF_THIS_MACHINE.sub(r"\1", shown[1])
    assert max(map(len, output.splitlines())) <= COLUMNS
    assert_ended(process)
    assert list(folder.iterdir()) == []


def test_ends_all_its_processes_when_it_is_told_to_end(folder: Path) -> None:
    """Ended in the middle, after the first step, it leaves no process and no file."""
    process = start(folder)
    assert process.stdout is not None
    while not process.stdout.readline().startswith(" 1 "):
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=SECONDS)
    assert process.returncode == 128 + signal.SIGTERM
    assert_ended(process)
    assert list(folder.iterdir()) == []

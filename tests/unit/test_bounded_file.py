"""Files are read up to a limit, and pipes only while somebody writes to them."""

import os
import threading
from pathlib import Path

import pytest

from nitro_attest import PolicyError
from nitro_attest import _bounded_file as bounded


@pytest.fixture(name="pipe")
def _pipe(tmp_path: Path) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def test_reads_no_more_than_the_limit(tmp_path: Path) -> None:
    """By a name of either type."""
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    assert bounded.read_file(path, 4) == b"0123"
    assert bounded.read_file(str(path), 100) == b"0123456789"


def test_a_pipe_is_read_to_its_end(pipe: Path) -> None:
    """Whatever pieces its writer writes, more than the kernel holds at once included."""
    data = bytes(200_000)
    writer = threading.Thread(target=pipe.write_bytes, args=(data,))
    writer.start()
    assert bounded.read_file(pipe, len(data) + 1) == data
    writer.join()


def test_a_writer_that_has_not_written_yet_is_waited_for(
    pipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once there is a writer, reading waits as it does for any pipe."""
    monkeypatch.setattr(bounded, "PIPE_WAIT_MS", 0)
    opened = os.open(pipe, os.O_RDWR)  # a writer that is there and has written nothing

    def write_late() -> None:
        os.write(opened, b"late")
        os.close(opened)

    timer = threading.Timer(0.01, write_late)
    timer.start()
    assert bounded.read_file(pipe, 4) == b"late"
    timer.join()


def test_a_writer_that_writes_nothing_gives_an_empty_file(pipe: Path) -> None:
    """As `: > pipe` does."""
    writer = threading.Thread(target=pipe.write_bytes, args=(b"",))
    writer.start()
    assert bounded.read_file(pipe, 4) == b""
    writer.join()


def test_a_pipe_that_nobody_writes_to_is_an_error(
    pipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Instead of a wait without end."""
    monkeypatch.setattr(bounded, "PIPE_WAIT_MS", 0)
    with pytest.raises(PolicyError, match="nobody writes"):
        bounded.read_file(pipe, 4)


@pytest.mark.parametrize("name", ["missing", ".", "nul\0", "x" * 300, "a\u001b[2J"])
def test_what_cannot_be_read_is_one_printable_error(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing file, a folder, an impossible name."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PolicyError) as caught:
        bounded.read_file(name, 4)
    assert str(caught.value).isprintable()
    assert "cannot be read" in caught.value.problem


def test_an_error_without_a_text_of_the_system_names_its_type(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There is always something to go by."""

    def fail(_name: str, _flags: int) -> int:
        raise TimeoutError

    monkeypatch.setattr(bounded, "_open", fail)
    with pytest.raises(PolicyError, match="TimeoutError"):
        bounded.read_file("x", 4)

"""Read no more of a file than is needed to reject it, and wait for no pipe that nobody writes to.

For documents, policies and reference values, whose names come from people and scripts.
"""

import os
import select
import stat
from io import FileIO
from os import PathLike
from typing import Final

from nitro_attest import PolicyError
from nitro_attest._text import printable

PIPE_WAIT_MS: Final = 2_000  # ours: time for a writer that was started at the same moment

_NON_BLOCKING: Final = getattr(os, "O_NONBLOCK", 0)  # Windows has none, and no named pipes


def read_file(name: str | PathLike[str], limit: int) -> bytes:
    """Return the first `limit` bytes of a file.

    Raises:
        PolicyError: It cannot be read, or it is a named pipe that nobody writes to.

    """
    try:
        with FileIO(os.fspath(name), opener=_open) as file:
            start = b""
            if stat.S_ISFIFO(os.fstat(file.fileno()).st_mode):
                start = _start_of_pipe(file)
            return _read_all(file, start, limit)
    except OSError as exc:
        problem = exc.strerror or type(exc).__name__
    except ValueError:
        problem = "a file name cannot contain a NUL"
    raise PolicyError(printable(os.fspath(name)), f"cannot be read: {problem}")


def _open(name: str, flags: int) -> int:
    """Open without waiting for a pipe's writer."""
    return os.open(name, flags | _NON_BLOCKING)


def _start_of_pipe(file: FileIO) -> bytes:
    """Return the first byte of a pipe, or nothing if it has a writer that has not written yet.

    A writer is waited for two seconds. From then on, reading waits for the data.
    """
    poll = select.poll()
    poll.register(file.fileno(), select.POLLIN)
    seen = poll.poll(PIPE_WAIT_MS)
    start = file.read(1)
    if start == b"" and not seen:
        raise OSError(0, "nobody writes to this pipe")
    os.set_blocking(file.fileno(), True)
    return start or b""


def _read_all(file: FileIO, start: bytes, limit: int) -> bytes:
    """Return what there is up to the limit; one call gives as much as a pipe holds just then."""
    data = start
    while len(data) < limit and (more := file.read(limit - len(data))):
        data += more
    return data

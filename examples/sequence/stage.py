"""Starts the parties as processes, hears what they tell, and ends every one of them.

All of them write their lines into one pipe, the KMS its log as well, so the lines arrive in the
order in which things happened.
"""

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self, cast, final

_SECONDS: Final = 180.0  # the whole; it takes about 15 on two cores with nothing else to do
_SILENT_SECONDS: Final = 30.0
_END_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.02
_MAX_FOLDER_BYTES: Final = 88  # the path of a socket has at most 107
_HERE: Final = Path(__file__).parent
Event = dict[str, object]


class StageError(Exception):
    """A party did not do what the sequence needs."""


@final
class Party:
    """One process. Its standard input stays open, so that it can be told more."""

    def __init__(self, process: "subprocess.Popen[str]", name: str) -> None:
        """Take a process that has been started."""
        self._process: Final = process
        self.name: Final = name

    def say(self, message: Mapping[str, str]) -> None:
        """Write a line to its standard input."""
        stdin = cast("IO[str]", self._process.stdin)
        try:
            stdin.write(json.dumps(dict(message)) + "\n")
            stdin.flush()
        except BrokenPipeError:
            raise StageError(f"the {self.name} has ended") from None

    def lines(self) -> IO[str]:
        """Return its standard output."""
        return cast("IO[str]", self._process.stdout)

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def wait(self, seconds: float = _END_SECONDS) -> int:
        """Return its exit code.

        Raises:
            StageError: It has not ended in time.

        """
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise StageError(f"the {self.name} did not end") from None

    def end(self) -> None:
        """End it, in any case."""
        cast("IO[str]", self._process.stdin).close()
        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


@final
class Stage:
    """A temporary folder, a pipe that everybody tells what happens, and the processes."""

    def __init__(self) -> None:
        """Start with no process."""
        self._closing: Final = ExitStack()
        self._events: Final[queue.Queue[Event]] = queue.Queue()
        self._until: Final = time.monotonic() + _SECONDS
        self._addresses: Final[dict[str, str]] = {}
        self.told: Final[list[str]] = []
        self.noise: Final[list[str]] = []

    def __enter__(self) -> Self:
        """Make the folder and the pipe."""
        temporary = tempfile.TemporaryDirectory(prefix="sequence-")
        self.folder = Path(self._closing.enter_context(temporary))
        if len(os.fsencode(self.folder)) > _MAX_FOLDER_BYTES:
            self._closing.close()
            raise StageError(f"set TMPDIR to a shorter path than {self.folder.parent}")
        reading, self._writing = os.pipe()
        reader = threading.Thread(target=self._read, args=(reading,))
        reader.start()

        def finish() -> None:
            os.close(self._writing)
            reader.join()

        self._closing.callback(finish)
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End every process, the last one first, and remove the folder."""
        self._closing.close()

    def start(
        self, name: str, *arguments: str, folder: Path = _HERE, keep_output: bool = False
    ) -> Party:
        """Start `python ARGUMENTS` in a folder, without the AWS settings of whoever runs this."""
        process = subprocess.Popen(  # noqa: S603 - our own programs
            [sys.executable, *arguments],
            cwd=folder,
            env=self._environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if keep_output else subprocess.DEVNULL,
            stderr=self._writing,
            pass_fds=[self._writing],
            text=True,
        )
        party = Party(process, name)
        self._closing.callback(party.end)
        return party

    def next_event(self, *parties: Party) -> Event:
        """Return what happens next.

        Raises:
            StageError: Nothing does, or the one who should tell has ended.

        """
        until = self._patience()
        while True:
            try:
                return self._events.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                gone = [party.name for party in parties if party.ended]
                if self._events.empty() and (gone or time.monotonic() > until):
                    what = f"ended: {', '.join(gone)}" if gone else "nothing happens any more"
                    raise StageError(what) from None

    def wait_for(self, name: str, *parties: Party) -> Event:
        """Return the next event of this name; those before it are not looked at."""
        while (event := self.next_event(*parties)).get("event") != name:
            pass
        return event

    def address_of(self, name: str, *parties: Party) -> str:
        """Return the address that a party has told, or will tell in time.

        Raises:
            StageError: It does not.

        """
        until = self._patience()
        while name not in self._addresses:
            if time.monotonic() > until or any(party.ended for party in parties):
                raise StageError(f"nobody listens: {name}")
            time.sleep(_POLL_SECONDS)
        return self._addresses[name]

    def _patience(self) -> float:
        """Return until when something must happen."""
        return min(self._until, time.monotonic() + _SILENT_SECONDS)

    def _environment(self) -> dict[str, str]:
        kept = ("HOME", "PATH", "PYTHONPATH", "VIRTUAL_ENV", "LANG", "TZ", "LD_LIBRARY_PATH")
        return {
            **{name: os.environ[name] for name in kept if name in os.environ},
            "TMPDIR": str(self.folder),
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "SEQUENCE_EVENTS": str(self._writing),
        }

    def _read(self, reading: int) -> None:
        with os.fdopen(reading, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                self.told.append(line)
                try:
                    event: object = json.loads(line)
                except ValueError:
                    event = None
                self._take(cast("Event", event) if isinstance(event, dict) else None, line)

    def _take(self, event: Event | None, line: str) -> None:
        if event is None:
            self.noise.append(line.rstrip())
        elif event.get("event") == "listens":
            self._addresses[str(event["name"])] = str(event["address"])
        else:
            self._events.put(event)

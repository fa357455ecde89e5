"""The head of the audit log, exported to a file outside the database.

It says how far the log had come. A database with less is an older backup, or was rolled
back by somebody who can write to it (row 132 of the attacks).
"""

import json
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast, final

from nitro_attest_broker._master_key import sync_directory

_HEX: Final = re.compile(r"[0-9a-f]{64}")


class HeadFileError(Exception):
    """The head file cannot be read or written."""


@final
@dataclass(frozen=True, slots=True)
class Head:
    """The number of the last audit line and its MAC, which covers every line before it."""

    sequence: int
    mac: bytes


@final
class HeadFile:
    """A file with one head, replaced as a whole."""

    def __init__(self, path: Path) -> None:
        """Take the path; nothing is opened yet."""
        self.path: Final = path

    def read(self) -> Head | None:
        """Return the head, or None if there is no file.

        Raises:
            HeadFileError: There is a file, but it holds no head.

        """
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise HeadFileError(f"{self.path}: {exc.strerror}") from None
        try:
            value = json.loads(data)
        except ValueError:
            raise HeadFileError(f"{self.path}: not a head file") from None
        fields = cast("dict[str, object]", value) if type(value) is dict else {}
        sequence, mac = fields.get("sequence"), fields.get("mac")
        if type(sequence) is not int or type(mac) is not str or not _HEX.fullmatch(mac):
            raise HeadFileError(f"{self.path}: not a head file")
        return Head(sequence, bytes.fromhex(mac))

    def write(self, head: Head, *, durably: bool) -> None:
        """Replace the head; `durably` also brings it to the disk, which a power cut needs.

        Raises:
            HeadFileError: It cannot be written.

        """
        text = json.dumps({"sequence": head.sequence, "mac": head.mac.hex()}) + "\n"
        part = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        try:
            with part.open("w", encoding="ascii") as file:
                file.write(text)
                if durably:
                    file.flush()
                    os.fsync(file.fileno())
            part.replace(self.path)
            if durably:
                sync_directory(self.path.parent)
        except OSError as exc:
            raise HeadFileError(f"{self.path}: {exc.strerror}") from None

"""Read what the command line is given: documents in three forms, nonces and times.

Names and texts of the caller come in, bytes and values go out, or a `PolicyError`. Never: more of a
file than is needed to refuse it.
"""

import re
import sys
from base64 import b64decode, urlsafe_b64decode
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from nitro_attest import PolicyError
from nitro_attest._strict_json import MAX_TEXT_BYTES
from nitro_attest.cli._lines import safe

MAX_DOCUMENT_FILE: Final = 65_536  # the longest document in hex digits has 40,960, plus line ends
STANDARD_INPUT: Final = "-"

_HEX: Final = re.compile(rb"(?:[0-9a-fA-F]{2})+")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
_URL_SAFE: Final = re.compile(rb"[A-Za-z0-9_-]+={0,2}")
_WHITE_SPACE: Final = re.compile(rb"[ \t\r\n]+")


def read_document(name: str) -> bytes:
    """Return the document in a file, or of the standard input for "-": raw bytes, base64 or hex digits.

    What is none of the three is returned as it is, for `verify` to refuse.
    """
    return decode_document(read_bytes(name, MAX_DOCUMENT_FILE + 1))


def read_bytes(name: str, limit: int) -> bytes:
    """Return the first `limit` bytes of a file.

    Raises:
        PolicyError: It cannot be read.

    """
    if name == STANDARD_INPUT:
        return sys.stdin.buffer.read(limit)
    try:
        with Path(name).open("rb") as file:
            return file.read(limit)
    except (OSError, ValueError) as exc:  # ValueError: a NUL in the name
        problem = (
            exc.strerror if isinstance(exc, OSError) and exc.strerror else "not a name of a file"
        )
        raise PolicyError(safe(name), f"cannot be read: {problem}") from exc


def read_text(name: str) -> bytes:
    """Return the bytes of a text file, one more than is allowed at most."""
    return read_bytes(name, MAX_TEXT_BYTES + 1)


def decode_document(data: bytes) -> bytes:
    """Undo hex digits or base64 if the bytes are nothing else; a raw document never is, its first byte is not ASCII."""
    text = _WHITE_SPACE.sub(b"", data)
    if len(data) > MAX_DOCUMENT_FILE:
        return data
    if _HEX.fullmatch(text):
        return bytes.fromhex(text.decode("ascii"))
    padded = text + b"=" * (-len(text) % 4)
    if _BASE64.fullmatch(text) and len(text) % 4 != 1:
        return b64decode(padded)
    if _URL_SAFE.fullmatch(text) and len(text) % 4 != 1:
        return urlsafe_b64decode(padded)
    return data


def read_nonce(digits: str | None, file: str | None) -> bytes | None:
    """Return the nonce given as hex digits, or as the bytes of a file.

    Raises:
        PolicyError: Both are given, or the digits are none.

    """
    if digits is not None and file is not None:
        raise PolicyError("--nonce", "give it once, as --nonce or as --nonce-file")
    if file is not None:
        return read_bytes(file, MAX_DOCUMENT_FILE)
    if digits is None:
        return None
    if not _HEX.fullmatch(digits.encode("utf-8", "replace")):
        raise PolicyError(
            "--nonce", "expected hex digits, two for each byte; for raw bytes use --nonce-file"
        )
    return bytes.fromhex(digits)


def read_time(text: str | None) -> datetime:
    """Return a time given as ISO 8601 with its zone; the system's clock if none is given.

    Raises:
        PolicyError: It is no such time.

    """
    if text is None:
        return datetime.now(UTC)
    try:
        time = datetime.fromisoformat(text)
        if time.utcoffset() is not None:
            return time.astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise PolicyError("--at", "expected a time such as 2026-01-03T20:41:08Z") from exc
    raise PolicyError("--at", "expected a time with its zone, such as 2026-01-03T20:41:08Z")

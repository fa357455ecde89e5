"""Read what the command line is given: documents in three forms, nonces, certificates and times."""

import contextlib
import os
import re
import sys
from base64 import b64decode, urlsafe_b64decode
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from nitro_attest import PolicyError
from nitro_attest._bounded_file import read_file
from nitro_attest._strict_json import MAX_TEXT_BYTES

MAX_DOCUMENT_FILE: Final = 65_536  # the longest document in hex digits has 40,960, plus line ends
STANDARD_INPUT: Final = "-"

_HEX: Final = re.compile(rb"(?:[0-9a-fA-F]{2})+")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]+")
_URL_SAFE: Final = re.compile(rb"[A-Za-z0-9_-]+")
_WHITE_SPACE: Final = re.compile(rb"[ \t\r\n]+")


def read_document(name: str) -> bytes:
    """Return the document in a file, or of the standard input for "-".

    It may be raw bytes, base64 or hex digits; what is none of them is returned as it is, for
    `verify` to reject.

    Raises:
        PolicyError: It cannot be read.

    """
    return decode_document(read_bytes(name, MAX_DOCUMENT_FILE + 1))


def read_bytes(name: str, limit: int) -> bytes:
    """Return the first `limit` bytes of a file, or of the standard input for "-".

    Raises:
        PolicyError: It cannot be read.

    """
    if name != STANDARD_INPUT:
        return read_file(name, limit)
    problem = "it is closed"
    try:
        if sys.stdin is not None:
            # a parent may have left it non-blocking, and a read would end where it has to wait
            with contextlib.suppress(AttributeError, OSError, ValueError):  # it has no descriptor
                os.set_blocking(sys.stdin.fileno(), True)
            return sys.stdin.buffer.read(limit)
    except (OSError, ValueError) as exc:  # ValueError: closed in this process
        problem = getattr(exc, "strerror", None) or problem
    source = "standard input"
    raise PolicyError(source, f"cannot be read: {problem}")


def read_text(name: str) -> bytes:
    """Return the bytes of a text file, one more than is allowed at most."""
    return read_bytes(name, MAX_TEXT_BYTES + 1)


def decode_document(data: bytes) -> bytes:
    """Undo hex digits or base64, which a raw document never is: its first byte is not ASCII."""
    if len(data) > MAX_DOCUMENT_FILE:
        return data
    text = _WHITE_SPACE.sub(b"", data)
    if _HEX.fullmatch(text):
        return bytes.fromhex(text.decode("ascii"))
    body = text.rstrip(b"=")
    padding = b"=" * (-len(body) % 4)
    if len(body) % 4 == 1 or len(text) - len(body) not in {0, len(padding)}:
        return data
    if _BASE64.fullmatch(body):
        return b64decode(body + padding)
    if _URL_SAFE.fullmatch(body):
        return urlsafe_b64decode(body + padding)
    return data


def read_hex(digits: str) -> bytes | None:
    """Return the bytes of hex digits, two for each, at least one byte; None for any other text."""
    if not _HEX.fullmatch(digits.encode("utf-8", "replace")):
        return None
    return bytes.fromhex(digits)


def read_nonce(digits: str | None, file: str | None) -> bytes | None:
    """Return the nonce given as hex digits, or as the bytes of a file.

    Raises:
        PolicyError: Both are given, the file cannot be read, or the digits are none.

    """
    if digits is not None and file is not None:
        raise PolicyError("--nonce", "give it once, as --nonce or as --nonce-file")
    if file is not None:
        return read_bytes(file, MAX_DOCUMENT_FILE)
    if digits is None:
        return None
    nonce = read_hex(digits)
    if nonce is None:
        raise PolicyError(
            "--nonce", "expected hex digits, two for each byte; for raw bytes use --nonce-file"
        )
    return nonce


def read_certificate(name: str, option: str) -> bytes:
    """Return the DER of the one certificate in a file, PEM or DER.

    Raises:
        PolicyError: The file holds no certificate, or more than one.

    """
    data = read_text(name)
    try:
        found = (
            x509.load_pem_x509_certificates(data)
            if b"-----BEGIN" in data
            else [x509.load_der_x509_certificate(data)]
        )
    except (ValueError, x509.InvalidVersion):
        found = []
    if len(found) != 1:
        count = len(found) or "none"
        raise PolicyError(
            option, f"expected a file with one certificate, PEM or DER; found {count}"
        )
    return found[0].public_bytes(Encoding.DER)


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
    except (ValueError, OverflowError):
        raise PolicyError("--at", "expected a time such as 2026-01-03T20:41:08Z") from None
    raise PolicyError("--at", "expected a time with its zone, such as 2026-01-03T20:41:08Z")

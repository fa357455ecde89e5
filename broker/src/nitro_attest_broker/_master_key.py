"""The master key, which wraps every secret in the database and is never stored there.

Its file holds one key a line in hexadecimal, the current one first. A second line exists only while
`rotate-master-key` is at work, so that a start in the middle of it finds both.
"""

import hashlib
import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final, final

from nitro_attest_broker._sealing import KEY_BYTES, NotAuthenticError, seal, unseal

_PURPOSE: Final = b"nitro-attest-broker wrapping 1"
_NAME_BYTES: Final = 8
_LINE: Final = re.compile(rf"[0-9a-f]{{{2 * KEY_BYTES}}}")
_MAX_KEYS: Final = 2
_MAX_FILE_BYTES: Final = 1024
MODE: Final = 0o600


class MasterKeyError(Exception):
    """The master key cannot be read, or its file can be read by others."""


@final
class MasterKey:
    """Wraps secrets under the current key; unwraps those of the key before it as well."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Take one key of 32 bytes, or two, the current one first."""
        if not 1 <= len(keys) <= _MAX_KEYS or any(len(key) != KEY_BYTES for key in keys):
            raise MasterKeyError(f"expected one or two keys of {KEY_BYTES} bytes")
        self._keys: Final = {_name(key): key for key in keys}
        self._current: Final = _name(keys[0])

    def __repr__(self) -> str:
        """Return the type's name: a key has no place in a log."""
        return "MasterKey(...)"

    @property
    def name(self) -> str:
        """Eight bytes of a hash of the current key, in hexadecimal: which key it is."""
        return self._current.hex()

    def wrap(self, secret: bytes, *, associated_data: bytes) -> bytes:
        """Seal `secret` under the current key."""
        key = self._keys[self._current]
        return self._current + seal(
            key, secret, purpose=_PURPOSE, associated_data=self._current + associated_data
        )

    def unwrap(self, wrapped: bytes, *, associated_data: bytes) -> bytes:
        """Return the secret.

        Raises:
            NotAuthenticError: It was wrapped by another key, or with other associated data.

        """
        name = wrapped[:_NAME_BYTES]
        key = self._keys.get(name)
        if key is None:
            raise NotAuthenticError
        return unseal(
            key,
            wrapped[_NAME_BYTES:],
            purpose=_PURPOSE,
            associated_data=name + associated_data,
        )


def make_file(path: Path) -> MasterKey:
    """Write a new master key to a new file of mode 0600, durably, before anything is wrapped by it.

    Raises:
        MasterKeyError: The file exists already or cannot be written.

    """
    key = secrets.token_bytes(KEY_BYTES)
    write_keys(path, [key], replace=False)
    return MasterKey([key])


def read_file(path: Path) -> list[bytes]:
    """Return the keys of a file that only its owner may read.

    Raises:
        MasterKeyError: The file cannot be read, others may read it, or it holds no keys.

    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_MAX_FILE_BYTES + 1)
    except OSError as exc:
        raise MasterKeyError(f"{path}: {exc.strerror}") from None
    if mode & 0o077:
        raise MasterKeyError(f"{path}: others may read it; expected mode 0600 (chmod 600)")
    return _parse(data, str(path))


def read_descriptor(descriptor: int) -> list[bytes]:
    """Return the keys that can be read from a file descriptor, which is closed.

    Raises:
        MasterKeyError: Nothing can be read from it, or no keys.

    """
    try:
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
    except OSError as exc:
        raise MasterKeyError(f"file descriptor {descriptor}: {exc.strerror}") from None
    return _parse(data, f"file descriptor {descriptor}")


def write_keys(path: Path, keys: Sequence[bytes], *, replace: bool) -> None:
    """Write keys to a file of mode 0600 and bring it to the disk; with `replace` in place of it.

    Raises:
        MasterKeyError: It cannot be written, or exists and is not to be replaced.

    """
    text = "".join(f"{key.hex()}\n" for key in keys).encode()
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if replace:
                part.replace(path)
            else:
                os.link(part, path)  # fails if the file exists
        finally:
            part.unlink(missing_ok=True)
        sync_directory(path.parent)
    except OSError as exc:
        raise MasterKeyError(f"{path}: {exc.strerror}") from None


def sync_directory(path: Path) -> None:
    """Bring the names in a directory to the disk (fsync(2))."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _parse(data: bytes, source: str) -> list[bytes]:
    lines = data.decode("ascii", "replace").splitlines()
    if not 1 <= len(lines) <= _MAX_KEYS or not all(_LINE.fullmatch(line) for line in lines):
        raise MasterKeyError(
            f"{source}: expected one or two lines of {2 * KEY_BYTES} lower-case hexadecimal digits"
        )
    return [bytes.fromhex(line) for line in lines]


def _name(key: bytes) -> bytes:
    return hashlib.sha256(b"nitro-attest-broker master key\0" + key).digest()[:_NAME_BYTES]

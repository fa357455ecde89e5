"""NitroTPM: run AWS's `nitro-tpm-attest`, which asks the instance's TPM for a document.

The tool takes each field as a file and writes the document to standard output (EC2 User Guide, "Get
the NitroTPM Attestation Document"). It needs access to `/dev/tpm0`, which usually means root.
"""

import os
import subprocess
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, final

from nitro_attest.nsm._errors import NitroTpmError, NitroTpmFailure

DEFAULT_COMMAND: Final = "/usr/bin/nitro-tpm-attest"  # where Amazon Linux 2023 installs it
_MAX_FIELD_BYTES: Final = 1024
_MAX_DOCUMENT_BYTES: Final = 20_480
_MAX_SHOWN: Final = 200


@final
class NitroTpm:
    """The NitroTPM of this EC2 instance.

    `command` is the path of `nitro-tpm-attest`, `timeout` bounds one run of it. May be shared by
    threads; each document is one run of the tool, which takes the TPM for itself meanwhile.

    Raises:
        NitroTpmError: `INVALID_ARGUMENT`; the timeout is not positive.

    """

    def __init__(
        self, *, command: str = DEFAULT_COMMAND, timeout: timedelta = timedelta(seconds=30)
    ) -> None:
        """Keep the path and the bound; nothing is run yet."""
        if timeout <= timedelta(0):
            raise NitroTpmError(NitroTpmFailure.INVALID_ARGUMENT, "timeout: expected more than 0 s")
        self._command: Final = command
        self._seconds: Final = timeout.total_seconds()

    def attestation_document(
        self,
        *,
        public_key: bytes | None = None,
        user_data: bytes | None = None,
        nonce: bytes | None = None,
    ) -> bytes:
        """Return a new attestation document that carries the given fields, each up to 1,024 bytes.

        The fields are written to files that only this user can read, in a directory that is removed
        before this returns or raises.

        Raises:
            NitroTpmError: `failure` says what went wrong.

        """
        fields = {"public-key": public_key, "user-data": user_data, "nonce": nonce}
        given = {name: _checked(name, value) for name, value in fields.items() if value is not None}
        try:
            with TemporaryDirectory(prefix="nitro-attest-") as folder:
                return self._run(_options(Path(folder), given))
        except OSError as error:
            raise NitroTpmError(
                NitroTpmFailure.TEMPORARY_FILES,
                f"the fields can't be written to temporary files ({error.strerror})",
            ) from error

    def _run(self, options: list[str]) -> bytes:
        try:
            done = subprocess.run(  # noqa: S603 - the path is the caller's, the rest is ours; no shell
                [self._command, *options],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=self._seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise NitroTpmError(
                NitroTpmFailure.TIMED_OUT, f"expected a document within {self._seconds} s"
            ) from None
        except (OSError, ValueError) as error:
            raise NitroTpmError(
                NitroTpmFailure.NOT_STARTED,
                f"{self._command!r} can't be started ({error}); install aws-nitro-tpm-tools",
            ) from error
        if done.returncode != 0:
            raise NitroTpmError(
                NitroTpmFailure.FAILED, f"exit status {done.returncode}: {_shown(done.stderr)}"
            )
        if not 0 < len(done.stdout) <= _MAX_DOCUMENT_BYTES:
            raise NitroTpmError(
                NitroTpmFailure.INVALID_OUTPUT,
                f"expected a document of 1 to {_MAX_DOCUMENT_BYTES} bytes, "
                f"found {len(done.stdout)} bytes",
            )
        return done.stdout


def _checked(name: str, value: bytes) -> bytes:
    if type(value) is not bytes or len(value) > _MAX_FIELD_BYTES:
        raise NitroTpmError(
            NitroTpmFailure.INVALID_ARGUMENT,
            f"{name.replace('-', '_')}: expected at most {_MAX_FIELD_BYTES} bytes",
        )
    return value


def _options(folder: Path, fields: Mapping[str, bytes]) -> list[str]:
    options: list[str] = []
    for name, value in fields.items():
        file = folder / name
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(value)
        options += [f"--{name}", str(file)]
    return options


def _shown(error_output: bytes) -> str:
    """Return what the tool said, as printable text of bounded length."""
    text = error_output[: 4 * _MAX_SHOWN].decode(errors="replace").strip()
    return "".join(letter if letter.isprintable() else " " for letter in text)[:_MAX_SHOWN]

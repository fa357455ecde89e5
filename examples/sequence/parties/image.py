"""The enclave's image: a folder with all that runs in it, and the PCRs that measure it.

`nitro-cli build-enclave` makes an image file and prints its PCRs; here the image is a folder, and
a change of any byte in it changes PCR0 as well.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

PCR_BYTES: Final = 48
_PARTS: Final = ("__init__.py", "enclave.py", "wire.py")
_APPLICATION: Final = "application.py"


def build(
    folder: Path, *, ca_certificate: bytes, key_arn: str, context: Mapping[str, str]
) -> dict[int, bytes]:
    """Write an image, and return its PCR0, PCR1 and PCR2.

    It holds all that the enclave trusts: the CA of the KMS, the one key it decrypts with, and the
    encryption context. None of it comes from the parent instance.
    """
    here = Path(__file__).parent
    parts = folder / "parties"
    parts.mkdir(parents=True)
    for name in (*_PARTS, _APPLICATION):
        shutil.copyfile(here / name, parts / name)
    (folder / "ca.pem").write_bytes(ca_certificate)
    trusted = {"key_arn": key_arn, "context": dict(context)}
    (folder / "trusted.json").write_text(json.dumps(trusted), encoding="utf-8")
    return measure(folder)


def measure(folder: Path) -> dict[int, bytes]:
    """Return PCR0 (the image), PCR1 (what boots it) and PCR2 (its application)."""
    every = sorted(path for path in folder.rglob("*") if path.is_file())
    booting = [path for path in every if path.name in _PARTS]
    application = [path for path in every if path.name == _APPLICATION]
    return {
        index: _extended(_contents(folder, paths))
        for index, paths in enumerate((every, booting, application))
    }


def _contents(folder: Path, paths: Iterable[Path]) -> bytes:
    digests = hashlib.sha384()
    for path in paths:
        name = path.relative_to(folder).as_posix().encode()
        digests.update(hashlib.sha384(name).digest() + hashlib.sha384(path.read_bytes()).digest())
    return digests.digest()


def _extended(digest: bytes) -> bytes:
    """Extend a PCR that is still zero, as the hypervisor does once for each part of an image."""
    return hashlib.sha384(bytes(PCR_BYTES) + digest).digest()

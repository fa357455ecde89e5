"""Ask others for their verdict on the signature and on the chain.

pycose is asked for the signature, pyhanko-certvalidator and the system's openssl for the chain.
Each function takes the parts of a document and returns a verdict. Documents are taken apart with
plain cbor2, never with the library under test.
"""

import asyncio
import subprocess
import tempfile
from base64 import encodebytes
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final, cast, final

import cbor2
from cryptography import x509

# They come without types.
_Certificate: Any = import_module("asn1crypto.x509").Certificate
_EC2Key: Any = import_module("pycose.keys").EC2Key
_P384: Any = import_module("pycose.keys.curves").P384
_Sign1Message: Any = import_module("pycose.messages").Sign1Message
_certvalidator: Any = import_module("pyhanko_certvalidator")
_CertTrustAnchor: Any = import_module("pyhanko_certvalidator.authority").CertTrustAnchor
_ValidationPath: Any = import_module("pyhanko_certvalidator.path").ValidationPath
_async_validate_path: Any = import_module("pyhanko_certvalidator.validate").async_validate_path

OPENSSL: Final = "openssl"
_PEM: Final = "-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n"
_SECONDS: Final = 10


@final
@dataclass(frozen=True, slots=True)
class Parts:
    """Hold what plain cbor2 finds in a document."""

    sign1: tuple[Any, ...]
    certificate: bytes
    cabundle: tuple[bytes, ...]


def take_apart(doc: bytes) -> Parts | None:
    """Read a document without any rule; None if its certificates can't be found."""
    try:
        sign1 = cbor2.loads(doc.removeprefix(b"\xd2"))
        fields = cbor2.loads(sign1[2])
        found = Parts(tuple(sign1), fields["certificate"], tuple(fields["cabundle"]))
    except Exception:  # noqa: BLE001 - whatever the fault, there is nothing to ask a peer about
        return None
    return (
        found if all(type(der) is bytes for der in (found.certificate, *found.cabundle)) else None
    )


def pycose_accepts(parts: Parts) -> bool:
    """Ask pycose whether the leaf in the document signed it."""
    try:
        key = x509.load_der_x509_certificate(parts.certificate).public_key()
        numbers = cast("Any", key).public_numbers()
        message = _Sign1Message.from_cose_obj(list(parts.sign1), True)  # noqa: FBT003 - pycose's own call
        message.key = _EC2Key(
            crv=_P384, x=numbers.x.to_bytes(48, "big"), y=numbers.y.to_bytes(48, "big")
        )
        return bool(message.verify_signature())
    except Exception:  # noqa: BLE001 - pycose refuses in many ways
        return False


@cache
def pyhanko_accepts(
    certificate: bytes, cabundle: tuple[bytes, ...], root: bytes, at: datetime
) -> bool:
    """Ask pyhanko-certvalidator whether the leaf chains to the root at a time.

    It is given the path itself, since its own search tells certificates apart by issuer and serial
    number alone, and the test vectors have a root and a CA certificate with the same ones.
    """
    try:
        context = _certvalidator.ValidationContext(
            trust_roots=[_Certificate.load(root)],
            moment=at.replace(microsecond=0),  # certificates count in whole seconds
            time_tolerance=timedelta(),
            allow_fetching=False,
            revocation_mode="soft-fail",
        )
        anchor = _CertTrustAnchor(_Certificate.load(root))
        others = [_Certificate.load(der) for der in cabundle if der != root]
        path = _ValidationPath(anchor, others, _Certificate.load(certificate))
        asyncio.run(_async_validate_path(context, path))
    except Exception:  # noqa: BLE001 - it refuses in many ways
        return False
    return True


@cache
def openssl_accepts(
    certificate: bytes, cabundle: tuple[bytes, ...], root: bytes, at: datetime
) -> bool:
    """Ask `openssl verify` whether the leaf chains to the root at a time."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, ders in (("root", (root,)), ("bundle", cabundle), ("leaf", (certificate,))):
            (folder / file).write_text(
                "".join(_PEM.format(encodebytes(der).decode()) for der in ders)
            )
        command = (
            *(OPENSSL, "verify", "-attime", str(int(at.timestamp())), "-no-CApath", "-no-CAstore"),
            *(
                "-CAfile",
                str(folder / "root"),
                "-untrusted",
                str(folder / "bundle"),
                str(folder / "leaf"),
            ),
        )
        done = subprocess.run(command, capture_output=True, check=False, timeout=_SECONDS)  # noqa: S603 - our own command
    return done.returncode == 0

"""The developer: encrypts a file with OpenSSL so that only the enclave opens it, and uploads it.

The developer never has the private key: the KMS makes the pair and gives out the public key; the
private key is in the answer as well, but wrapped under the key that the KMS keeps.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, cast

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from parties import wire
from parties.kms_client import kms_client
from parties.storage import open_storage

_OPENSSL: Final = cast("str", shutil.which("openssl"))
_ASKS: Final = 1
_ENCRYPTS: Final = 2
_STORES: Final = 3


def main() -> int:
    """Encrypt a file for each line of standard input, as the object in it says."""
    for line in sys.stdin:
        _encrypt(wire.read_message(line))
    return 0


def _encrypt(settings: dict[str, str]) -> None:
    pair = kms_client(settings).generate_data_key_pair_without_plaintext(
        KeyId=settings["key_arn"],
        KeyPairSpec="RSA_2048",
        EncryptionContext=json.loads(settings["context"]),
    )
    wire.tell_step(_ASKS)
    envelope = _encrypted(Path(settings["file"]), pair["PublicKey"])
    wire.tell_step(_ENCRYPTS)
    storage = open_storage(settings["storage"])
    storage.put(f"{settings['name']}.cms", envelope)
    storage.put(f"{settings['name']}.key", pair["PrivateKeyCiphertextBlob"])
    wire.tell_step(_STORES)
    wire.tell("file is stored")


def _encrypted(file: Path, public_key: bytes) -> bytes:
    """Return a CMS envelope: AES-256-GCM, its key to the RSA key by OAEP with SHA-256."""
    pem = load_der_public_key(public_key).public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        public, signer, certificate = (Path(folder) / name for name in ("public", "signer", "cert"))
        public.write_bytes(pem)
        # `openssl cms` takes a certificate for a key: who signs it means nothing.
        _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
                 "-out", str(signer))  # fmt: skip
        _openssl("x509", "-new", "-key", str(signer), "-force_pubkey", str(public),
                 "-subj", "/CN=data key pair", "-out", str(certificate))  # fmt: skip
        return _openssl("cms", "-encrypt", "-binary", "-aes-256-gcm", "-outform", "DER",
                        "-in", str(file), "-recip", str(certificate),
                        "-keyopt", "rsa_padding_mode:oaep",
                        "-keyopt", "rsa_oaep_md:sha256")  # fmt: skip


def _openssl(*arguments: str) -> bytes:
    command = [_OPENSSL, *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout  # noqa: S603 - fixed arguments


if __name__ == "__main__":
    sys.exit(main())

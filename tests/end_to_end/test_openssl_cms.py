"""OpenSSL's own `openssl cms -decrypt` opens what encrypt and seal write."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from nitro_attest.recipient import decrypt, encrypt, open_sealed, seal
from support import cms

OPENSSL = shutil.which("openssl") or "openssl"
pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None and os.environ.get("CI") != "true",
    reason="the system has no openssl",
)
BITS = (2048, 3072, 4096)
SIZES = (0, 1, 15, 16, 17, 31, 32, 33, 1000, 4096)
ALL_SIZES = range(4097)

every_key = pytest.mark.parametrize("bits", BITS)
both = pytest.mark.parametrize("make", [encrypt, seal])
Make = Callable[[bytes, bytes], bytes]


@pytest.fixture(scope="session")
def key_files(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Write one private key of each size."""
    folder = tmp_path_factory.mktemp("keys")
    files = {bits: folder / f"{bits}.pem" for bits in BITS}
    for bits, file in files.items():
        file.write_bytes(
            cms.key_of(bits).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
    return files


def openssl_opens(envelope: bytes, key_file: Path) -> bytes:
    """Return what OpenSSL decrypts."""
    return subprocess.run(  # noqa: S603 - fixed arguments, a file of this test
        [OPENSSL, "cms", "-decrypt", "-binary", "-inform", "DER", "-inkey", str(key_file)],
        input=envelope,
        capture_output=True,
        check=True,
    ).stdout


@both
@every_key
@pytest.mark.parametrize("size", SIZES)
def test_openssl_opens_an_envelope(
    make: Make, bits: int, size: int, key_files: dict[int, Path]
) -> None:
    """Each side of the block size, and KMS's largest plaintext."""
    plaintext = bytes(index % 251 for index in range(size))
    envelope = make(plaintext, cms.public_key_of(cms.key_of(bits)))
    assert openssl_opens(envelope, key_files[bits]) == plaintext


@pytest.mark.full
@both
@every_key
def test_openssl_opens_an_envelope_of_every_size(
    make: Make, bits: int, key_files: dict[int, Path]
) -> None:
    """0 to 4,096 bytes."""
    public_key = cms.public_key_of(cms.key_of(bits))
    for size in ALL_SIZES:
        plaintext = bytes(index % 251 for index in range(size))
        assert openssl_opens(make(plaintext, public_key), key_files[bits]) == plaintext


def test_openssl_opens_fixed_envelopes_as_the_library_does(tmp_path: Path) -> None:
    """So they are what they are said to be."""
    for answer in cms.samples():
        file = tmp_path / f"{answer.name}.pem"
        file.write_bytes(
            answer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        assert openssl_opens(answer.envelope, file) == answer.plaintext
        assert decrypt(answer.envelope, answer.key) == answer.plaintext


def test_the_library_opens_what_openssl_opens_after_a_mebibyte(key_files: dict[int, Path]) -> None:
    """The largest plaintext."""
    key, plaintext = cms.key_of(2048), bytes(1 << 20)
    public_key = cms.public_key_of(key)
    envelope, sealed = encrypt(plaintext, public_key), seal(plaintext, public_key)
    assert openssl_opens(envelope, key_files[2048]) == plaintext == decrypt(envelope, key)
    assert openssl_opens(sealed, key_files[2048]) == plaintext == open_sealed(sealed, key)

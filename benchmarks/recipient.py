"""Measure what an envelope costs, as ratios to the bare RSA-OAEP and AES operations in it.

Run as `python benchmarks/recipient.py`. Every ratio has its floor from the same run: one RSA
operation with a loaded key, and AES over the same plaintext.
"""

import secrets
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Literal

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from nitro_attest.recipient import (
    RecipientKey,
    decrypt,
    encrypt,
    open_sealed,
    require_rsa_key,
    seal,
)
from timing import Subject, side_by_side, table, versions

ROUNDS: Final = 15  # of `timing.CALLS` calls each
SIZES: Final = (32, 4096, 1 << 20)
KEY_SIZES: Final[tuple[Literal[2048, 3072, 4096], ...]] = (2048, 3072, 4096)
OAEP_SHA_256: Final = OAEP(MGF1(SHA256()), SHA256(), None)


def main() -> None:
    """Print the tables."""
    for name, version in versions("cryptography", "nitro-attest").items():
        print(f"{name}: {version}")
    rows = [row for bits in KEY_SIZES for row in measure(bits, 32)]
    rows += [row for size in SIZES[1:] for row in measure(2048, size)]
    print()
    header = ("RSA bits", "plaintext", "call", "median µs", "floor µs", "times the floor")
    print(table(header, rows))
    print()
    print(generating())


def measure(bits: int, size: int) -> list[tuple[str, ...]]:
    """Measure every call for one key size and one size of plaintext."""
    key = generate_private_key(65537, bits)
    public_key = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    plaintext = secrets.token_bytes(size)
    envelope, sealed = encrypt(plaintext, public_key), seal(plaintext, public_key)
    holder = RecipientKey.generate()
    subjects = floors(key, plaintext) | {
        "encrypt": Subject(partial(encrypt, plaintext, public_key)),
        "seal": Subject(partial(seal, plaintext, public_key)),
        "decrypt": Subject(partial(decrypt, envelope, key)),
        "RecipientKey.open": Subject(partial(holder.open, envelope), partial(give, holder, key)),
        "open_sealed": Subject(partial(open_sealed, sealed, key)),
        "require_rsa_key": Subject(partial(require_rsa_key, public_key)),
    }
    timed = side_by_side(subjects, ROUNDS)
    against = {
        "encrypt": ("RSA encrypt", "CBC encrypt"),
        "seal": ("RSA encrypt", "GCM encrypt"),
        "decrypt": ("RSA decrypt", "CBC decrypt"),
        "RecipientKey.open": ("RSA decrypt", "CBC decrypt"),
        "open_sealed": ("RSA decrypt", "GCM decrypt"),
        "require_rsa_key": ("RSA encrypt",),
    }
    return [
        (
            str(bits),
            str(size),
            name,
            f"{timed[name].median:.1f}",
            f"{sum(timed[floor].median for floor in names):.1f}",
            f"{timed[name].ratio(*(timed[floor] for floor in names)):.2f}",
        )
        for name, names in against.items()
    ]


def floors(key: RSAPrivateKey, plaintext: bytes) -> dict[str, Subject]:
    """Make the bare operations."""
    data_key, iv, nonce = secrets.token_bytes(32), secrets.token_bytes(16), secrets.token_bytes(12)
    public = key.public_key()
    encrypted_key = public.encrypt(data_key, OAEP_SHA_256)
    whole_blocks = plaintext + bytes(16 - len(plaintext) % 16)
    sealed = AESGCM(data_key).encrypt(nonce, plaintext, None)

    def cbc_encrypt() -> bytes:
        encryptor = Cipher(AES256(data_key), CBC(iv)).encryptor()
        return encryptor.update(whole_blocks) + encryptor.finalize()

    def cbc_decrypt() -> bytes:
        decryptor = Cipher(AES256(data_key), CBC(iv)).decryptor()
        return decryptor.update(whole_blocks) + decryptor.finalize()

    calls: dict[str, Callable[[], object]] = {
        "RSA encrypt": partial(public.encrypt, data_key, OAEP_SHA_256),
        "RSA decrypt": partial(key.decrypt, encrypted_key, OAEP_SHA_256),
        "CBC encrypt": cbc_encrypt,
        "CBC decrypt": cbc_decrypt,
        "GCM encrypt": lambda: AESGCM(data_key).encrypt(nonce, plaintext, None),
        "GCM decrypt": lambda: AESGCM(data_key).decrypt(nonce, sealed, None),
    }
    return {name: Subject(call) for name, call in calls.items()}


def give(holder: RecipientKey, key: RSAPrivateKey) -> None:
    """Give a holder a key again, so that opening is measured without making keys."""
    slot: Any = RecipientKey.__dict__["_key"]
    slot.__set__(holder, key)


def generating() -> str:
    """Measure `RecipientKey.generate`."""
    subjects = {
        f"{bits} bits": Subject(partial(RecipientKey.generate, key_size=bits)) for bits in KEY_SIZES
    }
    timed = side_by_side(subjects, 1)
    rows: list[tuple[str, ...]] = [
        (name, f"{found.median / 1000:.0f}") for name, found in timed.items()
    ]
    return table(("RecipientKey.generate", "median ms"), rows)


if __name__ == "__main__":
    main()

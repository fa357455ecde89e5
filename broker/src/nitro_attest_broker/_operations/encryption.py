"""Encrypt, Decrypt, ReEncrypt (AWS KMS API Reference)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from nitro_attest_broker._call import Call, Outcome, encoded, released
from nitro_attest_broker._ciphertexts import (
    Ciphertext,
    invalid_ciphertext,
    make_ciphertext,
    open_ciphertext,
    read_ciphertext,
)
from nitro_attest_broker._errors import CIPHERTEXT_DENIED, Code, KmsError, validation
from nitro_attest_broker._keys import ENCRYPT_DECRYPT, RSA_ALGORITHMS, SYMMETRIC, Key
from nitro_attest_broker._members import KEY_ID

MAX_PLAINTEXT: Final = 4096  # bytes; KMS
MAX_CIPHERTEXT: Final = 6144
_ALGORITHMS: Final = (SYMMETRIC, *RSA_ALGORITHMS)
_HASHES: Final[Mapping[str, type[SHA1] | type[SHA256]]] = {
    "RSAES_OAEP_SHA_1": SHA1,
    "RSAES_OAEP_SHA_256": SHA256,
}


def encrypt(call: Call) -> Outcome:
    """Encrypt at most 4,096 bytes under a key."""
    members = call.members
    key_id = members.required_text("KeyId", KEY_ID)
    plaintext = members.required_blob("Plaintext", MAX_PLAINTEXT)
    context = members.context("EncryptionContext")
    algorithm = members.choice("EncryptionAlgorithm", *_ALGORITHMS) or SYMMETRIC
    members.no_grants()
    dry_run = call.finish()
    key = call.find_key(key_id)
    _expect_algorithm(call, key, algorithm, context)
    call.authorize(key, context=context)
    call.expect_no_dry_run(dry_run)
    return Outcome(
        {
            "CiphertextBlob": encoded(_encrypted(key, plaintext, algorithm, context)),
            "KeyId": call.arn(key),
            "EncryptionAlgorithm": algorithm,
        }
    )


def decrypt(call: Call) -> Outcome:
    """Decrypt a ciphertext, for the attested key alone if there is a Recipient."""
    members = call.members
    blob = members.required_blob("CiphertextBlob", MAX_CIPHERTEXT)
    context = members.context("EncryptionContext")
    key_id = members.text("KeyId", KEY_ID)
    algorithm = members.choice("EncryptionAlgorithm", *_ALGORITHMS) or SYMMETRIC
    doc = members.recipient()
    members.no_grants()
    members.not_offered("DryRunModifiers")
    dry_run = call.finish()
    source = _find_source(call, blob, key_id, algorithm)
    _expect_algorithm(call, source.key, algorithm, context)
    attested = call.authorize_plaintext(source.key, context=context, doc=doc)
    call.expect_no_dry_run(dry_run)
    plaintext = _decrypted(source, context)
    answer: dict[str, object] = {
        "KeyId": call.arn(source.key),
        "EncryptionAlgorithm": algorithm,
        **released(attested, plaintext),
    }
    if attested is None and source.ciphertext is not None:
        answer["KeyMaterialId"] = source.key.materials[source.ciphertext.material].material_id
    return Outcome(answer)


def re_encrypt(call: Call) -> Outcome:
    """Encrypt anew what a ciphertext holds, without showing it."""
    members = call.members
    blob = members.required_blob("CiphertextBlob", MAX_CIPHERTEXT)
    source_context = members.context("SourceEncryptionContext")
    source_id = members.text("SourceKeyId", KEY_ID)
    destination_id = members.required_text("DestinationKeyId", KEY_ID)
    context = members.context("DestinationEncryptionContext")
    source_algorithm = members.choice("SourceEncryptionAlgorithm", *_ALGORITHMS) or SYMMETRIC
    algorithm = members.choice("DestinationEncryptionAlgorithm", *_ALGORITHMS) or SYMMETRIC
    members.no_grants()
    members.not_offered("DryRunModifiers")
    dry_run = call.finish()
    source = _find_source(call, blob, source_id, source_algorithm)
    _expect_algorithm(call, source.key, source_algorithm, source_context)
    if source.key.attested:
        raise call.denied(source.key, "ReEncryptFrom", "key.attested_only")
    destination = call.find_key(destination_id)
    _expect_algorithm(call, destination, algorithm, context)
    call.authorize(source.key, "ReEncryptFrom", context=source_context)
    call.authorize(destination, "ReEncryptTo", context=context)
    call.expect_no_dry_run(dry_run)
    plaintext = _decrypted(source, source_context)
    answer: dict[str, object] = {
        "CiphertextBlob": encoded(_encrypted(destination, plaintext, algorithm, context)),
        "SourceKeyId": call.arn(source.key),
        "KeyId": call.arn(destination),
        "SourceEncryptionAlgorithm": source_algorithm,
        "DestinationEncryptionAlgorithm": algorithm,
    }
    if source.ciphertext is not None:
        material = source.key.materials[source.ciphertext.material]
        answer["SourceKeyMaterialId"] = material.material_id
    if destination.symmetric:
        answer["DestinationKeyMaterialId"] = destination.materials[-1].material_id
    return Outcome(answer)


@final
@dataclass(frozen=True, slots=True)
class _Source:
    """What is to be decrypted, and the key; `ciphertext` is None for an RSA key."""

    key: Key
    blob: bytes
    algorithm: str
    ciphertext: Ciphertext | None


def _find_source(call: Call, blob: bytes, key_id: str | None, algorithm: str) -> _Source:
    """Find the key that is named, and that the ciphertext was made with."""
    if algorithm != SYMMETRIC:
        if key_id is None:
            raise validation("A KeyId is required for an asymmetric key.")
        return _Source(call.find_key(key_id), blob, algorithm, None)
    ciphertext = read_ciphertext(blob)
    if key_id is not None:
        key = call.find_key(key_id)
        if key.key_id != ciphertext.key_id:
            raise KmsError(
                Code.INCORRECT_KEY,
                "The key ID in the request does not identify a CMK that can perform this "
                "operation.",
                reason="ciphertext.other_key",
            )
        return _Source(key, blob, algorithm, ciphertext)
    found = call.key_by_id(ciphertext.key_id)
    if found is None:
        raise KmsError(Code.ACCESS_DENIED, CIPHERTEXT_DENIED, reason="key.not_found")
    return _Source(found, blob, algorithm, ciphertext)


def _expect_algorithm(call: Call, key: Key, algorithm: str, context: Mapping[str, str]) -> None:
    call.expect_usage(key, ENCRYPT_DECRYPT)
    if key.symmetric != (algorithm == SYMMETRIC):
        raise KmsError(
            Code.INVALID_KEY_USAGE,
            f"Encryption algorithm {algorithm} is not compatible with key spec {key.spec}.",
            reason="key.algorithm",
        )
    if context and not key.symmetric:
        raise validation("An encryption context cannot be used with an asymmetric key.")
    call.expect_enabled(key)


def _encrypted(key: Key, plaintext: bytes, algorithm: str, context: Mapping[str, str]) -> bytes:
    if key.symmetric:
        return make_ciphertext(
            plaintext,
            key_id=key.key_id,
            material=len(key.secrets) - 1,
            secret=key.secrets[-1],
            context=context,
        )
    private = key.private_key()
    if not isinstance(private, RSAPrivateKey):  # pragma: no cover - only RSA keys encrypt
        raise TypeError(key.spec)
    most = private.key_size // 8 - 2 - 2 * _HASHES[algorithm]().digest_size
    if len(plaintext) > most:
        raise validation(f"{algorithm} with {key.spec} encrypts at most {most} bytes.")
    return private.public_key().encrypt(plaintext, _padding(algorithm))


def _decrypted(source: _Source, context: Mapping[str, str]) -> bytes:
    if source.ciphertext is not None:
        return open_ciphertext(source.ciphertext, secrets=source.key.secrets, context=context)
    private = source.key.private_key()
    if not isinstance(private, RSAPrivateKey):  # pragma: no cover - only RSA keys decrypt
        raise TypeError(source.key.spec)
    try:
        plaintext = private.decrypt(source.blob, _padding(source.algorithm))
    except ValueError:
        raise invalid_ciphertext("ciphertext.not_authentic") from None
    return plaintext


def _padding(algorithm: str) -> OAEP:
    used = _HASHES[algorithm]
    return OAEP(mgf=MGF1(used()), algorithm=used(), label=None)

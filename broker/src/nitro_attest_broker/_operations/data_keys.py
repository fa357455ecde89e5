"""GenerateDataKey, GenerateDataKeyPair, their WithoutPlaintext forms, GenerateRandom."""

import secrets
from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from nitro_attest_broker._call import Call, Outcome, encoded, released
from nitro_attest_broker._ciphertexts import make_ciphertext
from nitro_attest_broker._errors import Code, KmsError, unsupported, validation
from nitro_attest_broker._keys import CURVES, ENCRYPT_DECRYPT, RSA_BITS, Key
from nitro_attest_broker._members import KEY_ID

MAX_BYTES: Final = 1024  # KMS
_KEY_SPECS: Final = {"AES_256": 32, "AES_128": 16}
_PAIR_CURVES: Final[Mapping[str, type[ec.EllipticCurve]]] = {
    **CURVES,
    "ECC_SECG_P256K1": ec.SECP256K1,
}
_EDWARDS: Final = "ECC_NIST_EDWARDS25519"
_PAIR_SPECS: Final = (*RSA_BITS, *_PAIR_CURVES, _EDWARDS)
_PAIR_SPECS_OF_KMS: Final = ("SM2", "ML_KEM_512", "ML_KEM_768", "ML_KEM_1024")


def generate_data_key(call: Call) -> Outcome:
    """Draw a data key; return it encrypted, and in plaintext or for the attested key."""
    doc = call.members.recipient()
    key_id, size, context, dry_run = _read_data_key(call)
    key = _find_symmetric_key(call, key_id)
    attested = call.authorize_plaintext(key, context=context, doc=doc)
    call.expect_no_dry_run(dry_run)
    data_key = secrets.token_bytes(size)
    answer: dict[str, object] = {
        "CiphertextBlob": _wrapped(key, data_key, context),
        "KeyId": call.arn(key),
        **released(attested, data_key),
    }
    if attested is None:
        answer["KeyMaterialId"] = key.materials[-1].material_id
    return Outcome(answer)


def generate_data_key_without_plaintext(call: Call) -> Outcome:
    """Draw a data key, and return it encrypted alone."""
    key_id, size, context, dry_run = _read_data_key(call)
    key = _find_symmetric_key(call, key_id)
    call.authorize(key, context=context)
    call.expect_no_dry_run(dry_run)
    return Outcome(
        {
            "CiphertextBlob": _wrapped(key, secrets.token_bytes(size), context),
            "KeyId": call.arn(key),
            "KeyMaterialId": key.materials[-1].material_id,
        }
    )


def generate_data_key_pair(call: Call) -> Outcome:
    """Make a key pair; return the private key encrypted, and plain or for the attested key."""
    doc = call.members.recipient()
    key_id, spec, context, dry_run = _read_data_key_pair(call)
    key = _find_symmetric_key(call, key_id)
    attested = call.authorize_plaintext(key, context=context, doc=doc)
    call.expect_no_dry_run(dry_run)
    private, public = _new_pair(spec)
    answer: dict[str, object] = {
        "PrivateKeyCiphertextBlob": _wrapped(key, private, context),
        "PublicKey": encoded(public),
        "KeyId": call.arn(key),
        "KeyPairSpec": spec,
        **released(attested, private, member="PrivateKeyPlaintext"),
    }
    if attested is None:
        answer["KeyMaterialId"] = key.materials[-1].material_id
    return Outcome(answer)


def generate_data_key_pair_without_plaintext(call: Call) -> Outcome:
    """Make a key pair, and return the private key encrypted alone."""
    key_id, spec, context, dry_run = _read_data_key_pair(call)
    key = _find_symmetric_key(call, key_id)
    call.authorize(key, context=context)
    call.expect_no_dry_run(dry_run)
    private, public = _new_pair(spec)
    return Outcome(
        {
            "PrivateKeyCiphertextBlob": _wrapped(key, private, context),
            "PublicKey": encoded(public),
            "KeyId": call.arn(key),
            "KeyPairSpec": spec,
            "KeyMaterialId": key.materials[-1].material_id,
        }
    )


def generate_random(call: Call) -> Outcome:
    """Return random bytes to principals that the settings name, or to the attested key."""
    members = call.members
    size = members.number("NumberOfBytes", 1, MAX_BYTES)
    doc = members.recipient()
    members.not_offered("CustomKeyStoreId")
    members.finish()
    if size is None:
        raise validation("NumberOfBytes is required.")
    call.authorize_account(call.broker.settings.random_principals)
    attested = None if doc is None else call.accept_for_account(doc)
    return Outcome(released(attested, secrets.token_bytes(size)))


def _read_data_key(call: Call) -> tuple[str, int, dict[str, str], bool]:
    members = call.members
    key_id = members.required_text("KeyId", KEY_ID)
    context = members.context("EncryptionContext")
    size = members.number("NumberOfBytes", 1, MAX_BYTES)
    spec = members.choice("KeySpec", *_KEY_SPECS)
    members.no_grants()
    dry_run = call.finish()
    if (size is None) == (spec is None):
        raise validation("Please specify either number of bytes or key spec.")
    return key_id, _KEY_SPECS[spec] if spec is not None else size or 0, context, dry_run


def _read_data_key_pair(call: Call) -> tuple[str, str, dict[str, str], bool]:
    members = call.members
    key_id = members.required_text("KeyId", KEY_ID)
    context = members.context("EncryptionContext")
    spec = members.required_choice("KeyPairSpec", *_PAIR_SPECS, *_PAIR_SPECS_OF_KMS)
    members.no_grants()
    dry_run = call.finish()
    if spec in _PAIR_SPECS_OF_KMS:
        raise unsupported(f"This key broker makes no key pairs of {spec}.")
    return key_id, spec, context, dry_run


def _find_symmetric_key(call: Call, key_id: str) -> Key:
    key = call.find_key(key_id)
    call.expect_usage(key, ENCRYPT_DECRYPT)
    if not key.symmetric:
        raise KmsError(
            Code.INVALID_KEY_USAGE,
            f"{call.arn(key)} is not a symmetric encryption key.",
            reason="key.usage",
        )
    call.expect_enabled(key)
    return key


def _wrapped(key: Key, plaintext: bytes, context: dict[str, str]) -> str:
    return encoded(
        make_ciphertext(
            plaintext,
            key_id=key.key_id,
            material=len(key.secrets) - 1,
            secret=key.secrets[-1],
            context=context,
        )
    )


def _new_pair(spec: str) -> tuple[bytes, bytes]:
    """Return a private key as PKCS #8 and its public key as SubjectPublicKeyInfo."""
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
    if spec in RSA_BITS:
        private = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS[spec])
    elif spec == _EDWARDS:
        private = ed25519.Ed25519PrivateKey.generate()
    else:
        private = ec.generate_private_key(_PAIR_CURVES[spec]())
    return (
        private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    )

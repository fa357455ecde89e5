"""DeriveSharedSecret and GetPublicKey: the operations of asymmetric keys."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from nitro_attest_broker._call import Call, Outcome, encoded, released
from nitro_attest_broker._errors import unsupported, validation
from nitro_attest_broker._keys import KEY_AGREEMENT, RSA_ALGORITHMS
from nitro_attest_broker._members import KEY_ID

MAX_PUBLIC_KEY = 8192


def derive_shared_secret(call: Call) -> Outcome:
    """Agree on a secret with the owner of a public key (ECDH, the x coordinate)."""
    members = call.members
    key_id = members.required_text("KeyId", KEY_ID)
    algorithm = members.required_choice("KeyAgreementAlgorithm", "ECDH")
    public_key = members.required_blob("PublicKey", MAX_PUBLIC_KEY)
    doc = members.recipient()
    members.no_grants()
    dry_run = call.finish()
    key = call.find_key(key_id)
    call.expect_usage(key, KEY_AGREEMENT)
    call.expect_enabled(key)
    attested = call.authorize_plaintext(key, doc=doc)
    call.expect_no_dry_run(dry_run)
    private = key.private_key()
    if not isinstance(private, EllipticCurvePrivateKey):  # pragma: no cover - of this usage alone
        raise TypeError(key.spec)
    secret = private.exchange(ECDH(), _read_public_key(public_key, private))
    return Outcome(
        {
            "KeyId": call.arn(key),
            "KeyAgreementAlgorithm": algorithm,
            "KeyOrigin": "AWS_KMS",
            **released(attested, secret, member="SharedSecret"),
        }
    )


def get_public_key(call: Call) -> Outcome:
    """Return the public key of an asymmetric key."""
    key_id = call.members.required_text("KeyId", KEY_ID)
    call.members.no_grants()
    call.members.finish()
    key = call.find_key(key_id)
    if key.symmetric:
        raise unsupported(f"{call.arn(key)} is symmetric: it has no public key.")
    call.expect_enabled(key)
    call.authorize(key)
    answer: dict[str, object] = {
        "KeyId": call.arn(key),
        "PublicKey": encoded(key.public_key()),
        "CustomerMasterKeySpec": key.spec,
        "KeySpec": key.spec,
        "KeyUsage": key.usage,
    }
    if key.usage == KEY_AGREEMENT:
        answer["KeyAgreementAlgorithms"] = ["ECDH"]
    else:
        answer["EncryptionAlgorithms"] = list(RSA_ALGORITHMS)
    return Outcome(answer)


def _read_public_key(
    encoded_key: bytes, private: EllipticCurvePrivateKey
) -> EllipticCurvePublicKey:
    """Return a public key on the curve of `private`, in its one encoding."""
    try:
        public = load_der_public_key(encoded_key)
    except (ValueError, UnsupportedAlgorithm):
        raise validation("PublicKey is not a DER SubjectPublicKeyInfo.") from None
    if not isinstance(public, EllipticCurvePublicKey) or public.curve.name != private.curve.name:
        raise validation("PublicKey is not on the curve of the key.")
    if public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != encoded_key:
        raise validation("PublicKey is not a named curve with an uncompressed point.")
    return public

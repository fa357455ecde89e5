"""Give the database password to one build of one enclave, and to nothing else."""

import secrets

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from nitro_attest import (
    EnclaveMeasurements,
    FreshNonce,
    MalformedDocumentError,
    NotChecked,
    Policy,
    Present,
    Sha384,
    VerificationError,
    verify,
)

BUILD = EnclaveMeasurements(
    label="payments 1.4.2",
    pcr0_image=Sha384.fromhex("a1" * 48),  # from `nitro-cli build-enclave`
    pcr1_kernel=Sha384.fromhex("b2" * 48),
    pcr2_application=Sha384.fromhex("c3" * 48),
    pcr3_iam_role=NotChecked("the role changes with the account"),
    pcr4_instance_id=NotChecked("any instance of the fleet"),
    pcr8_signing_certificate=NotChecked("the images are not signed"),
)
NO_DATA = NotChecked("the enclave sends none")
POLICY = Policy(
    measurements=(BUILD,), freshness=FreshNonce(), public_key=Present(), user_data=NO_DATA
)
OAEP = padding.OAEP(padding.MGF1(SHA256()), SHA256(), None)


class PasswordService:
    """Issue a nonce, then answer the document that carries it."""

    def __init__(self, policy: Policy, password: bytes) -> None:
        """Hold what the service decides by, and what it guards."""
        self._policy, self._password, self._issued = policy, password, set[bytes]()

    def challenge(self) -> bytes:
        """Issue a nonce."""
        self._issued.add(nonce := secrets.token_bytes(32))
        return nonce

    def answer(self, nonce: bytes, doc: bytes) -> tuple[int, bytes]:
        """Return an HTTP status, and the encrypted password or a reason."""
        if nonce not in self._issued:
            return 403, b"unknown nonce"
        self._issued.discard(nonce)  # a nonce is good for one try
        try:
            claims = verify(doc, self._policy, nonce=nonce).claims
        except MalformedDocumentError as refusal:
            return 400, refusal.reason.encode()
        except VerificationError as refusal:
            return 403, refusal.reason.encode()
        key = load_der_public_key(
            claims.public_key or b""
        )  # the attested key: no other can be trusted
        if not isinstance(key, rsa.RSAPublicKey):
            return 403, b"not an RSA key"
        return 200, key.encrypt(self._password, OAEP)

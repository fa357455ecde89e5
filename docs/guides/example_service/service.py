"""Give the database password to one build of one enclave, and to nothing else."""

from datetime import timedelta

from nitro_attest import (
    EnclaveMeasurements,
    FreshNonce,
    MalformedDocumentError,
    NotChecked,
    Policy,
    Present,
    Sha384,
    VerificationError,
)
from nitro_attest.nonces import MemoryNonces, verify_once
from nitro_attest.recipient import RecipientKeyError, encrypt

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


class PasswordService:
    """Issue a nonce, then answer the document that carries it."""

    def __init__(self, policy: Policy, password: bytes) -> None:
        """Take the policy, and the password that it protects."""
        self._policy, self._password = policy, password
        self._nonces = MemoryNonces(ttl=timedelta(minutes=5), max_outstanding=10_000)

    def challenge(self) -> bytes:
        """Issue a nonce; with more than one process, use the store on Redis or SQL."""
        return self._nonces.issue()

    def answer(self, doc: bytes) -> tuple[int, bytes]:
        """Return an HTTP status, and the encrypted password or a reason."""
        try:
            result = verify_once(doc, self._policy, nonces=self._nonces)
            key = result.require_public_key()
            return 200, encrypt(self._password, key)  # to the attested key, and to no other
        except MalformedDocumentError as error:
            return 400, error.reason.encode()
        except (VerificationError, RecipientKeyError) as error:
            return 403, error.reason.encode()

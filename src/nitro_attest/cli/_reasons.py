"""Explain every reason: what it means, and what whoever meets it should do.

Nothing comes in, a table of texts goes out; a test holds it complete. Never: a reason without both
parts.
"""

from dataclasses import dataclass
from typing import Final, final

from nitro_attest import Reason

_NOT_A_DOCUMENT: Final = "Ask the sender for the document as the hardware gave it, unchanged; if it comes again, look at who sends it."
_NEW_FORMAT: Final = "Keep the document. If hardware wrote it, AWS has changed its format: tell this project before you trust it."
_FORGED: Final = "Give it nothing and raise an alarm: this document was made or changed by someone other than AWS's hardware."
_ASK_AGAIN: Final = "Issue a new nonce and ask for a new document."
_OTHER_CODE: Final = "Give it nothing. If you have deployed a new build, review its values and add a set for it to the policy."


@final
@dataclass(frozen=True, slots=True)
class Explanation:
    """Hold what a reason means, and what to do."""

    meaning: str
    action: str


EXPLANATIONS: Final[dict[Reason, Explanation]] = {
    Reason.COSE_TOO_LARGE: Explanation(
        "The bytes are longer than any attestation document can be (20,480; the payload 16,384).",
        _NOT_A_DOCUMENT,
    ),
    Reason.COSE_STRUCTURE: Explanation(
        "The bytes are not a COSE_Sign1 array of four items in AWS's encoding, or something follows it.",
        _NOT_A_DOCUMENT,
    ),
    Reason.COSE_PROTECTED_HEADER: Explanation(
        "The protected header is not exactly {1: -35}, the algorithm ES384 that AWS uses.",
        _NOT_A_DOCUMENT,
    ),
    Reason.COSE_UNPROTECTED_HEADER: Explanation(
        "The unprotected header is not empty; AWS writes nothing there.", _NOT_A_DOCUMENT
    ),
    Reason.COSE_PAYLOAD: Explanation(
        "The payload is missing, empty, or not a byte string.", _NOT_A_DOCUMENT
    ),
    Reason.COSE_SIGNATURE_LENGTH: Explanation(
        "The signature is not 96 bytes long, as ES384 demands.", _NOT_A_DOCUMENT
    ),
    Reason.CBOR_MALFORMED: Explanation(
        "The bytes are not well-formed CBOR, or something follows it.", _NOT_A_DOCUMENT
    ),
    Reason.CBOR_TAG: Explanation(
        "The CBOR carries a tag; no attestation document has one inside.", _NOT_A_DOCUMENT
    ),
    Reason.CBOR_DUPLICATE_KEY: Explanation(
        "A map has the same key twice, so two readers could see two documents.", _NOT_A_DOCUMENT
    ),
    Reason.CBOR_TOO_DEEP: Explanation(
        "Values are nested deeper than in any attestation document.", _NOT_A_DOCUMENT
    ),
    Reason.DOCUMENT_KIND: Explanation(
        "The document is of the other kind: an enclave's where the policy is for NitroTPM, or the reverse, or it claims both.",
        "Check that the policy and the sender belong together; enclaves and NitroTPM need a policy each.",
    ),
    Reason.DOCUMENT_FIELD_MISSING: Explanation(
        "A field that every attestation document has is missing or null.", _NOT_A_DOCUMENT
    ),
    Reason.DOCUMENT_FIELD_UNKNOWN: Explanation(
        "The payload has a field that AWS does not list.",
        f'{_NEW_FORMAT} To accept such fields unread, write unknown_fields = {{ not_checked = "why" }}.',
    ),
    Reason.DOCUMENT_FIELD_TYPE: Explanation(
        "A field has another type than AWS gives it.", _NOT_A_DOCUMENT
    ),
    Reason.DOCUMENT_MODULE_ID: Explanation(
        "module_id is not an id of AWS's form: printable ASCII that ends in -enc or -tpm and 16 hex digits.",
        _NEW_FORMAT,
    ),
    Reason.DOCUMENT_DIGEST: Explanation("digest is not SHA384, the one AWS uses.", _NEW_FORMAT),
    Reason.DOCUMENT_TIMESTAMP: Explanation(
        "timestamp is not a time in milliseconds from 1970 to 9999.", _NOT_A_DOCUMENT
    ),
    Reason.DOCUMENT_PCR_COUNT: Explanation("There are no PCRs, or more than 32.", _NOT_A_DOCUMENT),
    Reason.DOCUMENT_PCR_INDEX: Explanation(
        "A PCR has an index that is not a number from 0 to 31.", _NOT_A_DOCUMENT
    ),
    Reason.DOCUMENT_PCR_LENGTH: Explanation(
        "A PCR is not 48 bytes long, the length of SHA-384.", _NOT_A_DOCUMENT
    ),
    Reason.DOCUMENT_CERTIFICATE: Explanation(
        "The leaf certificate is empty, too long, or followed by other bytes.", _NOT_A_DOCUMENT
    ),
    Reason.DOCUMENT_CABUNDLE: Explanation(
        "The list of certificates is too short or too long, or one of them is empty, too long, or followed by other bytes.",
        _NOT_A_DOCUMENT,
    ),
    Reason.DOCUMENT_PUBLIC_KEY: Explanation(
        "public_key is longer than 1024 bytes.", _NOT_A_DOCUMENT
    ),
    Reason.DOCUMENT_USER_DATA: Explanation("user_data is longer than 1024 bytes.", _NOT_A_DOCUMENT),
    Reason.DOCUMENT_NONCE: Explanation("nonce is longer than 1024 bytes.", _NOT_A_DOCUMENT),
    Reason.CHAIN_UNKNOWN_ROOT: Explanation(
        "The document's first certificate is not the root that the policy names.",
        "A document of AWS GovCloud needs a policy that names AWS_US_GOV_NITRO_ROOT_G1. Otherwise: anyone can make a root of "
        "the same name. Give it nothing and raise an alarm.",
    ),
    Reason.CHAIN_CERTIFICATE: Explanation(
        "A certificate is not a well-formed X.509 certificate, version 3.", _FORGED
    ),
    Reason.CHAIN_ISSUER: Explanation(
        "The certificates do not follow each other: one names another issuer than the one before it.",
        _FORGED,
    ),
    Reason.CHAIN_SIGNATURE: Explanation(
        "A certificate was not signed by the one before it.", _FORGED
    ),
    Reason.CHAIN_ALGORITHM: Explanation(
        "A certificate is signed with another algorithm than ecdsa-with-SHA384.", _FORGED
    ),
    Reason.CHAIN_KEY: Explanation(
        "A certificate's key is not a P-384 key in the form AWS writes.", _FORGED
    ),
    Reason.CHAIN_NOT_A_CA: Explanation(
        "A certificate that signed another one is no certificate authority.", _FORGED
    ),
    Reason.CHAIN_PATH_LENGTH: Explanation(
        "An authority has more authorities under it than it may have.", _FORGED
    ),
    Reason.CHAIN_KEY_USAGE: Explanation(
        "A certificate was used for something that it does not allow.", _FORGED
    ),
    Reason.CHAIN_EXTENSION: Explanation(
        "A certificate has an extension that AWS does not use, or lacks one that it does.", _FORGED
    ),
    Reason.CHAIN_SUBJECT: Explanation(
        "The leaf certificate was issued for another module, or a subject is empty.", _FORGED
    ),
    Reason.CHAIN_NOT_YET_VALID: Explanation(
        "A certificate is not valid yet at the time of the check.",
        "Check the clock of this machine. If it is right, ask for a new document.",
    ),
    Reason.CHAIN_EXPIRED: Explanation(
        "A certificate has expired at the time of the check; a leaf lives for three hours.",
        "Ask for a new document. To look at an old one as of its own time, give that time with --at.",
    ),
    Reason.SIGNATURE_INVALID: Explanation(
        "The document's signature is not one by its leaf certificate over this payload.", _FORGED
    ),
    Reason.FRESHNESS_NONCE_ABSENT: Explanation(
        "The document carries no nonce, so it may have been made for someone else, earlier.",
        f"The enclave must put the nonce that it is sent into the document. {_ASK_AGAIN}",
    ),
    Reason.FRESHNESS_NONCE_MISMATCH: Explanation(
        "The document carries another nonce than the one that was issued: it answers another question, or is replayed.",
        _ASK_AGAIN,
    ),
    Reason.FRESHNESS_TOO_OLD: Explanation(
        "The document was made longer ago than the policy allows.", _ASK_AGAIN
    ),
    Reason.FRESHNESS_FROM_THE_FUTURE: Explanation(
        "The document was made later than now, by more than the policy allows.",
        f"Check the clock of this machine. {_ASK_AGAIN}",
    ),
    Reason.FRESHNESS_NONCE_MISSING: Explanation(
        "The document carries no nonce, and verify_once reads the nonce from the document.",
        f"The enclave must put the nonce that it is sent into the document. {_ASK_AGAIN}",
    ),
    Reason.FRESHNESS_NONCE_SHORT: Explanation(
        "The document carries a nonce of under 16 bytes; no nonce store issues one so short.",
        f"The enclave must put the nonce that it is sent into the document, whole. {_ASK_AGAIN}",
    ),
    Reason.FRESHNESS_NONCE_UNKNOWN: Explanation(
        "The nonce store did not issue this nonce for this context, or has lost or forgotten it since: restarted, failed over, expired.",
        _ASK_AGAIN,
    ),
    Reason.FRESHNESS_NONCE_USED: Explanation(
        "The nonce, or the document, was accepted once already: this is a repeat or a replay.",
        f"{_ASK_AGAIN} If it happens often, look at who sends documents twice.",
    ),
    Reason.FRESHNESS_NONCE_EXPIRED: Explanation(
        "The nonce was issued longer ago than the nonce store keeps it.", _ASK_AGAIN
    ),
    Reason.POLICY_DEBUG_ENCLAVE: Explanation(
        "The enclave runs in debug mode: PCR0, PCR1 and PCR2 are zero, its console can be read, its code is not measured.",
        "Give it nothing. Start the enclave without --debug-mode.",
    ),
    Reason.POLICY_PCR_ABSENT: Explanation(
        "The document does not carry a PCR that the policy pins.", _OTHER_CODE
    ),
    Reason.POLICY_PCR_MISMATCH: Explanation(
        "A PCR has another value than the policy pins: other code, role, instance or signer.",
        _OTHER_CODE,
    ),
    Reason.POLICY_PUBLIC_KEY: Explanation(
        "The document's public_key is not as the policy demands.",
        "Give it nothing. Check which key the code was meant to send.",
    ),
    Reason.POLICY_USER_DATA: Explanation(
        "The document's user_data is not as the policy demands.",
        "Give it nothing. Check what the code was meant to send.",
    ),
}

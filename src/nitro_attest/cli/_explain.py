"""Explain the reasons: what each means, and what whoever meets it should do."""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, final

from rich.text import Text

from nitro_attest import (
    MalformedDocumentError,
    PolicyError,
    PolicyMismatchError,
    Reason,
    StaleDocumentError,
    UntrustedDocumentError,
    VerificationError,
)
from nitro_attest.cli._documents import EXIT_OF
from nitro_attest.cli._terminal import FAINT, Page

FAMILIES: Final[dict[type[VerificationError], tuple[str, ...]]] = {
    MalformedDocumentError: ("cose.", "cbor.", "document."),
    UntrustedDocumentError: ("chain.", "signature."),
    StaleDocumentError: ("freshness.",),
    PolicyMismatchError: ("policy.",),
}
"""The first parts of the reasons that each exception carries."""

_NOT_A_DOCUMENT: Final = (
    "Ask the sender for the document as the hardware gave it, unchanged; if it comes again, find "
    "out who sends it."
)
_NEW_FORMAT: Final = (
    "Keep the document. If hardware wrote it, AWS has changed its format: tell this project "
    "before you trust it."
)
_FORGED: Final = (
    "Give it nothing and raise an alarm: somebody other than AWS's hardware made or changed this "
    "document."
)
_ASK_AGAIN: Final = "Issue a new nonce and ask for a new document."
_OTHER_CODE: Final = (
    "Give it nothing. If you have deployed a new build, review its values and add a set for it to "
    "the policy."
)


@final
@dataclass(frozen=True, slots=True)
class Explanation:
    """What a reason means, and what to do about it."""

    meaning: str
    action: str


EXPLANATIONS: Final[dict[Reason, Explanation]] = {
    Reason.COSE_TOO_LARGE: Explanation(
        "The bytes are longer than any attestation document can be (20,480; the payload 16,384).",
        _NOT_A_DOCUMENT,
    ),
    Reason.COSE_STRUCTURE: Explanation(
        "The bytes are not a COSE_Sign1 array of four items in AWS's encoding, or there is "
        "trailing data.",
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
        "The bytes are not well-formed CBOR, or there is trailing data.", _NOT_A_DOCUMENT
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
        "The document is of the other kind: an enclave's where the policy is for NitroTPM, or the "
        "reverse, or it claims both.",
        "Check that the policy and the sender belong together; enclaves and NitroTPM need a "
        "policy each.",
    ),
    Reason.DOCUMENT_FIELD_MISSING: Explanation(
        "A field that every attestation document has is missing or null.", _NOT_A_DOCUMENT
    ),
    Reason.DOCUMENT_FIELD_UNKNOWN: Explanation(
        "The payload has a field that AWS does not list.",
        f"{_NEW_FORMAT} To accept such fields unread, write unknown_fields = {{ not_checked = "
        f'"why" }}.',
    ),
    Reason.DOCUMENT_FIELD_TYPE: Explanation(
        "A field does not have the type that AWS gives it.", _NOT_A_DOCUMENT
    ),
    Reason.DOCUMENT_MODULE_ID: Explanation(
        "module_id does not have a form that is known: printable ASCII that ends in -enc or -tpm "
        "and 16 hex digits. The document may be of a newer kind, such as a Nitro Sandbox.",
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
        "The leaf certificate is empty or too long, or has trailing data.", _NOT_A_DOCUMENT
    ),
    Reason.DOCUMENT_CABUNDLE: Explanation(
        "cabundle has too few or too many certificates, or one of them is empty or too long, or "
        "has trailing data.",
        _NOT_A_DOCUMENT,
    ),
    Reason.DOCUMENT_PUBLIC_KEY: Explanation(
        "public_key is longer than 1024 bytes.", _NOT_A_DOCUMENT
    ),
    Reason.DOCUMENT_USER_DATA: Explanation("user_data is longer than 1024 bytes.", _NOT_A_DOCUMENT),
    Reason.DOCUMENT_NONCE: Explanation("nonce is longer than 1024 bytes.", _NOT_A_DOCUMENT),
    Reason.CHAIN_UNKNOWN_ROOT: Explanation(
        "The document's first certificate is not the root that the policy names.",
        "A document of AWS GovCloud needs a policy that names AWS_US_GOV_NITRO_ROOT_G1. "
        "Otherwise: anyone can make a root of "
        "the same name. Give it nothing and raise an alarm.",
    ),
    Reason.CHAIN_CERTIFICATE: Explanation(
        "A certificate is not a well-formed X.509 certificate, version 3.", _FORGED
    ),
    Reason.CHAIN_ISSUER: Explanation(
        "The certificates are not a chain: one does not name the certificate before it as its "
        "issuer.",
        _FORGED,
    ),
    Reason.CHAIN_SIGNATURE: Explanation(
        "The signature of a certificate was not made with the key of the one before it.", _FORGED
    ),
    Reason.CHAIN_ALGORITHM: Explanation(
        "A certificate is not signed with ecdsa-with-SHA384.", _FORGED
    ),
    Reason.CHAIN_KEY: Explanation(
        "A certificate's key is not a P-384 key in the form AWS writes.", _FORGED
    ),
    Reason.CHAIN_NOT_A_CA: Explanation(
        "A certificate that signed the next one is not a CA certificate.", _FORGED
    ),
    Reason.CHAIN_PATH_LENGTH: Explanation(
        "There are more CA certificates under a CA certificate than it allows.", _FORGED
    ),
    Reason.CHAIN_KEY_USAGE: Explanation(
        "A certificate was used for something that its keyUsage does not allow.", _FORGED
    ),
    Reason.CHAIN_EXTENSION: Explanation(
        "A certificate has an extension that AWS does not use, or lacks one that it does.", _FORGED
    ),
    Reason.CHAIN_SUBJECT: Explanation(
        "The leaf certificate was issued for a different module_id, or the last CA certificate "
        "for a different instance, or a subject is empty.",
        _FORGED,
    ),
    Reason.CHAIN_NOT_YET_VALID: Explanation(
        "A certificate is not valid yet at the time of the check, even with the policy's "
        "max_clock_skew.",
        "Check the clock of this machine. If it is right, ask for a new document.",
    ),
    Reason.CHAIN_EXPIRED: Explanation(
        "A certificate has expired at the time of the check; a leaf lives for three hours.",
        "Ask for a new document. To look at an old one as of its own time, give that time with "
        "--at.",
    ),
    Reason.SIGNATURE_INVALID: Explanation(
        "The document's signature is not one by its leaf certificate over this payload.", _FORGED
    ),
    Reason.FRESHNESS_NONCE_ABSENT: Explanation(
        "The document carries no nonce, so it may be an old one, or one made for somebody else.",
        f"The enclave must put the nonce that it is sent into the document. {_ASK_AGAIN}",
    ),
    Reason.FRESHNESS_NONCE_MISMATCH: Explanation(
        "The document does not carry the nonce that was issued: it answers an earlier request, or "
        "is replayed.",
        _ASK_AGAIN,
    ),
    Reason.FRESHNESS_NONCE_MISSING: Explanation(
        "The document given to a nonce store carries no nonce.",
        f"The enclave must put the nonce that it is sent into the document. {_ASK_AGAIN}",
    ),
    Reason.FRESHNESS_NONCE_SHORT: Explanation(
        "The nonce in the document is too short to be one that a nonce store issues.", _ASK_AGAIN
    ),
    Reason.FRESHNESS_NONCE_UNKNOWN: Explanation(
        "The nonce store has not issued this nonce, or no longer knows it.", _ASK_AGAIN
    ),
    Reason.FRESHNESS_NONCE_USED: Explanation(
        "The nonce was redeemed before: the document is replayed, or was sent twice.", _ASK_AGAIN
    ),
    Reason.FRESHNESS_NONCE_EXPIRED: Explanation("The nonce was issued too long ago.", _ASK_AGAIN),
    Reason.FRESHNESS_TOO_OLD: Explanation(
        "The document was made longer ago than the policy allows.", _ASK_AGAIN
    ),
    Reason.FRESHNESS_FROM_THE_FUTURE: Explanation(
        "The document was made later than now, by more than the policy allows.",
        f"Check the clock of this machine. {_ASK_AGAIN}",
    ),
    Reason.POLICY_DEBUG_ENCLAVE: Explanation(
        "The enclave runs in debug mode: PCR0, PCR1 and PCR2 are zero, its console can be read, "
        "its code is not measured.",
        "Give it nothing. Start the enclave without --debug-mode.",
    ),
    Reason.POLICY_PCR_ABSENT: Explanation(
        "The document does not carry a PCR that the policy pins.", _OTHER_CODE
    ),
    Reason.POLICY_PCR_MISMATCH: Explanation(
        "A PCR does not have the value that the policy pins: the code, role, instance or signer "
        "is a different one.",
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


def explain_all(page: Page) -> None:
    """List every reason with what it means."""
    page.rows([((reason,), (it.meaning,)) for reason, it in EXPLANATIONS.items()])


def explain_one(name: str, page: Page) -> None:
    """Say what a reason means, what to do, and which exit code and exception it comes with.

    Raises:
        PolicyError: There is no such reason; the nearest one is named.

    """
    if name not in set(Reason):
        near = get_close_matches(name, list(Reason), n=1)
        raise PolicyError(
            "explain",
            f"no such reason; did you mean {near[0]}?"
            if near
            else "no such reason; without one, all are listed",
        )
    reason = Reason(name)
    page.line(Text(name, style="bold"))
    page.gap()
    page.line(EXPLANATIONS[reason].meaning)
    page.gap()
    page.line("What to do: ", EXPLANATIONS[reason].action)
    page.gap()
    error = next(kind for kind, family in FAMILIES.items() if reason.startswith(family))
    page.line(Text(f"{error.__name__}, exit code {int(EXIT_OF[error])}", style=FAINT))

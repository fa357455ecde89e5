"""Read the COSE_Sign1 envelope (RFC 9052 section 4.2) in the one encoding AWS uses, and check its signature.

Bytes come in; the payload, still unverified, and the 96-byte signature go out. Never: a header that AWS does not write, an
algorithm chosen by the document, a payload re-encoded before its signature is checked.
"""

from typing import Final, NamedTuple, cast, final

import cbor2

from nitro_attest import _cbor, _ecdsa
from nitro_attest.errors import Reason, refused

MAX_DOCUMENT_BYTES: Final = 20_480  # a payload of 16,384 bytes and its envelope need 16,493; the rest is slack
MAX_PAYLOAD_BYTES: Final = 16_384  # AWS attestation process, 3.1: "the payload ... 1 to 16384 bytes"

_TAG_18: Final = b"\xd2"  # RFC 9052 section 4.2: COSE_Sign1, optional
_PROTECTED_HEADER: Final = bytes.fromhex("a1013822")  # {1: -35}, ES384 (RFC 9053 section 2.1)
_UNPROTECTED_AT: Final = 6  # after 0x84 and the protected header with its length octet
_EMPTY_MAP: Final = 0xA0
_NO_HEADER: Final[dict[int, object]] = {}
_SIGN1_ITEMS: Final = 4


@final
class Envelope(NamedTuple):
    """Hold the two parts of a COSE_Sign1 that vary. Nothing in it is verified."""

    payload: bytes
    signature: bytes


def read_envelope(doc: bytes) -> Envelope:
    """Take the envelope apart; it must be byte for byte the encoding AWS writes, with or without tag 18.

    Raises:
        MalformedDocumentError: `cose.*`, `cbor.*`.

    """
    if len(doc) > MAX_DOCUMENT_BYTES:
        raise refused(Reason.COSE_TOO_LARGE, "document", f"at most {MAX_DOCUMENT_BYTES} bytes")
    sign1 = doc.removeprefix(_TAG_18)
    items = _decode_items(sign1)
    protected, unprotected, payload, signature = items
    if type(protected) is not bytes or protected != _PROTECTED_HEADER:
        raise refused(Reason.COSE_PROTECTED_HEADER, "protected header", _PROTECTED_HEADER.hex())
    if type(unprotected) is not dict or unprotected:
        raise refused(Reason.COSE_UNPROTECTED_HEADER, "unprotected header", "an empty map")
    if type(payload) is not bytes or not 1 <= len(payload) <= MAX_PAYLOAD_BYTES:
        raise refused(Reason.COSE_PAYLOAD, "payload", f"a byte string of 1 to {MAX_PAYLOAD_BYTES} bytes")
    if type(signature) is not bytes:
        raise refused(Reason.COSE_STRUCTURE, "signature", "a byte string")
    if len(signature) != _ecdsa.SIGNATURE_BYTES:
        expected = f"{_ecdsa.SIGNATURE_BYTES} bytes"
        raise refused(Reason.COSE_SIGNATURE_LENGTH, "signature", expected, f"{len(signature)} bytes")
    encoded = _encode(protected, _NO_HEADER, payload, signature)
    if encoded != sign1:
        if sign1.startswith(encoded):
            raise refused(Reason.CBOR_MALFORMED, "envelope: trailing bytes")
        if sign1[_UNPROTECTED_AT] != _EMPTY_MAP and sign1[:_UNPROTECTED_AT].endswith(_PROTECTED_HEADER):
            raise refused(Reason.COSE_UNPROTECTED_HEADER, "unprotected header", "an empty map of definite length")
        raise refused(Reason.COSE_STRUCTURE, "envelope", "the shortest definite-length encoding")
    return Envelope(payload, signature)


def _decode_items(sign1: bytes) -> list[object]:
    decoded = _cbor.decode_first(sign1, "envelope")  # bytes behind it make it differ from what is encoded again
    if type(decoded) is not list:
        _cbor.decode(sign1, "envelope")  # text, for example, is an item with bytes behind it
        raise refused(Reason.COSE_STRUCTURE, "envelope", "an array")
    items = cast("list[object]", decoded)
    if len(items) != _SIGN1_ITEMS:
        raise refused(Reason.COSE_STRUCTURE, "envelope", f"{_SIGN1_ITEMS} items", f"{len(items)} items")
    return items


def _encode(*items: object) -> bytes:
    """Encode an array as RFC 8949 section 4.2.1 says: definite, shortest."""
    return cbor2.dumps(items)


def check_signature(envelope: Envelope, spki: bytes) -> None:
    """Check the signature over the payload bytes as they were received (RFC 9052 section 4.4, no external data).

    Raises:
        UntrustedDocumentError: `signature.invalid`.

    """
    message = _encode("Signature1", _PROTECTED_HEADER, b"", envelope.payload)
    if not _ecdsa.is_good_signature(spki, envelope.signature, message):
        raise refused(Reason.SIGNATURE_INVALID, "signature of the document")

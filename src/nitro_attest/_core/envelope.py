"""Read the COSE_Sign1 envelope (RFC 9052 section 4.2) in the one encoding AWS uses, and check its signature.

Bytes come in; the payload, still unverified, and the 96-byte signature go out. Never: a header that
AWS does not write, an algorithm chosen by the document, a payload re-encoded before its signature
is checked.

All of an envelope is fixed but the payload and the signature, so it is compared, not decoded. Only
an envelope that is already refused is decoded, to say what is wrong with it.
"""

from typing import Final, NamedTuple, NoReturn, cast, final

from nitro_attest._core import cbor, es384
from nitro_attest._core.errors import Reason, rejected

MAX_DOCUMENT_BYTES: Final = (
    20_480  # a payload of 16,384 bytes and its envelope need 16,493; the rest is slack
)
MAX_PAYLOAD_BYTES: Final = (
    16_384  # AWS attestation process, 3.1: "the payload ... 1 to 16384 bytes"
)

_TAG_18: Final = b"\xd2"  # RFC 9052 section 4.2: COSE_Sign1, optional
_PROTECTED_HEADER: Final = bytes.fromhex("a1013822")  # {1: -35}, ES384 (RFC 9053 section 2.1)
_EMPTY_MAP: Final = b"\xa0"
_BEFORE_PAYLOAD: Final = b"\x84\x44" + _PROTECTED_HEADER + _EMPTY_MAP  # an array of four
_BEFORE_SIGNATURE: Final = b"\x58\x60"  # a byte string of 96
_SIGNED_BEFORE_PAYLOAD: Final = (
    b"\x84\x6aSignature1\x44" + _PROTECTED_HEADER + b"\x40"
)  # RFC 9052 section 4.4, no external data
_SIGN1_ITEMS: Final = 4

# RFC 8949 section 3: the first octet of a byte string holds its length up to 23, or says in how
# many octets it follows.
_BYTE_STRING: Final = 0x40
_MAX_LENGTH_WITHIN: Final = 23
_MAX_LENGTH_IN_ONE: Final = 0xFF
_ONE_LENGTH_OCTET, _TWO_LENGTH_OCTETS = b"\x58", b"\x59"
_HEAD_BYTES: Final = {_ONE_LENGTH_OCTET: 2, _TWO_LENGTH_OCTETS: 3}


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
        raise rejected(Reason.COSE_TOO_LARGE, "document", f"at most {MAX_DOCUMENT_BYTES} bytes")
    sign1 = doc.removeprefix(_TAG_18)
    head = _HEAD_BYTES.get(sign1[len(_BEFORE_PAYLOAD) : len(_BEFORE_PAYLOAD) + 1], 1)
    signature_at = len(sign1) - es384.SIGNATURE_BYTES
    payload = sign1[len(_BEFORE_PAYLOAD) + head : signature_at - len(_BEFORE_SIGNATURE)]
    envelope = Envelope(payload, sign1[signature_at:])
    if sign1 != _encode(envelope) or not 1 <= len(payload) <= MAX_PAYLOAD_BYTES:
        _refuse(sign1)
    return envelope


def _refuse(sign1: bytes) -> NoReturn:
    """Say what is wrong with an envelope that is not in the one encoding."""
    protected, unprotected, payload, signature = _decode_items(sign1)
    if type(protected) is not bytes or protected != _PROTECTED_HEADER:
        raise rejected(Reason.COSE_PROTECTED_HEADER, "protected header", _PROTECTED_HEADER.hex())
    if type(unprotected) is not dict or unprotected:
        raise rejected(Reason.COSE_UNPROTECTED_HEADER, "unprotected header", "an empty map")
    if type(payload) is not bytes or not 1 <= len(payload) <= MAX_PAYLOAD_BYTES:
        raise rejected(
            Reason.COSE_PAYLOAD, "payload", f"a byte string of 1 to {MAX_PAYLOAD_BYTES} bytes"
        )
    if type(signature) is not bytes:
        raise rejected(Reason.COSE_STRUCTURE, "signature", "a byte string")
    if len(signature) != es384.SIGNATURE_BYTES:
        expected = f"{es384.SIGNATURE_BYTES} bytes"
        raise rejected(
            Reason.COSE_SIGNATURE_LENGTH, "signature", expected, f"{len(signature)} bytes"
        )
    before_unprotected = _BEFORE_PAYLOAD.removesuffix(_EMPTY_MAP)
    if sign1.startswith(before_unprotected) and not sign1.startswith(_BEFORE_PAYLOAD):
        raise rejected(
            Reason.COSE_UNPROTECTED_HEADER, "unprotected header", "an empty map of definite length"
        )
    raise rejected(Reason.COSE_STRUCTURE, "envelope", "the shortest definite-length encoding")


def _decode_items(sign1: bytes) -> list[object]:
    decoded = cbor.decode(sign1, "envelope")
    if type(decoded) is not list:
        raise rejected(Reason.COSE_STRUCTURE, "envelope", "an array")
    items = cast("list[object]", decoded)
    if len(items) != _SIGN1_ITEMS:
        raise rejected(
            Reason.COSE_STRUCTURE, "envelope", f"{_SIGN1_ITEMS} items", f"{len(items)} items"
        )
    return items


def _encode(envelope: Envelope) -> bytes:
    """Write the envelope as AWS does (RFC 8949 section 4.2.1: definite, shortest)."""
    return _BEFORE_PAYLOAD + _byte_string(envelope.payload) + _BEFORE_SIGNATURE + envelope.signature


def _byte_string(content: bytes) -> bytes:
    """Encode up to 65,535 bytes, the length in its shortest form."""
    size = len(content)
    if size > _MAX_LENGTH_IN_ONE:
        return _TWO_LENGTH_OCTETS + size.to_bytes(2, "big") + content
    if size > _MAX_LENGTH_WITHIN:
        return _ONE_LENGTH_OCTET + bytes([size]) + content
    return bytes([_BYTE_STRING + size]) + content


def check_signature(envelope: Envelope, spki: bytes) -> None:
    """Check the signature over the payload bytes as they were received (RFC 9052 section 4.4, no external data).

    Raises:
        UntrustedDocumentError: `signature.invalid`.

    """
    message = _SIGNED_BEFORE_PAYLOAD + _byte_string(envelope.payload)
    if not es384.is_good_signature(spki, envelope.signature, message):
        raise rejected(Reason.SIGNATURE_INVALID, "signature of the document")

"""Read the COSE_Sign1 envelope (RFC 9052 section 4.2) as AWS encodes it; check its signature.

All of an envelope is fixed but the payload and the signature, so it is compared with its one
encoding and never decoded: no header, algorithm or length is chosen by the document. Only a
rejected envelope is looked at again, head by head, to name the fault.
"""

from typing import Final, NamedTuple, NoReturn, final

from nitro_attest._core import cbor, es384
from nitro_attest._core.errors import Reason, rejected

MAX_DOCUMENT_BYTES: Final = 20_480  # a payload of 16,384 bytes and its envelope need 16,493
MAX_PAYLOAD_BYTES: Final = (
    16_384  # AWS attestation process, 3.1: "the payload ... 1 to 16384 bytes"
)

_TAG_18: Final = b"\xd2"  # RFC 9052 section 4.2: COSE_Sign1, optional
_PROTECTED_HEADER: Final = bytes.fromhex("a1013822")  # {1: -35}, ES384 (RFC 9053 section 2.1)
_EMPTY_MAP: Final = b"\xa0"
_BEFORE_PAYLOAD: Final = b"\x84\x44" + _PROTECTED_HEADER + _EMPTY_MAP  # an array of four
_BEFORE_SIGNATURE: Final = b"\x58\x60"  # a byte string of 96
_AFTER_PAYLOAD_BYTES: Final = len(_BEFORE_SIGNATURE) + es384.SIGNATURE_BYTES
# RFC 9052 section 4.4: the context, the protected header, no external data
_SIGNED_BEFORE_PAYLOAD: Final = b"\x84\x6aSignature1\x44" + _PROTECTED_HEADER + b"\x40"
_SIGN1_ITEMS: Final = 4

# RFC 8949 section 3: a byte string's head holds its length up to 23, or in one or two more octets.
_BYTE_STRING: Final = 0x40
_MAX_LENGTH_WITHIN: Final = 23
_MAX_LENGTH_IN_ONE: Final = 0xFF
_ONE_LENGTH_OCTET, _TWO_LENGTH_OCTETS = b"\x58", b"\x59"


@final
class Envelope(NamedTuple):
    """The two parts of a COSE_Sign1 that vary, unverified."""

    payload: bytes
    signature: bytes


def read_envelope(doc: bytes) -> Envelope:
    """Take apart an envelope that is byte for byte in the encoding AWS writes, tag 18 or none.

    Raises:
        MalformedDocumentError: `cose.*`, `cbor.malformed`, `cbor.tag`.

    """
    if len(doc) > MAX_DOCUMENT_BYTES:  # V-19
        raise rejected(Reason.COSE_TOO_LARGE, "document", f"at most {MAX_DOCUMENT_BYTES} bytes")
    sign1 = doc.removeprefix(_TAG_18)
    # The total length leaves one length for the payload, and with it one form of its head.
    encoded_payload_bytes = len(sign1) - len(_BEFORE_PAYLOAD) - _AFTER_PAYLOAD_BYTES
    payload_bytes = encoded_payload_bytes - _head_bytes(encoded_payload_bytes)
    if not 1 <= payload_bytes <= MAX_PAYLOAD_BYTES:  # V-27
        _reject(sign1)
    head = _byte_string_head(payload_bytes)
    if len(head) + payload_bytes != encoded_payload_bytes:  # V-30: no shortest form is so long
        _reject(sign1)
    before, end = _BEFORE_PAYLOAD + head, len(sign1) - _AFTER_PAYLOAD_BYTES
    if not sign1.startswith(before) or not sign1.startswith(_BEFORE_SIGNATURE, end):  # V-30
        _reject(sign1)
    return Envelope(sign1[len(before) : end], sign1[-es384.SIGNATURE_BYTES :])


def _head_bytes(encoded: int) -> int:
    """Return how much of an encoded byte string is its head, in the shortest encoding."""
    if encoded <= 1 + _MAX_LENGTH_WITHIN:
        return 1
    return 2 if encoded <= 2 + _MAX_LENGTH_IN_ONE else 3


def _byte_string_head(size: int) -> bytes:
    """Encode the head of a byte string of up to 65,535 bytes (RFC 8949 section 4.2.1: shortest)."""
    if size > _MAX_LENGTH_IN_ONE:
        return _TWO_LENGTH_OCTETS + size.to_bytes(2, "big")
    if size > _MAX_LENGTH_WITHIN:
        return _ONE_LENGTH_OCTET + bytes([size])
    return bytes([_BYTE_STRING + size])


def _reject(sign1: bytes) -> NoReturn:
    """Name the first fault of an envelope that is not in the one encoding."""
    array = _read_head(sign1, 0, "envelope")
    if array.major != cbor.ARRAY or array.argument != _SIGN1_ITEMS:  # V-24
        raise rejected(Reason.COSE_STRUCTURE, "envelope", f"an array of {_SIGN1_ITEMS} items")
    protected, position = _read_bytes(
        sign1, array.end, "protected header", Reason.COSE_PROTECTED_HEADER
    )
    if protected != _PROTECTED_HEADER:  # V-25
        expected = _PROTECTED_HEADER.hex()
        raise rejected(Reason.COSE_PROTECTED_HEADER, "protected header", expected)
    unprotected = _read_head(sign1, position, "unprotected header")
    if sign1[position : unprotected.end] != _EMPTY_MAP:  # V-26
        raise rejected(Reason.COSE_UNPROTECTED_HEADER, "unprotected header", "an empty map")
    payload, position = _read_bytes(sign1, unprotected.end, "payload", Reason.COSE_PAYLOAD)
    if not 1 <= len(payload) <= MAX_PAYLOAD_BYTES:  # V-27
        raise rejected(Reason.COSE_PAYLOAD, "payload", f"1 to {MAX_PAYLOAD_BYTES} bytes")
    signature, position = _read_bytes(sign1, position, "signature", Reason.COSE_STRUCTURE)
    if len(signature) != es384.SIGNATURE_BYTES:  # V-29
        expected, found = f"{es384.SIGNATURE_BYTES} bytes", f"{len(signature)} bytes"
        raise rejected(Reason.COSE_SIGNATURE_LENGTH, "signature", expected, found)
    if position != len(sign1):  # V-21
        raise rejected(Reason.CBOR_MALFORMED, "envelope: trailing bytes")
    raise rejected(Reason.COSE_STRUCTURE, "envelope", "the shortest definite-length encoding")


def _read_head(sign1: bytes, position: int, subject: str) -> cbor.Head:
    head = cbor.read_head(sign1, position)
    if head is None:  # V-21
        raise rejected(Reason.CBOR_MALFORMED, subject)
    if head.major == cbor.TAG:  # V-20
        raise rejected(Reason.CBOR_TAG, subject)
    return head


def _read_bytes(sign1: bytes, position: int, subject: str, reason: Reason) -> tuple[bytes, int]:
    """Return the byte string at `position`, and where it ends; `reason` if it is something else."""
    head = _read_head(sign1, position, subject)
    if head.major != cbor.BYTES:  # V-25, V-27, V-28
        raise rejected(reason, subject, "a byte string")
    if head.argument is None:  # V-30
        raise rejected(Reason.COSE_STRUCTURE, subject, "a byte string of definite length")
    end = head.end + head.argument
    if end > len(sign1):  # V-21
        raise rejected(Reason.CBOR_MALFORMED, subject)
    return sign1[head.end : end], end


def check_signature(envelope: Envelope, spki: bytes) -> None:
    """Check the signature over the payload as it was received (RFC 9052 section 4.4).

    Raises:
        UntrustedDocumentError: `signature.invalid`.

    """
    head = _byte_string_head(len(envelope.payload))
    message = _SIGNED_BEFORE_PAYLOAD + head + envelope.payload
    if not es384.is_good_signature(spki, envelope.signature, message):  # V-78
        raise rejected(Reason.SIGNATURE_INVALID, "signature of the document")

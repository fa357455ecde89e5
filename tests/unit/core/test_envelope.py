"""The envelope has one encoding, and its signature covers the payload as received."""

import cbor2
import pytest

from nitro_attest import Failure, MalformedDocumentError, Reason, UntrustedDocumentError
from nitro_attest._core.envelope import (
    MAX_DOCUMENT_BYTES,
    MAX_PAYLOAD_BYTES,
    Envelope,
    check_signature,
    read_envelope,
)
from support import certificates as forge

PROTECTED = "44a1013822"
PAYLOAD = "43010203"
SIGNATURE = "5860" + "11" * 96
GOOD = "84" + PROTECTED + "a0" + PAYLOAD + SIGNATURE


def _reason(encoded: str | bytes) -> Reason:
    with pytest.raises(MalformedDocumentError) as refusal:
        read_envelope(bytes.fromhex(encoded) if isinstance(encoded, str) else encoded)
    return refusal.value.reason


@pytest.mark.parametrize("tag", ["", "d2"])
def test_the_one_encoding_with_and_without_its_tag(tag: str) -> None:
    """Payload and signature come out as they are."""
    assert read_envelope(bytes.fromhex(tag + GOOD)) == Envelope(
        bytes.fromhex("010203"), b"\x11" * 96
    )


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        ("", Reason.CBOR_MALFORMED),
        ("d2", Reason.CBOR_MALFORMED),
        (GOOD[:-2], Reason.CBOR_MALFORMED),
        (GOOD + "00", Reason.CBOR_MALFORMED),
        ("d812" + GOOD, Reason.CBOR_TAG),  # tag 18, not shortest
        ("d2d2" + GOOD, Reason.CBOR_TAG),
        ("d862" + GOOD, Reason.CBOR_TAG),  # COSE_Sign
        ("d1" + GOOD, Reason.CBOR_TAG),  # COSE_Mac0
        ("d9d9f7" + GOOD, Reason.CBOR_TAG),
        ("a0", Reason.COSE_STRUCTURE),
        ("00", Reason.COSE_STRUCTURE),
        ("f6", Reason.COSE_STRUCTURE),
        ("80", Reason.COSE_STRUCTURE),
        ("83" + PROTECTED + "a0" + PAYLOAD, Reason.COSE_STRUCTURE),
        ("85" + GOOD[2:] + "00", Reason.COSE_STRUCTURE),
        ("9f" + GOOD[2:] + "ff", Reason.COSE_STRUCTURE),
        ("9804" + GOOD[2:], Reason.COSE_STRUCTURE),
        ("84" + "5804a1013822" + "a0" + PAYLOAD + SIGNATURE, Reason.COSE_STRUCTURE),
        ("84" + "5f44a1013822ff" + "a0" + PAYLOAD + SIGNATURE, Reason.COSE_STRUCTURE),
        ("84" + PROTECTED + "a0" + "5803010203" + SIGNATURE, Reason.COSE_STRUCTURE),
        ("84" + PROTECTED + "a0" + "5f43010203ff" + SIGNATURE, Reason.COSE_STRUCTURE),
        ("84" + PROTECTED + "a0" + PAYLOAD + "590060" + "11" * 96, Reason.COSE_STRUCTURE),
        ("84" + PROTECTED + "a0" + PAYLOAD + "f6", Reason.COSE_STRUCTURE),
        ("84" + PROTECTED + "a0" + PAYLOAD + "7860" + "61" * 96, Reason.COSE_STRUCTURE),
        ("84" + "40" + "a0" + PAYLOAD + SIGNATURE, Reason.COSE_PROTECTED_HEADER),
        ("84" + "41a0" + "a0" + PAYLOAD + SIGNATURE, Reason.COSE_PROTECTED_HEADER),
        (
            "84" + "a1013822" + "a0" + PAYLOAD + SIGNATURE,
            Reason.COSE_PROTECTED_HEADER,
        ),  # a map, not its bytes
        ("84" + "43a10126" + "a0" + PAYLOAD + SIGNATURE, Reason.COSE_PROTECTED_HEADER),  # ES256
        ("84" + "44a1013823" + "a0" + PAYLOAD + SIGNATURE, Reason.COSE_PROTECTED_HEADER),  # ES512
        (
            "84" + "45a101390022" + "a0" + PAYLOAD + SIGNATURE,
            Reason.COSE_PROTECTED_HEADER,
        ),  # not shortest
        ("84" + "45a101382200" + "a0" + PAYLOAD + SIGNATURE, Reason.COSE_PROTECTED_HEADER),
        ("84" + "64a1013822" + "a0" + PAYLOAD + SIGNATURE, Reason.COSE_PROTECTED_HEADER),  # text
        ("1c", Reason.CBOR_MALFORMED),
        ("84" + PROTECTED + "a0" + "5f", Reason.COSE_STRUCTURE),
        ("84" + PROTECTED + "a0" + "58", Reason.CBOR_MALFORMED),
        ("84" + PROTECTED + "a0" + "5bffffffffffffffff" + "00" * 200, Reason.CBOR_MALFORMED),
        ("84" + PROTECTED + "a0" + "5818" + "00" * 24 + SIGNATURE[2:], Reason.COSE_STRUCTURE),
        ("84" + "f6" + "a0" + PAYLOAD + SIGNATURE, Reason.COSE_PROTECTED_HEADER),
        ("84" + PROTECTED + "f6" + PAYLOAD + SIGNATURE, Reason.COSE_UNPROTECTED_HEADER),
        ("84" + PROTECTED + "80" + PAYLOAD + SIGNATURE, Reason.COSE_UNPROTECTED_HEADER),
        ("84" + PROTECTED + "40" + PAYLOAD + SIGNATURE, Reason.COSE_UNPROTECTED_HEADER),
        ("84" + PROTECTED + "a1013822" + PAYLOAD + SIGNATURE, Reason.COSE_UNPROTECTED_HEADER),
        ("84" + PROTECTED + "a1044101" + PAYLOAD + SIGNATURE, Reason.COSE_UNPROTECTED_HEADER),
        ("84" + PROTECTED + "a18000" + PAYLOAD + SIGNATURE, Reason.COSE_UNPROTECTED_HEADER),
        ("84" + PROTECTED + "bfff" + PAYLOAD + SIGNATURE, Reason.COSE_UNPROTECTED_HEADER),
        ("84" + PROTECTED + "b800" + PAYLOAD + SIGNATURE, Reason.COSE_UNPROTECTED_HEADER),
        ("84" + PROTECTED + "a0" + "f6" + SIGNATURE, Reason.COSE_PAYLOAD),
        ("84" + PROTECTED + "a0" + "40" + SIGNATURE, Reason.COSE_PAYLOAD),
        ("84" + PROTECTED + "a0" + "6161" + SIGNATURE, Reason.COSE_PAYLOAD),
        ("84" + PROTECTED + "a0" + "80" + SIGNATURE, Reason.COSE_PAYLOAD),
        ("84" + PROTECTED + "a0" + "d818" + PAYLOAD + SIGNATURE, Reason.CBOR_TAG),
        ("84" + PROTECTED + "a0" + PAYLOAD + "40", Reason.COSE_SIGNATURE_LENGTH),
        ("84" + PROTECTED + "a0" + PAYLOAD + "5830" + "11" * 48, Reason.COSE_SIGNATURE_LENGTH),
        ("84" + PROTECTED + "a0" + PAYLOAD + "585f" + "11" * 95, Reason.COSE_SIGNATURE_LENGTH),
        ("84" + PROTECTED + "a0" + PAYLOAD + "5861" + "11" * 97, Reason.COSE_SIGNATURE_LENGTH),
        ("84" + PROTECTED + "a0" + PAYLOAD + "5868" + "11" * 104, Reason.COSE_SIGNATURE_LENGTH),
    ],
)
def test_every_other_encoding_is_refused(encoded: str, reason: Reason) -> None:
    """Tags, headers, items, long and indefinite forms, trailing bytes: each has its reason."""
    assert _reason(encoded) is reason


@pytest.mark.parametrize(
    ("encoded", "subject"),
    [
        ("1c", "envelope"),
        ("84" + "1c", "protected header"),
        ("84" + PROTECTED + "1c", "unprotected header"),
        ("84" + PROTECTED + "a0" + "1c", "payload"),
        ("84" + PROTECTED + "a0" + PAYLOAD + "1c", "signature"),
    ],
)
def test_a_rejection_names_the_part(encoded: str, subject: str) -> None:
    """Which of the four items is malformed."""
    with pytest.raises(MalformedDocumentError) as rejection:
        read_envelope(bytes.fromhex(encoded))
    assert rejection.value.failures == (Failure(Reason.CBOR_MALFORMED, subject),)


def _with_payload(size: int, *, content: bytes = b"", signature: bytes = bytes(96)) -> bytes:
    header: dict[int, int] = {}
    return cbor2.dumps([bytes.fromhex("a1013822"), header, content or bytes(size), signature])


def test_the_payload_has_1_to_16384_bytes() -> None:
    """Both ends of AWS's range, and one byte outside each."""
    assert len(read_envelope(_with_payload(1)).payload) == 1
    assert (
        len(read_envelope(_with_payload(MAX_PAYLOAD_BYTES)).payload) == MAX_PAYLOAD_BYTES == 16_384
    )
    assert _reason(_with_payload(0)) is Reason.COSE_PAYLOAD
    assert _reason(_with_payload(MAX_PAYLOAD_BYTES + 1)) is Reason.COSE_PAYLOAD
    for size in (1, MAX_PAYLOAD_BYTES):  # good, so that the fault named is the other one
        assert _reason(_with_payload(size, signature=bytes(95))) is Reason.COSE_SIGNATURE_LENGTH


@pytest.mark.parametrize("size", [1, 22, 23, 24, 25, 254, 255, 256, 257, 4096])
def test_every_shortest_length_of_a_payload(size: int) -> None:
    """The length is in the first octet up to 23, in one more up to 255, in two more above.

    The signature covers it so.
    """
    payload = b"\x59" * size
    doc = forge.envelope(payload)
    assert doc == _with_payload(size, content=payload, signature=doc[-96:])
    envelope = read_envelope(doc)
    assert envelope == Envelope(payload, doc[-96:])
    check_signature(envelope, forge.public(forge.key(f"NEVER_TRUST {forge.LEAF}")))


def test_trailing_bytes_are_called_that() -> None:
    """The whole envelope is correct, and one byte follows."""
    with pytest.raises(MalformedDocumentError) as refusal:
        read_envelope(bytes.fromhex(GOOD) + b"\0")
    (failure,) = refusal.value.failures
    assert failure == Failure(Reason.CBOR_MALFORMED, "envelope: trailing bytes")


def test_the_whole_is_capped_before_it_is_read() -> None:
    """At the cap the structure is looked at, above it only the size."""
    assert _reason(b"\xff" * MAX_DOCUMENT_BYTES) is Reason.COSE_STRUCTURE
    assert _reason(b"\xff" * (MAX_DOCUMENT_BYTES + 1)) is Reason.COSE_TOO_LARGE


def test_parts_that_overlap_are_no_envelope() -> None:
    """A front and an end that share bytes: every envelope shorter than its fixed parts."""
    good = _with_payload(1)
    for size in range(len(good)):
        for shorter in (
            good[:size],
            good[-size:] if size else b"",
            good[:8] + good[len(good) - size :],
        ):
            if shorter != good:
                _reason(shorter)


@pytest.mark.parametrize("size", [22, 23, 24, 25, 255, 256, 257, 258])
def test_a_total_length_leaves_one_form_for_the_payload(size: int) -> None:
    """Whatever the payload's head says, only the shortest form of what is there is accepted."""
    before, accepted = bytes.fromhex("84" + PROTECTED + "a0"), 0
    for head in (b"\x57", b"\x58\x18", b"\x58\xff", b"\x59\x01\x00", b"\x59\x00\xff"):
        doc = before + (head + bytes(size))[: size + 1] + bytes.fromhex(SIGNATURE)
        try:
            payload = read_envelope(doc).payload
        except MalformedDocumentError:
            continue
        accepted += 1
        assert doc == _with_payload(len(payload), signature=b"\x11" * 96)
    assert accepted == (size in (23, 25, 256, 258))


def test_the_signature_covers_the_payload() -> None:
    """The leaf's key, this payload and COSE's context string: all three must fit."""
    spki = forge.public(forge.key(f"NEVER_TRUST {forge.LEAF}"))
    good = forge.signature(b"payload")
    check_signature(Envelope(b"payload", good), spki)
    other = forge.public(forge.key("NEVER_TRUST other"))
    for envelope, key in (
        (Envelope(b"payloaD", good), spki),
        (Envelope(b"payload", good[:-1] + bytes([good[-1] ^ 1])), spki),
        (Envelope(b"payload", good), other),
    ):
        with pytest.raises(UntrustedDocumentError) as refusal:
            check_signature(envelope, key)
        assert refusal.value.reason is Reason.SIGNATURE_INVALID

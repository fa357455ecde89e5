"""The envelope's payload and signature (RFC 9052 section 4.2, RFC 9053 section 2.1)."""

from typing import Final

from vectorgen.forge import cbor, der
from vectorgen.forge.cbor import Raw
from vectorgen.forge.documents import CHAIN, ES384, envelope, sig_structure
from vectorgen.forge.keys import raw
from vectorgen.groups.cose import GOOD, NO_HEADER, PAYLOAD
from vectorgen.kit import Case, Row, family, vector

OTHER_MESSAGE = "A message of another kind passes for an attestation document."
TWO_READINGS = (
    "One document has two readings: what one program checks is not what the next one uses."
)


@family(
    Row("null", "null: the payload is detached", cbor.encode(None)),
    Row("text", "a text", cbor.encode("payload")),
    Row("map", "the map itself, not wrapped in a byte string", PAYLOAD),
    Row("array", "an array", cbor.encode([PAYLOAD])),
    Row("empty", "an empty byte string", b"\x40"),
    Row("tag-24", "tagged as encoded CBOR", cbor.tagged(24, PAYLOAD).data, "cbor.tag"),
    Row(
        "wide",
        "a byte string whose length takes four bytes",
        cbor.wide(PAYLOAD, 4).data,
        "cose.structure",
    ),
    Row(
        "chunked",
        "a byte string of indefinite length",
        cbor.chunked(PAYLOAD, 1000).data,
        "cose.structure",
    ),
    expect="cose.payload",
    rule="V-20, V-27, V-30; RFC 9052 section 4.2",
    attacks="11, 22, 26",
    effect=TWO_READINGS,
)
def payload(item: bytes) -> Case:
    """The payload is {}."""
    return Case(doc=b"\x84" + GOOD.protected + GOOD.unprotected + item + GOOD.signature)


SIGNATURE: Final = raw(*CHAIN.key.sign(sig_structure(PAYLOAD)))


@family(
    Row("0", "is empty", b""),
    Row("48", "is cut to its first half", SIGNATURE[:48]),
    Row("95", "lacks its last byte", SIGNATURE[:-1]),
    Row("97", "has a zero byte after it", SIGNATURE + b"\0"),
    Row("97-leading", "has a zero byte before it", b"\0" + SIGNATURE),
    Row(
        "98-padded-halves",
        "has a zero byte before each half",
        b"\0" + SIGNATURE[:48] + b"\0" + SIGNATURE[48:],
    ),
    Row("64", "has the length of ES256", SIGNATURE[:64]),
    Row("132", "has the length of ES512", bytes(18) + SIGNATURE[:48] + bytes(18) + SIGNATURE[48:]),
    Row("192", "is there twice", SIGNATURE * 2),
    Row("der", "is written in DER", der.signature(*CHAIN.key.sign(sig_structure(PAYLOAD)))),
    expect="cose.signature_length",
    rule="V-29; RFC 9053 section 2.1",
    attacks="12",
    effect="A signature cut in halves without a look at its length can be changed and still be good.",
)
def signature(content: bytes) -> Case:
    """The signature {}."""
    return Case(doc=envelope(PAYLOAD, signature=content).encode())


@family(
    Row("text", "a text", cbor.encode("s" * 96)),
    Row("null", "null", b"\xf6"),
    Row(
        "array",
        "an array of signatures as in COSE_Sign, without its tag",
        cbor.encode([[ES384, NO_HEADER, SIGNATURE]]),
    ),
    Row("halves", "an array of r and s", cbor.encode([SIGNATURE[:48], SIGNATURE[48:]])),
    Row(
        "wide", "a byte string whose length takes two bytes too many", cbor.wide(SIGNATURE, 2).data
    ),
    Row("chunked", "a byte string of indefinite length", cbor.chunked(SIGNATURE, 48).data),
    expect="cose.structure",
    rule="V-28, V-30; RFC 9052 section 4.2",
    attacks="20, 22, 26",
    effect=TWO_READINGS,
)
def signature_as(item: bytes) -> Case:
    """The signature in the envelope is {}."""
    return Case(doc=b"\x84" + GOOD.protected + GOOD.unprotected + GOOD.payload + item)


@vector(
    expect="cose.signature_length",
    rule="V-29; RFC 9052 section 6.2",
    attacks="20",
    effect="Whoever has the public key makes a good MAC with it.",
)
def mac0_untagged() -> Case:
    """A COSE_Mac0 without its tag: the fourth item is a MAC of 32 bytes."""
    return Case(
        doc=b"\x84"
        + GOOD.protected
        + GOOD.unprotected
        + GOOD.payload
        + cbor.encode(bytes(range(32)))
    )


@vector(expect="cbor.tag", rule="V-20; RFC 9052 section 4.1", attacks="20", effect=OTHER_MESSAGE)
def cose_sign() -> Case:
    """A whole COSE_Sign with one good signature by the leaf."""
    message = cbor.encode(["Signature", b"", ES384, b"", PAYLOAD])
    signed = cbor.encode([ES384, NO_HEADER, raw(*CHAIN.key.sign(message))])
    return Case(doc=cbor.tagged(98, [b"", NO_HEADER, PAYLOAD, [Raw(signed)]]).data)

"""The envelope: COSE_Sign1 in exactly the encoding AWS writes (RFC 9052 section 4.2, AWS attestation process 3.1)."""

from base64 import b64encode
from typing import Final

from vectorgen.forge import cbor
from vectorgen.forge.documents import (
    CHAIN,
    ES384,
    TPM_CHAIN,
    document,
    enclave,
    envelope,
    nitro_tpm,
)
from vectorgen.forge.policies import TPM_STANDARD, WAIVED_FIELDS
from vectorgen.kit import ACCEPT, Case, Row, enclave_case, family, tpm_case, vector

NO_HEADER: Final[dict[object, object]] = {}


PAYLOAD: Final = cbor.encode(cbor.Open(enclave()))


GOOD: Final = envelope(PAYLOAD)


DOC: Final = GOOD.encode()


MAX_PAYLOAD: Final = 16_384


TWO_READINGS = (
    "One document has two readings: what one program checks is not what the next one uses."
)


NOT_SIGNED = "What the signature does not cover can be changed by anyone on the way."


OTHER_MESSAGE = "A message of another kind passes for an attestation document."


def _padded(length: int) -> bytes:
    """Return a payload of exactly `length` bytes, filled up by a field that AWS does not list."""
    shorter = len(cbor.encode(cbor.Open(enclave(padding=bytes(10_000)))))
    return cbor.encode(cbor.Open(enclave(padding=bytes(10_000 + length - shorter))))


@vector(
    expect=ACCEPT,
    rule="V-20; AWS attestation process 3.1",
    attacks="4, 41",
    effect="If it is rejected, no enclave can be used.",
)
def untagged() -> Case:
    """An enclave's document as AWS writes it today: no tag, payload map of indefinite length, 16 PCRs."""
    return enclave_case()


@vector(
    expect=ACCEPT,
    rule="V-20; AWS attestation process 3.1",
    attacks="4",
    effect="If it is rejected, no instance can be used.",
)
def untagged_nitrotpm() -> Case:
    """A NitroTPM document as AWS writes it today: no tag, payload map of indefinite length."""
    return tpm_case()


@vector(
    expect=ACCEPT,
    rule="V-20; RFC 9052 section 4.2",
    attacks="4",
    effect="AWS's text allows the tag; if it is rejected, such a document is lost.",
)
def tag_18() -> Case:
    """An enclave's document with the tag of COSE_Sign1."""
    return Case(doc=b"\xd2" + DOC)


@vector(
    expect=ACCEPT,
    rule="V-20; RFC 9052 section 4.2",
    attacks="4",
    effect="AWS's text allows the tag; if it is rejected, such a document is lost.",
)
def tag_18_nitrotpm() -> Case:
    """A NitroTPM document with the tag of COSE_Sign1."""
    return Case(doc=b"\xd2" + document(nitro_tpm(), TPM_CHAIN.key), policy=TPM_STANDARD)


@vector(
    expect=ACCEPT,
    rule="V-27; AWS attestation process 3.1",
    attacks="1",
    effect="If it is rejected, documents with full fields are lost.",
)
def payload_of_16384_bytes() -> Case:
    """The payload has the 16,384 bytes that AWS allows; an unlisted field, which the policy allows, fills it up."""
    return Case(doc=document(_padded(MAX_PAYLOAD)), policy=WAIVED_FIELDS)


@vector(
    expect="cose.payload",
    rule="V-27; AWS attestation process 3.1",
    attacks="1",
    effect="Work grows with what a stranger sends.",
)
def payload_of_16385_bytes() -> Case:
    """The payload has one byte more than AWS allows."""
    return Case(doc=document(_padded(MAX_PAYLOAD + 1)), policy=WAIVED_FIELDS)


@vector(
    expect="cose.too_large",
    rule="V-19",
    attacks="1",
    effect="Memory and time are spent on anything that a stranger sends.",
)
def document_over_the_cap() -> Case:
    """The whole document has 24,000 bytes: rejected before anything is decoded."""
    return Case(doc=document(_padded(24_000 - len(DOC) + len(PAYLOAD))), policy=WAIVED_FIELDS)


@vector(
    expect="cbor.malformed",
    rule="V-21",
    attacks="2",
    effect="An index error instead of a rejection takes the service down.",
)
def empty_input() -> Case:
    """The input has no byte at all."""
    return Case(doc=b"")


@family(
    Row("after-the-array-head", "the array's head", 1),
    Row("in-the-protected-header", "two bytes of the protected header", 3),
    Row("before-the-payload", "the headers", 7),
    Row("in-the-head-of-the-payload", "one byte of the payload's head", 8),
    Row("in-the-payload", "half of the payload", len(DOC) // 2),
    Row("before-the-signature", "the payload", len(DOC) - 98),
    Row("in-the-signature", "half of the signature", len(DOC) - 48),
    Row("before-the-last-byte", "its last byte but one", len(DOC) - 1),
    expect="cbor.malformed",
    rule="V-21; RFC 8949 section 5.3.1",
    attacks="2, 118",
    effect="A reader that goes on past the end reads foreign memory, or fails with an error nobody handles.",
)
def truncated(length: int) -> Case:
    """The document ends after {}."""
    return Case(doc=DOC[:length])


@family(
    Row("zero-byte", "a zero byte", b"\0"),
    Row("break", "a break", cbor.BREAK),
    Row("second-document", "a second document", DOC),
    expect="cbor.malformed",
    rule="V-21; RFC 8949 section 5.3.1",
    attacks="3",
    effect=TWO_READINGS,
)
def trailing(tail: bytes) -> Case:
    """The document is followed by {}."""
    return Case(doc=DOC + tail)


@family(
    Row("base64", "base64", b64encode(DOC)),
    Row("hex", "hex digits", DOC.hex().encode()),
    Row("json", "JSON around base64", b'{"document": "' + b64encode(DOC) + b'"}'),
    expect="cose.structure",
    rule="V-24",
    attacks="103",
    effect="A verifier that guesses how its input is written takes one document in several forms.",
)
def as_text(doc: bytes) -> Case:
    """The document is given as {}, not as bytes."""
    return Case(doc=doc)


@family(
    Row("16", "tag 16, COSE_Encrypt0", b"\xd0"),
    Row("17", "tag 17, COSE_Mac0", b"\xd1"),
    Row("61", "tag 61, CBOR Web Token", b"\xd8\x3d"),
    Row("96", "tag 96, COSE_Encrypt", b"\xd8\x60"),
    Row("98", "tag 98, COSE_Sign", b"\xd8\x62"),
    Row("998", "tag 998", b"\xd9\x03\xe6"),
    Row("55799-18", "tag 55799, self-described CBOR, and tag 18", b"\xd9\xd9\xf7\xd2"),
    Row("18-twice", "tag 18 twice", b"\xd2\xd2"),
    Row("18-in-two-bytes", "tag 18 written in two bytes", b"\xd8\x12"),
    Row("18-in-three-bytes", "tag 18 written in three bytes", b"\xd9\x00\x12"),
    expect="cbor.tag",
    rule="V-20; RFC 9052 section 2",
    attacks="5, 20",
    effect=OTHER_MESSAGE,
)
def tag(prefix: bytes) -> Case:
    """The document begins with {}."""
    return Case(doc=prefix + DOC)


@family(
    Row("0-items", "an empty array", b"\x80"),
    Row("1-item", "an array that holds only the payload", b"\x81" + GOOD.payload),
    Row("3-items", "an array of three items, without a signature", b"\x83" + GOOD.protected + GOOD.unprotected + GOOD.payload),
    Row("5-items", "an array of five items", GOOD.encode(head=b"\x85", tail=b"\xf6")),
    Row("indefinite-array", "an array of indefinite length", GOOD.encode(head=b"\x9f", tail=cbor.BREAK)),
    Row("array-head-in-two-bytes", "an array whose head takes two bytes", GOOD.encode(head=b"\x98\x04")),
    Row("map", "a map of the four items under their positions", b"\xa4\x00" + GOOD.protected + b"\x01\xa0\x02" + GOOD.payload
        + b"\x03" + GOOD.signature),
    Row("byte-string", "a byte string that holds the envelope", cbor.encode(DOC)),
    Row("text", "a text", cbor.encode("attestation")),
    Row("integer", "an integer", b"\x00"),
    Row("null", "null", b"\xf6"),
    Row("payload-alone", "the payload without an envelope", PAYLOAD),
    expect="cose.structure",
    rule="V-24; RFC 9052 section 4.2", attacks="6",
    effect=TWO_READINGS,
)  # fmt: skip
def not_four_items(doc: bytes) -> Case:
    """Instead of the array of four items there is {}."""
    return Case(doc=doc)


@family(
    Row("empty", "nothing", b""),
    Row("empty-map", "an empty map", b"\xa0"),
    Row("es256", "algorithm -7, ES256", bytes.fromhex("a10126")),
    Row("es512", "algorithm -36, ES512", bytes.fromhex("a1013823")),
    Row("eddsa", "algorithm -8, EdDSA", bytes.fromhex("a10127")),
    Row(
        "hmac",
        "algorithm 5, HMAC 256/256: the leaf's public key would be the shared secret",
        bytes.fromhex("a10105"),
    ),
    Row("none", "algorithm 0, which is reserved", bytes.fromhex("a10100")),
    Row("unknown", "algorithm -999, which nobody knows", bytes.fromhex("a1013903e6")),
    Row("text-es384", 'the text "ES384" as algorithm', cbor.encode({1: "ES384"})),
    Row("text-none", 'the text "none" as algorithm', cbor.encode({1: "none"})),
    Row("esp384", "algorithm -51, ESP384, which AWS does not use", bytes.fromhex("a1013832")),
    Row("kid-too", "a key identifier besides the algorithm", bytes.fromhex("a20138220441aa")),
    Row(
        "crit-too",
        "a list of critical labels besides the algorithm",
        bytes.fromhex("a20138220281187b"),
    ),
    Row("duplicate", "the algorithm twice", bytes.fromhex("a2013822013822")),
    Row("trailing", "a zero byte after the map", bytes.fromhex("a101382200")),
    Row("wide-algorithm", "the algorithm in three bytes", bytes.fromhex("a101390022")),
    Row("wide-label", "the label in two bytes", bytes.fromhex("a118013822")),
    Row("wide-map", "the map's head in two bytes", bytes.fromhex("b801013822")),
    Row("indefinite-map", "a map of indefinite length", bytes.fromhex("bf013822ff")),
    Row("array", "an array of label and algorithm", bytes.fromhex("82013822")),
    expect="cose.protected_header",
    rule="V-25; RFC 9052 section 3, AWS attestation process 3.1",
    attacks="7",
    effect="The document chooses how it is checked.",
    refs=("https://www.rfc-editor.org/rfc/rfc9053.html#section-2.1",),
)
def protected_header(content: bytes) -> Case:
    """The protected header holds {}; the signature covers the header as it is."""
    return Case(doc=envelope(PAYLOAD, protected=content).encode())


@family(
    Row("map", "a map instead of a byte string", ES384, "cose.protected_header"),
    Row(
        "text",
        "a text string of the same bytes",
        cbor.head(cbor.TEXT, 4) + b"\x61\x01\x38\x22",
        "cose.protected_header",
    ),
    Row("null", "null", b"\xf6", "cose.protected_header"),
    Row("wide-length", "a byte string whose length takes two bytes", cbor.wide(ES384, 1).data),
    Row("chunked", "a byte string of indefinite length", cbor.chunked(ES384, 2).data),
    expect="cose.structure",
    rule="V-25, V-30; RFC 9052 section 3",
    attacks="7, 22, 26",
    effect=TWO_READINGS,
)
def protected_as(item: bytes) -> Case:
    """The protected header in the envelope is {}; the signature covers the header AWS writes."""
    return Case(doc=b"\x84" + item + DOC[6:])


@vector(
    expect="cose.protected_header", rule="V-25; RFC 9052 section 3", attacks="8", effect=NOT_SIGNED
)
def algorithm_unprotected_only() -> Case:
    """The algorithm is in the unprotected header and the protected one is empty."""
    good = envelope(PAYLOAD, protected=b"")
    return Case(doc=b"\x84" + good.protected + ES384 + good.payload + good.signature)


@family(
    Row("kid", "a key identifier", cbor.encode({4: b"kid"})),
    Row("algorithm", "the algorithm again", ES384),
    Row("other-algorithm", "another algorithm", bytes.fromhex("a10126")),
    Row("crit", "a list of critical labels", bytes.fromhex("a102811863")),
    Row("x5chain", "a certificate chain", cbor.encode({33: list(CHAIN.cabundle[1:2])})),
    Row("countersignature", "a countersignature", cbor.encode({11: [b"", NO_HEADER, bytes(96)]})),
    Row("text-label", "a text label", cbor.encode({"x": 1})),
    Row("indefinite", "an empty map of indefinite length", bytes.fromhex("bfff")),
    Row("wide", "an empty map whose head takes two bytes", bytes.fromhex("b800")),
    Row("null", "null", b"\xf6"),
    Row("array", "an empty array", b"\x80"),
    Row("byte-string", "an empty map in a byte string", b"\x41\xa0"),
    expect="cose.unprotected_header",
    rule="V-26; AWS attestation process 3.1",
    attacks="9, 10",
    effect=NOT_SIGNED,
)
def unprotected_header(item: bytes) -> Case:
    """Where AWS writes an empty map as unprotected header there is {}."""
    return Case(doc=b"\x84" + GOOD.protected + item + GOOD.payload + GOOD.signature)


@vector(
    expect="cose.unprotected_header",
    rule="V-26; RFC 9052 section 1.4",
    attacks="9",
    effect="An unhashable key raises an error nobody handles.",
)
def unprotected_header_map_as_label() -> Case:
    """The unprotected header has a map as label."""
    return Case(
        doc=b"\x84" + GOOD.protected + bytes.fromhex("a1a000") + GOOD.payload + GOOD.signature
    )

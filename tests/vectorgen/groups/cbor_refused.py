"""The payload's encoding where it is not well-formed, or more than AWS needs (RFC 8949)."""

from typing import Final, cast

from vectorgen.forge import cbor
from vectorgen.forge.cbor import Open, Pairs, Raw, chunked, wide
from vectorgen.forge.documents import (
    ENCLAVE_PCRS,
    NONCE,
    TPM_CHAIN,
    TPM_PCRS,
    document,
    nitro_tpm,
)
from vectorgen.forge.policies import TPM_STANDARD, WAIVED_FIELDS
from vectorgen.groups.cbor import BUNDLE, FIELDS, PAIRS, STAMP, of, with_field
from vectorgen.kit import ACCEPT, Case, Row, family, tpm_case, vector

CHOICE_OF_AWS = "AWS changed its encoder in mid-2025; a reader that knows one encoding rejects all documents of the other."
CODE = "The content of a tag makes the reader build objects, follow references or do arithmetic."
CRASH = "The reader runs out of memory or stack, or fails with an error nobody handles."
TWO_READINGS = (
    "Two programs read two documents: the one that was checked is not the one that is used."
)


INDEFINITE: Final = cbor.encode(Open(PAIRS))


DEFINITE: Final = cbor.encode(Pairs(PAIRS))


@family(
    Row("no-break-of-the-map", "the break of the payload's map is missing", INDEFINITE[:-1]),
    Row("no-break-of-the-pcrs", "the break of the PCRs' map is missing", cbor.encode(Open({**FIELDS, "pcrs": Raw(cbor.encode(Open(dict(ENCLAVE_PCRS)))[:-1])})), "cbor.too_deep"),
    Row("no-break-of-the-bundle", "the break of the bundle is missing", cbor.encode(Open({**FIELDS, "cabundle": Raw(cbor.encode(Open(BUNDLE))[:-1])}))),
    Row("break-in-definite-map", "a break is in the map of definite length", cbor.head(cbor.MAP, len(PAIRS) + 1) + cbor.flat(PAIRS) + cbor.BREAK),
    Row("break-as-value", "a break is in place of the nonce", cbor.encode(Open({**FIELDS, "nonce": Raw(cbor.BREAK)}))),
    Row("odd-items", "the map of indefinite length ends after a name", INDEFINITE[:-1] + cbor.encode("more") + cbor.BREAK),
    Row("map-too-long", "the head of the map counts one field more than there is", cbor.head(cbor.MAP, len(PAIRS) + 1) + cbor.flat(PAIRS)),
    Row("string-too-long", "the last string is longer than the payload", DEFINITE[:-33] + bytes([0x21]) + DEFINITE[-32:]),
    Row("map-head-alone", "there is the head of a map and nothing else", b"\xbf"),
    expect="cbor.malformed",
    rule="V-31, V-23; RFC 8949 section 3.2.1 and 5.3.1", attacks="23",
    effect=TWO_READINGS,
)  # fmt: skip
def structure_where(payload: bytes) -> Case:
    """In the payload {}."""
    return of(payload)


@family(
    Row("zero-byte", "a zero byte", b"\0"),
    Row("break", "a second break", cbor.BREAK),
    Row("second-map", "a second map", INDEFINITE),
    Row("null", "null", b"\xf6"),
    expect="cbor.malformed",
    rule="V-31; RFC 8949 section 5.3.1",
    attacks="30",
    effect=TWO_READINGS,
)
def trailing(tail: bytes) -> Case:
    """Inside the signed payload the map is followed by {}."""
    return of(INDEFINITE + tail)


@vector(
    expect="cbor.malformed", rule="V-31; RFC 8949 section 5.3.1", attacks="30", effect=TWO_READINGS
)
def trailing_definite() -> Case:
    """Inside the signed payload a map of definite length is followed by one field more."""
    return of(cbor.encode(Pairs(PAIRS[:-1])) + cbor.flat(PAIRS[-1:]))


@family(
    *(Row(name.replace("_", "-"), name, name) for name in FIELDS),
    expect="cbor.duplicate_key",
    rule="V-22; RFC 8949 section 5.6",
    attacks="24",
    effect=TWO_READINGS,
)
def duplicate(name: str) -> Case:
    """The field {} comes twice with the same value."""
    return of(cbor.encode(Open((*PAIRS, (name, FIELDS[name])))))


@family(
    Row("pcrs-that-differ", "pcrs with other values", (("pcrs", {**ENCLAVE_PCRS, 0: bytes(48)}),)),
    Row("nonce-null-first", "nonce as null", (("nonce", None),)),
    Row("name-in-chunks", "digest, its name in chunks", ((chunked("digest", 2), "SHA384"),)),
    Row(
        "name-with-long-head",
        "digest, its name with a longer head",
        ((wide("digest", 2), "SHA384"),),
    ),
    Row("unknown", "a field that AWS does not list, twice", (("x", 1), ("x", 1))),
    expect="cbor.duplicate_key",
    rule="V-22; RFC 8949 section 5.6",
    attacks="24, 26",
    effect=TWO_READINGS,
)
def duplicate_also(first: tuple[tuple[object, object], ...]) -> Case:
    """Before the usual fields comes {}."""
    return Case(doc=document(cbor.encode(Open((*first, *PAIRS)))), policy=WAIVED_FIELDS)


@vector(
    expect="cbor.duplicate_key",
    rule="V-22; RFC 8949 section 5.6",
    attacks="24",
    effect=TWO_READINGS,
)
def duplicate_in_definite_map() -> Case:
    """In a map of definite length the field pcrs comes twice."""
    return of(cbor.encode(Pairs((*PAIRS, ("pcrs", FIELDS["pcrs"])))))


@vector(
    expect="cbor.duplicate_key",
    rule="V-22; RFC 8949 section 5.6",
    attacks="24",
    effect=TWO_READINGS,
)
def duplicate_nitrotpm_pcrs() -> Case:
    """The field nitrotpm_pcrs comes twice."""
    fields = nitro_tpm()
    pairs = (
        *((name, value) for name, value in fields.items()),
        ("nitrotpm_pcrs", fields["nitrotpm_pcrs"]),
    )
    return Case(doc=document(cbor.encode(Open(pairs)), TPM_CHAIN.key), policy=TPM_STANDARD)


@family(
    Row("same", "in the same encoding", 0),
    Row("two-bytes", "in two bytes", wide(0, 1)),
    Row("nine-bytes", "in nine bytes", wide(0, 8)),
    Row(
        "float",
        "as the number 0.0, which many languages take for the same key",
        Raw(b"\xf9\x00\x00"),
    ),
    Row("false", "as false, which some languages take for the same key", Raw(b"\xf4")),
    expect="cbor.duplicate_key",
    rule="V-22; RFC 8949 section 5.6",
    attacks="25, 26",
    effect="The value that is compared is not the one that is reported.",
)
def duplicate_pcr(index: object) -> Case:
    """PCR0 comes a second time, {}, with another value."""
    return with_field("pcrs", Pairs((*ENCLAVE_PCRS.items(), (index, bytes(48)))))


@vector(
    expect="cbor.duplicate_key",
    rule="V-22; RFC 8949 section 5.6",
    attacks="25",
    effect=TWO_READINGS,
)
def duplicate_pcr_in_indefinite_map() -> Case:
    """PCR31 comes twice in a map of indefinite length."""
    last = cast("tuple[tuple[object, object], ...]", ((31, bytes(48)), (31, bytes(48))))
    return with_field("pcrs", Open((*ENCLAVE_PCRS.items(), *last)))


@family(
    Row("integer-28", "additional information 28", b"\x1c"),
    Row("bytes-29", "a byte string with additional information 29", b"\x5d"),
    Row("text-30", "a text with additional information 30", b"\x7e"),
    Row("integer-31", "an integer of indefinite length", b"\x1f"),
    Row("negative-31", "a negative integer of indefinite length", b"\x3f"),
    Row("tag-31", "a tag of indefinite length", b"\xdf\x00"),
    Row(
        "simple-in-two-bytes", "simple value 24 in two bytes, which RFC 8949 excludes", b"\xf8\x18"
    ),
    Row("false-in-two-bytes", "false in two bytes, which RFC 8949 excludes", b"\xf8\x14"),
    Row("text-chunk-in-bytes", "a byte string with a chunk of text", b"\x5f\x61\x61\xff"),
    Row("bytes-chunk-in-text", "a text with a chunk of bytes", b"\x7f\x41\x61\xff"),
    Row("integer-chunk", "a byte string with an integer as chunk", b"\x5f\x01\xff"),
    Row(
        "chunks-in-chunks",
        "a byte string with a chunk of indefinite length",
        b"\x5f\x5f\x41\x61\xff\xff",
    ),
    Row("no-break", "a byte string of indefinite length without its break", b"\x5f\x41\x61"),
    expect="cbor.malformed",
    rule="V-31; RFC 8949 section 3 and appendix F",
    attacks="22, 23, 27",
    effect=TWO_READINGS,
)
def not_well_formed(item: bytes) -> Case:
    """Instead of user_data there is {}."""
    return with_field("user_data", Raw(item))


@family(
    Row("module-id", "module_id", "module_id"),
    Row("digest", "digest", "digest"),
    expect="cbor.malformed",
    rule="V-31; RFC 8949 section 3.1, RFC 3629",
    attacks="31",
    effect="Two programs repair the text in two ways.",
)
def not_utf8(name: str) -> Case:
    """The text {} holds the bytes ff fe, which are not UTF-8."""
    return with_field(name, Raw(b"\x62\xff\xfe"))


@family(
    Row("surrogate", "a surrogate", b"\x63\xed\xa0\x80"),
    Row("overlong", "a slash in two bytes", b"\x62\xc0\xaf"),
    Row("split", "a letter split over two chunks", b"\x7f\x61\xc3\x61\xa9\xff"),
    expect="cbor.malformed",
    rule="V-31; RFC 8949 section 3.1, RFC 3629",
    attacks="31",
    effect="Two programs repair the text in two ways.",
)
def name_not_utf8(name: bytes) -> Case:
    """A further field's name is {}, which is not UTF-8."""
    return Case(doc=document(cbor.encode(Open((*PAIRS, (Raw(name), 1))))), policy=WAIVED_FIELDS)


@family(
    Row("array", "an array of 2^32 items", cbor.head(cbor.ARRAY, 1 << 32)),
    Row("array-64", "an array of 2^64 - 1 items", cbor.head(cbor.ARRAY, (1 << 64) - 1)),
    Row("map", "a map of 2^32 pairs", cbor.head(cbor.MAP, 1 << 32)),
    Row("map-64", "a map of 2^64 - 1 pairs", cbor.head(cbor.MAP, (1 << 64) - 1)),
    Row("bytes", "a byte string of 2^32 bytes", cbor.head(cbor.BYTES, 1 << 32)),
    Row("bytes-64", "a byte string of 2^64 - 1 bytes", cbor.head(cbor.BYTES, (1 << 64) - 1)),
    Row("text", "a text of 2^40 bytes", cbor.head(cbor.TEXT, 1 << 40)),
    expect="cbor.malformed",
    rule="V-31; RFC 8949 section 10",
    attacks="46",
    effect=CRASH,
)
def promise_of(item: bytes) -> Case:
    """Instead of user_data there is the head of {}, and nothing after it."""
    return of(cbor.encode(Open(PAIRS[:-2]))[:-1] + cbor.encode("user_data") + item)


def _nested(depth: int) -> object:
    value: object = 0
    for _ in range(depth):
        value = [value]
    return value


@family(
    Row("5", "four levels, five with the payload's map", 4, "cbor.too_deep"),
    Row("100", "a hundred levels", 100),
    Row("5000", "five thousand levels", 5000),
    expect="cbor.too_deep",
    rule="V-23; RFC 8949 section 10",
    attacks="47",
    effect=CRASH,
)
def nesting(depth: int) -> Case:
    """A further field, which the policy allows, nests arrays to {}."""
    return Case(doc=document({**FIELDS, "x": Raw(b"\x81" * depth + b"\x00")}), policy=WAIVED_FIELDS)


@vector(
    expect=ACCEPT,
    rule="V-23, V-50",
    attacks="32, 47",
    effect="If it is rejected, the waiver of unknown fields does not keep what it says.",
)
def nesting_2() -> Case:
    """A further field, which the policy allows, holds an array: two levels with the payload's map."""
    return Case(doc=document({**FIELDS, "x": _nested(1)}), policy=WAIVED_FIELDS)


@vector(
    expect="cbor.too_deep",
    rule="V-23; RFC 8949 section 10",
    attacks="47, 113",
    effect=CRASH,
)
def nesting_3() -> Case:
    """A further field, which the policy allows, holds an array in an array: three levels with the payload's map."""
    return Case(doc=document({**FIELDS, "x": _nested(2)}), policy=WAIVED_FIELDS)


@vector(
    expect="cbor.too_deep",
    rule="V-23; RFC 8949 section 10",
    attacks="47, 113",
    effect=CRASH,
)
def nesting_4() -> Case:
    """A further field, which the policy allows, holds an array in an array in an array: four levels with the payload's map."""
    return Case(doc=document({**FIELDS, "x": _nested(3)}), policy=WAIVED_FIELDS)


@family(
    Row(
        "arrays",
        "arrays of one number",
        b"".join(b"\x81" + cbor.encode(-1 - n % 2) + b"\x00" for n in range(500)),
        "cbor.too_deep",
    ),
    Row("empty-arrays", "one empty array", b"\x80\x00", "document.pcr_index"),
    Row(
        "maps",
        "maps of one entry",
        b"".join(b"\xa1" + cbor.encode(n) + b"\x00\x00" for n in range(500)),
        "cbor.too_deep",
    ),
    Row(
        "floats",
        "floats",
        b"".join(b"\xf9" + n.to_bytes(2, "big") + b"\x00" for n in range(500)),
        "document.pcr_count",
    ),
    Row("null", "null", b"\xf6\x00", "document.pcr_index"),
    Row("booleans", "true", b"\xf5\x00", "document.pcr_index"),
    Row(
        "colliding-numbers",
        "numbers of one hash",
        b"".join(cbor.encode(n * (2**61 - 1)) + b"\x00" for n in range(1, 9)),
        "document.pcr_index",
    ),
    expect="cbor.too_deep",
    rule="V-23, V-36, V-37",
    attacks="113",
    effect="Keys that take long to compare hold up every other request.",
)
def pcr_keys(entries: bytes) -> Case:
    """The keys of the PCR map are {}."""
    return Case(
        doc=document(cbor.encode(Open({**FIELDS, "pcrs": Raw(b"\xbf" + entries + b"\xff")})))
    )


@family(
    Row(
        "arrays",
        "arrays of one number",
        b"".join(b"\x81" + cbor.encode(-1 - n % 2) + b"\x00" for n in range(50)),
        "document.field_type",
    ),
    Row("deep-arrays", "arrays of arrays", b"\x81\x81\x00\x00" * 500, "cbor.too_deep"),
    Row(
        "maps",
        "maps of one entry",
        b"".join(b"\xa1" + cbor.encode(n) + b"\x00\x00" for n in range(50)),
        "document.field_type",
    ),
    Row("numbers", "65 numbers", b"".join(cbor.encode(n) + b"\x00" for n in range(65))),
    Row("many-numbers", "5,000 times the same number", b"\x00\x00" * 5000, "cbor.duplicate_key"),
    expect="document.field_unknown",
    rule="V-22, V-23, V-32, V-50",
    attacks="113",
    effect="Keys that take long to compare hold up every other request.",
)
def field_keys(entries: bytes) -> Case:
    """The names of the payload's fields are {}; the policy allows unknown fields."""
    return Case(doc=document(b"\xbf" + entries + b"\xff"), policy=WAIVED_FIELDS)


@family(
    Row("0", "tag 0, a date as text", cbor.tagged(0, "2026-01-03T12:34:54Z")),
    Row("1", "tag 1, a date as number", cbor.tagged(1, STAMP // 1000)),
    Row("2", "tag 2, a bignum", cbor.tagged(2, STAMP.to_bytes(8, "big"))),
    Row("3", "tag 3, a negative bignum", cbor.tagged(3, b"\x01")),
    Row("4", "tag 4, a decimal fraction", cbor.tagged(4, [0, STAMP])),
    Row("5", "tag 5, a binary fraction", cbor.tagged(5, [0, STAMP])),
    Row("30", "tag 30, a rational number", cbor.tagged(30, [STAMP, 1])),
    Row("55799", "tag 55799, self-described CBOR", cbor.tagged(55799, STAMP)),
    expect="cbor.tag",
    rule="V-31; RFC 8949 section 3.4",
    attacks="28, 42, 107",
    effect=CODE,
)
def timestamp_tagged(item: object) -> Case:
    """The timestamp is written with {}."""
    return with_field("timestamp", item)


@family(
    Row("24", "the nonce under tag 24, encoded CBOR", cbor.tagged(24, NONCE)),
    Row("25", "tag 25, a reference to a string", cbor.tagged(25, 0)),
    Row(
        "28-29",
        "a value that holds itself, by tags 28 and 29",
        cbor.tagged(28, [cbor.tagged(29, 0)]),
    ),
    Row("29", "tag 29, a reference to a value", cbor.tagged(29, 0)),
    Row("35", "tag 35, a regular expression", cbor.tagged(35, "(a+)+$")),
    Row("36", "tag 36, a MIME message", cbor.tagged(36, "Content-Type: text/plain\n\n")),
    Row("37", "tag 37, a UUID", cbor.tagged(37, bytes(16))),
    Row("100", "tag 100, a date", cbor.tagged(100, 1)),
    Row("256", "the nonce under tag 256, a name space of strings", cbor.tagged(256, NONCE)),
    Row("258", "tag 258, a set", cbor.tagged(258, [1])),
    Row("260", "tag 260, an IP address", cbor.tagged(260, bytes(4))),
    Row("43000", "tag 43000, a complex number", cbor.tagged(43000, [0, 1])),
    Row("unknown", "the nonce under the largest tag there is", cbor.tagged((1 << 64) - 1, NONCE)),
    expect="cbor.tag",
    rule="V-31; RFC 8949 section 3.4",
    attacks="28, 107",
    effect=CODE,
)
def nonce_tagged(item: object) -> Case:
    """Instead of the nonce there is {}."""
    return with_field("nonce", item)


@family(
    Row("payload", "the whole payload", cbor.tagged(55799, Open(PAIRS))),
    Row("pcrs", "the map of PCRs", Open({**FIELDS, "pcrs": cbor.tagged(55799, dict(ENCLAVE_PCRS))})),
    Row("bundle", "the bundle", Open({**FIELDS, "cabundle": cbor.tagged(258, BUNDLE)})),
    Row("name", "the name of a field", Open(tuple((cbor.tagged(55799, n) if n == "digest" else n, v) for n, v in PAIRS))),
    Row("pcr-index", "the index of PCR0", Open({**FIELDS, "pcrs": Pairs(tuple((cbor.tagged(2, b"") if k == 0 else k, v) for k, v in ENCLAVE_PCRS.items()))})),
    Row("in-a-waived-field", "the value of a further field, which the policy allows", Open({**FIELDS, "x": cbor.tagged(1, 0)})),
    expect="cbor.tag",
    rule="V-31; RFC 8949 section 3.4", attacks="28",
    effect=CODE,
)  # fmt: skip
def tag_before(payload: object) -> Case:
    """A tag precedes {}."""
    return Case(doc=document(cbor.encode(payload)), policy=WAIVED_FIELDS)


@vector(
    expect="cbor.malformed", rule="V-31; RFC 8949 section 3.2.1", attacks="23", effect=TWO_READINGS
)
def nitrotpm_no_break() -> Case:
    """The break of a NitroTPM payload's map is missing."""
    return Case(
        doc=document(cbor.encode(Open(nitro_tpm()))[:-1], TPM_CHAIN.key), policy=TPM_STANDARD
    )


@vector(expect=ACCEPT, rule="V-31; RFC 8949 section 3.2.3", attacks="22", effect=CHOICE_OF_AWS)
def nitrotpm_pcr_in_chunks() -> Case:
    """PCR4 of a NitroTPM document is written with indefinite length."""
    return tpm_case(pcrs={**TPM_PCRS, 4: chunked(TPM_PCRS[4], 16)})

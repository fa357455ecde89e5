"""The payload's fields by AWS's syntactic rules (AWS attestation process 3.1 and 3.2.2)."""

from typing import Final

from vectorgen.forge import cbor
from vectorgen.forge.cbor import Open, Raw
from vectorgen.forge.certificates import ENCLAVE_ID, NITRO_TPM_ID, hierarchy, leaf_of
from vectorgen.forge.documents import (
    CHAIN,
    DROP,
    ENCLAVE_PCRS,
    MADE,
    TPM_CHAIN,
    TPM_PCRS,
    ZERO,
    document,
    enclave,
    milliseconds,
    nitro_tpm,
    pcr,
)
from vectorgen.forge.policies import ANY_ENCLAVE, TPM_STANDARD, WAIVED_FIELDS, policy, tpm_set
from vectorgen.kit import ACCEPT, Case, Row, enclave_case, family, tpm_case, vector

MANDATORY: Final = ("module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle")
MUCH: Final = bytes(index & 0xFF for index in range(1025))
SUFFIX: Final = "-enc0fa4e0fa4e0fa4e0"
ANY: Final = policy(ANY_ENCLAVE)

GUESS = "A value that is missing or of another type is guessed, and the guess decides."
CRASH = "An error nobody handles takes the service down, or the field counts as absent."
LOST = "Refused, genuine documents are lost."
LOGS = "Control characters reach logs and terminals; comparisons see another text than people do."


@family(
    *(Row(name.replace("_", "-"), name, name) for name in MANDATORY),
    expect="document.field_missing",
    rule="attacks 33; AWS attestation process 3.1",
    effect=GUESS,
)
def without(name: str) -> Case:
    """The field {} is missing."""
    return enclave_case(fields={name: DROP})


@family(
    *(Row(name.replace("_", "-"), name, name) for name in MANDATORY),
    expect="document.field_missing",
    rule="attacks 34; AWS attestation process 3.1",
    effect=GUESS,
)
def null(name: str) -> Case:
    """The field {} is null."""
    return enclave_case(fields={name: None})


@vector(expect="document.field_missing", rule="attacks 33; EC2 user guide, NitroTPM", effect=GUESS)
def without_nitrotpm_pcrs() -> Case:
    """A NitroTPM document without its PCRs."""
    return tpm_case(pcrs=DROP)


@vector(expect="document.field_missing", rule="attacks 33; AWS attestation process 3.1", effect=GUESS)
def empty_map() -> Case:
    """The payload is an empty map."""
    return Case(doc=document(b"\xa0"))


@family(
    Row("module-id-bytes", "module_id is a byte string", {"module_id": ENCLAVE_ID.encode()}),
    Row("module-id-integer", "module_id is an integer", {"module_id": 1}),
    Row("digest-bytes", "digest is a byte string", {"digest": b"SHA384"}),
    Row("digest-integer", "digest is -43, COSE's number of SHA-384,", {"digest": -43}),
    Row("timestamp-text", "timestamp is a text of digits", {"timestamp": str(milliseconds(MADE))}),
    Row("timestamp-float", "timestamp is a float", {"timestamp": Raw(bytes.fromhex("fb4278000000000000"))}),
    Row("timestamp-true", "timestamp is true", {"timestamp": True}),
    Row("timestamp-nan", "timestamp is not a number", {"timestamp": Raw(bytes.fromhex("f97e00"))}),
    Row("timestamp-bytes", "timestamp is a byte string", {"timestamp": milliseconds(MADE).to_bytes(8, "big")}),
    Row("pcrs-array", "pcrs is an array", {"pcrs": list(ENCLAVE_PCRS.values())}),
    Row("pcrs-bytes", "pcrs is a byte string that holds the map", {"pcrs": cbor.encode(dict(ENCLAVE_PCRS))}),
    Row("pcrs-empty-array", "pcrs is an empty array", {"pcrs": []}),
    Row("pcr-text", "the value of PCR0 is a text of hex digits", {"pcrs": {**ENCLAVE_PCRS, 0: ENCLAVE_PCRS[0].hex()}}),
    Row("pcr-null", "the value of PCR0 is null", {"pcrs": {**ENCLAVE_PCRS, 0: None}}),
    Row("pcr-array", "the value of PCR0 is an array of two halves", {"pcrs": {**ENCLAVE_PCRS, 0: [ZERO[:24], ZERO[:24]]}}),
    Row("certificate-text", "certificate is a text", {"certificate": "MIIC"}),
    Row("certificate-array", "certificate is an array of the certificate", {"certificate": [CHAIN.certificate]}),
    Row("cabundle-bytes", "cabundle is a byte string", {"cabundle": b"".join(CHAIN.cabundle)}),
    Row("cabundle-map", "cabundle is a map by position", {"cabundle": dict(enumerate(CHAIN.cabundle))}),
    Row("cabundle-entry-text", "an entry of cabundle is a text", {"cabundle": [*CHAIN.cabundle[:3], "MIIC"]}),
    Row("cabundle-entry-null", "an entry of cabundle is null", {"cabundle": [*CHAIN.cabundle[:3], None]}),
    Row("public-key-text", "public_key is a text", {"public_key": "key"}),
    Row("public-key-map", "public_key is a COSE_Key map", {"public_key": {1: 2}}),
    Row("public-key-false", "public_key is false", {"public_key": False}),
    Row("user-data-array", "user_data is an array", {"user_data": [b"user data"]}),
    Row("user-data-text", "user_data is a text", {"user_data": "user data"}),
    Row("user-data-integer", "user_data is zero", {"user_data": 0}),
    Row("user-data-undefined", "user_data is undefined", {"user_data": Raw(b"\xf7")}),
    Row("user-data-simple", "user_data is the simple value 99", {"user_data": Raw(b"\xf8\x63")}),
    Row("user-data-float", "user_data is a float", {"user_data": Raw(bytes.fromhex("f93c00"))}),
    Row("nonce-text", "nonce is a text", {"nonce": "A" * 32}),
    Row("nonce-empty-array", "nonce is an empty array", {"nonce": []}),
    Row("nonce-empty-text", "nonce is an empty text", {"nonce": ""}),
    expect="document.field_type",
    rule="attacks 27, 36, 42; AWS attestation process 3.1",
    effect=CRASH,
)
def type_where(changes: dict[str, object]) -> Case:
    """In this document {}."""
    return enclave_case(fields=changes)


@family(
    Row("array", "an array of the values", list(enclave().values())),
    Row("bytes", "a byte string that holds the map", cbor.encode(Open(enclave()))),
    Row("text", "a text", '{"module_id": "i-0"}'),
    Row("integer", "an integer", 1),
    Row("null", "null", None),
    Row("integer-key", "a map with an integer as name of a further field", Open((*enclave().items(), (1, 1)))),
    Row("bytes-key", "a map with a byte string as name of the field pcrs",
        Open(tuple((b"pcrs" if name == "pcrs" else name, value) for name, value in enclave().items()))),
    Row("null-key", "a map with null as name of a further field", Open((*enclave().items(), (None, 1)))),
    Row("true-key", "a map with true as name of a further field", Open((*enclave().items(), (True, 1)))),
    expect="document.field_type",
    rule="attacks 29; AWS attestation process 3.1",
    effect=CRASH,
)  # fmt: skip
def payload_is(payload: object) -> Case:
    """The payload is {}; the policy allows unknown fields."""
    return Case(doc=document(cbor.encode(payload)), policy=WAIVED_FIELDS)


@family(
    Row("empty", "empty", ""),
    Row("nul", "interrupted by a NUL", "i-0fa4e0fa4e0\0fa4e0f" + SUFFIX),
    Row("newline", "interrupted by a line feed", "i-0fa4e0fa4e0\nfa4e0f" + SUFFIX),
    Row("trailing-newline", "followed by a line feed", ENCLAVE_ID + "\n"),
    Row("escape", "interrupted by a terminal's escape", "i-0fa4e0fa4\x1b[2Ke0f" + SUFFIX),
    Row("delete", "interrupted by a delete character", "i-0fa4e0fa4e0\x7ffa4e0f" + SUFFIX),
    Row("c1-control", "interrupted by a control character above ASCII", "i-0fa4e0fa4e0\x9bfa4e0f" + SUFFIX),
    Row("accent", "written with an accent", "í-0fa4e0fa4e0fa4e0f" + SUFFIX),
    Row("full-width-digits", "written with full-width digits", "i-０fa4e0fa4e0fa4e0f" + SUFFIX),
    Row("right-to-left", "interrupted by a right-to-left mark", "i-0fa4e0fa4e0\u202efa4e0f" + SUFFIX),
    Row("257-characters", "one character longer than 256", "i" * (257 - len(SUFFIX)) + SUFFIX),
    Row("no-suffix", "without the suffix of a module", "i-0fa4e0fa4e0fa4e0f"),
    Row("other-suffix", "with the suffix of neither kind", "i-0fa4e0fa4e0fa4e0f-vtp0fa4e0fa4e0fa4e0"),
    Row("short-suffix", "with 15 digits in its suffix", ENCLAVE_ID[:-1]),
    Row("long-suffix", "with 17 digits in its suffix", ENCLAVE_ID + "0"),
    Row("upper-case-suffix", "with its suffix in upper case", "i-0fa4e0fa4e0fa4e0f-ENC0FA4E0FA4E0FA4E0"),
    Row("suffix-alone", "the suffix without an instance", SUFFIX),
    expect="document.module_id",
    rule="attacks 31, 38, 105; AWS attestation process 3.1",
    effect=LOGS,
)
def module_id(value: str) -> Case:
    """The module_id is {}."""
    return enclave_case(module_id=value)


@vector(expect="document.module_id", rule="attacks 38; AWS attestation process 3.1", effect=LOGS)
def nitrotpm_module_id_empty() -> Case:
    """The module_id of a NitroTPM document is empty."""
    return tpm_case(module_id="")


@family(
    Row("lower-case", '"sha384"', "sha384"),
    Row("hyphen", '"SHA-384"', "SHA-384"),
    Row("sha256", '"SHA256"', "SHA256"),
    Row("sha512", '"SHA512"', "SHA512"),
    Row("sha3", '"SHA3-384"', "SHA3-384"),
    Row("empty", "empty", ""),
    Row("space", '"SHA384 "', "SHA384 "),
    Row("nul", "followed by a NUL", "SHA384\0"),
    expect="document.digest",
    rule="attacks 39; AWS attestation process 3.1",
    effect="PCRs of one hash are compared with values of another.",
)
def digest(value: str) -> Case:
    """The digest is {}; the PCRs have 48 bytes."""
    return enclave_case(digest=value)


@family(
    Row("zero", "zero", 0),
    Row("minus-one", "-1", -1),
    Row("most-negative", "-2^64", -(1 << 64)),
    Row("year-10000", "the first millisecond of the year 10000", 253_402_300_800_000),
    Row("2-53", "2^53, beyond which floats lose milliseconds,", 1 << 53),
    Row("2-63", "2^63, beyond a signed 64-bit number,", 1 << 63),
    Row("2-64", "2^64 - 1, the largest number there is", (1 << 64) - 1),
    expect="document.timestamp",
    rule="attacks 42; AWS attestation process 3.1",
    effect="An overflow makes an old document young, or takes the service down.",
)
def timestamp(value: int) -> Case:
    """The timestamp is {}."""
    return enclave_case(timestamp=value)


def _pcrs(*indexes: int) -> dict[int, bytes]:
    return {index: ENCLAVE_PCRS.get(index, pcr(f"PCR{index}")) for index in indexes}


@family(
    Row("sparse", "0, 1, 2, 3, 4 and 8 alone", _pcrs(0, 1, 2, 3, 4, 8)),
    Row("17", "0 to 16", _pcrs(*range(17))),
    Row("32", "0 to 31, all there are", _pcrs(*range(32))),
    Row("0-to-8-and-31", "0 to 8 and 31", _pcrs(*range(9), 31)),
    expect=ACCEPT,
    rule="attacks 41; AWS attestation process 3.1",
    effect=LOST,
)
def pcrs(values: dict[int, bytes]) -> Case:
    """The document has the PCRs {}."""
    return enclave_case(pcrs=values)


@vector(expect=ACCEPT, rule="attacks 41; AWS attestation process 3.1", effect=LOST)
def one_pcr() -> Case:
    """A NitroTPM document has PCR7 alone, which is all that the policy pins."""
    return tpm_case(pcrs={7: TPM_PCRS[7]}, policy=policy(tpm_set(pcr4=None, pcr12=None)))


@vector(expect=ACCEPT, rule="attacks 41; AWS attestation process 3.1", effect=LOST)
def nitrotpm_32_pcrs() -> Case:
    """A NitroTPM document has the PCRs 0 to 31."""
    return tpm_case(pcrs={**TPM_PCRS, **dict.fromkeys(range(24, 32), ZERO)})


@family(
    Row("empty", "no PCR", {}),
    Row("33", "33 PCRs, 0 to 32", _pcrs(*range(33))),
    expect="document.pcr_count",
    rule="attacks 41; AWS attestation process 3.1",
    effect="No value at all would match every policy.",
)
def pcr_count(values: dict[int, bytes]) -> Case:
    """The document has {}."""
    return enclave_case(pcrs=values, policy=ANY)


@vector(
    expect="document.pcr_count", rule="attacks 41; EC2 user guide, NitroTPM", effect="No value at all would match every policy."
)
def nitrotpm_pcr_count_empty() -> Case:
    """A NitroTPM document has no PCR."""
    return tpm_case(pcrs={})


@family(
    Row("32", "32", 32),
    Row("255", "255", 255),
    Row("256", "256, which is 0 in one byte,", 256),
    Row("2-32", "2^32, which is 0 in four bytes,", 1 << 32),
    Row("2-64", "2^64 - 1", (1 << 64) - 1),
    Row("minus-one", "-1, the last one in some languages,", -1),
    Row("minus-2-64", "-2^64", -(1 << 64)),
    Row("text", 'the text "16"', "16"),
    Row("text-name", 'the text "PCR16"', "PCR16"),
    Row("bytes", "a byte string", b"\x10"),
    Row("float", "the float 16.0", Raw(bytes.fromhex("f94c00"))),
    Row("null", "null", None),
    Row("nan", "not a number", Raw(bytes.fromhex("f97e00"))),
    expect="document.pcr_index",
    rule="attacks 29, 91; AWS attestation process 3.1",
    effect="A value lands under an index that a policy pins.",
)
def pcr_index(index: object) -> Case:
    """A further PCR has the index {}."""
    return enclave_case(pcrs=cbor.Pairs((*ENCLAVE_PCRS.items(), (index, pcr("PCR16")))))


@family(
    Row("true", "true in the place of 1", (1, True)),
    Row("false", "false in the place of 0", (0, False)),
    Row("float", "0.0 in the place of 0", (0, Raw(bytes.fromhex("f90000")))),
    Row("text", 'the text "0" in the place of 0', (0, "0")),
    expect="document.pcr_index",
    rule="attacks 29, 91; AWS attestation process 3.1",
    effect="What one language takes for PCR0 is another key in the next.",
)
def pcr_index_is(swap: tuple[int, object]) -> Case:
    """A PCR has the index {}."""
    old, new = swap
    return enclave_case(
        pcrs=cbor.Pairs(tuple((new if index == old else index, value) for index, value in ENCLAVE_PCRS.items()))
    )


@vector(
    expect="document.pcr_index",
    rule="attacks 29; EC2 user guide, NitroTPM",
    effect="A value lands under an index that a policy pins.",
)
def nitrotpm_pcr_index_32() -> Case:
    """A further PCR of a NitroTPM document has the index 32."""
    return tpm_case(pcrs={**TPM_PCRS, 32: ZERO})


@family(
    *(Row(f"{length}", f"{length} bytes", ENCLAVE_PCRS[0][:length]) for length in (0, 1, 20, 32, 47)),
    Row("49", "49 bytes", ENCLAVE_PCRS[0] + b"\0"),
    Row("64", "64 bytes", ENCLAVE_PCRS[0] + bytes(16)),
    expect="document.pcr_length",
    rule="attacks 40, 93; AWS attestation process 3.1",
    effect="Values that are cut or filled up match the wrong code.",
)
def pcr_length(value: bytes) -> Case:
    """PCR0 has {} with the digest SHA384; the others have 48."""
    return enclave_case(pcrs={**ENCLAVE_PCRS, 0: value})


@family(
    Row("32", "32 bytes, as SHA-256 has,", 32),
    Row("64", "64 bytes, as SHA-512 has,", 64),
    expect="document.pcr_length",
    rule="attacks 40; AWS attestation process 3.1",
    effect="PCRs of one hash are compared with values of another.",
)
def every_pcr_has(length: int) -> Case:
    """Every PCR has {} with the digest SHA384."""
    return enclave_case(pcrs={index: (value * 2)[:length] for index, value in ENCLAVE_PCRS.items()})


@vector(expect="document.pcr_length", rule="attacks 40", effect="PCRs of one hash are compared with values of another.")
def nitrotpm_pcr_length_32() -> Case:
    """PCR23 of a NitroTPM document has 32 bytes."""
    return tpm_case(pcrs={**TPM_PCRS, 23: bytes(32)})


@family(
    Row("empty", "empty", b""),
    Row("1025-bytes", "1,025 bytes long, trailing bytes included,", CHAIN.certificate + bytes(1025 - len(CHAIN.certificate))),
    Row("trailing-byte", "followed by a zero byte", CHAIN.certificate + b"\0"),
    Row("trailing-certificate", "followed by its issuer's", CHAIN.certificate + CHAIN.cabundle[-1][:200]),
    expect="document.certificate",
    rule="attacks 45; AWS attestation process 3.1",
    effect="What follows the certificate is read by one program and not by the next.",
)
def certificate(value: bytes) -> Case:
    """The leaf's certificate is {}."""
    return enclave_case(certificate=value)


@family(
    Row("empty", "is empty", []),
    Row("root-alone", "holds the root alone", list(CHAIN.cabundle[:1])),
    Row("9-entries", "holds nine certificates", [*CHAIN.cabundle, *CHAIN.cabundle, CHAIN.cabundle[0]]),
    Row("1000-entries", "holds a thousand certificates of one byte", [b"\x30"] * 1000),
    Row("empty-entry", "holds an empty certificate", [*CHAIN.cabundle[:3], b""]),
    Row("empty-root", "begins with an empty certificate", [b"", *CHAIN.cabundle[1:]]),
    Row(
        "1025-bytes",
        "holds 1,025 bytes in one entry",
        [*CHAIN.cabundle[:3], CHAIN.cabundle[3] + bytes(1025 - len(CHAIN.cabundle[3]))],
    ),
    Row(
        "trailing-byte", "holds a certificate that is followed by a zero byte", [*CHAIN.cabundle[:3], CHAIN.cabundle[3] + b"\0"]
    ),
    Row(
        "trailing-byte-root",
        "begins with a root that is followed by a zero byte",
        [CHAIN.cabundle[0] + b"\0", *CHAIN.cabundle[1:]],
    ),
    expect="document.cabundle",
    rule="attacks 44, 45; AWS attestation process 3.1",
    effect="A chain that is empty, or has no end, is searched or skipped.",
)
def cabundle(value: list[object]) -> Case:
    """The bundle {}."""
    return enclave_case(cabundle=value)


@family(
    Row("public-key", "public_key", "public_key", "document.public_key"),
    Row("user-data", "user_data", "user_data", "document.user_data"),
    Row("nonce", "nonce", "nonce", "document.nonce"),
    expect=ACCEPT,
    rule="attacks 37; AWS attestation process 3.1",
    effect="A field without a limit makes room for another document, or for too much work.",
)
def of_1025_bytes(name: str) -> Case:
    """The field {} has one byte more than AWS allows."""
    return enclave_case(fields={name: MUCH})


@family(
    Row("public-key", "public_key", "public_key"),
    Row("user-data", "user_data", "user_data"),
    expect=ACCEPT,
    rule="attacks 37; AWS attestation process 3.1",
    effect="AWS names 512 bytes in one place and 1,024 in another; refused at 512, genuine documents are lost.",
)
def of_1024_bytes(name: str) -> Case:
    """The field {} has the 1,024 bytes that AWS allows."""
    return enclave_case(fields={name: MUCH[:1024]})


@family(
    *(
        Row(f"{name.replace('_', '-')}-{form}", f"{name} is {form}", {name: value})
        for name in ("public_key", "user_data")
        for form, value in (("absent", DROP), ("null", None), ("empty", b""))
    ),
    expect=ACCEPT,
    rule="attacks 35; AWS attestation process 3.1",
    effect='AWS\'s text says "no null", and every genuine document has it; refused, all of them are lost.',
)
def optional_field(changes: dict[str, object]) -> Case:
    """The optional field {}; the policy demands nothing of it."""
    return enclave_case(fields=changes)


@vector(expect=ACCEPT, rule="attacks 35; AWS attestation process 3.1", effect=LOST)
def public_key_of_one_byte() -> Case:
    """The field public_key has one byte, and is no key; what it holds is the enclave's own affair."""
    return enclave_case(public_key=b"\0")


@family(
    Row("name", "a name that AWS does not list", "signature"),
    Row("empty-name", "an empty name", ""),
    Row("upper-case", "the name PCRS", "PCRS"),
    Row("space", 'the name "pcrs "', "pcrs "),
    Row("prototype", "the name __proto__", "__proto__"),
    expect="document.field_unknown",
    rule="attacks 32; AWS attestation process 3.1",
    effect="A field that changes what the others mean is passed over.",
)
def unknown_field(name: str) -> Case:
    """A further field has {}."""
    return enclave_case(fields={name: b"value"})


@family(
    Row("null", "null", None),
    Row("text", "a text", "value"),
    Row("map", "a map", {"a": [1, 2]}),
    Row("float", "a float", Raw(bytes.fromhex("fb3ff0000000000000"))),
    expect=ACCEPT,
    rule="attacks 32",
    effect="Refused, the waiver does not keep what it says.",
)
def unknown_field_allowed(value: object) -> Case:
    """A further field holds {}; the policy allows unknown fields."""
    return enclave_case(policy=WAIVED_FIELDS, extra=value)


@vector(
    expect="document.field_unknown",
    rule="attacks 32; AWS attestation process 3.1",
    effect="A field that changes what the others mean is passed over.",
)
def nitrotpm_unknown_field() -> Case:
    """A NitroTPM document has a field that AWS does not list."""
    return tpm_case(extra=None)


@vector(expect="document.kind", rule="attacks 48; EC2 user guide, NitroTPM", effect="An instance passes for an enclave.")
def both_maps() -> Case:
    """An enclave's document has a map of NitroTPM PCRs besides its own."""
    return enclave_case(nitrotpm_pcrs=dict(TPM_PCRS))


@vector(expect="document.kind", rule="attacks 48; EC2 user guide, NitroTPM", effect="An instance passes for an enclave.")
def both_maps_one_null() -> Case:
    """A NitroTPM document has the field pcrs as null besides its own map."""
    return Case(doc=document({**nitro_tpm(), "pcrs": None}, TPM_CHAIN.key), policy=TPM_STANDARD)


@vector(expect="document.kind", rule="attacks 48; EC2 user guide, NitroTPM", effect="An instance passes for an enclave.")
def pcrs_of_a_nitrotpm_module() -> Case:
    """The map is called pcrs, and the module_id and the leaf are those of an instance with NitroTPM."""
    return Case(doc=document(enclave(TPM_CHAIN, module_id=NITRO_TPM_ID), TPM_CHAIN.key))


@vector(expect="document.kind", rule="attacks 48; EC2 user guide, NitroTPM", effect="An enclave passes for an instance.")
def nitrotpm_pcrs_of_an_enclave() -> Case:
    """The map is called nitrotpm_pcrs, and the module_id and the leaf are those of an enclave."""
    return Case(doc=document(nitro_tpm(CHAIN, module_id=ENCLAVE_ID), CHAIN.key), policy=TPM_STANDARD)


LONG_ID: Final = "i-" + "0" * (256 - len(SUFFIX) - 2) + SUFFIX


@vector(
    expect=ACCEPT, rule="attacks 31; AWS attestation process 3.1", effect="Refused, longer instance ids would end the service."
)
def module_id_of_256_characters() -> Case:
    """The module_id has 256 characters, and the leaf's name begins with it."""
    return enclave_case(hierarchy(leaf=leaf_of(LONG_ID)), module_id=LONG_ID)


@vector(
    expect=ACCEPT, rule="attacks 31; AWS attestation process 3.1", effect="Refused, ids of another form would end the service."
)
def module_id_with_other_printable_characters() -> Case:
    """The module_id begins with a bare-metal host's name, with a blank and a tilde."""
    name = "host 7~a" + SUFFIX
    return enclave_case(hierarchy(leaf=leaf_of(name)), module_id=name)

"""The payload's fields by AWS's syntactic rules (AWS attestation process 3.1 and 3.2.2)."""

import struct
from base64 import b64encode
from typing import Final

from vectorgen.forge import cbor
from vectorgen.forge.cbor import Open, Raw
from vectorgen.forge.certificates import ENCLAVE_ID
from vectorgen.forge.documents import (
    CHAIN,
    DROP,
    ENCLAVE_PCRS,
    MADE,
    NONCE,
    PUBLIC_KEY,
    USER_DATA,
    document,
    enclave,
    milliseconds,
)
from vectorgen.forge.policies import ANY_ENCLAVE, WAIVED_FIELDS, policy
from vectorgen.kit import Case, Row, enclave_case, family, tpm_case, vector

MANDATORY: Final = ("module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle")


MUCH: Final = bytes(index & 0xFF for index in range(1025))


SUFFIX: Final = "-enc0fa4e0fa4e0fa4e0"


ANY: Final = policy(ANY_ENCLAVE)


GUESS = "A value that is missing or of another type is guessed, and the guess decides."


CRASH = "An error nobody handles takes the service down, or the field counts as absent."


LOGS = "Control characters reach logs and terminals; comparisons see another text than people do."


@family(
    *(Row(name.replace("_", "-"), name, name) for name in MANDATORY),
    expect="document.field_missing",
    rule="V-33, V-35; AWS attestation process 3.1",
    attacks="33",
    effect=GUESS,
)
def without(name: str) -> Case:
    """The field {} is missing."""
    return enclave_case(fields={name: DROP})


@family(
    *(Row(name.replace("_", "-"), name, name) for name in MANDATORY),
    expect="document.field_missing",
    rule="V-33, V-35; AWS attestation process 3.1",
    attacks="34",
    effect=GUESS,
)
def null(name: str) -> Case:
    """The field {} is null."""
    return enclave_case(fields={name: None})


@vector(
    expect="document.field_missing",
    rule="V-35; EC2 user guide, NitroTPM",
    attacks="33",
    effect=GUESS,
)
def without_nitrotpm_pcrs() -> Case:
    """A NitroTPM document without its PCRs."""
    return tpm_case(pcrs=DROP)


@vector(
    expect="document.field_missing",
    rule="V-33; AWS attestation process 3.1",
    attacks="33",
    effect=GUESS,
)
def empty_map() -> Case:
    """The payload is an empty map."""
    return Case(doc=document(b"\xa0"))


@family(
    Row("module-id-bytes", "module_id is a byte string", {"module_id": ENCLAVE_ID.encode()}),
    Row("module-id-integer", "module_id is an integer", {"module_id": 1}),
    Row("digest-bytes", "digest is a byte string", {"digest": b"SHA384"}),
    Row("digest-integer", "digest is -43, COSE's number of SHA-384", {"digest": -43}),
    Row("timestamp-text", "timestamp is a text of digits", {"timestamp": str(milliseconds(MADE))}),
    Row(
        "timestamp-float",
        "timestamp is a float",
        {"timestamp": Raw(b"\xfb" + struct.pack(">d", milliseconds(MADE)))},
    ),
    Row("timestamp-true", "timestamp is true", {"timestamp": True}),
    Row("timestamp-nan", "timestamp is not a number", {"timestamp": Raw(bytes.fromhex("f97e00"))}),
    Row(
        "timestamp-bytes",
        "timestamp is a byte string",
        {"timestamp": milliseconds(MADE).to_bytes(8, "big")},
    ),
    Row("pcrs-array", "pcrs is an array", {"pcrs": list(ENCLAVE_PCRS.values())}),
    Row(
        "pcrs-bytes",
        "pcrs is a byte string that holds the map",
        {"pcrs": cbor.encode(dict(ENCLAVE_PCRS))},
    ),
    Row("pcrs-empty-array", "pcrs is an empty array", {"pcrs": []}),
    Row(
        "pcr-text",
        "the value of PCR0 is a text of hex digits",
        {"pcrs": {**ENCLAVE_PCRS, 0: ENCLAVE_PCRS[0].hex()}},
    ),
    Row("pcr-null", "the value of PCR0 is null", {"pcrs": {**ENCLAVE_PCRS, 0: None}}),
    Row(
        "pcr-array",
        "the value of PCR0 is an array of two halves",
        {"pcrs": {**ENCLAVE_PCRS, 0: [ENCLAVE_PCRS[0][:24], ENCLAVE_PCRS[0][24:]]}},
        "cbor.too_deep",
    ),
    Row(
        "certificate-text",
        "certificate is a text",
        {"certificate": b64encode(CHAIN.certificate).decode()},
    ),
    Row(
        "certificate-array",
        "certificate is an array of the certificate",
        {"certificate": [CHAIN.certificate]},
    ),
    Row("cabundle-bytes", "cabundle is a byte string", {"cabundle": b"".join(CHAIN.cabundle)}),
    Row(
        "cabundle-map",
        "cabundle is a map by position",
        {"cabundle": dict(enumerate(CHAIN.cabundle))},
    ),
    Row(
        "cabundle-entry-text",
        "an entry of cabundle is a text",
        {"cabundle": [*CHAIN.cabundle[:3], b64encode(CHAIN.cabundle[3]).decode()]},
    ),
    Row(
        "cabundle-entry-null",
        "an entry of cabundle is null",
        {"cabundle": [*CHAIN.cabundle[:3], None]},
    ),
    Row("public-key-text", "public_key is a text", {"public_key": PUBLIC_KEY.decode()}),
    Row("public-key-map", "public_key is a COSE_Key map", {"public_key": {1: 2}}),
    Row("public-key-false", "public_key is false", {"public_key": False}),
    Row("user-data-array", "user_data is an array", {"user_data": [USER_DATA]}),
    Row("user-data-text", "user_data is a text", {"user_data": USER_DATA.decode()}),
    Row("user-data-integer", "user_data is zero", {"user_data": 0}),
    Row("user-data-undefined", "user_data is undefined", {"user_data": Raw(b"\xf7")}),
    Row("user-data-simple", "user_data is the simple value 99", {"user_data": Raw(b"\xf8\x63")}),
    Row("user-data-float", "user_data is a float", {"user_data": Raw(bytes.fromhex("f93c00"))}),
    Row("nonce-text", "nonce is a text", {"nonce": NONCE.decode()}),
    Row("nonce-empty-array", "nonce is an empty array", {"nonce": []}),
    Row("nonce-empty-text", "nonce is an empty text", {"nonce": ""}),
    expect="document.field_type",
    rule="V-23, V-36, V-38, V-39, V-41, V-42, V-43, V-44, V-46, V-47, V-48; AWS attestation process 3.1",
    attacks="27, 36, 42",
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
    rule="V-32; AWS attestation process 3.1", attacks="29",
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
    Row(
        "c1-control",
        "interrupted by a control character above ASCII",
        "i-0fa4e0fa4e0\x9bfa4e0f" + SUFFIX,
    ),
    Row("accent", "written with an accent", "í-0fa4e0fa4e0fa4e0f" + SUFFIX),
    Row("full-width-digits", "written with full-width digits", "i-０fa4e0fa4e0fa4e0f" + SUFFIX),  # noqa: RUF001 - that is the fault
    Row(
        "right-to-left", "interrupted by a right-to-left mark", "i-0fa4e0fa4e0\u202efa4e0f" + SUFFIX
    ),
    Row("257-characters", "one character longer than 256", "i" * (257 - len(SUFFIX)) + SUFFIX),
    Row("no-suffix", "one without the suffix of a module", "i-0fa4e0fa4e0fa4e0f"),
    Row(
        "other-suffix",
        "one with the suffix of neither kind",
        "i-0fa4e0fa4e0fa4e0f-vtp0fa4e0fa4e0fa4e0",
    ),
    Row("short-suffix", "one with 15 digits in its suffix", ENCLAVE_ID[:-1]),
    Row("long-suffix", "one with 17 digits in its suffix", ENCLAVE_ID + "0"),
    Row(
        "upper-case-suffix",
        "one with its suffix in upper case",
        "i-0fa4e0fa4e0fa4e0f-ENC0FA4E0FA4E0FA4E0",
    ),
    Row("suffix-alone", "the suffix without an instance", SUFFIX),
    expect="document.module_id",
    rule="V-39; AWS attestation process 3.1",
    attacks="31, 38, 105",
    effect=LOGS,
)
def module_id(value: str) -> Case:
    """The module_id is {}."""
    return enclave_case(module_id=value)


@vector(
    expect="document.module_id", rule="V-39; AWS attestation process 3.1", attacks="38", effect=LOGS
)
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
    rule="V-41; AWS attestation process 3.1",
    attacks="39",
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
    Row("2-53", "2^53, beyond which floats lose milliseconds", 1 << 53),
    Row("2-63", "2^63, beyond a signed 64-bit number", 1 << 63),
    Row("2-64", "2^64 - 1, the largest number there is", (1 << 64) - 1),
    expect="document.timestamp",
    rule="V-42; AWS attestation process 3.1",
    attacks="42",
    effect="An overflow makes an old document young, or takes the service down.",
)
def timestamp(value: int) -> Case:
    """The timestamp is {}."""
    return enclave_case(timestamp=value)

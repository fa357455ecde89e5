"""The payload's encoding: any well-formed CBOR, and nothing else (RFC 8949; the encoding is AWS's choice, as it is signed)."""

from collections.abc import Mapping
from itertools import product
from typing import Final

from vectorgen.forge import cbor
from vectorgen.forge.cbor import Open, Pairs, Raw, chunked, wide
from vectorgen.forge.certificates import ENCLAVE_ID
from vectorgen.forge.documents import (
    CHAIN,
    ENCLAVE_PCRS,
    MADE,
    NONCE,
    TPM_CHAIN,
    TPM_PCRS,
    document,
    enclave,
    milliseconds,
    nitro_tpm,
)
from vectorgen.forge.policies import TPM_STANDARD
from vectorgen.kit import ACCEPT, Case, Row, enclave_case, family, vector

FIELDS: Final[Mapping[str, object]] = enclave()


PAIRS: Final = tuple((name, value) for name, value in FIELDS.items())


BUNDLE: Final = list(CHAIN.cabundle)


STAMP: Final = milliseconds(MADE)


CHOICE_OF_AWS = "AWS changed its encoder in mid-2025; a reader that knows one encoding rejects all documents of the other."


def of(payload: bytes) -> Case:
    """Sign a payload as it is."""
    return Case(doc=document(payload))


def with_field(name: str, value: object) -> Case:
    """Write one field as given."""
    return of(cbor.encode(Open({**FIELDS, name: value})))


def _layout(top: str, pcrs: str, bundle: str) -> bytes:
    """Write each container with definite or indefinite length."""
    inner = dict(ENCLAVE_PCRS)
    fields = {
        **FIELDS,
        "pcrs": Open(inner) if pcrs == "indefinite" else inner,
        "cabundle": Open(BUNDLE) if bundle == "indefinite" else BUNDLE,
    }
    return cbor.encode(Open(fields) if top == "indefinite" else fields)


@family(
    *(
        Row("-".join(forms), "{}, {} and {}".format(*forms), forms)
        for forms in product(("definite", "indefinite"), repeat=3)
        if forms != ("indefinite", "definite", "definite")  # that of AWS today: cose/untagged
    ),
    expect=ACCEPT,
    rule="V-31; RFC 8949 section 3.2.2",
    attacks="21",
    effect=CHOICE_OF_AWS,
)
def containers(forms: tuple[str, str, str]) -> Case:
    """The payload, its PCRs and its bundle have {} length, in this order."""
    return of(_layout(*forms))


@family(
    Row("definite", "definite", "definite"),
    Row("all-indefinite", "indefinite", "indefinite"),
    expect=ACCEPT,
    rule="V-31; RFC 8949 section 3.2.2",
    attacks="21",
    effect=CHOICE_OF_AWS,
)
def nitrotpm_containers(form: str) -> Case:
    """Every container of a NitroTPM payload has {} length."""
    fields = nitro_tpm()
    if form == "indefinite":
        pcrs, bundle = Open(dict(TPM_PCRS)), Open(list(TPM_CHAIN.cabundle))
        return Case(
            doc=document({**fields, "nitrotpm_pcrs": pcrs, "cabundle": bundle}, TPM_CHAIN.key),
            policy=TPM_STANDARD,
        )
    return Case(doc=document(cbor.encode(fields), TPM_CHAIN.key), policy=TPM_STANDARD)


@family(
    Row("module-id", "module_id", {"module_id": chunked(ENCLAVE_ID, 7)}),
    Row("digest", "digest", {"digest": chunked("SHA384", 1)}),
    Row("certificate", "certificate", {"certificate": chunked(CHAIN.certificate, 200)}),
    Row(
        "cabundle-entry",
        "the second certificate of the bundle",
        {"cabundle": [BUNDLE[0], chunked(CHAIN.cabundle[1], 99), *BUNDLE[2:]]},
    ),
    Row("pcr", "PCR0", {"pcrs": {**ENCLAVE_PCRS, 0: chunked(ENCLAVE_PCRS[0], 24)}}),
    Row("nonce", "nonce", {"nonce": chunked(NONCE, 5)}),
    Row("nonce-in-one-chunk", "nonce, in one chunk,", {"nonce": chunked(NONCE, 32)}),
    Row(
        "nonce-with-empty-chunks",
        "nonce, with empty chunks between,",
        {"nonce": Raw(b"\x5f\x40" + cbor.encode(NONCE) + b"\x40\xff")},
    ),
    Row(
        "user-data-without-chunks", "user_data, without any chunk,", {"user_data": Raw(b"\x5f\xff")}
    ),
    expect=ACCEPT,
    rule="V-31; RFC 8949 section 3.2.3",
    attacks="22",
    effect=CHOICE_OF_AWS,
)
def string_in_chunks(changes: Mapping[str, object]) -> Case:
    """The string {} is written with indefinite length."""
    return enclave_case(fields=changes)


@vector(expect=ACCEPT, rule="V-31; RFC 8949 section 3.2.3", attacks="22", effect=CHOICE_OF_AWS)
def field_name_in_chunks() -> Case:
    """The name of the field timestamp is written with indefinite length."""
    return of(
        cbor.encode(
            Open(
                tuple(
                    (chunked(name, 4) if name == "timestamp" else name, value)
                    for name, value in PAIRS
                )
            )
        )
    )


@family(
    Row("map-head", "the payload's map", Raw(cbor.head(cbor.MAP, len(PAIRS), 2) + cbor.flat(PAIRS))),
    Row("pcrs-head", "the map of PCRs", Open({**FIELDS, "pcrs": Raw(cbor.head(cbor.MAP, 16, 4) + cbor.flat(ENCLAVE_PCRS.items()))})),
    Row("pcr-indexes", "every PCR index", Open({**FIELDS, "pcrs": Pairs(tuple((wide(k, 1), v) for k, v in ENCLAVE_PCRS.items()))})),
    Row("pcr-indexes-8", "every PCR index, in eight bytes,", Open({**FIELDS, "pcrs": Pairs(tuple((wide(k, 8), v) for k, v in ENCLAVE_PCRS.items()))})),
    Row("text", "the text module_id", Open({**FIELDS, "module_id": wide(ENCLAVE_ID, 4)})),
    Row("bytes", "the byte string nonce", Open({**FIELDS, "nonce": wide(NONCE, 8)})),
    Row("name", "the name of the field digest", Open(tuple((wide(n, 1) if n == "digest" else n, v) for n, v in PAIRS))),
    expect=ACCEPT,
    rule="V-31; RFC 8949 section 4.1", attacks="26",
    effect=CHOICE_OF_AWS,
)  # fmt: skip
def longer_than_needed(payload: object) -> Case:
    """The head of {} takes more bytes than it needs."""
    return of(cbor.encode(payload))


@family(
    Row("sorted", "sorted by name", tuple(sorted(PAIRS))),
    Row("reversed", "reversed", PAIRS[::-1]),
    Row("pcrs-reversed", "AWS's, and that of the PCRs is reversed",
        tuple({**FIELDS, "pcrs": dict(sorted(ENCLAVE_PCRS.items(), reverse=True))}.items())),
    expect=ACCEPT,
    rule="V-31; RFC 8949 section 3.1", attacks="21",
    effect=CHOICE_OF_AWS,
)  # fmt: skip
def order_of_fields(pairs: tuple[tuple[object, object], ...]) -> Case:
    """The order of the fields is {}."""
    return of(cbor.encode(Open(pairs)))

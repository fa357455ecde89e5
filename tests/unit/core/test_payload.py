"""The payload's fields have AWS's names, types and sizes."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import cbor2
import pytest

from nitro_attest import DocumentKind, Failure, MalformedDocumentError, Pcrs, Reason
from nitro_attest._core.payload import MAX_CERTIFICATE_BYTES, read_payload
from support import certificates as forge

CERTIFICATES = forge.chain()
GOOD = forge.payload(CERTIFICATES)
TPM_ID = "i-0fa4e0fa4e0fa4e0f-tpm0000000000000000"
PCRS: dict[int, bytes] = {index: bytes([index]) * 48 for index in range(16)}


def _reason(fields: object) -> Reason:
    with pytest.raises(MalformedDocumentError) as refusal:
        read_payload(cbor2.dumps(fields))
    return refusal.value.reason


def _without(name: str) -> dict[str, object]:
    return {key: value for key, value in GOOD.items() if key != name}


def test_every_field_comes_out_as_it_went_in() -> None:
    """An enclave's document, with all its fields."""
    document = read_payload(
        cbor2.dumps({**GOOD, "public_key": b"k", "user_data": b"", "nonce": b"n" * 16})
    )
    assert document.kind is DocumentKind.ENCLAVE
    assert document.module_id == forge.MODULE_ID
    assert document.instance_id == "i-0fa4e0fa4e0fa4e0f"
    assert document.timestamp == datetime(2026, 1, 3, 20, 41, 7, 402000, tzinfo=UTC)
    assert dict(document.pcrs) == GOOD["pcrs"]
    assert document.certificate == CERTIFICATES[-1]
    assert document.cabundle == tuple(CERTIFICATES[:-1])
    assert (document.public_key, document.user_data, document.nonce) == (b"k", b"", b"n" * 16)
    assert document.unknown_fields == ()


def test_the_map_of_pcrs_tells_the_kind() -> None:
    """`nitrotpm_pcrs` with a -tpm module is a NitroTPM document."""
    document = read_payload(
        cbor2.dumps({**_without("pcrs"), "module_id": TPM_ID, "nitrotpm_pcrs": PCRS})
    )
    assert document.kind is DocumentKind.NITRO_TPM


@pytest.mark.parametrize("name", ["public_key", "user_data", "nonce"])
def test_null_absent_and_empty_are_told_apart_where_they_differ(name: str) -> None:
    """Null counts as absent, as genuine documents write it; empty is there."""
    assert getattr(read_payload(cbor2.dumps({**GOOD, name: None})), name) is None
    assert getattr(read_payload(cbor2.dumps(_without(name))), name) is None
    assert getattr(read_payload(cbor2.dumps({**GOOD, name: b""})), name) == b""


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("public_key", Reason.DOCUMENT_PUBLIC_KEY),
        ("user_data", Reason.DOCUMENT_USER_DATA),
        ("nonce", Reason.DOCUMENT_NONCE),
    ],
)
def test_optional_fields_have_up_to_1024_bytes(name: str, reason: Reason) -> None:
    """1024 pass, 1025 do not, and any other type is no absence."""
    assert len(getattr(read_payload(cbor2.dumps({**GOOD, name: bytes(1024)})), name)) == 1024
    assert _reason({**GOOD, name: bytes(1025)}) is reason
    others: list[object] = ["text", [], {}, 0, False, 1.5, cbor2.undefined]
    for value in others:
        assert _reason({**GOOD, name: value}) is Reason.DOCUMENT_FIELD_TYPE


@pytest.mark.parametrize(
    "name", ["module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle"]
)
def test_mandatory_fields_are_there(name: str) -> None:
    """Absent or null, each is missing."""
    assert _reason(_without(name)) is Reason.DOCUMENT_FIELD_MISSING
    assert _reason({**GOOD, name: None}) is Reason.DOCUMENT_FIELD_MISSING


@pytest.mark.parametrize(
    "name", ["module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle"]
)
def test_mandatory_fields_have_their_type(name: str) -> None:
    """No other type is read as the one AWS gives."""
    kind = type(GOOD[name])
    others: list[object] = [
        "text",
        b"bytes",
        1,
        1.5,
        True,
        [],
        {},
        cbor2.undefined,
        cbor2.CBORSimpleValue(99),
    ]
    for value in others:
        if type(value) is not kind:
            assert _reason({**GOOD, name: value}) is Reason.DOCUMENT_FIELD_TYPE


@pytest.mark.parametrize("payload", [[], "text", b"bytes", 0, None, True])
def test_the_payload_is_a_map(payload: object) -> None:
    """Anything else has no fields."""
    assert _reason(payload) is Reason.DOCUMENT_FIELD_TYPE


@pytest.mark.parametrize("key", [b"pcrs", 0, 1.5, True, None])
def test_names_of_fields_are_text(key: object) -> None:
    """A name of another type is refused even where unknown fields are allowed."""
    fields: dict[object, object] = {key: 1}
    fields.update(GOOD)
    assert _reason(fields) is Reason.DOCUMENT_FIELD_TYPE


def test_unknown_fields_are_named() -> None:
    """The policy decides on them; the reader lists them in order."""
    assert read_payload(cbor2.dumps({**GOOD, "zeta": 1, "alpha": None})).unknown_fields == (
        "alpha",
        "zeta",
    )


@pytest.mark.parametrize(
    "module_id",
    [
        forge.MODULE_ID,
        "x-enc0123456789abcdef",
        " ~ -enc0123456789abcdef",
        "i" * 236 + "-enc0123456789abcdef",
    ],
)
def test_module_ids_that_are_read(module_id: str) -> None:
    """Up to 256 characters of printable ASCII with the suffix of its kind are read.

    What precedes the suffix is the instance.
    """
    document = read_payload(cbor2.dumps({**GOOD, "module_id": module_id}))
    assert (document.module_id, document.instance_id) == (module_id, module_id[:-20])


@pytest.mark.parametrize(
    "module_id",
    [
        "",
        "i-0fa4e0fa4e0fa4e0f",
        "-enc0123456789abcdef",
        "i-enc0123456789abcde",
        "i-enc0123456789abcdef0",
        "i-enc0123456789ABCDEF",
        "i-enc0123456789abcdef\n",
        "i-eif0123456789abcdef",
        "i\x00-enc0123456789abcdef",
        "i\x1b[31m-enc0123456789abcdef",
        "i\x7f-enc0123456789abcdef",
        "é-enc0123456789abcdef",
        "i-enc０１２３４５６７８９abcdef",  # noqa: RUF001 - digits that are no ASCII
        "i" * 237 + "-enc0123456789abcdef",
    ],
)
def test_module_ids_that_are_refused(module_id: str) -> None:
    """Empty, without its suffix, too long, or not printable ASCII."""
    assert _reason({**GOOD, "module_id": module_id}) is Reason.DOCUMENT_MODULE_ID


def test_the_suffix_fits_the_map() -> None:
    """A -tpm module has no `pcrs`, an -enc module no `nitrotpm_pcrs`, and no document has both."""
    assert _reason({**GOOD, "module_id": TPM_ID}) is Reason.DOCUMENT_KIND
    assert _reason({**_without("pcrs"), "nitrotpm_pcrs": PCRS}) is Reason.DOCUMENT_KIND
    assert _reason({**GOOD, "nitrotpm_pcrs": PCRS}) is Reason.DOCUMENT_KIND
    assert _reason({**GOOD, "nitrotpm_pcrs": None}) is Reason.DOCUMENT_KIND
    assert _reason({**_without("pcrs"), "nitrotpm_pcrs": None}) is Reason.DOCUMENT_FIELD_MISSING


@pytest.mark.parametrize("digest", ["sha384", "SHA256", "SHA512", "SHA-384", "", "SHA384 "])
def test_the_digest_is_sha384(digest: str) -> None:
    """No other name, however close."""
    assert _reason({**GOOD, "digest": digest}) is Reason.DOCUMENT_DIGEST


def test_timestamps_are_milliseconds_that_a_datetime_can_hold() -> None:
    """1 ms to the end of year 9999."""
    first = read_payload(cbor2.dumps({**GOOD, "timestamp": 1})).timestamp
    assert first == datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=UTC)
    last = read_payload(cbor2.dumps({**GOOD, "timestamp": 253_402_300_799_999})).timestamp
    assert last == datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)
    for value in (0, -1, 253_402_300_800_000, 2**63, 2**64 - 1, -(2**64)):
        assert _reason({**GOOD, "timestamp": value}) is Reason.DOCUMENT_TIMESTAMP
    assert _reason({**GOOD, "timestamp": 2**64}) is Reason.CBOR_TAG


@pytest.mark.parametrize(
    "indexes", [range(1), range(16), range(17), range(32), (0, 1, 2, 3, 4, 8), (31,)]
)
def test_pcrs_may_be_1_to_32_of_any_index(indexes: range | tuple[int, ...]) -> None:
    """Sparse maps are read, and come out in rising order."""
    pcrs = {index: bytes([index]) * 48 for index in indexes}
    assert list(
        read_payload(cbor2.dumps({**GOOD, "pcrs": dict(reversed(pcrs.items()))})).pcrs.items()
    ) == list(pcrs.items())


@pytest.mark.parametrize(
    ("pcrs", "reason"),
    [
        ({}, Reason.DOCUMENT_PCR_COUNT),
        ({index: bytes(48) for index in range(33)}, Reason.DOCUMENT_PCR_COUNT),
        ({32: bytes(48)}, Reason.DOCUMENT_PCR_INDEX),
        ({-1: bytes(48)}, Reason.DOCUMENT_PCR_INDEX),
        ({"0": bytes(48)}, Reason.DOCUMENT_PCR_INDEX),
        ({"PCR0": bytes(48)}, Reason.DOCUMENT_PCR_INDEX),
        ({b"\0": bytes(48)}, Reason.DOCUMENT_PCR_INDEX),
        ({True: bytes(48)}, Reason.DOCUMENT_PCR_INDEX),
        ({1.0: bytes(48)}, Reason.DOCUMENT_PCR_INDEX),
        ({0: bytes(32)}, Reason.DOCUMENT_PCR_LENGTH),
        ({0: bytes(64)}, Reason.DOCUMENT_PCR_LENGTH),
        ({0: bytes(47)}, Reason.DOCUMENT_PCR_LENGTH),
        ({0: bytes(49)}, Reason.DOCUMENT_PCR_LENGTH),
        ({0: b""}, Reason.DOCUMENT_PCR_LENGTH),
        ({0: bytes(48), 1: bytes(32)}, Reason.DOCUMENT_PCR_LENGTH),
        ({0: "0" * 48}, Reason.DOCUMENT_FIELD_TYPE),
        ({0: None}, Reason.DOCUMENT_FIELD_TYPE),
    ],
)
def test_pcrs_that_are_refused(pcrs: dict[Any, Any], reason: Reason) -> None:
    """Count, index type and range, value type and length."""
    assert _reason({**GOOD, "pcrs": pcrs}) is reason


CERTIFICATE_FAULTS: list[tuple[Callable[[list[bytes]], dict[str, object]], Reason]] = [
    (lambda _: {"certificate": b""}, Reason.DOCUMENT_CERTIFICATE),
    (lambda c: {"certificate": c[-1] + bytes(1025 - len(c[-1]))}, Reason.DOCUMENT_CERTIFICATE),
    (lambda c: {"certificate": c[-1] + b"\0"}, Reason.DOCUMENT_CERTIFICATE),
    (lambda _: {"cabundle": []}, Reason.DOCUMENT_CABUNDLE),
    (lambda c: {"cabundle": c[:1]}, Reason.DOCUMENT_CABUNDLE),
    (lambda c: {"cabundle": c[:1] * 9}, Reason.DOCUMENT_CABUNDLE),
    (lambda c: {"cabundle": [*c[:3], b""]}, Reason.DOCUMENT_CABUNDLE),
    (lambda c: {"cabundle": [*c[:3], bytes(1025)]}, Reason.DOCUMENT_CABUNDLE),
    (lambda c: {"cabundle": [*c[:3], c[3] + b"\0"]}, Reason.DOCUMENT_CABUNDLE),
    (lambda c: {"cabundle": [*c[:3], "text"]}, Reason.DOCUMENT_FIELD_TYPE),
    (lambda c: {"cabundle": [*c[:3], None]}, Reason.DOCUMENT_FIELD_TYPE),
    (lambda c: {"cabundle": [*c[:3], [c[3]]]}, Reason.CBOR_TOO_DEEP),
    (lambda c: {"cabundle": [*c[:3], []]}, Reason.DOCUMENT_FIELD_TYPE),
]


@pytest.mark.parametrize(("edit", "reason"), CERTIFICATE_FAULTS)
def test_certificates_that_are_refused(
    edit: Callable[[list[bytes]], dict[str, object]], reason: Reason
) -> None:
    """Sizes, counts, types, and bytes behind a certificate."""
    assert _reason({**GOOD, **edit(CERTIFICATES)}) is reason


@pytest.mark.parametrize("head", [b"\xaa", b"\xbf"])
def test_no_name_stands_twice(head: bytes) -> None:
    """In a definite and in an indefinite map; the decoder sees neither as a map."""
    items = b"".join(cbor2.dumps(name) + cbor2.dumps(value) for name, value in GOOD.items())
    twice = cbor2.dumps("digest") + cbor2.dumps("SHA384")
    payload = bytes([0xA0 + len(GOOD) + 1]) if head == b"\xaa" else head
    end = b"" if head == b"\xaa" else b"\xff"
    with pytest.raises(MalformedDocumentError) as refusal:
        read_payload(payload + items + twice + end)
    assert refusal.value.reason is Reason.CBOR_DUPLICATE_KEY


def test_a_certificate_of_one_byte_is_of_a_good_size() -> None:
    """The payload's rule is the size alone; the chain rejects what is no certificate."""
    assert read_payload(cbor2.dumps({**GOOD, "certificate": b"0"})).certificate == b"0"


def test_bytes_after_the_largest_certificate_are_called_that() -> None:
    """The size is good, so it is not what is named."""
    certificate = forge.der(0x30).ljust(MAX_CERTIFICATE_BYTES, b"\0")
    with pytest.raises(MalformedDocumentError) as refusal:
        read_payload(cbor2.dumps({**GOOD, "certificate": certificate}))
    assert refusal.value.failures == (
        Failure(Reason.DOCUMENT_CERTIFICATE, "certificate", "one certificate", "bytes after it"),
    )


def test_the_hash_of_pcrs_depends_on_them() -> None:
    """Other values, another place in a dict."""
    assert len({hash(Pcrs({0: bytes([value]) * 48})) for value in range(8)}) > 1


def test_certificates_have_up_to_1024_bytes_and_bundles_up_to_8() -> None:
    """The upper ends are allowed; what the bytes mean is the chain's matter."""
    long = forge.der(0x30, bytes(1020))
    document = read_payload(cbor2.dumps({**GOOD, "certificate": long, "cabundle": [long] * 8}))
    assert (len(document.certificate), len(document.cabundle)) == (1024, 8)
    assert len(read_payload(cbor2.dumps({**GOOD, "cabundle": CERTIFICATES[:2]})).cabundle) == 2


def test_pcrs_are_a_mapping_that_cannot_change() -> None:
    """Equal, hashable, sorted, written as their constructor call, and made of copies."""
    values = {4: b"\x04" * 48, 0: b"\0" * 48}
    pcrs = Pcrs(values)
    values[0] = b"changed"
    assert list(pcrs) == [0, 4]
    assert len(pcrs) == 2
    assert pcrs[4] == b"\x04" * 48
    assert pcrs.get(9) is None
    assert 0 in pcrs
    assert pcrs == Pcrs(dict(pcrs))
    assert hash(pcrs) == hash(Pcrs(dict(pcrs)))
    assert eval(repr(pcrs), {"Pcrs": Pcrs}) == pcrs  # noqa: S307 - our own text
    with pytest.raises(TypeError):
        pcrs[0] = b""  # type: ignore[index]  # pyright: ignore[reportIndexIssue] - what must fail

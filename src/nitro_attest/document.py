"""Read the payload of an attestation document by AWS's syntactic rules (AWS attestation process, 3.1 and 3.2.2).

The payload's bytes come in, an `UnverifiedDocument` goes out. Never: a field of another type than
AWS gives it, a guess for one that is missing, or any trust: until `verify` has run, everything here
was written by whoever sent it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, TypeVar, cast, final

from nitro_attest import _cbor, _der
from nitro_attest.errors import Reason, refused

__all__ = ["Claims", "DocumentKind", "Pcrs", "UnverifiedDocument"]

# AWS 3.1 for public_key; its texts name 512 and 1024 for the others, genuine documents reach 1024
MAX_FIELD_BYTES: Final = 1024
MAX_CERTIFICATE_BYTES: Final = 1024  # AWS 3.1
MIN_CABUNDLE: Final = 2  # the root and at least one authority under it; genuine bundles have 4
MAX_CABUNDLE: Final = 8  # ours: twice the genuine length
MAX_MODULE_ID: Final = 256  # ours: genuine ones have 39 characters
MAX_PCRS: Final = 32  # AWS 3.1: indexes 0 to 31
PCR_BYTES: Final = 48  # AWS 3.1 with digest SHA384
MAX_TIMESTAMP_MS: Final = (
    253_402_300_799_999  # 9999-12-31T23:59:59.999Z, the last that `datetime` can hold
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_MODULE_ID: Final = re.compile(r"([ -~]+)-(enc|tpm)[0-9a-f]{16}")
_T = TypeVar("_T", bound=object)


@final
class DocumentKind(StrEnum):
    """Say what made a document: a Nitro Enclave, or an EC2 instance with NitroTPM."""

    ENCLAVE = "enclave"
    NITRO_TPM = "nitrotpm"


_KIND_OF_MAP: Final = {"pcrs": DocumentKind.ENCLAVE, "nitrotpm_pcrs": DocumentKind.NITRO_TPM}
_KIND_OF_SUFFIX: Final = {"enc": DocumentKind.ENCLAVE, "tpm": DocumentKind.NITRO_TPM}
_MANDATORY: Final = ("module_id", "digest", "timestamp", "certificate", "cabundle")
_OPTIONAL: Final = {
    "public_key": Reason.DOCUMENT_PUBLIC_KEY,
    "user_data": Reason.DOCUMENT_USER_DATA,
    "nonce": Reason.DOCUMENT_NONCE,
}
_KNOWN: Final = frozenset({*_MANDATORY, *_KIND_OF_MAP, *_OPTIONAL})


@final
class Pcrs(Mapping[int, bytes]):
    """Map the index of each PCR in a document, 0 to 31 in rising order, to its 48 bytes. Immutable and hashable."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[int, bytes]) -> None:
        """Copy `values`."""
        indexes = sorted(values)
        self._values: Final = (
            dict(values) if indexes == list(values) else {index: values[index] for index in indexes}
        )

    def __getitem__(self, index: int) -> bytes:
        """Return the 48 bytes of one PCR; a document need not have all."""
        return self._values[index]

    def __iter__(self) -> Iterator[int]:
        """Go through the indexes in rising order."""
        return iter(self._values)

    def __len__(self) -> int:
        """Return how many PCRs there are, 1 to 32."""
        return len(self._values)

    def __hash__(self) -> int:
        """Hash the values, equal for equal maps."""
        return hash(tuple(self._values.items()))

    def __repr__(self) -> str:
        """Write the constructor call."""
        return f"Pcrs({self._values!r})"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedDocument:
    """Hold what a document says about itself. It proves nothing: anyone can write such a document.

    `timestamp` is in UTC with milliseconds. An optional field is None when it is absent or null,
    `b""` when it is empty. `unknown_fields` names payload fields that AWS does not list.
    """

    kind: DocumentKind
    module_id: str
    instance_id: str
    timestamp: datetime
    pcrs: Pcrs
    certificate: bytes
    cabundle: tuple[bytes, ...]
    public_key: bytes | None
    user_data: bytes | None
    nonce: bytes | None
    unknown_fields: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """Hold what AWS hardware has signed, as part of a result of `verify`.

    `timestamp` is in UTC with milliseconds. `public_key`, `user_data` and `nonce` were chosen by
    the code in the enclave or on the instance; each is None when the document does not carry it,
    and 0 to 1024 bytes otherwise.
    """

    kind: DocumentKind
    module_id: str
    instance_id: str
    timestamp: datetime
    pcrs: Pcrs
    public_key: bytes | None
    user_data: bytes | None
    nonce: bytes | None
    unknown_fields: tuple[str, ...]


def read_payload(payload: bytes) -> UnverifiedDocument:
    """Read the payload of the envelope.

    Raises:
        MalformedDocumentError: `cbor.*`, `document.*` except `document.field_unknown`, which the
            policy decides.

    """
    fields = _read_fields(payload)
    kind, pcrs = _read_pcrs(fields)
    module_id, instance_id = _read_module_id(fields, kind)
    if _typed(fields["digest"], str, "digest") != "SHA384":
        raise refused(Reason.DOCUMENT_DIGEST, "digest", "SHA384")
    return UnverifiedDocument(
        kind=kind,
        module_id=module_id,
        instance_id=instance_id,
        timestamp=_read_timestamp(fields),
        pcrs=pcrs,
        certificate=_read_certificate(
            fields["certificate"], Reason.DOCUMENT_CERTIFICATE, "certificate"
        ),
        cabundle=_read_cabundle(fields),
        public_key=_read_optional(fields, "public_key"),
        user_data=_read_optional(fields, "user_data"),
        nonce=_read_optional(fields, "nonce"),
        unknown_fields=() if fields.keys() <= _KNOWN else tuple(sorted(fields.keys() - _KNOWN)),
    )


def _typed(value: object, kind: type[_T], subject: str) -> _T:
    """Return `value` if its type is exactly `kind`: True is no int here."""
    if type(value) is not kind:
        raise refused(Reason.DOCUMENT_FIELD_TYPE, subject, kind.__name__, type(value).__name__)
    return value


def _read_fields(payload: bytes) -> dict[str, object]:
    """Return the payload's map, with every mandatory field there and exactly one map of PCRs."""
    decoded = cast(
        "dict[object, object]", _typed(_cbor.decode(payload, "payload"), dict, "payload")
    )
    if not decoded.keys() <= _KNOWN:
        for name in decoded:
            _typed(name, str, "name of a field")
    fields = cast("dict[str, object]", decoded)
    for name in _MANDATORY:
        if (
            fields.get(name) is None
        ):  # null counts as absent: genuine documents write absent optional fields as null
            raise refused(Reason.DOCUMENT_FIELD_MISSING, name)
    return fields


def _read_pcrs(fields: dict[str, object]) -> tuple[DocumentKind, Pcrs]:
    names = [name for name in _KIND_OF_MAP if name in fields]
    if len(names) > 1:
        raise refused(Reason.DOCUMENT_KIND, "pcrs and nitrotpm_pcrs", "one of them", "both")
    if not names or fields[names[0]] is None:
        raise refused(Reason.DOCUMENT_FIELD_MISSING, "pcrs or nitrotpm_pcrs")
    (name,) = names
    values = cast("dict[object, object]", _typed(fields[name], dict, name))
    if not 1 <= len(values) <= MAX_PCRS:
        raise refused(Reason.DOCUMENT_PCR_COUNT, name, f"1 to {MAX_PCRS}", str(len(values)))
    for index, digest in values.items():
        if type(index) is not int or not 0 <= index < MAX_PCRS:
            raise refused(Reason.DOCUMENT_PCR_INDEX, name, f"0 to {MAX_PCRS - 1}")
        if type(digest) is not bytes or len(digest) != PCR_BYTES:
            found = len(_typed(digest, bytes, f"{name}[{index}]"))
            raise refused(
                Reason.DOCUMENT_PCR_LENGTH,
                f"{name}[{index}]",
                f"{PCR_BYTES} bytes",
                f"{found} bytes",
            )
    return _KIND_OF_MAP[name], Pcrs(cast("dict[int, bytes]", values))


def _read_module_id(fields: dict[str, object], kind: DocumentKind) -> tuple[str, str]:
    module_id = _typed(fields["module_id"], str, "module_id")
    found = _MODULE_ID.fullmatch(module_id) if len(module_id) <= MAX_MODULE_ID else None
    if found is None:
        expected = f"up to {MAX_MODULE_ID} printable ASCII characters that end in -enc or -tpm and 16 hex digits"
        raise refused(Reason.DOCUMENT_MODULE_ID, "module_id", expected)
    if _KIND_OF_SUFFIX[found[2]] is not kind:
        raise refused(Reason.DOCUMENT_KIND, "module_id", kind, _KIND_OF_SUFFIX[found[2]])
    return module_id, found[1]


def _read_timestamp(fields: dict[str, object]) -> datetime:
    milliseconds = _typed(fields["timestamp"], int, "timestamp")
    if not 1 <= milliseconds <= MAX_TIMESTAMP_MS:
        raise refused(
            Reason.DOCUMENT_TIMESTAMP,
            "timestamp",
            f"1 to {MAX_TIMESTAMP_MS} ms",
            f"{milliseconds} ms",
        )
    return _EPOCH + milliseconds * _MILLISECOND


def _read_certificate(value: object, reason: Reason, field: str, index: int | None = None) -> bytes:
    if (
        type(value) is bytes
        and 1 <= len(value) <= MAX_CERTIFICATE_BYTES
        and not _der.has_trailing_bytes(value)
    ):
        return value
    subject = field if index is None else f"{field}[{index}]"
    size = len(_typed(value, bytes, subject))
    if not 1 <= size <= MAX_CERTIFICATE_BYTES:
        raise refused(reason, subject, f"1 to {MAX_CERTIFICATE_BYTES} bytes", f"{size} bytes")
    raise refused(reason, subject, "one certificate", "bytes after it")


def _read_cabundle(fields: dict[str, object]) -> tuple[bytes, ...]:
    bundle = cast("list[object]", _typed(fields["cabundle"], list, "cabundle"))
    if not MIN_CABUNDLE <= len(bundle) <= MAX_CABUNDLE:
        expected = f"{MIN_CABUNDLE} to {MAX_CABUNDLE} certificates"
        raise refused(Reason.DOCUMENT_CABUNDLE, "cabundle", expected, str(len(bundle)))
    return tuple(
        [
            _read_certificate(entry, Reason.DOCUMENT_CABUNDLE, "cabundle", index)
            for index, entry in enumerate(bundle)
        ]
    )


def _read_optional(fields: dict[str, object], name: str) -> bytes | None:
    if fields.get(name) is None:
        return None
    value = _typed(fields[name], bytes, name)
    if len(value) > MAX_FIELD_BYTES:
        raise refused(
            _OPTIONAL[name], name, f"at most {MAX_FIELD_BYTES} bytes", f"{len(value)} bytes"
        )
    return value

"""Read the payload of an attestation document by AWS's field table.

The table is in AWS's attestation process, 3.1 and 3.2.2. Exact types and sizes, no guess for what
is missing. The result is unverified: until `verify` has run, everything in it was written by
whoever sent the document.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar, cast

from nitro_attest._core import cbor, der
from nitro_attest._core.document import (
    MAX_FIELD_BYTES,
    MAX_PCRS,
    PCR_BYTES,
    DocumentKind,
    Pcrs,
    UnverifiedDocument,
)
from nitro_attest._core.errors import Reason, rejected

MAX_CERTIFICATE_BYTES: Final = 1024  # AWS 3.1
MIN_CABUNDLE: Final = 2  # the root and at least one CA certificate; captured documents have 4
MAX_CABUNDLE: Final = 8  # ours: twice the captured length
MAX_MODULE_ID: Final = 256  # ours: captured ones have 39 characters
# 9999-12-31T23:59:59.999Z, the last that `datetime` can hold
MAX_TIMESTAMP_MS: Final = 253_402_300_799_999

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
# The instance, of any printable ASCII; the kind; the module. 236 + 20 characters at most.
_MODULE_ID: Final = re.compile(r"([ -~]{1,236})-(enc|tpm)[0-9a-f]{16}")
_T = TypeVar("_T", bound=object)

_KIND_OF_MAP: Final = {"pcrs": DocumentKind.ENCLAVE, "nitrotpm_pcrs": DocumentKind.NITRO_TPM}
_KIND_OF_SUFFIX: Final = {"enc": DocumentKind.ENCLAVE, "tpm": DocumentKind.NITRO_TPM}
_MANDATORY: Final = ("module_id", "digest", "timestamp", "certificate", "cabundle")
_OPTIONAL: Final = {
    "public_key": Reason.DOCUMENT_PUBLIC_KEY,
    "user_data": Reason.DOCUMENT_USER_DATA,
    "nonce": Reason.DOCUMENT_NONCE,
}
_KNOWN: Final = frozenset({*_MANDATORY, *_KIND_OF_MAP, *_OPTIONAL})


def read_payload(payload: bytes) -> UnverifiedDocument:
    """Read the payload of the envelope.

    Raises:
        MalformedDocumentError: `cbor.*`, `document.*` except `document.field_unknown`, which the
            policy decides.

    """
    fields = _read_fields(payload)
    kind, pcrs = _read_pcrs(fields)
    module_id, instance_id = _read_module_id(fields, kind)
    digest = _typed(fields["digest"], str, "digest")  # V-41
    if digest != "SHA384":  # V-41
        raise rejected(Reason.DOCUMENT_DIGEST, "digest", "SHA384")
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
        raise rejected(Reason.DOCUMENT_FIELD_TYPE, subject, kind.__name__, type(value).__name__)
    return value


def _read_fields(payload: bytes) -> dict[str, object]:
    """Return the payload's map, with every mandatory field present."""
    fields: dict[str, object] = {}
    for name, value in cbor.decode_map(payload, "payload"):
        text = _typed(name, str, "name of a field")  # V-32
        if text in fields:  # V-22
            raise rejected(Reason.CBOR_DUPLICATE_KEY, "payload")
        fields[text] = value
    for name in _MANDATORY:
        if fields.get(name) is None:  # V-33; null is absent
            raise rejected(Reason.DOCUMENT_FIELD_MISSING, name)
    return fields


def _read_pcrs(fields: dict[str, object]) -> tuple[DocumentKind, Pcrs]:
    names = [name for name in _KIND_OF_MAP if name in fields]
    if len(names) > 1:  # V-34
        raise rejected(Reason.DOCUMENT_KIND, "pcrs and nitrotpm_pcrs", "one of them", "both")
    if not names or fields[names[0]] is None:  # V-35
        raise rejected(Reason.DOCUMENT_FIELD_MISSING, "pcrs or nitrotpm_pcrs")
    (name,) = names
    values = cast("dict[object, object]", _typed(fields[name], dict, name))  # V-36
    if not 1 <= len(values) <= MAX_PCRS:  # V-36
        raise rejected(Reason.DOCUMENT_PCR_COUNT, name, f"1 to {MAX_PCRS}", str(len(values)))
    for index, digest in values.items():
        if type(index) is not int or not 0 <= index < MAX_PCRS:  # V-37
            raise rejected(Reason.DOCUMENT_PCR_INDEX, name, f"0 to {MAX_PCRS - 1}")
        if type(digest) is not bytes or len(digest) != PCR_BYTES:  # V-38
            subject = f"{name}[{index}]"
            found = f"{len(_typed(digest, bytes, subject))} bytes"  # V-38
            raise rejected(Reason.DOCUMENT_PCR_LENGTH, subject, f"{PCR_BYTES} bytes", found)
    return _KIND_OF_MAP[name], Pcrs(cast("dict[int, bytes]", values))


def _read_module_id(fields: dict[str, object], kind: DocumentKind) -> tuple[str, str]:
    module_id = _typed(fields["module_id"], str, "module_id")  # V-39
    found = _MODULE_ID.fullmatch(module_id)
    if found is None:  # V-39
        expected = (
            f"up to {MAX_MODULE_ID} printable ASCII characters "
            "that end in -enc or -tpm and 16 hex digits"
        )
        raise rejected(Reason.DOCUMENT_MODULE_ID, "module_id", expected)
    if _KIND_OF_SUFFIX[found[2]] is not kind:  # V-40
        raise rejected(Reason.DOCUMENT_KIND, "module_id", kind, _KIND_OF_SUFFIX[found[2]])
    return module_id, found[1]


def _read_timestamp(fields: dict[str, object]) -> datetime:
    milliseconds = _typed(fields["timestamp"], int, "timestamp")  # V-42
    if not 1 <= milliseconds <= MAX_TIMESTAMP_MS:  # V-42
        expected, found = f"1 to {MAX_TIMESTAMP_MS} ms", f"{milliseconds} ms"
        raise rejected(Reason.DOCUMENT_TIMESTAMP, "timestamp", expected, found)
    return _EPOCH + milliseconds * _MILLISECOND


def _read_certificate(value: object, reason: Reason, subject: str) -> bytes:
    certificate = _typed(value, bytes, subject)  # V-43, V-45
    size = len(certificate)
    if not 1 <= size <= MAX_CERTIFICATE_BYTES:  # V-43, V-45
        raise rejected(reason, subject, f"1 to {MAX_CERTIFICATE_BYTES} bytes", f"{size} bytes")
    if der.has_trailing_bytes(certificate):  # V-43, V-45
        raise rejected(reason, subject, "one certificate", "bytes after it")
    return certificate


def _read_cabundle(fields: dict[str, object]) -> tuple[bytes, ...]:
    bundle = cast("list[object]", _typed(fields["cabundle"], list, "cabundle"))  # V-44
    if not MIN_CABUNDLE <= len(bundle) <= MAX_CABUNDLE:  # V-44
        expected = f"{MIN_CABUNDLE} to {MAX_CABUNDLE} certificates"
        raise rejected(Reason.DOCUMENT_CABUNDLE, "cabundle", expected, str(len(bundle)))
    return tuple(
        [
            _read_certificate(entry, Reason.DOCUMENT_CABUNDLE, f"cabundle[{index}]")
            for index, entry in enumerate(bundle)
        ]
    )


def _read_optional(fields: dict[str, object], name: str) -> bytes | None:
    if fields.get(name) is None:  # null is absent
        return None
    value = _typed(fields[name], bytes, name)  # V-46, V-47, V-48
    if len(value) > MAX_FIELD_BYTES:  # V-46, V-47, V-48
        expected, found = f"at most {MAX_FIELD_BYTES} bytes", f"{len(value)} bytes"
        raise rejected(_OPTIONAL[name], name, expected, found)
    return value

"""Show what a document says about itself: nothing of it is verified, or looks like a verdict."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, final

from cryptography import x509
from cryptography.x509.oid import NameOID
from rich.text import Text

from nitro_attest import (
    AWS_NITRO_ROOT_G1,
    AWS_US_GOV_NITRO_ROOT_G1,
    DocumentKind,
    PolicyError,
    Sha384,
    UnverifiedDocument,
    VerificationError,
    meaning_of,
)
from nitro_attest._text import ascii_only, printable
from nitro_attest.cli._lines import at, span
from nitro_attest.cli._terminal import BAD, FAINT, WARN, Digits, Page, Part, Row
from nitro_attest.policy_review import BOOT_LOADER_NOTE, KIND_NAMES, PCR_NAMES
from nitro_attest.reference_values import pcr

_ZERO: Final = Sha384.ZERO.value
_ONES: Final = b"\xff" * len(_ZERO)
_DEBUG_PCRS: Final = (0, 1, 2)  # AWS: zero in debug mode
_INSTANCE_PCR: Final = (DocumentKind.ENCLAVE, 4)
_COMMAND_LINE_PCR: Final = (DocumentKind.NITRO_TPM, 12)
_SHOWN_WHOLE: Final = 97  # bytes, as many as a point of P-384
_SHOWN_OF_MORE: Final = 64
_BAR: Final = 24
_SECOND: Final = timedelta(seconds=1)
_ROOTS: Final = frozenset({AWS_NITRO_ROOT_G1.certificate, AWS_US_GOV_NITRO_ROOT_G1.certificate})


@final
@dataclass(frozen=True, slots=True)
class _ShownCertificate:
    """What is shown of a certificate; the times are None if it can't be read."""

    subject: str
    sha256: str
    not_before: datetime | None
    not_after: datetime | None


def show(document: UnverifiedDocument, name: str, size: int, now: datetime, page: Page) -> None:
    """Write the whole document."""
    page.banner(
        "NOTHING HERE WAS VERIFIED",
        "Anyone can write such a document. To verify it, use: nitro-attest verify",
    )
    page.rows(_head(document, name, size, now))
    page.gap()
    page.line(Text("PCRs", style="bold"))
    page.rows(_pcrs(document))
    page.gap()
    page.line(Text("Fields", style="bold"))
    page.rows(_fields(document, page))
    page.gap()
    page.line(Text(f"Certificates, at {at(now)}", style="bold"))
    page.rows(_certificates(document, now, page))


def to_json(document: UnverifiedDocument, now: datetime) -> str:
    """Return the document as one line of JSON in ASCII; certificates' texts are made printable."""
    names = [f"cabundle[{place}]" for place in range(len(document.cabundle))] + ["certificate"]
    shown = {
        "verified": False,
        "kind": str(document.kind),
        "module_id": document.module_id,
        "instance_id": document.instance_id,
        "timestamp": document.timestamp.isoformat(timespec="milliseconds"),
        "age_seconds": (now - document.timestamp).total_seconds(),
        "debug": bool(_debug_pcrs(document)),
        "pcrs": {str(index): value.hex() for index, value in document.pcrs.items()},
        "public_key": None if document.public_key is None else document.public_key.hex(),
        "user_data": None if document.user_data is None else document.user_data.hex(),
        "nonce": None if document.nonce is None else document.nonce.hex(),
        "unknown_fields": [ascii_only(name) for name in document.unknown_fields],
        "is_root_of_aws": document.cabundle[0] in _ROOTS,
        "certificates": [
            {
                "name": name,
                "sha256": certificate.sha256,
                "subject": certificate.subject,
                "not_before": certificate.not_before and certificate.not_before.isoformat(),
                "not_after": certificate.not_after and certificate.not_after.isoformat(),
            }
            for name, certificate in zip(
                names, map(_read, (*document.cabundle, document.certificate)), strict=True
            )
        ],
    }
    return json.dumps(shown)


def rejection_as_json(rejection: VerificationError) -> str:
    """Return why a document could not be taken apart."""
    return json.dumps({"verified": False, **rejection.to_dict()})


def problem_as_json(error: PolicyError) -> str:
    """Return why a file could not be read."""
    return json.dumps({"verified": False, "problem": error.problem})


def _debug_pcrs(document: UnverifiedDocument) -> list[int]:
    """Return which of PCR0, PCR1 and PCR2 of an enclave are zero."""
    if document.kind is not DocumentKind.ENCLAVE:
        return []
    return [index for index in _DEBUG_PCRS if document.pcrs.get(index) == _ZERO]


def _head(document: UnverifiedDocument, name: str, size: int, now: datetime) -> list[Row]:
    age = now - document.timestamp
    made = f"{document.timestamp:%Y-%m-%d %H:%M:%S.%f}"[:-3]
    when = f"{span(age)} {'ago' if age.total_seconds() >= 0 else 'IN THE FUTURE'}"
    rows: list[Row] = [
        (("file",), (f"{printable(name)}, {size} bytes",)),
        (("kind",), (KIND_NAMES[document.kind],)),
        (("module",), (ascii_only(document.module_id),)),
        (("made",), (f"{made} UTC, {when}",)),
    ]
    if _debug_pcrs(document):
        warning = "DEBUG: the host can read its console, and no PCR says which code runs"
        rows.append((("mode",), (Text(warning, style=BAD),)))
    return rows


def _pcrs(document: UnverifiedDocument) -> list[Row]:
    """Return one row a PCR; the unnamed ones that are all zeros or all ones share one."""
    rows: list[Row] = []
    names = PCR_NAMES[document.kind]
    together: dict[bytes, list[int]] = {_ZERO: [], _ONES: []}
    for index, value in document.pcrs.items():
        if value in together and index not in names:
            together[value].append(index)
        else:
            rows.append(((f"PCR{index}", names.get(index, "")), _pcr(document, index, value)))
    for indexes, word in zip(together.values(), ("zero", "all ff"), strict=True):
        if indexes:
            rows.append((("others", word), (Text(_ranges(indexes), style=FAINT),)))
    return rows


def _pcr(document: UnverifiedDocument, index: int, value: bytes) -> list[Part]:
    meaning = meaning_of(document.kind, index, value)
    if value == _ZERO:
        style = BAD if index in _debug_pcrs(document) else WARN
        parts: list[Part] = [Text(f"zero: {meaning}" if meaning else "zero", style=style)]
        if (document.kind, index) == _COMMAND_LINE_PCR and any(document.pcrs.get(8, _ZERO)):
            parts.append(Text(BOOT_LOADER_NOTE, style=WARN))
        return parts
    parts = [Digits(value.hex())]
    if meaning is not None:
        parts.append(Text(meaning, style=WARN))
    if (document.kind, index) == _INSTANCE_PCR and value == _pcr4_of(document):
        parts.append(Text(f"the PCR4 of {ascii_only(document.instance_id)}", style=FAINT))
    return parts


def _pcr4_of(document: UnverifiedDocument) -> bytes | None:
    try:
        return pcr.instance_id(document.instance_id).value
    except PolicyError:
        return None


def _ranges(indexes: list[int]) -> str:
    """Write rising numbers with those in a row as first-last."""
    runs: list[tuple[int, int]] = []
    for index in indexes:
        if runs and runs[-1][1] == index - 1:
            runs[-1] = (runs[-1][0], index)
        else:
            runs.append((index, index))
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def _fields(document: UnverifiedDocument, page: Page) -> list[Row]:
    fields = {
        "public_key": document.public_key,
        "user_data": document.user_data,
        "nonce": document.nonce,
    }
    rows: list[Row] = [((name,), _field(value, page)) for name, value in fields.items()]
    for name in document.unknown_fields:
        label = ascii_only(name, 20)
        rows.append(((label,), (Text("a field that AWS does not list", style=BAD),)))
    return rows


def _field(value: bytes | None, page: Page) -> list[Part]:
    """Return a field whole, or on a terminal the beginning and the SHA-256 of a long one."""
    if value is None:
        return [Text("absent", style=FAINT)]
    if not value:
        return [Text("empty", style=WARN)]
    size = f"{len(value)} byte{'' if len(value) == 1 else 's'}"
    if len(value) <= _SHOWN_WHOLE or not page.is_terminal:
        return [size, Digits(value.hex())]
    return [
        f"{size}, of which the first {_SHOWN_OF_MORE} are",
        Digits(value[:_SHOWN_OF_MORE].hex()),
        "and the SHA-256 of all is (--json prints all)",
        Digits(hashlib.sha256(value).hexdigest()),
    ]


def _certificates(document: UnverifiedDocument, now: datetime, page: Page) -> list[Row]:
    """Return one row a certificate, root first, by the names that failures have for them."""
    blocks = ("█", "░") if page.has_blocks else ("#", ".")
    rows: list[Row] = []
    for place, der in enumerate(document.cabundle):
        parts = _certificate(_read(der), now, blocks)
        if place == 0:
            known = der in _ROOTS
            words = "a root of AWS" if known else "NOT A ROOT OF AWS"
            parts[1:1] = [Text(words, style="green" if known else BAD), "SHA-256"]
            parts.insert(3, Digits(hashlib.sha256(der).hexdigest()))
        rows.append(((f"cabundle[{place}]",), parts))
    rows.append((("certificate",), _certificate(_read(document.certificate), now, blocks)))
    return rows


def _read(der: bytes) -> _ShownCertificate:
    sha256 = hashlib.sha256(der).hexdigest()
    try:
        certificate = x509.load_der_x509_certificate(der)
        names = [
            str(name.value)
            for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        ]
        return _ShownCertificate(
            ascii_only(", ".join(names), 64) or "(no common name)",
            sha256,
            certificate.not_valid_before_utc,
            certificate.not_valid_after_utc,
        )
    except (ValueError, TypeError, x509.InvalidVersion):
        return _ShownCertificate("(a certificate that cannot be read)", sha256, None, None)


def _certificate(
    certificate: _ShownCertificate, now: datetime, blocks: tuple[str, str]
) -> list[Part]:
    """Return the name, a bar of the time that has passed with its state in words, and the dates."""
    begin, end = certificate.not_before, certificate.not_after
    if begin is None or end is None:
        return [Text(certificate.subject, style=BAD)]
    if now < begin:
        state, style, passed = f"begins in {span(begin - now)}", BAD, 0
    elif now > end:
        state, style, passed = f"expired {span(now - end)} ago", BAD, _BAR
    else:
        state, style = f"valid for {span(end - now)} more", "green"
        passed = int(_BAR * ((now - begin) / max(end - begin, _SECOND)))
    bar = Text(blocks[0] * passed + blocks[1] * (_BAR - passed), style=style)
    bar.append(f" {state}", style=style)
    dates = Text(f"{begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC", style=FAINT)
    return [Text(certificate.subject), bar, dates]

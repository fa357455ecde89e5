"""Show what a document says about itself, without a word on whether it is true.

An unverified document and a time come in, lines or JSON go out. Never: anything that looks like a
verdict.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, final

from cryptography import x509
from cryptography.x509.oid import NameOID
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Column, Table
from rich.text import Text
from rich.tree import Tree

from nitro_attest import (
    AWS_NITRO_ROOT_G1,
    AWS_US_GOV_NITRO_ROOT_G1,
    DocumentKind,
    PolicyError,
    UnverifiedDocument,
)
from nitro_attest._core.document import PCR_BYTES
from nitro_attest._core.measurements import DEBUG_PCRS
from nitro_attest.cli._lines import at, digest_lines, safe, span
from nitro_attest.cli._terminal import BAD, FAINT, WARN
from nitro_attest.reference_values import pcr

_ZERO: Final = bytes(PCR_BYTES)
_ONES: Final = b"\xff" * PCR_BYTES
_SHOWN_BYTES: Final = 24
_BAR: Final = 24
_SECOND: Final = timedelta(seconds=1)
NAMES: Final = {
    DocumentKind.ENCLAVE: {
        0: "image",
        1: "kernel",
        2: "application",
        3: "IAM role",
        4: "instance",
        8: "signing cert.",
    },
    DocumentKind.NITRO_TPM: {4: "boot manager", 7: "Secure Boot", 12: "command line"},
}
KINDS: Final = {
    DocumentKind.ENCLAVE: "Nitro Enclave",
    DocumentKind.NITRO_TPM: "EC2 instance with NitroTPM",
}
_ROOTS: Final = frozenset({AWS_NITRO_ROOT_G1.certificate, AWS_US_GOV_NITRO_ROOT_G1.certificate})


@final
@dataclass(frozen=True, slots=True)
class _ShownCertificate:
    """Hold what is shown of a certificate; the times are None if it can't be read."""

    subject: str
    not_before: datetime | None
    not_after: datetime | None


def show(
    document: UnverifiedDocument, name: str, size: int, now: datetime, console: Console
) -> None:
    """Draw the whole document."""
    warning = Text(justify="center")
    warning.append("NOTHING HERE WAS VERIFIED", style=BAD)
    warning.append("\nanyone can write such a document; use: nitro-attest verify")
    console.print(Panel(warning, border_style=BAD))
    console.print(_head(document, name, size, now))
    console.print(Text("\nPCRs", style="bold"))
    console.print(_pcr_table(document))
    console.print(Text("\nFields", style="bold"))
    console.print(_field_table(document))
    console.print(Text(f"\nCertificates, against {at(now)}", style="bold"))
    console.print(_chain(document, now, console))


def to_json(document: UnverifiedDocument, now: datetime) -> str:
    """Return the document as one line of JSON in ASCII; texts of certificates are made printable first."""
    shown = {
        "verified": False,
        "kind": str(document.kind),
        "module_id": document.module_id,
        "instance_id": document.instance_id,
        "timestamp": document.timestamp.isoformat(timespec="milliseconds"),
        "age_seconds": (now - document.timestamp).total_seconds(),
        "debug": bool(debug_pcrs(document)),
        "pcrs": {str(index): value.hex() for index, value in document.pcrs.items()},
        "public_key": None if document.public_key is None else document.public_key.hex(),
        "user_data": None if document.user_data is None else document.user_data.hex(),
        "nonce": None if document.nonce is None else document.nonce.hex(),
        "unknown_fields": [safe(name) for name in document.unknown_fields],
        "certificates": [
            {
                "sha256": hashlib.sha256(der).hexdigest(),
                "subject": certificate.subject,
                "not_before": certificate.not_before and certificate.not_before.isoformat(),
                "not_after": certificate.not_after and certificate.not_after.isoformat(),
            }
            for der, certificate in (
                (der, _read(der)) for der in (*document.cabundle, document.certificate)
            )
        ],
    }
    return json.dumps(shown)


def debug_pcrs(document: UnverifiedDocument) -> list[int]:
    """Return which of PCR0, PCR1 and PCR2 of an enclave are zero."""
    if document.kind is not DocumentKind.ENCLAVE:
        return []
    return [index for index in DEBUG_PCRS if document.pcrs.get(index) == _ZERO]


def _head(document: UnverifiedDocument, name: str, size: int, now: datetime) -> Table:
    table = Table.grid(Column(), Column(overflow="fold"), padding=(0, 2))
    age = now - document.timestamp
    made = f"{document.timestamp:%Y-%m-%d %H:%M:%S.%f}"[:-3]
    when = f"{span(age)} {'ago' if age.total_seconds() >= 0 else 'IN THE FUTURE'}"
    table.add_row("file", f"{safe(name)}, {size} bytes")
    table.add_row("kind", KINDS[document.kind])
    table.add_row("module", safe(document.module_id))
    table.add_row("made", f"{made} UTC, {when}")
    if debug_pcrs(document):
        table.add_row(
            "mode", Text("DEBUG: its console can be read, its code is not measured", style=BAD)
        )
    return table


def _pcr_table(document: UnverifiedDocument) -> Table:
    """Show one PCR a row, and the unnamed ones that are all zeros or all ones together in the last."""
    table = Table.grid(padding=(0, 2))
    names = NAMES[document.kind]
    together: dict[bytes, list[int]] = {_ZERO: [], _ONES: []}
    for index, value in document.pcrs.items():
        if value in together and index not in names:
            together[value].append(index)
        else:
            table.add_row(f"PCR{index}", names.get(index, ""), _digest(document, index, value))
    for indexes, word in zip(together.values(), ("zero", "all ff"), strict=True):
        if indexes:
            table.add_row("others", word, Text(_ranges(indexes), style=FAINT))
    return table


def _digest(document: UnverifiedDocument, index: int, value: bytes) -> Text:
    if value == _ZERO:
        return (
            Text("zero: DEBUG MODE", style=BAD)
            if index in debug_pcrs(document)
            else Text("zero", style=WARN)
        )
    text = Text("\n".join(digest_lines(value.hex())))
    if (
        document.kind is DocumentKind.ENCLAVE
        and index == 4
        and value == _pcr4_of(document.instance_id)
    ):
        text.append(f"\nthe PCR4 of {safe(document.instance_id)}", style=FAINT)
    return text


def _pcr4_of(instance: str) -> bytes | None:
    try:
        return pcr.instance_id(instance).value
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


def _field_table(document: UnverifiedDocument) -> Table:
    table = Table.grid(padding=(0, 2))
    fields = {
        "public_key": document.public_key,
        "user_data": document.user_data,
        "nonce": document.nonce,
    }
    for name, value in fields.items():
        table.add_row(name, *_field(value))
    for name in document.unknown_fields:
        table.add_row(safe(name, 20), Text("a field that AWS does not list", style=BAD))
    return table


def _field(value: bytes | None) -> tuple[RenderableType, ...]:
    if value is None:
        return (Text("absent", style=FAINT),)
    if not value:
        return (Text("empty", style=WARN),)
    if len(value) <= 2 * _SHOWN_BYTES:
        return f"{len(value)} bytes", "\n".join(digest_lines(value.hex()))
    return f"{len(value)} bytes", f"{value[:_SHOWN_BYTES].hex()}..."


def _chain(document: UnverifiedDocument, now: datetime, console: Console) -> Tree:
    """Draw the certificates root first, each under the one that the document puts before it."""
    blocks = ("█", "░") if console.encoding.lower().startswith("utf") else ("#", ".")
    root, *others = (*document.cabundle, document.certificate)
    lines = _certificate_lines(_read(root), now, blocks)
    known = root in _ROOTS
    lines[0].append(
        ", a root of AWS" if known else ", NOT A ROOT OF AWS", style=FAINT if known else BAD
    )
    tree = branch = Tree(Group(*lines), guide_style=FAINT)
    for der in others:
        branch = branch.add(Group(*_certificate_lines(_read(der), now, blocks)))
    return tree


def _read(der: bytes) -> _ShownCertificate:
    try:
        certificate = x509.load_der_x509_certificate(der)
        names = [
            str(name.value)
            for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        ]
        return _ShownCertificate(
            safe(", ".join(names), 64) or "(no common name)",
            certificate.not_valid_before_utc,
            certificate.not_valid_after_utc,
        )
    except (ValueError, TypeError, x509.InvalidVersion):
        return _ShownCertificate("(a certificate that cannot be read)", None, None)


def _certificate_lines(
    certificate: _ShownCertificate, now: datetime, blocks: tuple[str, str]
) -> list[Text]:
    """Return the name, and below it a bar of the time that has passed with its state in words."""
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

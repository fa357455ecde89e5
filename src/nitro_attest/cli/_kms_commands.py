"""The commands that review a KMS key policy and decide single requests under it.

Exit codes: `lint` 0 without findings at or above --fail-on, 1 with some; `simulate` 0 allowed, 1
denied; both 2 if something cannot be read or decided, or the call itself is a mistake.
"""

import json
import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Annotated, Final, assert_never, final

import typer
from rich.text import Text

from nitro_attest import (
    DocumentKind,
    PolicyError,
    UnverifiedDocument,
    VerificationError,
    read_unverified,
)
from nitro_attest._text import printable
from nitro_attest.cli._files import read_document, read_hex, read_text
from nitro_attest.cli._sarif import to_sarif
from nitro_attest.cli._terminal import BAD, FAINT, GOOD, WARN, Page, page
from nitro_attest.reference_values import kms

GROUP: Final = "kms"
MISTAKE: Final = 2  # exit code of all that is neither a review nor a decision

app = typer.Typer(help="Review and simulate KMS key policies.", no_args_is_help=True)

_FAILED: Final = 1
_PCR_DIGITS: Final = 96
_INDEX: Final = re.compile("0|[1-9][0-9]{0,3}")  # one form for each, so that none comes twice
_OPTIONS: Final = {
    "operation": "--operation",
    "principal": "--principal",
    "role_arn": "--role-arn",
    "document": "--document",
    "pcrs": "--pcr",
    "encryption_context": "--context",
    "key_arn": "--key-arn",
    "account": "--account",
    "via_service": "--via-service",
}
_STYLES: Final = {kms.Severity.ERROR: BAD, kms.Severity.WARNING: WARN, kms.Severity.NOTE: FAINT}

File = Annotated[
    str,
    typer.Argument(metavar="FILE", hidden=True),
]


@final
class Format(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"


@app.command()
def lint(
    file: File,
    output: Annotated[
        Format, typer.Option("--format", help="How to print the findings.")
    ] = Format.TEXT,
    fail_on: Annotated[
        kms.Severity, typer.Option(help="The least severity that gives exit code 1.")
    ] = kms.Severity.WARNING,
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE=REASON", help="Accept a finding, and say why."),
    ] = None,
) -> None:
    """Find what a reviewer would object to in a key policy.

    FILE: a key policy, or the answer of `aws kms get-key-policy`; - for standard input.

    Exit codes: 0 nothing at or above --fail-on, 1 something, 2 not readable.
    """
    ignored = dict(_pairs(ignore or (), "--ignore", "CODE=REASON"))
    for code, reason in ignored.items():
        if code not in kms.FINDING_CODES or not reason.strip():
            raise PolicyError("--ignore", "expected a code that lint prints, =, and your reason")
    data = read_text(file)
    findings = kms.lint(kms.KeyPolicy.read(data, source=printable(file)))
    match output:
        case Format.TEXT:
            _show_findings(findings, ignored, page())
        case Format.JSON:
            typer.echo(json.dumps({"file": file, "findings": _plain(findings, ignored)}))
        case Format.SARIF:
            text = data.decode("utf-8")
            typer.echo(to_sarif(findings, file=file, text=text, ignored=ignored))
        case _:
            assert_never(output)
    order = list(kms.Severity)
    worst = order.index(fail_on)
    if any(order.index(it.severity) <= worst for it in findings if it.code not in ignored):
        raise typer.Exit(_FAILED)


@app.command()
def simulate(  # noqa: PLR0913, PLR0917 - one argument an option
    file: File,
    operation: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Such as Decrypt or GenerateDataKey.", show_default=False
        ),
    ],
    principal: Annotated[
        str | None,
        typer.Option(metavar="ARN", help="Who asks.  [default: the only one that is allowed]"),
    ] = None,
    role_arn: Annotated[
        str | None, typer.Option(metavar="ARN", help="The role of a principal that is a session.")
    ] = None,
    document: Annotated[
        str | None, typer.Option(metavar="DOC", help="The attestation document of the request.")
    ] = None,
    pcr: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N=HEX",
            help="A PCR of an enclave's document, such as 0=...; give all that the policy names.",
        ),
    ] = None,
    nitrotpm_pcr: Annotated[
        list[str] | None, typer.Option(metavar="N=HEX", help="A PCR of a NitroTPM document.")
    ] = None,
    context: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A pair of EncryptionContext.")
    ] = None,
    key_arn: Annotated[
        str | None, typer.Option(metavar="ARN", help="The key, where a Resource is not *.")
    ] = None,
    account: Annotated[
        str | None, typer.Option(metavar="DIGITS", help="The key's account.")
    ] = None,
    via_service: Annotated[
        str | None, typer.Option(metavar="NAME", help="The AWS service that calls KMS.")
    ] = None,
    strictness: Annotated[
        kms.Strictness,
        typer.Option(help="lenient: what cannot be decided exactly never allows, always denies."),
    ] = kms.Strictness.STRICT,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Decide one request under a key policy, as IAM documents it.

    FILE: a key policy, or the answer of `aws kms get-key-policy`; - for standard input.

    The document is not verified. Exit codes: 0 allowed, 1 denied, 2 not decided.
    """
    policy = kms.KeyPolicy.read(read_text(file), source=printable(file))
    asking = principal if principal is not None else _only_principal(policy)
    if pcr and nitrotpm_pcr:
        raise PolicyError("--pcr", "expected --pcr or --nitrotpm-pcr, found both")
    pcrs = dict(_pcrs(pcr or nitrotpm_pcr or ()))
    try:
        decision = kms.simulate(
            policy,
            operation,
            principal=asking,
            role_arn=role_arn,
            document=None if document is None else _read_unverified(document),
            pcrs=pcrs or None,
            kind=DocumentKind.NITRO_TPM if nitrotpm_pcr else DocumentKind.ENCLAVE,
            encryption_context=dict(_pairs(context or (), "--context", "NAME=VALUE")),
            key_arn=key_arn,
            account=account,
            via_service=via_service,
            strictness=strictness,
        )
    except PolicyError as exc:
        raise PolicyError(_OPTIONS.get(exc.field, exc.field), exc.problem) from None
    given = "given, not verified here" if document is not None else _listed(pcrs)
    if as_json:
        typer.echo(json.dumps(_decision(decision, operation, asking)))
    else:
        _show_decision(decision, operation, asking, given, page())
    if not decision.allowed:
        raise typer.Exit(_FAILED)


def _read_unverified(name: str) -> UnverifiedDocument:
    try:
        return read_unverified(read_document(name))
    except VerificationError as exc:
        raise PolicyError("--document", str(exc)) from None


def _only_principal(policy: kms.KeyPolicy) -> str:
    names = policy.named_principals()
    if len(names) != 1:
        found = f"several: {', '.join(names[:5])}" if names else "nobody by an ARN"
        raise PolicyError(
            "--principal", f"expected the ARN of who asks, because the policy allows {found}"
        )
    return names[0]


def _pairs(texts: Iterable[str], option: str, form: str) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name or name in seen:
            raise PolicyError(option, f"expected {form}, each name once")
        seen.add(name)
        yield name, value


def _pcrs(texts: Iterable[str]) -> Iterator[tuple[int, bytes]]:
    for name, digits in _pairs(texts, "--pcr", "N=HEX"):
        value = read_hex(digits) if len(digits) == _PCR_DIGITS else None
        if value is None or not _INDEX.fullmatch(name):
            raise PolicyError(
                "--pcr", f"expected a number, = and {_PCR_DIGITS} hex digits, such as 0=4b8d..."
            )
        yield int(name), value


def _listed(pcrs: dict[int, bytes]) -> str:
    """Return what a document made of these PCRs is, in words."""
    names = ", ".join(f"PCR{index}" for index in sorted(pcrs))
    return f"one with {names} as given, not verified here" if pcrs else "none"


def _show_decision(
    decision: kms.Decision, operation: str, principal: str, document: str, out: Page
) -> None:
    word = Text("ALLOWED", style=GOOD) if decision.allowed else Text("DENIED", style=BAD)
    out.line(word, f"  {operation}")
    out.rows(
        [
            (("principal",), (printable(principal),)),
            (("document",), (document,)),
        ]
    )
    out.gap()
    out.line(printable(decision.why))


def _show_findings(findings: tuple[kms.Finding, ...], ignored: dict[str, str], out: Page) -> None:
    repaired: set[int] = set()
    for found in findings:
        where = f"{found.code}, {printable(str(found.statement))}"
        if found.code in ignored:
            out.line(Text("ignored", style=FAINT), f" {where}: {printable(ignored[found.code])}")
        else:
            out.line(Text(found.severity, style=_STYLES[found.severity]), f" {where}")
            out.line(printable(found.why), indent=2)
            if found.statement.index not in repaired:
                repaired.add(found.statement.index)
                _show_repair(found.repaired, out)
        out.gap()
    open_findings = [found for found in findings if found.code not in ignored]
    counts = [
        _counted(sum(found.severity is severity for found in open_findings), severity)
        for severity in kms.Severity
    ]
    out.line(f"{', '.join(counts)}, {len(findings) - len(open_findings)} ignored")
    if repaired:
        out.line("A repair answers the first finding of its statement: apply it and run again.")


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _show_repair(repaired: tuple[str, ...] | None, out: Page) -> None:
    if repaired is None:
        out.line("No repair can be written from the policy alone.", indent=2)
    elif not repaired:
        out.line("Repaired: remove the statement.", indent=2)
    else:
        out.line("Repaired:", indent=2)
        for statement in repaired:
            out.verbatim(json.dumps(json.loads(statement), indent=2), indent=4)


def _plain(findings: tuple[kms.Finding, ...], ignored: dict[str, str]) -> list[dict[str, object]]:
    return [
        {
            "code": found.code,
            "severity": found.severity.value,
            "statement": {"index": found.statement.index, "sid": found.statement.sid},
            "why": found.why,
            "repaired": None
            if found.repaired is None
            else [json.loads(statement) for statement in found.repaired],
            "ignored": ignored.get(found.code),
        }
        for found in findings
    ]


def _decision(decision: kms.Decision, operation: str, principal: str) -> dict[str, object]:
    def names(statements: tuple[kms.StatementName, ...]) -> list[dict[str, object]]:
        return [{"index": name.index, "sid": name.sid} for name in statements]

    return {
        "allowed": decision.allowed,
        "operation": operation,
        "principal": principal,
        "statements": names(decision.statements),
        "delegated": names(decision.delegated),
        "undecided": names(decision.undecided),
        "why": decision.why,
    }

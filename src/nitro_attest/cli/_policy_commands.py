"""Declare the commands that make, show, check, compare and carry over policies.

Files and decisions come in, policy files or words go out. Never: a file overwritten.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from nitro_attest import PolicyError
from nitro_attest.cli import _new_policy, _words
from nitro_attest.cli._difference import compare, same_verdicts_other_words
from nitro_attest.cli._lines import complain, safe
from nitro_attest.cli._terminal import BAD, FAINT, GOOD, WARN, console
from nitro_attest.policy_file import policy_to_json, policy_to_toml, read_policy
from nitro_attest.reference_values import kms

app = typer.Typer(help="Make, show, check and compare policy files.", no_args_is_help=True)

File = Annotated[
    str, typer.Argument(metavar="FILE", help="Policy file, .toml or .json.", show_default=False)
]


def _source(name: str, what: str) -> object:
    return typer.Option(name, metavar="FILE", help=what, show_default=False)


@app.command()
def new(
    from_nitro_cli: Annotated[
        str | None, _source("--from-nitro-cli", "JSON of nitro-cli build-enclave, describe-eif.")
    ] = None,
    from_nitro_tpm: Annotated[
        str | None, _source("--from-nitro-tpm", "JSON of nitro-tpm-pcr-compute.")
    ] = None,
    from_kms: Annotated[str | None, _source("--from-kms", "KMS key policy.")] = None,
    label: Annotated[
        str | None, typer.Option(help="Name of the build.", show_default=False)
    ] = None,
    role: Annotated[
        str | None, typer.Option(metavar="ARN", help="Pin PCR3 to an IAM role.", show_default=False)
    ] = None,
    instance: Annotated[
        str | None, typer.Option(metavar="ID", help="Pin PCR4 to an instance.", show_default=False)
    ] = None,
    certificate: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Pin PCR8 to a signing certificate.", show_default=False),
    ] = None,
    pin: Annotated[
        list[str] | None, typer.Option(metavar="PCR=HEX", help="Pin a PCR, such as pcr8=zero.")
    ] = None,
    waive: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=WHY", help="Leave a check out, such as pcr4=WHY."),
    ] = None,
    public_key: Annotated[
        str | None, typer.Option(metavar="RULE", help="present, absent, or hex digits.")
    ] = None,
    user_data: Annotated[
        str | None, typer.Option(metavar="RULE", help="present, absent, or hex digits.")
    ] = None,
    timestamp_only: Annotated[
        str | None, typer.Option(metavar="WHY", help="Ask for no nonce.", show_default=False)
    ] = None,
    max_age: Annotated[str, typer.Option(metavar="SPAN", help="How old a document may be.")] = "5m",
    max_clock_skew: Annotated[
        str, typer.Option(metavar="SPAN", help="How far ahead its clock may be.")
    ] = "30s",
    trust_anchor: Annotated[
        str, typer.Option(metavar="ROOT", help="Name of a root, or file with one.")
    ] = "AWS_NITRO_ROOT_G1",
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write here, .toml or .json, instead of the terminal.",
        ),
    ] = None,
) -> None:
    """Make a policy from a build or a KMS key policy.

    Every decision that is not in it is an option; what is undecided is an error that names the
    options.
    """
    decisions = _new_policy.Decisions(
        label=label,
        role=role,
        instance=instance,
        certificate=certificate,
        pins=tuple(pin or ()),
        waivers=tuple(waive or ()),
        public_key=public_key,
        user_data=user_data,
        timestamp_only=timestamp_only,
        max_age=max_age,
        max_clock_skew=max_clock_skew,
        trust_anchor=trust_anchor,
    )
    remarks: tuple[str, ...] = ()
    match (from_nitro_cli, from_nitro_tpm, from_kms):
        case (str(file), None, None):
            policy = _new_policy.from_nitro_cli(file, decisions)
        case (None, str(file), None):
            policy = _new_policy.from_nitro_tpm(file, decisions)
        case (None, None, str(file)):
            policy, remarks = _new_policy.from_kms(file, decisions)
        case _:
            command = "policy new"
            raise PolicyError(
                command, "expected one of --from-nitro-cli, --from-nitro-tpm and --from-kms"
            )
    for remark in remarks:
        complain(f"remark: {remark}")
    if output is None:
        typer.echo(policy_to_toml(policy, remarks=remarks), nl=False)
        return
    if not output.endswith((".toml", ".json")):
        raise PolicyError("--output", "expected a name that ends in .toml or .json")
    _write(
        output,
        policy_to_json(policy)
        if output.endswith(".json")
        else policy_to_toml(policy, remarks=remarks),
    )


@app.command()
def show(file: File) -> None:
    """Say in words what a policy demands."""
    _words.show(read_policy(Path(file)), console())


@app.command()
def check(file: File) -> None:
    """Check that a file states a policy."""
    policy = read_policy(Path(file))
    left_out = len(_words.waivers(policy))
    typer.echo(
        f"{safe(file)}: a policy with {len(policy.measurements)} set(s) of measurements, {left_out} check(s) left out"
    )


@app.command()
def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="Policy file.", show_default=False)],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Policy file.", show_default=False)],
) -> None:
    """Say which documents would change verdict."""
    before, after = read_policy(Path(old)), read_policy(Path(new))
    differences = compare(before, after)
    table = Table.grid(padding=(0, 2))
    styles = {"same": FAINT, "stricter": GOOD, "looser": BAD}
    for difference in differences:
        lines = [Text(f"- {line}") for line in difference.stricter] + [
            Text(f"+ {line}") for line in difference.looser
        ]
        table.add_row(
            difference.rule,
            Text(difference.word, style=styles.get(difference.word, WARN)),
            Text("\n").join(lines),
        )
    out = console()
    out.print(table)
    if any(difference.stricter or difference.looser for difference in differences):
        out.print(
            "\n- refused from now on, + believed from now on, as far as the other rules are met."
        )
    else:
        words = "; labels or reasons changed" if same_verdicts_other_words(before, after) else ""
        out.print(f"\nNo document changes verdict{words}.")


@app.command("to-kms")
def to_kms(file: File) -> None:
    """Print a policy as statements of a KMS key policy.

    What KMS does not check is remarked on; what it cannot say is an error.
    """
    statements = kms.to_kms(read_policy(Path(file)))
    for remark in statements.remarks:
        complain(f"remark: {remark}")
    typer.echo(statements.to_json())


def _write(name: str, text: str) -> None:
    """Write a new file; one that is there stays as it is."""
    try:
        with Path(name).open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except (OSError, ValueError) as exc:
        problem = (
            exc.strerror if isinstance(exc, OSError) and exc.strerror else "not a name of a file"
        )
        raise PolicyError(safe(name), f"cannot be written: {problem}") from exc

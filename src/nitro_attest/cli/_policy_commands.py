"""The commands that make, show, check and compare policies, and carry them to KMS.

A file that exists is never overwritten.
"""

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from nitro_attest import PolicyError
from nitro_attest._text import printable
from nitro_attest.cli import _new_policy, _show_policy
from nitro_attest.cli._lines import complain
from nitro_attest.cli._terminal import Digits, page
from nitro_attest.policy_file import policy_to_json, policy_to_toml, read_policy
from nitro_attest.reference_values import kms

app = typer.Typer(help="Make, show, check and compare policy files.", no_args_is_help=True)

File = Annotated[str, typer.Argument(metavar="FILE", hidden=True)]


def _source(name: str, what: str) -> object:
    return typer.Option(name, metavar="FILE", help=what, show_default=False)


@app.command()
def new(  # noqa: PLR0913, PLR0917 - each option of the command is a parameter
    from_nitro_cli: Annotated[
        str | None, _source("--from-nitro-cli", "JSON of nitro-cli build-enclave, describe-eif.")
    ] = None,
    from_nitro_tpm: Annotated[
        str | None, _source("--from-nitro-tpm", "JSON of nitro-tpm-pcr-compute.")
    ] = None,
    from_kms: Annotated[str | None, _source("--from-kms", "KMS key policy.")] = None,
    label: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the build.", show_default=False)
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
        typer.Option(metavar="NAME=WHY", help="Skip a check, such as pcr4=WHY."),
    ] = None,
    public_key: Annotated[
        str | None, typer.Option(metavar="RULE", help="present, absent, or hex digits.")
    ] = None,
    user_data: Annotated[
        str | None, typer.Option(metavar="RULE", help="present, absent, or hex digits.")
    ] = None,
    timestamp_only: Annotated[
        str | None, typer.Option(metavar="WHY", help="Demand no nonce.", show_default=False)
    ] = None,
    max_age: Annotated[str, typer.Option(metavar="SPAN", help="How old a document may be.")] = "5m",
    max_clock_skew: Annotated[
        str, typer.Option(metavar="SPAN", help="How far a clock may be off.")
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
    """Show in words all that a policy demands.

    FILE: a policy file, .toml or .json.
    """
    _show_policy.show(read_policy(file), page())


@app.command()
def check(file: File) -> None:
    """Check that a file states a policy.

    FILE: a policy file, .toml or .json.
    """
    policy = read_policy(file)
    out = page()
    out.rows(
        [
            (("policy",), (printable(file),)),
            (("measurement sets",), (f"{len(policy.measurements)}",)),
            (("skipped checks",), (f"{len(policy.waivers())}",)),
            (("SHA-256",), (Digits(policy.digest()),)),
        ]
    )


@app.command()
def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", hidden=True)],
    new: Annotated[str, typer.Argument(metavar="NEW", hidden=True)],
) -> None:
    """Say which documents would change verdict.

    OLD, NEW: policy files, .toml or .json.
    """
    _show_policy.show_difference(read_policy(old), read_policy(new), page())


@app.command("to-kms")
def to_kms(file: File) -> None:
    """Print a policy as statements of a KMS key policy.

    What KMS does not check is remarked on; what it cannot say is an error.

    FILE: a policy file, .toml or .json.
    """
    statements = kms.to_kms(read_policy(file))
    for remark in statements.remarks:
        complain(f"remark: {remark}")
    typer.echo(statements.to_json())


def _write(name: str, text: str) -> None:
    """Write a new file, completely or not at all; one that is there stays as it is."""
    path, is_new = Path(name), False
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            is_new = True
            file.write(text)
    except OSError as exc:
        problem = exc.strerror
        if is_new:
            with contextlib.suppress(OSError):
                path.unlink()
    except ValueError:
        problem = "a file name cannot contain a NUL"
    else:
        return
    raise PolicyError(printable(name), f"cannot be written: {problem}")

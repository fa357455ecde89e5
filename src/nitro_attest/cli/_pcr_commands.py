"""The commands that compute PCR values: they print 96 hex digits and nothing else, for scripts."""

from collections.abc import Callable
from typing import Annotated, TypeVar

import typer

from nitro_attest import PolicyError, Sha384
from nitro_attest._text import printable
from nitro_attest.cli._files import read_bytes
from nitro_attest.reference_values import pcr

app = typer.Typer(help="Compute PCR3, PCR4 and PCR8 of an enclave.", no_args_is_help=True)

_T = TypeVar("_T")


@app.command()
def role(arn: Annotated[str, typer.Argument(metavar="ARN", hidden=True)]) -> None:
    """Print PCR3 of an enclave: the parent instance's IAM role.

    ARN: such as arn:aws:iam::123456789012:role/payments.
    """
    _print("ARN", pcr.iam_role, arn)


@app.command()
def instance(identifier: Annotated[str, typer.Argument(metavar="ID", hidden=True)]) -> None:
    """Print PCR4 of an enclave: the parent instance.

    ID: such as i-0123456789abcdef0.
    """
    _print("ID", pcr.instance_id, identifier)


@app.command()
def certificate(file: Annotated[str, typer.Argument(metavar="FILE", hidden=True)]) -> None:
    """Print PCR8 of an enclave: the signing certificate.

    FILE: the certificate, PEM or DER.
    """
    data = read_bytes(file, pcr.MAX_CERTIFICATE_BYTES + 1)
    _print(printable(file), pcr.signing_certificate, data)


def _print(name: str, compute: Callable[[_T], Sha384], value: _T) -> None:
    """Print the PCR of an argument; an error speaks of the argument, not of the function's."""
    try:
        typer.echo(compute(value).hex())
    except PolicyError as exc:
        raise PolicyError(name, exc.problem) from None

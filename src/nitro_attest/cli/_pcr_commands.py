"""The commands that compute PCR values: they print 96 hex digits and nothing else, for scripts."""

from typing import Annotated

import typer

from nitro_attest.cli._files import read_bytes
from nitro_attest.reference_values import pcr

app = typer.Typer(help="Compute PCR3, PCR4 and PCR8 of an enclave.", no_args_is_help=True)


@app.command()
def role(
    arn: Annotated[
        str,
        typer.Argument(
            metavar="ARN", help="ARN of the parent instance's IAM role.", show_default=False
        ),
    ],
) -> None:
    """Print PCR3 of an enclave: the parent instance's IAM role."""
    typer.echo(pcr.iam_role(arn).hex())


@app.command()
def instance(
    identifier: Annotated[
        str, typer.Argument(metavar="ID", help="Such as i-0123456789abcdef0.", show_default=False)
    ],
) -> None:
    """Print PCR4 of an enclave: the parent instance."""
    typer.echo(pcr.instance_id(identifier).hex())


@app.command()
def certificate(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The certificate, PEM or DER.", show_default=False)
    ],
) -> None:
    """Print PCR8 of an enclave: the signing certificate."""
    typer.echo(pcr.signing_certificate(read_bytes(file, pcr.MAX_CERTIFICATE_BYTES + 1)).hex())

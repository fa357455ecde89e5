"""Declare the commands and turn whatever happens into an exit code and, for a mistake, one line.

Arguments come in, an exit code goes out. Never: a traceback for a file or an argument, whatever is
in it.
"""

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer
from typer.completion import (  # type: ignore[attr-defined]  # there is no other way in
    completion_init,  # pyright: ignore[reportPrivateImportUsage] - as above
    get_completion_script,  # pyright: ignore[reportPrivateImportUsage] - as above
)
from typer.main import get_command

from nitro_attest import PolicyError, VerificationError, read_unverified
from nitro_attest import demo as demonstration
from nitro_attest.cli import _inspect, _kms_commands, _policy_commands, _show_verdict, _verify_many
from nitro_attest.cli._batch import Call, decide_file, find_documents
from nitro_attest.cli._explain import explain_all, explain_one
from nitro_attest.cli._files import read_document, read_nonce, read_time
from nitro_attest.cli._lines import complain
from nitro_attest.cli._outcome import EXIT_OF, Exit, to_json
from nitro_attest.cli._pcr_commands import app as pcr_app
from nitro_attest.cli._terminal import console
from nitro_attest.policy_file import read_policy

PROGRAM = "nitro-attest"
_HELP = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name=PROGRAM,
    help="Decide whether AWS Nitro attestation documents may be believed.",
    epilog="Exit codes: 0 accepted, 1 mistake in the call or the policy, 2 malformed, 3 untrusted, 4 stale, 5 policy mismatch.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings=_HELP,
)
app.add_typer(_policy_commands.app, name="policy")
app.add_typer(pcr_app, name="pcr")
app.add_typer(_kms_commands.app, name="kms")

Document = Annotated[
    str,
    typer.Argument(
        metavar="DOC",
        help="File, or - for standard input: raw bytes, base64 or hex digits.",
        show_default=False,
    ),
]
Documents = Annotated[
    list[str],
    typer.Argument(
        metavar="DOC", help="Files, folders, quoted patterns, or -.", show_default=False
    ),
]
PolicyFile = Annotated[
    str,
    typer.Option(
        "--policy", "-p", metavar="FILE", help="Policy file, .toml or .json.", show_default=False
    ),
]
Time = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="TIME",
        help="Time to check against, such as 2026-01-03T20:41:08Z.  [default: now]",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON for each document.")]


@app.command()
def inspect(doc: Document, at: Time = None, *, json: AsJson = False) -> None:
    """Show what a document says, verifying nothing."""
    now = read_time(at)
    data = read_document(doc)
    document = read_unverified(data)
    if json:
        typer.echo(_inspect.to_json(document, now))
    else:
        _inspect.show(document, doc, len(data), now, console())


@app.command()
def verify(
    docs: Documents,
    policy: PolicyFile,
    nonce: Annotated[
        str | None, typer.Option(metavar="HEX", help="The nonce that was issued, in hex digits.")
    ] = None,
    nonce_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="The nonce that was issued, as raw bytes.")
    ] = None,
    at: Time = None,
    *,
    json: AsJson = False,
) -> None:
    """Verify one document, or many, under a policy."""
    call = Call(read_policy(Path(policy)), read_nonce(nonce, nonce_file), read_time(at))
    names = find_documents(docs)
    if len(names) > 1 or names != docs:
        raise typer.Exit(
            _verify_many.run(
                names, call, _verify_many.Output.JSON_LINES if json else _verify_many.Output.TABLE
            )
        )
    outcome = decide_file(names[0], call)
    if outcome.problem is not None:
        raise PolicyError(names[0], outcome.problem)
    if json:
        typer.echo(to_json(outcome))
    else:
        _show_verdict.show(outcome, call.policy, console())
    raise typer.Exit(outcome.exit_code)


@app.command()
def explain(
    reason: Annotated[
        str | None,
        typer.Argument(metavar="REASON", help="Such as chain.expired.", show_default=False),
    ] = None,
) -> None:
    """Say what a reason means and what to do, or list all."""
    if reason is None:
        explain_all(console())
    else:
        explain_one(reason, console())


@app.command()
def demo() -> None:
    """Verify the genuine documents in this package."""
    raise typer.Exit(demonstration.main())


@app.command()
def completion(
    shell: Annotated[
        str, typer.Argument(help="bash, zsh, fish or powershell.", show_default=False)
    ],
) -> None:
    """Print the completion script of a shell."""
    if shell not in {"bash", "zsh", "fish", "powershell"}:
        raise PolicyError("completion", "expected bash, zsh, fish or powershell")
    typer.echo(
        get_completion_script(prog_name=PROGRAM, complete_var="_NITRO_ATTEST_COMPLETE", shell=shell)
    )


def run(arguments: list[str]) -> int:
    """Run one command and return the exit code."""
    completion_init()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(
                errors="replace"
            )  # a reason in a policy may be in letters that the terminal does not have
    try:
        code = get_command(app).main(args=arguments, prog_name=PROGRAM, standalone_mode=False)
    except typer.TyperException as exc:
        complain(f"{exc.format_message()} Try --help.")
    except PolicyError as exc:
        complain(str(exc))
    except VerificationError as exc:  # of `inspect`, which verifies nothing but has to read
        complain(str(exc))
        return EXIT_OF[type(exc)]
    except BrokenPipeError:
        # whoever read our output has gone; the interpreter would complain at its end
        sys.stderr.close()
    else:
        return int(code or Exit.ACCEPTED)
    return Exit.MISTAKE

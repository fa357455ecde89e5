"""The commands, and what becomes of the process: an exit code and, for a mistake, one line.

A file, an argument or a stream that is not as it should be is never a traceback.
"""

import contextlib
import os
import sys
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from io import TextIOWrapper
from typing import Annotated

import typer
from typer.completion import (  # type: ignore[attr-defined]  # there is no other way in
    completion_init,  # pyright: ignore[reportPrivateImportUsage] - as above
    get_completion_script,  # pyright: ignore[reportPrivateImportUsage] - as above
)
from typer.main import get_command

from nitro_attest import (
    FreshNonce,
    Policy,
    PolicyError,
    VerificationError,
    __version__,
    read_unverified,
)
from nitro_attest import demo as demonstration
from nitro_attest._text import printable
from nitro_attest.cli import _inspect, _kms_commands, _policy_commands, _show_verdict
from nitro_attest.cli._documents import (
    EXIT_OF,
    Call,
    Exit,
    Source,
    decide,
    find_documents,
    to_json,
)
from nitro_attest.cli._explain import explain_all, explain_one
from nitro_attest.cli._files import read_document, read_nonce, read_time
from nitro_attest.cli._lines import complain
from nitro_attest.cli._pcr_commands import app as pcr_app
from nitro_attest.cli._terminal import page
from nitro_attest.policy_file import read_policy

PROGRAM = "nitro-attest"
_COMPLETE = "_NITRO_ATTEST_COMPLETE"
_NO_VARIABLE = "="  # no variable can have this name
_HELP = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name=PROGRAM,
    help="Verify AWS Nitro attestation documents.",
    epilog=(
        "Exit codes: 0 accepted, 1 mistake in the call or the policy, 2 malformed, 3 untrusted, 4 "
        "stale, 5 policy mismatch."
    ),
    add_completion=False,
    rich_markup_mode=None,
    context_settings=_HELP,
)
app.add_typer(_policy_commands.app, name="policy")
app.add_typer(pcr_app, name="pcr")
app.add_typer(_kms_commands.app, name=_kms_commands.GROUP)

Document = Annotated[
    str,
    typer.Argument(metavar="DOC", hidden=True),
]
Documents = Annotated[
    list[str],
    typer.Argument(metavar="DOC", hidden=True),
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


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it
    if wanted:
        typer.echo(f"{PROGRAM} {__version__}")
        raise typer.Exit


@app.callback()
def start(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Verify AWS Nitro attestation documents."""


@app.command()
def inspect(doc: Document, at: Time = None, *, json: AsJson = False) -> None:
    """Show what a document says, verifying nothing.

    DOC: a file, or - for standard input; raw bytes, base64 or hex digits.
    """
    now = read_time(at)
    try:
        data = read_document(doc)
        document = read_unverified(data)
    except PolicyError as exc:
        if not json:
            raise
        typer.echo(_inspect.problem_as_json(exc))
        raise typer.Exit(Exit.MISTAKE) from None
    except VerificationError as exc:
        if json:
            typer.echo(_inspect.rejection_as_json(exc))
        else:
            complain(f"{doc}: {exc}")
        raise typer.Exit(EXIT_OF[type(exc)]) from None
    if json:
        typer.echo(_inspect.to_json(document, now))
    else:
        _inspect.show(document, doc, len(data), now, page())


@app.command()
def verify(  # noqa: PLR0913 - each option of the command is a parameter
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
    """Verify one document, or many, under a policy.

    DOC: files, folders, quoted patterns, or - for standard input; raw bytes, base64 or hex digits.
    """
    call = Call(read_policy(policy), read_nonce(nonce, nonce_file), read_time(at))
    option = "--nonce" if nonce_file is None else "--nonce-file"
    _check_nonce(call.policy, call.nonce, option)
    sources = find_documents(docs)
    single = len(sources) == 1 and sources[0].name in docs
    try:
        if single:
            code = _verify_one(sources[0], call, json=json)
        elif json:
            code = _show_verdict.print_json(sources, call)
        else:
            code = _show_verdict.show_many(sources, call, page())
    except PolicyError as exc:
        raise PolicyError(option if exc.field == "nonce" else exc.field, exc.problem) from None
    raise typer.Exit(code)


def _check_nonce(policy: Policy, nonce: bytes | None, option: str) -> None:
    """Hold the nonce to the policy, in the words of the command line and of policy files."""
    if isinstance(policy.freshness, FreshNonce) and nonce is None:
        raise PolicyError(
            "--nonce",
            'the policy demands a nonce (freshness.kind = "fresh_nonce"): give the one that was '
            "issued, as --nonce or --nonce-file",
        )
    if not isinstance(policy.freshness, FreshNonce) and nonce is not None:
        raise PolicyError(
            option,
            'the policy does not check a nonce (freshness.kind = "timestamp_only"): leave the '
            "option out, or change the policy",
        )


def _verify_one(source: Source, call: Call, *, json: bool) -> Exit:
    outcome = decide(source, call)
    if json:
        typer.echo(to_json(outcome, call.policy))
    elif outcome.problem is not None:
        raise PolicyError(printable(source.name), outcome.problem)
    else:
        _show_verdict.show_one(outcome, call.policy, page())
    return outcome.exit_code


@app.command()
def explain(
    reason: Annotated[
        str | None,
        typer.Argument(metavar="REASON", hidden=True),
    ] = None,
) -> None:
    """Say what a reason means and what to do, or list all.

    REASON: such as chain.expired.
    """
    if reason is None:
        explain_all(page())
    else:
        explain_one(reason, page())


@app.command()
def demo() -> None:
    """Verify the captured documents in this package."""
    raise typer.Exit(demonstration.main())


@app.command()
def completion(
    shell: Annotated[str, typer.Argument(metavar="SHELL", hidden=True)],
) -> None:
    """Print the completion script of a shell.

    SHELL: bash, zsh, fish or powershell.
    """
    if shell not in {"bash", "zsh", "fish", "powershell"}:
        raise PolicyError("completion", "expected bash, zsh, fish or powershell")
    typer.echo(get_completion_script(prog_name=PROGRAM, complete_var=_COMPLETE, shell=shell))


def run(arguments: list[str]) -> int:
    """Run one command and return the exit code."""
    completion_init()
    # 1 is an answer of `kms lint` and `kms simulate`, so a mistake there is another code
    in_kms = arguments[:1] == [_kms_commands.GROUP]
    mistake = _kms_commands.MISTAKE if in_kms else Exit.MISTAKE
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # a reason in a policy may be in letters that the terminal does not have
            stream.reconfigure(errors="replace")
    try:
        code = _run(arguments, mistake)
        if sys.stdout is not None:
            sys.stdout.flush()
    except typer.TyperException as exc:
        complain(f"{exc.format_message()} Try --help.")
    except PolicyError as exc:
        complain(str(exc))
    except BrokenProcessPool:
        complain("a worker process was killed: not every document was verified")
    except BrokenPipeError:  # whoever read our output has gone
        _drop_output()
    except OSError as exc:  # every file is read in one place that turns this into a PolicyError
        _drop_output()
        complain(f"standard output: cannot be written: {exc.strerror}")
    else:
        return code
    return mistake


def _run(arguments: list[str], mistake: int) -> int:
    # A completion script gives no arguments. With some, a variable that was left in the environment
    # must not make exit code 0 of a command that never ran.
    main = partial(
        get_command(app).main,
        prog_name=PROGRAM,
        complete_var=_NO_VARIABLE if arguments else _COMPLETE,
        standalone_mode=False,
    )
    groups = {group.name for group in app.registered_groups}
    if not arguments or (len(arguments) == 1 and arguments[0] in groups):
        main(args=[*arguments, "--help"])
        return mistake  # nothing was verified
    return int(main(args=arguments) or 0)


def _drop_output() -> None:
    """Send what is still buffered nowhere, or the interpreter would complain at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(OSError):  # a stream in memory has no descriptor
        os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)

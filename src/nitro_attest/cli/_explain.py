"""Explain one reason, or list all.

The name of a reason comes in, lines go out. Never: a name that does not exist explained as another
one.
"""

from difflib import get_close_matches

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nitro_attest import PolicyError, Reason
from nitro_attest._core.errors import rejected
from nitro_attest.cli._outcome import EXIT_OF
from nitro_attest.cli._reasons import EXPLANATIONS
from nitro_attest.cli._terminal import FAINT


def explain_all(console: Console) -> None:
    """List every reason with what it means."""
    table = Table.grid(padding=(0, 2))
    for reason, explanation in EXPLANATIONS.items():
        table.add_row(str(reason), explanation.meaning)
    console.print(table)


def explain_one(name: str, console: Console) -> None:
    """Say what a reason means, what to do, and which exit code and exception it comes with.

    Raises:
        PolicyError: There is no such reason; the nearest one is named.

    """
    if name not in set(Reason):
        near = get_close_matches(name, [str(reason) for reason in Reason], n=1)
        raise PolicyError(
            "explain",
            f"no such reason; did you mean {near[0]}?"
            if near
            else "no such reason; without one, all are listed",
        )
    reason = Reason(name)
    error = type(rejected(reason, ""))
    console.print(Text(name, style="bold"))
    console.print(f"\n{EXPLANATIONS[reason].meaning}")
    console.print(f"\nWhat to do: {EXPLANATIONS[reason].action}")
    console.print(Text(f"\n{error.__name__}, exit code {int(EXIT_OF[error])}", style=FAINT))

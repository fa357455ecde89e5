"""Show the verdicts on many documents: a table with a summary, or JSON Lines.

Names and what is the same for all come in, lines and the highest exit code go out. Never: a
document that is not in the count.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

from nitro_attest.cli._batch import Call, outcomes, reason_of, worst
from nitro_attest.cli._lines import safe
from nitro_attest.cli._outcome import Exit, Outcome, to_json
from nitro_attest.cli._terminal import BAD, GOOD, console, error_console

_WORD = {Exit.ACCEPTED: "accepted", Exit.MISTAKE: "UNREAD"}


@final
class Output(Enum):
    """Say how verdicts are written."""

    TABLE = "table"
    JSON_LINES = "JSON Lines"


def run(names: list[str], call: Call, output: Output) -> Exit:
    """Verify every document and return the highest exit code."""
    with outcomes(names, call) as found:
        if output is Output.JSON_LINES:
            return worst([_print_line(outcome) for outcome in found])
        return _show_table(list(_with_progress(found, len(names))), console())


def _print_line(outcome: Outcome) -> Exit:
    typer.echo(to_json(outcome))
    return outcome.exit_code


def _with_progress(found: Iterable[Outcome], total: int) -> Iterator[Outcome]:
    """Draw a bar on the standard error while the outcomes come in, if that is a terminal."""
    terminal = error_console()
    if not terminal.is_terminal:
        yield from found
        return
    with Progress(
        "verifying",
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=terminal,
        transient=True,
    ) as bar:
        yield from bar.track(found, total=total)


def _show_table(found: list[Outcome], to: Console) -> Exit:
    table = Table.grid(Column(), Column(overflow="fold"), Column(), padding=(0, 2))
    counts: Counter[str] = Counter()
    for outcome in found:
        word = _WORD.get(outcome.exit_code, "REFUSED")
        reason = reason_of(outcome)
        counts[f"{word} {reason}".strip()] += 1
        table.add_row(
            Text(word, style=GOOD if outcome.exit_code is Exit.ACCEPTED else BAD),
            safe(outcome.name),
            reason,
        )
    to.print(table)
    to.print(f"\n{len(found)} documents")
    sums = Table.grid(Column(justify="right"), Column(), padding=(0, 2))
    for verdict, count in counts.most_common():
        sums.add_row(f"  {count}", verdict)
    to.print(sums)
    return worst(outcome.exit_code for outcome in found)

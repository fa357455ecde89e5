"""Show the verdict on one document: every step, then ACCEPTED or REFUSED, what differs, and what was not checked.

An outcome and the policy come in, lines go out. Never: a claim of a document that was refused.
"""

import re
from collections.abc import Iterable
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nitro_attest import Failure, Policy, Waiver
from nitro_attest.cli._lines import at, safe
from nitro_attest.cli._outcome import Outcome
from nitro_attest.cli._reasons import EXPLANATIONS
from nitro_attest.cli._terminal import BAD, FAINT, GOOD, WARN, verdict
from nitro_attest.cli._words import name_of_set, waivers

# Step, the reasons that end it, the beginnings of the waivers that touch it, and the word for a
# step that one touched.
_STEPS: Final = (
    ("document", ("cose.", "cbor.", "document."), ("unknown_fields",), "passed in part"),
    ("certificates", ("chain.",), (), ""),
    ("signature", ("signature.",), (), ""),
    ("freshness", ("freshness.",), ("freshness",), "passed in part"),
    ("measurements", ("policy.debug", "policy.pcr"), ("measurements", "pcr"), "passed in part"),
    ("public key", ("policy.public_key",), ("public_key",), "left out"),
    ("user data", ("policy.user_data",), ("user_data",), "left out"),
)
_FIRST_OF_POLICY: Final = 4  # the steps from here on are all done, whatever they find
_HEX: Final = re.compile(r"[0-9a-f]{33,}")
_ROW: Final = 32  # hex digits in one of two columns
_MARKED_DIGITS: Final = 24  # beyond that marks are clutter: the values are simply others


def show(outcome: Outcome, policy: Policy, console: Console) -> None:
    """Draw the outcome."""
    console.print(_steps(outcome, policy))
    console.print()
    if outcome.result is not None:
        result = outcome.result
        console.print(verdict("ACCEPTED", GOOD), safe(result.claims.module_id))
        console.print(
            f"\nIt matches {name_of_set(result.matched)}; decide anew after {at(result.valid_until)}."
        )
        _show_waivers("Not checked, as the policy says:", result.not_checked, console)
        return
    console.print(
        verdict("REFUSED", BAD), ", ".join(dict.fromkeys(str(it.reason) for it in outcome.failures))
    )
    for failure in outcome.failures:
        console.print()
        _show_failure(failure, console)
    first = outcome.failures[0].reason
    console.print(f"\n{EXPLANATIONS[first].action}")
    console.print(Text(f"More: nitro-attest explain {first}", style=FAINT))
    _show_waivers("The policy leaves unchecked:", waivers(policy), console)


def _steps(outcome: Outcome, policy: Policy) -> Table:
    table = Table.grid(padding=(0, 2))
    reasons = [str(failure.reason) for failure in outcome.failures]
    waived = [
        waiver.subject
        for waiver in (outcome.result.not_checked if outcome.result else waivers(policy))
    ]
    failed_at = next(
        (place for place, (_, ends, _, _) in enumerate(_STEPS) if _any_begins(reasons, ends)),
        len(_STEPS),
    )
    for place, (name, ends, beginnings, in_part) in enumerate(_STEPS):
        if _any_begins(reasons, ends):
            word = Text("FAILED", style=BAD)
        elif failed_at < min(place, _FIRST_OF_POLICY):
            word = Text("not reached", style=FAINT)
        elif _any_begins(waived, beginnings):
            word = Text(in_part, style=WARN)
        else:
            word = Text("passed", style=GOOD)
        table.add_row(f"{place + 1}", name, word)
    return table


def _any_begins(texts: Iterable[str], beginnings: tuple[str, ...]) -> bool:
    return any(text.startswith(beginnings) for text in texts)


def _show_failure(failure: Failure, console: Console) -> None:
    """Show one failure; two values of the same length stand side by side, with their different digits marked."""
    title = Text()
    title.append(str(failure.reason), style=BAD)
    title.append(f"  {failure.subject}")
    expected, actual = failure.expected, failure.actual
    if expected and actual and _HEX.fullmatch(expected) and len(expected) == len(actual):
        different = [
            place
            for place, pair in enumerate(zip(expected, actual, strict=True))
            if pair[0] != pair[1]
        ]
        console.print(title)
        console.print(_side_by_side(expected, actual, different))
        return
    console.print(title)
    for name, value in (("expected", expected), ("found", actual)):
        if value is not None:
            console.print(_row(f"  {name:<8}", value))


def _row(name: str, value: str) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_row(name, value)
    return table


def _side_by_side(expected: str, actual: str, different: list[int]) -> Table:
    table = Table.grid(padding=(0, 2))
    found = f"found, different digits: {len(different)} of {len(expected)}"
    table.add_row("", Text("expected", style=FAINT), Text(found, style=FAINT))
    marked = len(different) <= _MARKED_DIGITS
    for start in range(0, len(expected), _ROW):
        columns = [Text(value[start : start + _ROW]) for value in (expected, actual)]
        places = [place - start for place in different if start <= place < start + _ROW]
        for place in places:
            columns[0].stylize(GOOD, place, place + 1)
            columns[1].stylize(BAD, place, place + 1)
        table.add_row("", *columns)
        if places and marked:
            marks = "".join("^" if place in places else " " for place in range(max(places) + 1))
            table.add_row("", marks, marks)
    return table


def _show_waivers(title: str, listed: tuple[Waiver, ...], console: Console) -> None:
    if not listed:
        console.print("\nThe policy leaves nothing unchecked.")
        return
    console.print(Text(f"\n{title}", style=WARN))
    table = Table.grid(padding=(0, 2))
    for waiver in listed:
        table.add_row(f"  {waiver.subject}", waiver.because)
    console.print(table)

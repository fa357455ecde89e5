"""Show verdicts: on one document step by step, on many as a list with a summary, or as JSON.

Nothing that a rejected document claims is shown, only what differs from what was expected. Every
verdict names the trust anchor it was given under.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.text import Text

from nitro_attest import Failure, Policy, TrustAnchor, Waiver
from nitro_attest._text import ascii_only, printable
from nitro_attest.cli._documents import (
    Call,
    Exit,
    Outcome,
    Source,
    outcomes,
    reasons_of,
    to_json,
    worst,
)
from nitro_attest.cli._explain import EXPLANATIONS
from nitro_attest.cli._lines import at
from nitro_attest.cli._terminal import (
    BAD,
    FAINT,
    GOOD,
    WARN,
    Digits,
    Page,
    Row,
    verdict,
)
from nitro_attest.policy_review import anchor_in_words, name_of_set

# Step, the reasons that end it, the beginnings of the waivers that touch it, and the word for a
# step that one touched.
_STEPS: Final = (
    ("document", ("cose.", "cbor.", "document."), ("unknown_fields",), "partly checked"),
    ("certificates", ("chain.",), (), ""),
    ("signature", ("signature.",), (), ""),
    ("freshness", ("freshness.",), ("freshness",), "partly checked"),
    (
        "measurements",
        ("policy.debug", "policy.pcr"),
        ("measurements", "pcr"),
        "partly checked",
    ),
    ("public key", ("policy.public_key",), ("public_key",), "not checked"),
    ("user data", ("policy.user_data",), ("user_data",), "not checked"),
)
_FIRST_OF_POLICY: Final = 4  # from this step on, all are done, whatever they find
_HEX: Final = re.compile(r"[0-9a-f]{33,}")
_MARKED_DIGITS: Final = 24  # beyond that marks are clutter: the values are unrelated
_WORD: Final = {Exit.ACCEPTED: "accepted", Exit.MISTAKE: "UNREAD"}


def show_one(outcome: Outcome, policy: Policy, page: Page) -> None:
    """Write the verdict on one document."""
    failures = _failures(outcome)
    page.rows(_steps(failures, _waivers(outcome, policy)))
    page.gap()
    if outcome.result is not None:
        result = outcome.result
        page.line(verdict("ACCEPTED", GOOD), " ", ascii_only(result.claims.module_id))
        page.gap()
        page.rows(
            [
                (("matches",), (name_of_set(result.matched),)),
                (("valid until",), (f"{at(result.valid_until)}; verify again after that",)),
                _anchor(result.trust_anchor),
            ]
        )
        _show_waivers("Not checked, as the policy says:", result.not_checked, page)
        return
    page.line(verdict("REJECTED", BAD), " ", reasons_of(outcome))
    for failure in failures:
        page.gap()
        _show_failure(failure, page)
    page.gap()
    first = failures[0].reason
    page.line(EXPLANATIONS[first].action)
    page.line(Text(f"More: nitro-attest explain {first}", style=FAINT))
    page.gap()
    page.rows([_anchor(policy.trust_anchor)])
    _show_waivers("The policy does not check:", policy.waivers(), page)


def show_many(sources: list[Source], call: Call, page: Page) -> Exit:
    """Verify every document, write a line for each and a summary; return the highest exit code."""
    counts: Counter[str] = Counter()
    codes: set[Exit] = set()
    kept: list[Outcome] = []
    with outcomes(sources, call) as found:
        for outcome in _with_progress(found, len(sources)):
            codes.add(outcome.exit_code)
            counts[f"{_word(outcome)} {reasons_of(outcome)}".strip()] += 1
            if page.is_terminal:
                kept.append(outcome)
            else:  # a pipe gets each verdict at once
                page.line("  ".join(filter(None, (f"{_word(outcome):<8}", *_record(outcome)))))
    if kept:
        page.rows(
            [
                (
                    (
                        Text(_word(it), style=BAD if it.exit_code else GOOD),
                        reasons_of(it) if it.problem is None else "",
                    ),
                    (printable(it.name),)
                    if it.problem is None
                    else (printable(it.name), it.problem),
                )
                for it in kept
            ]
        )
    page.gap()
    page.line(f"{len(sources)} document{'' if len(sources) == 1 else 's'}")
    page.rows([((f"{count:>7}",), (kind,)) for kind, count in counts.most_common()])
    page.gap()
    page.rows([_anchor(call.policy.trust_anchor)])
    return worst(codes)


def print_json(sources: list[Source], call: Call) -> Exit:
    """Verify every document, print one line of JSON for each, and return the highest exit code."""
    codes: set[Exit] = set()
    with outcomes(sources, call) as found:
        for outcome in found:
            typer.echo(to_json(outcome, call.policy))
            codes.add(outcome.exit_code)
    return worst(codes)


def _failures(outcome: Outcome) -> tuple[Failure, ...]:
    return () if outcome.rejection is None else outcome.rejection.failures


def _record(outcome: Outcome) -> tuple[str, str]:
    return printable(outcome.name), reasons_of(outcome)


def _word(outcome: Outcome) -> str:
    return _WORD.get(outcome.exit_code, "REJECTED")


def _with_progress(found: Iterable[Outcome], total: int) -> Iterator[Outcome]:
    """Draw a bar on the standard error while the outcomes come in, if that is a terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield from found
        return
    with Progress(
        "verifying",
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        yield from bar.track(found, total=total)


def _waivers(outcome: Outcome, policy: Policy) -> tuple[Waiver, ...]:
    return policy.waivers() if outcome.result is None else outcome.result.not_checked


def _anchor(anchor: TrustAnchor) -> Row:
    """Name the trust anchor, loudly if AWS does not publish it."""
    words = Text(anchor_in_words(anchor), style="default" if anchor.is_root_of_aws else BAD)
    return (("trust anchor",), (words, "SHA-256", Digits(anchor.sha256)))


def _steps(failures: tuple[Failure, ...], waivers: tuple[Waiver, ...]) -> list[Row]:
    reasons = [str(failure.reason) for failure in failures]
    waived = [waiver.subject for waiver in waivers]
    failed_at = next(
        (place for place, (_, ends, _, _) in enumerate(_STEPS) if _any_begins(reasons, ends)),
        len(_STEPS),
    )
    rows: list[Row] = []
    for place, (name, ends, beginnings, in_part) in enumerate(_STEPS):
        if _any_begins(reasons, ends):
            word = Text("FAILED", style=BAD)
        elif failed_at < min(place, _FIRST_OF_POLICY):
            word = Text("not reached", style=FAINT)
        elif _any_begins(waived, beginnings):
            word = Text(in_part, style=WARN)
        else:
            word = Text("passed", style=GOOD)
        rows.append(((f"{place + 1}", name), (word,)))
    return rows


def _any_begins(texts: Iterable[str], beginnings: tuple[str, ...]) -> bool:
    return any(text.startswith(beginnings) for text in texts)


def _show_failure(failure: Failure, page: Page) -> None:
    """Write one failure; digests are written side by side, with the digits that differ marked."""
    page.line(Text(str(failure.reason), style=BAD), f"  {failure.subject}")
    expected, actual = failure.expected, failure.actual
    if expected and actual and _HEX.fullmatch(expected) and len(expected) == len(actual):
        _show_digits(expected, actual, page)
        return
    rows: list[Row] = [
        ((name,), (value,))
        for name, value in (("expected", expected), ("found", actual))
        if value is not None
    ]
    if rows:
        page.rows(rows, indent=2)


def _show_digits(expected: str, actual: str, page: Page) -> None:
    pairs = zip(expected, actual, strict=True)
    different = [place for place, (one, other) in enumerate(pairs) if one != other]
    page.line(f"different digits: {len(different)} of {len(expected)}", indent=2)
    if not page.is_terminal:
        page.rows([(("expected",), (expected,)), (("found",), (actual,))], indent=2)
        return
    length = page.row_of_digits(2, 2)
    page.line(Text(f"{'expected':<{length}}  found", style=FAINT), indent=2)
    for start in range(0, len(expected), length):
        left, right = (Text(value[start : start + length]) for value in (expected, actual))
        places = [place - start for place in different if start <= place < start + length]
        for place in places:
            left.stylize(GOOD, place, place + 1)
            right.stylize(BAD, place, place + 1)
        left.append(" " * (length - len(left.plain)))
        page.line(left, "  ", right, indent=2)
        if places and len(different) <= _MARKED_DIGITS:
            marks = "".join("^" if place in places else " " for place in range(length))
            page.line(f"{marks}  {marks}", indent=2)


def _show_waivers(title: str, listed: tuple[Waiver, ...], page: Page) -> None:
    page.gap()
    if not listed:
        page.line("The policy skips no check.")
        return
    page.line(Text(title, style=WARN))
    page.rows([((waiver.subject,), (waiver.because,)) for waiver in listed], indent=2)

"""IAM's wildcards, ARN patterns and the escapes of policy variables.

A wildcard is `*` (any characters, also none) or `?` (exactly one); there are no character classes
(IAM user guide, "String condition operators"). Matching costs at most the length of the pattern
times the length of the text.
"""

import re
from enum import Enum
from functools import lru_cache
from typing import Final, final

from nitro_attest.reference_values._kms.truth import Truth, Undecided, all_of

# `${*}`, `${?}` and `${$}` stand for the character itself (IAM user guide, "Policy variables").
_ESCAPE: Final = re.compile(r"\$\{([*?$])\}")
_LOWER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_ARN_PARTS: Final = 6  # arn:partition:service:region:account:resource
_SHOWN: Final = 60
_KEPT_PATTERNS: Final = 256  # compiled; each comes from a key policy of at most 32,768 bytes


@final
class Variables(Enum):
    """Whether `${...}` in a value is a policy variable: since version 2012-10-17."""

    REPLACED = "2012-10-17"
    LITERAL = "2008-10-17"


def ascii_lower(text: str) -> str:
    """Return the text with A to Z in lower case and every other character as it is.

    `str.lower` turns the Kelvin sign into k and would take two names for one.
    """
    return text.translate(_LOWER)


def has_variable(text: str) -> bool:
    """Return whether a value holds a policy variable other than an escaped character."""
    return "${" in _ESCAPE.sub("", text)


def unescaped(text: str) -> str:
    """Return a value with `${*}`, `${?}` and `${$}` replaced by the characters they stand for."""
    return _ESCAPE.sub(r"\1", text)


def matches(pattern: str, text: str, variables: Variables = Variables.LITERAL) -> bool:
    """Return whether the whole text matches a pattern with `*` and `?`."""
    return _compiled(pattern, variables).fullmatch(text) is not None


def arn_matches(pattern: str, arn: str, variables: Variables) -> Truth:
    """Return whether an ARN matches a pattern, each of the six parts by itself.

    Without six parts on both sides IAM's answer is not documented.
    """
    wanted, found = pattern.split(":", _ARN_PARTS - 1), arn.split(":", _ARN_PARTS - 1)
    for side, parts in ((pattern, wanted), (arn, found)):
        if len(parts) < _ARN_PARTS or parts[0] != "arn":
            return Undecided(f"{_quoted(side)} is no ARN of six parts")
    return all_of(
        matches(part, value, variables) for part, value in zip(wanted, found, strict=True)
    )


def _quoted(text: str) -> str:
    """Return the first 60 characters in quotes, printable ASCII only."""
    shown = ascii(text[:_SHOWN])
    return shown if len(text) <= _SHOWN else f"{shown}..."


@lru_cache(maxsize=_KEPT_PATTERNS)
def _compiled(pattern: str, variables: Variables) -> re.Pattern[str]:
    """Return a regular expression that never steps back over a star it has passed.

    Between two stars the first place that fits is as good as any later one, so each is an atomic
    group.
    """
    escape = r"\$\{[*?$]\}|" if variables is Variables.REPLACED else ""
    segments = [""]
    for piece in re.split(rf"({escape}\*+|\?)", pattern):
        if piece.startswith("*"):
            segments.append("")
        elif piece == "?":
            segments[-1] += "."
        elif variables is Variables.REPLACED:
            segments[-1] += re.escape(unescaped(piece))
        else:
            segments[-1] += re.escape(piece)
    head, *middle = segments
    if not middle:
        return re.compile(head, re.DOTALL)
    tail = middle.pop()
    between = "".join(f"(?>.*?{segment})" for segment in middle)
    return re.compile(f"{head}{between}.*{tail}", re.DOTALL)

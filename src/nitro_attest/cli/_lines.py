"""Write text that is safe to show, times, digests and one-line errors, without a terminal library.

Values come in, lines go out. Never: a control character or any other raw text of a document or a
file name.
"""

import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

HALF_DIGEST: Final = 48  # hex digits on one line of 80 columns


def safe(text: str, limit: int = 200) -> str:
    """Return text of a document or a file name as printable ASCII, cut at `limit`."""
    shown = "".join(
        character if " " <= character <= "~" else "?" for character in text[: limit + 1]
    )
    return shown if len(shown) <= limit else f"{shown[: limit - 3]}..."


def complain(problem: str) -> None:
    """Write one line to the standard error."""
    line = "".join(character if character.isprintable() else "?" for character in problem)
    sys.stderr.write(f"nitro-attest: {line}\n")


def at(time: datetime) -> str:
    """Write a time in UTC, to the second."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def span(value: timedelta) -> str:
    """Write how long something is, roughly: in the largest unit of which there are two, without a sign."""
    seconds = int(abs(value).total_seconds())
    for length, unit in ((31_557_600, "year"), (86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}s"
    return f"{seconds} second{'' if seconds == 1 else 's'}"


def digest_lines(digits: str) -> Iterator[str]:
    """Cut the hex digits of a PCR in lines that fit 80 columns."""
    for start in range(0, len(digits), HALF_DIGEST):
        yield digits[start : start + HALF_DIGEST]

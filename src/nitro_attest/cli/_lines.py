"""Write times, time spans and one-line errors, without a terminal library."""

import contextlib
import sys
from datetime import datetime, timedelta

from nitro_attest._text import printable


def complain(problem: str) -> None:
    """Write one line to the standard error, if there is one that takes it."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            sys.stderr.write(f"nitro-attest: {printable(problem)}\n")
            sys.stderr.flush()


def at(time: datetime) -> str:
    """Write a time in UTC, to the second."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def span(value: timedelta) -> str:
    """Write how long something is, without a sign, in the largest unit that gives 2 or more."""
    seconds = int(abs(value).total_seconds())
    for length, unit in ((31_557_600, "year"), (86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}s"
    return f"{seconds} second{'' if seconds == 1 else 's'}"

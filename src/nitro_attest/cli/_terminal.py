"""Make the consoles that results and errors are written to, and name the few styles there are.

Nothing comes in, consoles go out. Never: markup or emoji in what they print; what they print is
text.
"""

from typing import Final

from rich.console import Console
from rich.text import Text

MAX_WIDTH: Final = 100  # longer lines are hard to read; tables need no more
GOOD: Final = "bold green"
BAD: Final = "bold red"
WARN: Final = "yellow"
FAINT: Final = "dim"


def console() -> Console:
    """Return the console for results; without a terminal it is 80 columns of plain text."""
    made = Console(highlight=False, markup=False, emoji=False, soft_wrap=False)
    made.width = min(made.width, MAX_WIDTH)
    return made


def error_console() -> Console:
    """Return the console for errors and progress."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def verdict(word: str, style: str) -> Text:
    """Return a verdict's word, to stand by itself."""
    return Text(f" {word} ", style=f"{style} reverse")

"""The page that results are written to: a terminal, or a file or pipe.

A terminal gets colour and lines wrapped at its width; a digest is wrapped at 32, 24 or 16 digits,
and nothing is cut. A file or pipe gets one unwrapped record a line, for grep and awk. What is
printed is text: markup and emoji codes mean nothing here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, final

from rich.cells import cell_len
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

MAX_WIDTH: Final = 100  # longer lines are hard to read
MIN_WIDTH: Final = 32  # below that the terminal wraps by itself
GOOD: Final = "bold green"
BAD: Final = "bold red"
WARN: Final = "yellow"
FAINT: Final = "dim"

_ROWS_OF_DIGITS: Final = (32, 24, 16)  # a SHA-384 digest has 96: three, four or six rows
_MIN_TEXT: Final = 16  # columns; where less remains, a value goes below its labels
_GAP: Final = "  "


@final
@dataclass(frozen=True, slots=True)
class Digits:
    """Hex digits, which are wrapped in rows of one length."""

    value: str


Part: TypeAlias = str | Text | Digits
Row: TypeAlias = tuple[Sequence[str | Text], Sequence[Part]]
"""The labels of a row, and the parts of its value: each begins a line on a terminal."""


@final
class Page:
    """Where a command writes its results."""

    def __init__(self, console: Console) -> None:
        """Write to `console`, which knows how wide its terminal is and whether colour is wanted."""
        self._console = console
        self.is_terminal = console.file.isatty()  # FORCE_COLOR asks for colour, not for wrapping
        self.width = max(MIN_WIDTH, min(console.width, MAX_WIDTH))
        self.has_blocks = console.encoding.lower().startswith("utf")

    def line(self, *parts: str | Text, indent: int = 0) -> None:
        """Write one paragraph."""
        text = Text().join(_text(part) for part in parts)
        if not self.is_terminal:
            self._put(Text(" " * indent).append_text(text))
            return
        for line in self._wrapped(text, indent):
            self._put(line)

    def verbatim(self, text: str, indent: int = 0) -> None:
        """Write lines as they are, to be copied: none is wrapped, however wide the terminal."""
        for line in text.splitlines():
            self._put(Text(" " * indent + line))

    def gap(self) -> None:
        """Write an empty line."""
        self._put(Text())

    def banner(self, title: str, text: str) -> None:
        """Write a warning that nobody misses: in a frame on a terminal, on two lines elsewhere."""
        if not self.is_terminal:
            self.line(title)
            self.line(text)
            return
        inside = Text(title, style=BAD, justify="center").append(f"\n{text}", style="default")
        self._console.print(Panel(inside, border_style=BAD, width=self.width))

    def rows(self, rows: Sequence[Row], indent: int = 0) -> None:
        """Write rows with their labels in columns; where these leave no room, values go below."""
        labels = [[_text(label) for label in row[0]] for row in rows]
        widths = [
            max(cell_len(row[place].plain) for row in labels) for place in range(len(labels[0]))
        ]
        left = indent + sum(widths) + len(_GAP) * len(widths)
        needed = max(_needed(parts) for _, parts in rows)
        for row, (_, parts) in zip(labels, rows, strict=True):
            head = Text(" " * indent)
            for label, width in zip(row, widths, strict=True):
                head.append_text(label).append(" " * (width - cell_len(label.plain)) + _GAP)
            if not self.is_terminal:
                self._put(head.append_text(Text(_GAP).join(map(_text, parts))))
            elif self.width - left >= needed:
                self._beside(head, parts, left)
            else:
                self.line(Text(_GAP).join(label for label in row if label.plain), indent=indent)
                self._beside(Text(" " * (indent + 2)), parts, indent + 2)

    def row_of_digits(self, columns: int, beside: int) -> int:
        """Return how many digits fit on a row of one of `columns` columns: 32, 24 or 16."""
        room = (self.width - beside - len(_GAP) * (columns - 1)) // columns
        return next((digits for digits in _ROWS_OF_DIGITS if digits <= room), _ROWS_OF_DIGITS[-1])

    def _beside(self, head: Text, parts: Sequence[Part], left: int) -> None:
        """Write the lines of a value, the first one next to its labels."""
        for part in parts:
            if isinstance(part, Digits):
                length = self.row_of_digits(1, left)
                lines = [
                    Text(part.value[start : start + length])
                    for start in range(0, len(part.value), length)
                ]
            else:
                lines = [line[left:] for line in self._wrapped(_text(part), left)]
            for line in lines:
                self._put(head.append_text(line))
                head = Text(" " * left)

    def _wrapped(self, text: Text, left: int) -> list[Text]:
        """Return a text in lines from column `left` on; only a word longer than one is broken."""
        width = self.width - left
        if _longest_word(text) > width:  # a file name, which a wider terminal may have room for
            width = min(_longest_word(text), self._console.width - left)
        lines = text.wrap(self._console, max(1, width), overflow="fold")
        return [Text(" " * left).append_text(line) for line in lines]

    def _put(self, line: Text) -> None:
        line.rstrip()
        self._console.print(line, soft_wrap=True)


def page() -> Page:
    """Return the page for results."""
    return Page(Console(highlight=False, markup=False, emoji=False))


def verdict(word: str, style: str) -> Text:
    """Return a verdict's word, to stand by itself."""
    return Text(f" {word} ", style=f"{style} reverse")


def _text(part: Part) -> Text:
    if isinstance(part, Digits):
        return Text(part.value)
    return Text(part) if isinstance(part, str) else part.copy()


def _needed(parts: Sequence[Part]) -> int:
    """Return the columns that a value needs at least."""
    return max(
        _ROWS_OF_DIGITS[-1] if isinstance(part, Digits) else min(_MIN_TEXT, _longest_word(part))
        for part in parts
    )


def _longest_word(part: str | Text) -> int:
    return max((cell_len(word) for word in str(part).split()), default=0)

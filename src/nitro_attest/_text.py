"""Make text safe to show: what other people wrote, in files, file names and documents.

A control character or a right-to-left mark in it could rewrite a terminal's or a log's other lines.
"""


def printable(text: str) -> str:
    """Return `text` with a question mark for each character that is not printable."""
    return "".join(character if character.isprintable() else "?" for character in text)


def ascii_only(text: str, limit: int | None = None) -> str:
    """Return `text` with a question mark for each character that is not printable ASCII.

    What is longer than `limit` characters ends in three dots.
    """
    shown = "".join(
        character if " " <= character <= "~" else "?"
        for character in (text if limit is None else text[: limit + 1])
    )
    return shown if limit is None or len(shown) <= limit else f"{shown[: limit - 3]}..."

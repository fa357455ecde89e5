"""The wrong uses that the type checkers must refuse are there, and each is marked for both."""

import re
from pathlib import Path

MUST_FAIL = Path(__file__).parent / "must_fail.py"


def test_every_wrong_use_is_marked_for_both_type_checkers() -> None:
    """`make types` fails on a mark that is not needed, so each of these lines is refused by mypy and by pyright."""
    lines = MUST_FAIL.read_text(encoding="utf-8").splitlines()
    marked = [line for line in lines if "# type: ignore[" in line and "# pyright: ignore[" in line]
    assert len(marked) >= 15
    assert not [
        line for line in lines if re.search(r"(type|pyright): ignore", line) and line not in marked
    ]

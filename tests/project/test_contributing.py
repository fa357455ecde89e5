"""CONTRIBUTING knows the Makefile."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_target_is_listed() -> None:
    """`make help` reads the Makefile; this list is written by hand."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)) - {"help"}
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
    assert set(re.findall(r"`([a-z-]+)`", " ".join(rows))) == targets

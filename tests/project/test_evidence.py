"""The evidence page counts what there is: `make generate` writes the figures that can be counted.

Figures that were measured (fuzzing, mutation, second opinions) are written by hand, with their day.
"""

import json
import re
from pathlib import Path
from typing import Final

import pytest

from nitro_attest import DocumentKind
from nitro_attest.testing import FAULTS
from support import captured
from support import vectors as kit_reader

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "security" / "evidence.md"
FIGURE: Final = r"^\| {} \| (?P<figure>[^|]*) \|"


def _figures() -> dict[str, str]:
    """Return the first cells of rows, and what is counted for each."""
    golden = ROOT / "tests" / "golden"
    messages = json.loads((golden / "messages.json").read_text(encoding="utf-8"))
    of_keys = json.loads((golden / "key_policy_messages.json").read_text(encoding="utf-8"))
    peers = ROOT / "tests" / "second_opinions" / "divergences.json"
    ours = [it for it in json.loads(peers.read_text(encoding="utf-8")) if it["ours"] == "accept"]
    return {
        "captured documents, accepted at their own time": f"{len(captured.GENUINE)}",
        "test vectors, one fault each": f"{len(list(kit_reader.paths())):,}",
        "messages that an operator reads, written down and compared": (
            f"{len(messages['vectors'])} for documents, {len(messages['mistakes'])} for policies, "
            f"{len(of_keys)} for key policies"
        ),
        "accepted here and rejected by a peer": (
            f"{len({case for entry in ours for case in entry['cases']})}, "
            f"for {len({entry['why'] for entry in ours})} reasons"
        ),
        "faults for the tests of a service": (
            f"{len(FAULTS[DocumentKind.ENCLAVE])} for enclaves, "
            f"{len(FAULTS[DocumentKind.NITRO_TPM])} for NitroTPM, 3 for fields"
        ),
    }


def write() -> None:
    """Write the figures into the page."""
    text = PAGE.read_text(encoding="utf-8")
    for row, figure in _figures().items():
        line = re.compile(FIGURE.format(re.escape(row)), re.MULTILINE)
        text = line.sub(f"| {row} | {figure} |", text)
    PAGE.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("row", _figures())
def test_a_figure_is_what_is_counted(row: str) -> None:
    """A number that nobody counts again is wrong after the next change."""
    found = re.search(FIGURE.format(re.escape(row)), PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    assert found["figure"] == _figures()[row]


if __name__ == "__main__":
    write()

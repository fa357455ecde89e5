"""Every message is written down: rejections of the test vectors, waivers, mistakes in a policy.

Programs decide by class and reason. People read the messages, so a review should see each change.
`make generate` writes messages.json.
"""

import json
from pathlib import Path

import pytest

from nitro_attest import PolicyError, VerificationError, verify
from support import vectors as kit_reader
from support.wrong_input import MISTAKES

TEXTS = Path(__file__).parent / "messages.json"


def words_of_vector(name: str) -> list[str]:
    """Return the messages of one vector: its failures, or its waivers and the set that matched."""
    vector = kit_reader.read_vector(kit_reader.KIT / f"{name}.json")
    try:
        result = verify(vector.doc, vector.policy, nonce=vector.nonce, now=vector.now)
    except VerificationError as error:
        return [str(failure) for failure in error.failures]
    until = f"valid until {result.valid_until.isoformat()}"
    return [
        *(f"{waiver.subject}: {waiver.because}" for waiver in result.not_checked),
        str(result.matched),
        until,
    ]


def words_of_mistake(name: str) -> list[str]:
    """Return what is said about one mistake."""
    with pytest.raises(PolicyError) as mistake:
        MISTAKES[name]()
    return [mistake.value.field, mistake.value.problem]


def write() -> None:
    """Write down what is said now, each different text once."""
    vectors: dict[str, list[str]] = {}
    for path in kit_reader.paths():
        words = words_of_vector(kit_reader.vector_id(path))
        if words not in vectors.values():
            vectors[kit_reader.vector_id(path)] = words
    mistakes = {name: words_of_mistake(name) for name in MISTAKES}
    TEXTS.write_text(json.dumps({"vectors": vectors, "mistakes": mistakes}, indent=1) + "\n")


WRITTEN: dict[str, dict[str, list[str]]] = (
    json.loads(TEXTS.read_text()) if TEXTS.exists() else {"vectors": {}, "mistakes": {}}
)


@pytest.mark.parametrize("name", WRITTEN["vectors"])
def test_what_is_said_of_a_document(name: str) -> None:
    """The failures of a rejection, or the waivers of a result."""
    assert words_of_vector(name) == WRITTEN["vectors"][name]


@pytest.mark.parametrize("name", MISTAKES)
def test_what_is_said_of_a_mistake(name: str) -> None:
    """The argument that is wrong, and what was expected of it."""
    assert words_of_mistake(name) == WRITTEN["mistakes"][name]


if __name__ == "__main__":
    write()

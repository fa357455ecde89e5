"""Read and write policies as TOML or JSON, for reviewers without Python (extra `policy`).

A policy that is written and read again is equal to the first. An unknown key, a key given twice, a
value of another type and a decision that is missing are errors; no decision has a default.
"""

import json
import re
from collections.abc import Iterable
from os import PathLike, fspath
from typing import Any, Final

from nitro_attest import MissingExtraError, Policy, PolicyError, _strict_json
from nitro_attest._bounded_file import read_file
from nitro_attest._duration import write_duration
from nitro_attest._text import printable
from nitro_attest.policy_file import _plain, _toml
from nitro_attest.policy_file._plain import NAMED_ANCHORS

try:
    from nitro_attest.policy_file._reading import in_words_of_files, read_duration, read_table
    from nitro_attest.policy_file._schema import PolicyTable
except ModuleNotFoundError as missing:
    if (missing.name or "").partition(".")[0] not in {"pydantic", "pydantic_core"}:
        raise
    raise MissingExtraError("policy") from missing

__all__ = [
    "NAMED_ANCHORS",
    "in_words_of_files",
    "json_schema",
    "policy_from_json",
    "policy_from_toml",
    "policy_to_json",
    "policy_to_toml",
    "read_duration",
    "read_policy",
    "write_duration",
]

SCHEMA_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
# The embeddings, overrides and isolates of the Unicode Bidirectional Algorithm (UAX #9)
_REORDERING: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")


def policy_from_toml(text: bytes | str, *, source: str = "policy") -> Policy:
    """Return the policy that a TOML text of at most 64 KiB states; `source` names it in errors.

    Raises:
        PolicyError: `field` holds the source, the line where it is known, and the key path;
            `problem` what was expected.

    """
    decoded = _strict_json.decode_text(text, source, _toml.MAX_TOML_BYTES)
    _check_order(decoded, source)
    return read_table(_toml.parse(decoded, source), lambda path: _toml.place(decoded, source, path))


def policy_from_json(text: bytes | str, *, source: str = "policy") -> Policy:
    """Return the policy that a JSON text of at most 1 MiB states; `source` names it in errors.

    Raises:
        PolicyError: `field` holds the source and the key path, or the line of what is not JSON.

    """
    decoded = _strict_json.decode_text(text, source)
    _check_order(decoded, source)
    value = _strict_json.parse(decoded, source)
    return read_table(value, lambda path: _toml.place("", source, path))


def _check_order(text: str, source: str) -> None:
    """Reject what makes an editor show a policy in another order than the one that is parsed."""
    found = _REORDERING.search(text)
    if found is not None:
        line = text.count("\n", 0, found.start()) + 1
        place = f"{source}, line {line}"
        character = f"U+{ord(found[0]):04X}"
        raise PolicyError(
            place, f"{character} changes the order in which a reviewer sees the text: remove it"
        )


def policy_to_toml(policy: Policy, *, remarks: Iterable[str] = ()) -> str:
    """Return `policy` as TOML with comments for a reviewer; `remarks` become comments at the top.

    Raises:
        PolicyError: It would have more than 64 KiB, which `policy_from_toml` rejects.

    """
    text = _toml.write(_plain.to_table(policy), remarks)
    if len(text.encode("utf-8")) > _toml.MAX_TOML_BYTES:
        source = "policy"
        raise PolicyError(source, f"as TOML it has over {_toml.MAX_TOML_BYTES} bytes: use JSON")
    return text


def policy_to_json(policy: Policy) -> str:
    """Return `policy` as JSON."""
    return json.dumps(_plain.to_table(policy), indent=2, ensure_ascii=False) + "\n"


def read_policy(path: str | PathLike[str]) -> Policy:
    """Return the policy in a file whose name ends in .toml or .json.

    Raises:
        PolicyError: The file can't be read, has another ending, or does not state a policy.

    """
    name = fspath(path)
    source = printable(name)
    if name.endswith(".toml"):
        text = read_file(name, _toml.MAX_TOML_BYTES + 1)
        return policy_from_toml(text, source=source)
    if name.endswith(".json"):
        text = read_file(name, _strict_json.MAX_TEXT_BYTES + 1)
        return policy_from_json(text, source=source)
    raise PolicyError(source, "expected a name that ends in .toml or .json")


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of policy files, as it is published with the documentation."""
    return {"$schema": SCHEMA_DIALECT, **PolicyTable.model_json_schema()}

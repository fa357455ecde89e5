"""Read and write policies as TOML or JSON, so that a reviewer needs no Python (needs the extra `cli`).

A file's text comes in and a `Policy` goes out, or the other way round, without loss. Never: an
unknown key, a key given twice, a value of another type, or a default for a decision that the file
leaves out.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from nitro_attest import Policy, PolicyError, _strict_json
from nitro_attest.policy_file import _plain, _toml
from nitro_attest.policy_file._plain import NAMED_ANCHORS, write_duration
from nitro_attest.policy_file._reading import read_duration, read_table
from nitro_attest.policy_file._schema import PolicyTable

__all__ = [
    "NAMED_ANCHORS",
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


def policy_from_toml(text: bytes | str, *, source: str = "policy") -> Policy:
    """Return the policy that a TOML text states; `source` names it in errors.

    Raises:
        PolicyError: `field` holds the source, the line where it is known, and the key path;
            `problem` what was expected.

    """
    decoded = _strict_json.decode_text(text, source)
    return read_table(_toml.parse(decoded, source), lambda path: _toml.place(decoded, source, path))


def policy_from_json(text: bytes | str, *, source: str = "policy") -> Policy:
    """Return the policy that a JSON text states; `source` names it in errors.

    Raises:
        PolicyError: `field` holds the source and the key path, or the line of what is not JSON.

    """
    return read_table(_strict_json.parse(text, source), lambda path: _toml.place("", source, path))


def policy_to_toml(policy: Policy, *, remarks: Iterable[str] = ()) -> str:
    """Return `policy` as TOML with comments for a reviewer; `remarks` become comments at the top."""
    return _toml.write(_plain.to_table(policy), remarks)


def policy_to_json(policy: Policy) -> str:
    """Return `policy` as JSON."""
    return json.dumps(_plain.to_table(policy), indent=2, ensure_ascii=False) + "\n"


def read_policy(path: Path) -> Policy:
    """Return the policy in a file whose name ends in .toml or .json.

    Raises:
        PolicyError: The file can't be read, has another ending, or does not state a policy.

    """
    source = _strict_json.shown(str(path))[1:-1]
    if path.suffix not in {".toml", ".json"}:
        raise PolicyError(source, "expected a name that ends in .toml or .json")
    try:
        with path.open("rb") as file:
            text = file.read(_strict_json.MAX_TEXT_BYTES + 1)
    except (OSError, ValueError) as exc:  # ValueError: a NUL in the name
        problem = exc.strerror if isinstance(exc, OSError) and exc.strerror else "no such file"
        raise PolicyError(source, f"cannot be read: {problem}") from exc
    return (
        policy_from_toml(text, source=source)
        if path.suffix == ".toml"
        else policy_from_json(text, source=source)
    )


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of policy files, as it is published with the documentation."""
    return {"$schema": SCHEMA_DIALECT, **PolicyTable.model_json_schema()}

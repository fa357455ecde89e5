"""Findings on a key policy as a SARIF 2.1.0 log.

Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0"; the comments give
its sections.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Final

from nitro_attest.reference_values.kms import FINDING_CODES, Finding

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_STATEMENTS: Final = re.compile(r'"Statement"\s*:\s*\[?\s*')
_BETWEEN: Final = re.compile(r"\s*,?\s*")


def to_sarif(
    findings: Iterable[Finding], *, file: str, text: str, ignored: Mapping[str, str]
) -> str:
    """Return the log; a finding whose code is in `ignored` is suppressed with its reason there.

    `text` is the file's, to point at the line where each statement begins.
    """
    codes = sorted(FINDING_CODES)
    lines = _statement_lines(text)
    run = {
        "tool": {
            "driver": {
                "name": "nitro-attest",
                "rules": [_rule(code) for code in codes],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(found, codes, file, lines, ignored) for found in findings],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(code: str) -> dict[str, object]:
    severity, meaning = FINDING_CODES[code]
    return {
        "id": code,
        "shortDescription": {"text": meaning},
        "defaultConfiguration": {"level": severity.value},
    }


def _result(
    found: Finding, codes: list[str], file: str, lines: list[int], ignored: Mapping[str, str]
) -> dict[str, object]:
    index = found.statement.index
    # 3.27.23: either no result has `suppressions` or all have, an empty list if nothing is ignored
    return {
        "ruleId": found.code,
        "ruleIndex": codes.index(found.code),
        "level": found.severity.value,
        "message": {"text": _message(f"{found.statement}: {found.why}")},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(file)},
                    "region": {"startLine": lines[index] if index < len(lines) else 1},
                },
                "logicalLocations": [{"fullyQualifiedName": f"Statement[{index}]"}],
            }
        ],
        "properties": {
            "repaired": None
            if found.repaired is None
            else [json.loads(statement) for statement in found.repaired]
        },
        "suppressions": [
            {"kind": "external", "justification": reason}
            for code, reason in ignored.items()
            if code == found.code
        ],
    }


def _message(text: str) -> str:
    """Return a text without placeholders and links, which names in a policy could imitate."""
    doubled = text.replace("{", "{{").replace("}", "}}")  # 3.11.5, "Messages with placeholders"
    return doubled.replace("](", "] (")  # 3.11.6, "Messages with embedded links"


def _uri(file: str) -> str:
    """Return a file's name as the path of a URI, all but plain characters escaped."""
    escaped = (
        character if re.fullmatch(r"[A-Za-z0-9/._~-]", character) else _percent(character)
        for character in file.replace("\\", "/")
    )
    return "".join(escaped)


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "replace"))


def _statement_lines(text: str) -> list[int]:
    """Return the line where each statement begins, from 1; none if the text wraps the policy."""
    found = _STATEMENTS.search(text)
    lines: list[int] = []
    if found is None:
        return lines
    position, decoder = found.end(), json.JSONDecoder()
    while text.startswith("{", position):
        lines.append(text.count("\n", 0, position) + 1)
        _, end = decoder.raw_decode(text, position)
        position = _end_of_gap(text, end)
    return lines


def _end_of_gap(text: str, position: int) -> int:
    gap = _BETWEEN.match(text, position)
    return position if gap is None else gap.end()

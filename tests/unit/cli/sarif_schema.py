"""A JSON schema for the parts of SARIF that `kms lint` writes, stricter than the format's own.

Written from the text of OASIS's "Static Analysis Results Interchange Format (SARIF) Version 2.1.0";
the comments give its sections. A property that the command does not write is an error here, so that
nothing new goes out unchecked.
"""

from collections.abc import Mapping
from typing import Any, Final

_TEXT: Final = {"type": "string", "minLength": 1}
_LEVEL: Final = {"enum": ["error", "warning", "note"]}  # 3.27.10; "none" is for other kinds


def _object(required: Mapping[str, Any]) -> Any:
    """Return the schema of an object with these properties and no other."""
    return {
        "type": "object",
        "properties": {**required},
        "required": list(required),
        "additionalProperties": False,
    }


def _list(items: Any, least: int = 0) -> Any:
    return {"type": "array", "items": items, "minItems": least}


# 3.11, message object: `text` or `id`. Braces are placeholders unless they are doubled (3.11.5),
# and "](" is a link (3.11.6); the command writes neither.
_MESSAGE: Final = _object(
    {"text": {"type": "string", "pattern": r"^(?:(?!\]\()(?:[^{}]|\{\{|\}\}))+$"}}
)

# 3.49, reportingDescriptor object, whose defaultConfiguration is 3.50, reportingConfiguration
_RULE: Final = _object(
    {
        "id": _TEXT,
        "shortDescription": _object({"text": _TEXT}),  # 3.12, multiformatMessageString
        "defaultConfiguration": _object({"level": _LEVEL}),
    }
)

# 3.18, tool object, whose driver is 3.19, toolComponent
_TOOL: Final = _object(
    {"driver": _object({"name": _TEXT, "rules": {**_list(_RULE, 1), "uniqueItems": True}})}
)

# 3.28, location object: 3.29 physicalLocation, 3.4 artifactLocation (its uri is a valid URI
# reference, RFC 3986), 3.30 region (lines are counted from 1), 3.33 logicalLocation
_LOCATION: Final = _object(
    {
        "physicalLocation": _object(
            {
                "artifactLocation": _object(
                    {"uri": {"type": "string", "pattern": "^(?:[A-Za-z0-9/._~-]|%[0-9A-F]{2})+$"}}
                ),
                "region": _object({"startLine": {"type": "integer", "minimum": 1}}),
            }
        ),
        "logicalLocations": _list(
            _object(
                {"fullyQualifiedName": {"type": "string", "pattern": r"^Statement\[[0-9]+\]$"}}
            ),
            1,
        ),
    }
)

# 3.35, suppression object: "external" is kept outside of the artifact, here on the command line
_SUPPRESSION: Final = _object({"kind": {"const": "external"}, "justification": _TEXT})

# 3.27, result object; `properties` is a property bag (3.8), of any content. All results of a run
# have `suppressions` or none has (3.27.23); here all have, and an empty list is not suppressed.
_RESULT: Final = _object(
    {
        "ruleId": _TEXT,
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": _LEVEL,
        "message": _MESSAGE,
        "locations": _list(_LOCATION, 1),
        "properties": _object(
            {"repaired": {"anyOf": [{"type": "null"}, _list({"type": "object"})]}}
        ),
        "suppressions": {**_list(_SUPPRESSION), "maxItems": 1},
    }
)

# 3.14, run object; columnKind is 3.14.27
_RUN: Final = _object(
    {
        "tool": _TOOL,
        "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
        "results": _list(_RESULT),
    }
)

# 3.13, sarifLog object
SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    **_object(
        {
            "$schema": {"type": "string", "pattern": r"^https://.*sarif-2\.1\.0\.json$"},
            "version": {"const": "2.1.0"},
            "runs": {**_list(_RUN, 1), "maxItems": 1},
        }
    ),
}

"""One policy and one request, asked of the library and of the second evaluator."""

import json
from typing import Any

from nitro_attest import DocumentKind, PolicyError
from nitro_attest.reference_values import kms
from unit.reference_values.iam_evaluator import Asked, outcome

STEM = "kms:recipientattestation:"
CONTEXT = "kms:encryptioncontext:"
NAMES = ("app", "tenant", "${aws:username}")  # of encryption contexts, as policies ask for them


def decided_by_both(document: dict[str, Any], arguments: dict[str, Any]) -> str:
    """Return "allow", "deny" or "undecided", in strict mode; both have to say the same.

    Lenient mode allows what strict mode allows, and nothing else.
    """
    expected = outcome(document, asked_of(arguments))
    found = decided_by_the_library(document, arguments)
    assert found == expected, (json.dumps(document, indent=1), arguments)
    lenient = {**arguments, "strictness": kms.Strictness.LENIENT}
    assert decided_by_the_library(document, lenient) == ("allow" if found == "allow" else "deny")
    return found


def decided_by_the_library(document: dict[str, Any], arguments: dict[str, Any]) -> str:
    """Return the decision of `simulate` as a word, and any other error in full."""
    given = dict(arguments)
    if "kind" in given:
        given["kind"] = DocumentKind(given["kind"])
    if "transport" in given:
        given["transport"] = kms.Transport(given["transport"])
    try:
        decision = kms.simulate(json.dumps(document), **given)
    except PolicyError as exc:
        return "undecided" if "cannot be decided exactly" in exc.problem else str(exc)
    return "allow" if decision.allowed else "deny"


def asked_of(arguments: dict[str, Any]) -> Asked:
    """Return the request of some arguments of `simulate` in IAM's words."""
    principal: str = arguments["principal"]
    asked = Asked(
        arguments["operation"],
        principal,
        role_arn=arguments.get("role_arn"),
        key_arn=arguments.get("key_arn"),
    )
    role = asked.role_arn if ":assumed-role/" in principal else principal
    is_service = not principal.startswith("arn:")
    asked.keys.update(
        {
            "aws:securetransport": [arguments.get("transport", "true")],
            "aws:principalarn": None if is_service or role is None else [role],
            "kms:calleraccount": None if is_service else [asked.account],
        }
    )
    if "via_service" in arguments:
        asked.keys["kms:viaservice"] = [arguments["via_service"]]
    _add_document(asked, arguments)
    _add_context(asked, arguments)
    return asked


def _add_document(asked: Asked, arguments: dict[str, Any]) -> None:
    """Add the PCRs that are given, and the names of those that the document may have too."""
    if "pcrs" not in arguments:
        return
    pcrs: dict[int, bytes] = arguments["pcrs"]
    is_enclave = arguments.get("kind", "enclave") == "enclave"
    stem, count = (f"{STEM}pcr", 32) if is_enclave else (f"{STEM}nitrotpmpcr", 24)
    named = {f"{stem}{index}": index for index in range(count)}
    if is_enclave:
        named[f"{STEM}imagesha384"] = 0
    asked.keys.update({name: [pcrs[index].hex()] for name, index in named.items() if index in pcrs})
    asked.not_given = tuple(name for name, index in named.items() if index not in pcrs)


def _add_context(asked: Asked, arguments: dict[str, Any]) -> None:
    """Add the encryption context; names are "not case sensitive", which says nothing of ö."""
    pairs: dict[str, str] = arguments.get("encryption_context", {})
    is_unknown = asked.operation == "CreateGrant"
    asked.keys["kms:encryptioncontextkeys"] = None if is_unknown else list(pairs)
    asked.keys[f"{CONTEXT}größe"] = None
    for name in NAMES:
        values = [value for key, value in pairs.items() if key.lower() == name]
        is_certain = len(values) < 2 and all(key.isascii() for key in pairs) and not is_unknown
        asked.keys[CONTEXT + name] = values if is_certain else None

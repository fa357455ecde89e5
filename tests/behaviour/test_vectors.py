"""Check the verifier against the vectors: every verdict is exact.

Every reason and every row of the attack catalogue is covered.
"""

import hashlib
import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

import pytest
from jsonschema import Draft202012Validator

from nitro_attest import (
    AnyEnclave,
    AnyNitroTpm,
    DebugEnclave,
    DocumentKind,
    EnclaveMeasurements,
    Measurements,
    NotChecked,
    Policy,
    Reason,
    Sha384,
    TimestampOnly,
    VerificationError,
    read_unverified,
    verify,
)
from support.vectors import (
    ACCEPT,
    KIT,
    VECTORS,
    Json,
    Vector,
    outcome,
    paths,
    read_json,
    read_vector,
    vector_id,
)
from vectorgen.groups import EVERY_VECTOR
from vectorgen.kit import texts

LEAST_VECTORS: Final = 300
LEAST_ACCEPTED: Final = 40
CAPTURED: Final = TimestampOnly(
    because="a captured document answers no nonce of ours", max_age=timedelta(seconds=5)
)
REAL: Final = cast(
    "list[Json]", json.loads((VECTORS / "real" / "index.json").read_text(encoding="utf-8"))
)
REAL_KEYS: Final = (
    "file sha256 bytes kind module_id timestamp_ms timestamp payload_map pcr_indexes pcr0_hex "
    "debug public_key_bytes user_data_bytes nonce_bytes expect source"
)

# Reasons that `verify` never gives: nonce stores do.
OF_NONCE_STORES: Final = {
    Reason.FRESHNESS_NONCE_MISSING,
    Reason.FRESHNESS_NONCE_SHORT,
    Reason.FRESHNESS_NONCE_UNKNOWN,
    Reason.FRESHNESS_NONCE_USED,
    Reason.FRESHNESS_NONCE_EXPIRED,
}
# Rows of attacks.md that no document can express, and where the answer is to be looked for instead.
NOT_IN_A_DOCUMENT: Final = {
    "53": "the relying party's own anchor, rejected when it is constructed",
    "54": "the bytes of the pinned roots in the package",
    "82": "the type of `now`, the relying party's own argument",
    "83": "the relying party's clock",
    "84": "an empty policy, rejected when it is constructed",
    "88": "a zero that must not be pinned, rejected when the policy is constructed",
    "94": "how reference values are computed, before any document is there",
    "97": "how long a comparison takes",
    "98": "the form of the answer, not its content",
    "99": "names and types of the interface",
    "100": "the form of the answer, not its content",
    "101": "how Python is started",
    "102": "the type of the argument that carries the document",
    "108": "objects that live longer than one call",
    "109": "switches outside the document",
    "110": "several calls at the same time",
    "111": "how the package is built and delivered",
    "112": "what the application does with the answer",
    "116": "how a verdict is shown",
    "117": "how much work a policy causes: tests/unit/core/test_appraisal.py",
    "119": "how Python is started",
    "120": "what exceptions hold",
    "122": "the type of `now`",
    "124": "KMS key policies: tests/unit/reference_values",
    "125": "the command line: tests/unit/cli",
    "126": "policy files: tests/unit/policy_file",
    "127": "nonce stores: tests/unit/nonces, tests/end_to_end/nonces",
    "128": "nonce stores: tests/end_to_end/nonces",
    "129": "the attested key: tests/unit/test_recipient.py",
    "130": "CMS envelopes: tests/unit/test_recipient.py",
    "131": "the key broker",
    "132": "the key broker",
    "133": "sets that pin nothing, rejected when they are constructed",
    "134": "rejected when the policy is constructed",
    "135": "nonce stores: tests/end_to_end/nonces",
    "136": "the key broker",
    "137": "the KMS client: tests/unit/test_kms.py",
    "138": "many documents: tests/behaviour/test_chain_cache.py",
    "139": "CMS envelopes: tests/unit/test_recipient.py",
    "140": "nonce stores: tests/unit/nonces",
}


STEPS: Final[list[dict[str, Any]]] = tomllib.loads(
    (VECTORS.parents[1] / "docs" / "spec" / "rules.toml").read_text(encoding="utf-8")
)["step"]
RULES: Final = {rule["id"]: rule for step in STEPS for rule in step["rule"]}
# Rules about documents that no single document shows.
NOT_IN_A_VECTOR: Final = {
    "V-57": "what the first reader accepts and the second does not: tests/unit/core/test_chain.py",
    "V-94": "what an error holds: tests/unit/core/test_appraisal.py",
}


def _rules(vector: Vector) -> list[dict[str, Any]]:
    return [RULES[number] for number in vector.rule.partition(";")[0].split(", ")]


@pytest.mark.parametrize("path", paths(), ids=vector_id)
def test_the_verdict_is_exactly_the_expected_one(path: Path) -> None:
    """Each vector is accepted, or rejected for its one reason."""
    vector = read_vector(path)
    assert outcome(vector) == vector.expect


def test_every_vector_follows_the_schema() -> None:
    """The files have the form that the schema gives to authors in other languages."""
    schema = read_json(VECTORS / "schema.json")
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    is_valid = cast("Callable[[object], bool]", validator.is_valid)  # pyright: ignore[reportUnknownMemberType] - the stubs leave a part open
    assert [path for path in paths() if not is_valid(read_json(path))] == []


def test_the_kit_is_what_the_generator_writes() -> None:
    """Generating again gives the same files with the same bytes, and no file is there besides."""
    found = {
        path.relative_to(VECTORS).as_posix(): path.read_bytes()
        for path in KIT.rglob("*")
        if path.is_file()
    }
    found["anchors.json"] = (VECTORS / "anchors.json").read_bytes()
    assert found == {name: text.encode() for name, text in texts(EVERY_VECTOR).items()}


def test_an_identifier_is_the_place_of_its_file() -> None:
    """Identifiers are unique, because files are."""
    assert [read_vector(path).id for path in paths()] == [vector_id(path) for path in paths()]


def test_the_vectors_differ() -> None:
    """No two vectors put the same question."""
    questions = Counter((v.doc, v.policy, v.nonce, v.now) for v in map(read_vector, paths()))
    assert [count for count in questions.values() if count > 1] == []


def test_there_are_enough_vectors() -> None:
    """There are many vectors, and a good part of them is accepted."""
    verdicts = Counter(read_vector(path).expect == ACCEPT for path in paths())
    assert verdicts.total() >= LEAST_VECTORS
    assert verdicts[True] >= LEAST_ACCEPTED


def test_both_kinds_and_both_encodings_of_the_payload_must_pass() -> None:
    """Enclaves and NitroTPM, maps of definite and of indefinite length: each is accepted."""
    good = [vector.doc for vector in map(read_vector, paths()) if vector.expect == ACCEPT]
    found = {(read_unverified(doc).kind, b"\xbfimodule_id" in doc) for doc in good}
    assert found == {(kind, indefinite) for kind in DocumentKind for indefinite in (False, True)}


def test_every_reason_has_a_vector_and_every_vector_a_reason() -> None:
    """The reasons in the vectors are those of `verify`, all of them."""
    assert {read_vector(path).expect for path in paths()} == {ACCEPT, *Reason} - OF_NONCE_STORES


def test_every_attack_that_a_document_can_express_has_a_vector() -> None:
    """Each row of the catalogue is named by a vector, or listed here with a reason."""
    catalogue = (VECTORS / "attacks.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| ([0-9]+b?) \|", catalogue, re.MULTILINE))
    named = {
        row
        for path in paths()
        for reference in read_vector(path).refs
        for row in re.findall(r"^attack (.+)$", reference)
    }
    assert named == rows - NOT_IN_A_DOCUMENT.keys()
    assert NOT_IN_A_DOCUMENT.keys() <= rows


def test_every_vector_names_its_rule() -> None:
    """The rules are those of the specification, and one of them gives the vector's reason."""
    unexplained = {
        vector.id
        for vector in map(read_vector, paths())
        if vector.expect not in {ACCEPT, *(r for rule in _rules(vector) for r in rule["reasons"])}
    }
    assert unexplained == set()


def test_every_rule_that_a_document_can_break_has_a_vector() -> None:
    """From the envelope to the appraisal; the others are listed here with a reason."""
    named = {rule["id"] for path in paths() for rule in _rules(read_vector(path))}
    steps = {step["title"]: step["rule"] for step in STEPS}
    assert list(steps)[:2] == ["The policy, when it is built", "The call"]
    assert list(steps)[-1] == "The result"
    broken = {rule["id"] for rules in list(steps.values())[2:-1] for rule in rules}
    assert broken - named == NOT_IN_A_VECTOR.keys()


def test_an_unknown_key_is_not_passed_over(tmp_path: Path) -> None:
    """A vector with a key that nobody knows is no vector."""
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps({**read_json(paths()[0]), "flags": []}), encoding="utf-8")
    with pytest.raises(ValueError, match="flags"):
        read_vector(changed)


def _genuine(entry: Json) -> bytes:
    return (VECTORS / "real" / cast("str", entry["file"])).read_bytes()


def _time(entry: Json) -> datetime:
    return datetime.fromisoformat(cast("str", entry["timestamp"]))


def _policy(entry: Json) -> Policy:
    """Pin PCR0 of a production enclave, and name what cannot be pinned."""
    waived = NotChecked("unknown for a captured document")
    measurements: Measurements
    if entry["kind"] == "nitrotpm":
        measurements = AnyNitroTpm("its image is not ours")
    elif entry["debug"]:
        measurements = DebugEnclave("captured in debug mode")
    else:
        measurements = EnclaveMeasurements(
            label="captured",
            pcr0_image=Sha384.fromhex(cast("str", entry["pcr0_hex"])),
            pcr1_kernel=waived,
            pcr2_application=waived,
            pcr3_iam_role=waived,
            pcr4_instance_id=waived,
            pcr8_signing_certificate=waived,
        )
    return Policy(
        measurements=(measurements,), freshness=CAPTURED, public_key=waived, user_data=waived
    )


def _name(entry: Json) -> str:
    return cast("str", entry["file"])


@pytest.mark.parametrize("entry", REAL, ids=_name)
def test_a_captured_document_is_accepted_at_its_own_time(entry: Json) -> None:
    """What AWS hardware has signed is accepted, and says what the index says of it."""
    result = verify(_genuine(entry), _policy(entry), now=_time(entry))
    claims = result.claims
    found = {
        "kind": claims.kind,
        "module_id": claims.module_id,
        "pcr_indexes": list(claims.pcrs),
        "pcr0_hex": claims.pcrs[0].hex(),
        "timestamp_ms": round(claims.timestamp.timestamp() * 1000),
        "public_key_bytes": None if claims.public_key is None else len(claims.public_key),
        "user_data_bytes": None if claims.user_data is None else len(claims.user_data),
        "nonce_bytes": None if claims.nonce is None else len(claims.nonce),
    }
    assert found == {name: entry[name] for name in found}


@pytest.mark.parametrize("entry", REAL, ids=_name)
def test_a_captured_document_is_rejected_a_day_later(entry: Json) -> None:
    """A document's own time never counts."""
    with pytest.raises(VerificationError) as rejection:
        verify(_genuine(entry), _policy(entry), now=_time(entry) + timedelta(days=1))
    assert rejection.value.reason is Reason.CHAIN_EXPIRED


@pytest.mark.parametrize("entry", [entry for entry in REAL if entry["debug"]], ids=_name)
def test_a_captured_debug_enclave_is_rejected(entry: Json) -> None:
    """Debug mode is rejected unless the policy names it."""
    policy = replace(_policy(entry), measurements=(AnyEnclave("any code will do"),))
    with pytest.raises(VerificationError) as rejection:
        verify(_genuine(entry), policy, now=_time(entry))
    assert rejection.value.reason is Reason.POLICY_DEBUG_ENCLAVE


@pytest.mark.parametrize("entry", REAL, ids=_name)
def test_the_index_describes_the_genuine_file(entry: Json) -> None:
    """The index has the keys its README names, and the length and digest of the file."""
    doc = _genuine(entry)
    assert set(entry) == set(REAL_KEYS.split())
    assert set(cast("Json", entry["source"])) == {"repository", "path", "licence"}
    assert (entry["bytes"], entry["sha256"]) == (len(doc), hashlib.sha256(doc).hexdigest())
    assert str(entry["expect"]).startswith("genuine: ")
    assert read_unverified(doc).module_id == entry["module_id"]


def test_every_genuine_file_is_in_the_index() -> None:
    """No document lies there without its source and licence."""
    assert {path.name for path in (VECTORS / "real").glob("*.cbor")} == {
        entry["file"] for entry in REAL
    }

"""Key policies as KMS would store them are read; everything else is one clear error."""

import json
import random
from types import MappingProxyType
from typing import Any

import pytest

from nitro_attest import PolicyError
from nitro_attest.reference_values import kms
from unit.reference_values.broken_policies import ALLOW_PLUS_DENY, CLEAN, PREFIX, ROLE, policy
from unit.reference_values.hostile_policies import hostile
from unit.reference_values.wrong_key_policies import LARGEST, ONE, REFUSED

CHUNK = 500
LONGEST_ERROR = 400


def read(written: object) -> kms.KeyPolicy:
    """Read a policy of any type."""
    given: Any = written
    return kms.KeyPolicy.read(given, source="policy.json")


def test_text_bytes_and_values_are_read_alike() -> None:
    """JSON, its UTF-8 bytes, a mapping, and what get-key-policy answers."""
    expected = read(json.dumps(CLEAN)).statements
    wrapped = json.dumps({"Policy": json.dumps(CLEAN), "PolicyName": "default"})
    for written in (json.dumps(CLEAN).encode(), CLEAN, MappingProxyType(CLEAN), wrapped):
        assert read(written).statements == expected


def test_elements_with_one_value_need_no_brackets() -> None:
    """The text: "The brackets are optional": statement, action, principal, condition."""
    short = {"Statement": {**ONE, "Action": "kms:Decrypt"}}
    long = {"Statement": [{**ONE, "Action": ["kms:Decrypt"], "Principal": {"AWS": [ROLE]}}]}
    (first,), (second,) = read(short).statements, read(long).statements
    assert (first.actions, first.principals) == (second.actions, second.principals)


def test_a_policy_knows_the_principals_that_it_allows() -> None:
    """Users, roles and sessions by their ARNs, each once."""
    assert read(ALLOW_PLUS_DENY).named_principals() == (
        "arn:aws:iam::111122223333:role/key-admin",
        ROLE,
    )
    others = {"AWS": ["*", "111122223333", "arn:aws:iam::111122223333:root"], "Service": "arn:x"}
    assert read(policy({**ONE, "Principal": others})).named_principals() == ()


@pytest.mark.parametrize(("written", "place"), REFUSED)
def test_what_kms_would_not_store_is_refused_with_its_place(written: object, place: str) -> None:
    """One error, whose text holds nothing that could harm a terminal."""
    with pytest.raises(PolicyError) as caught:
        read(written)
    assert caught.value.field == f"policy.json{place}"
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "sid", ["\\u0001 is six characters", "\\\\b", "é", "\xa0", "\xff", "tab\\t"]
)
def test_latin_1_and_backslashes_are_read(sid: str) -> None:
    """A backslash before a letter is two characters, not an escape."""
    assert read({**CLEAN, "Id": sid}).statements


def test_white_space_does_not_count() -> None:
    """KMS's limit is for the policy, and people indent it; the limit itself is allowed."""
    spread = json.dumps(CLEAN, indent=400)
    assert len(spread) > LARGEST
    assert read(spread).statements == read(CLEAN).statements
    room = LARGEST - len(json.dumps({**CLEAN, "Id": ""}, separators=(",", ":")))
    assert read({**CLEAN, "Id": "x" * room}).statements
    with pytest.raises(PolicyError):
        read({**CLEAN, "Id": "x" * (room + 1)})
    with pytest.raises(PolicyError):
        read({**CLEAN, "Id": "é" * (room // 2 + 1)})


def _survives(seed: int) -> str:
    """Read, review and decide; return what happened: read, refused, or a fault."""
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    try:
        found = kms.KeyPolicy.read(hostile(rng))
    except PolicyError as exc:
        error = str(exc)
        return "refused" if error.isprintable() and len(error) < LONGEST_ERROR else error
    kms.lint(found)
    kms.simulate(found, "Decrypt", principal=ROLE, strictness=kms.Strictness.LENIENT)
    try:
        kms.simulate(found, "Decrypt", principal=ROLE)
    except PolicyError as exc:
        return "read" if "cannot be decided exactly" in exc.problem else str(exc)
    return "read"


@pytest.mark.parametrize("chunk", range(1))
def test_a_hostile_policy_is_one_clear_error_or_is_decided(chunk: int) -> None:
    """A fixed part of the long run; both happen."""
    assert {_survives(seed) for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK)} == {
        "read",
        "refused",
    }


@pytest.mark.full
@pytest.mark.parametrize("chunk", range(1, 20))
def test_ten_thousand_hostile_policies_are_one_clear_error_each(chunk: int) -> None:
    """The rest of 10,000."""
    assert {_survives(seed) for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK)} == {
        "read",
        "refused",
    }


@pytest.mark.parametrize(
    "pattern", ["*a" * 10_000, "?" * 20_000 + "*", "*" * 20_000 + "b", "*a?" * 8000]
)
def test_the_longest_patterns_cost_no_more_than_length_times_length(pattern: str) -> None:
    """They finish at all: stepping back over stars would take longer than anybody waits."""
    statement = {**ONE, "Condition": {"StringLike": {"kms:EncryptionContext:a": pattern}}}
    decision = kms.simulate(
        policy(statement), "Decrypt", principal=ROLE, encryption_context={"a": "a" * 8000}
    )
    assert not decision.allowed


def test_the_most_statements_are_reviewed() -> None:
    """Several hundred, each with a condition, a Deny for each."""
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": ROLE},
        "Action": "kms:Decrypt",
        "Resource": "*",
        "Condition": {"StringEquals": {PREFIX + "PCR8": "ab" * 48}},
    }
    guard = {
        **statement,
        "Effect": "Deny",
        "Condition": {"StringNotEquals": {PREFIX + "PCR8": "ab" * 48}},
    }
    assert len(kms.lint(policy(*[statement, guard] * 55))) == 110


def test_fragments_are_for_reading_reference_values_only() -> None:
    """They name nobody, so nothing is decided about them, and there is nothing to repair."""
    text = json.dumps({"Statement": {"Effect": "Allow"}})
    found = kms.KeyPolicy.read_fragments(text, source="policy.json")
    with pytest.raises(PolicyError) as caught:
        kms.simulate(found, "Decrypt", principal=ROLE)
    assert caught.value.field == "Statement[0]"
    assert str(caught.value).isprintable()
    assert [it.code for it in kms.lint(found)] == ["no-resource"]

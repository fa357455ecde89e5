"""Corners of IAM's text, asked of both evaluators; "undecided" is what the text leaves open."""

from typing import Any

import pytest

from unit.reference_values.both_evaluators import decided_by_both
from unit.reference_values.broken_policies import PCR, PREFIX, ROLE, policy
from unit.reference_values.wrong_key_policies import KEY, SESSION, A, allow, pcr

ASK: dict[str, Any] = {"operation": "Decrypt", "principal": ROLE}
GIVEN = {0: bytes.fromhex(A)}
APP = "kms:EncryptionContext:app"
NAMES = "kms:EncryptionContextKeys"


def denying(condition: dict[str, Any], **elements: Any) -> dict[str, Any]:
    """Return a policy that allows everything and has a Deny with a condition."""
    statement = allow()["Statement"][0]
    return policy(statement, {**statement, "Effect": "Deny", "Condition": condition, **elements})


@pytest.mark.parametrize(
    ("condition", "context", "expected"),
    [
        ({"ForAllValues:StringEquals": {APP: "x"}}, {"app": ""}, "undecided"),
        ({"ForAllValues:StringEquals": {APP: ["x", ""]}}, {"app": ""}, "allow"),
        ({"ForAllValues:StringNotEquals": {APP: "x"}}, {"app": ""}, "allow"),
        ({"ForAllValues:StringEquals": {NAMES: "app"}}, {"": "x"}, "undecided"),
        ({"ForAllValues:StringEquals": {NAMES: "app"}}, {"app": "x", "": "x"}, "undecided"),
        ({"ForAllValues:StringEquals": {NAMES: "app"}}, {"tenant": "x", "": "x"}, "deny"),
        ({"ForAnyValue:StringNotEquals": {NAMES: "app"}}, {"": "x"}, "undecided"),
        ({"ForAnyValue:StringNotEquals": {NAMES: "app"}}, {"": "x", "b": "x"}, "allow"),
        ({"ForAnyValue:StringEquals": {NAMES: "app"}}, {"": "x"}, "deny"),
        ({"Null": {APP: "false"}}, {"app": ""}, "undecided"),
        ({"Null": {APP: "true"}}, {"app": ""}, "undecided"),
        ({"Null": {APP: ["true", "false"]}}, {"app": ""}, "allow"),
        ({"Null": {NAMES: "false"}}, {"": "x"}, "undecided"),
        ({"Null": {NAMES: "false"}}, {"": "x", "app": "x"}, "allow"),
        ({"StringEquals": {APP: ""}}, {"app": ""}, "undecided"),
        ({"StringEquals": {APP: "x"}}, {"app": ""}, "deny"),
        ({"StringNotEquals": {APP: "x"}}, {"app": ""}, "allow"),
        ({"StringNotEquals": {APP: ""}}, {"app": ""}, "undecided"),
        ({"StringEqualsIfExists": {APP: "x"}}, {"app": ""}, "undecided"),
        ({"StringEqualsIfExists": {APP: "x"}}, {}, "allow"),
        ({"StringLike": {APP: "*"}}, {"app": ""}, "undecided"),
    ],
)
def test_an_empty_value_is_a_value_or_none(
    condition: dict[str, Any], context: dict[str, str], expected: str
) -> None:
    """ForAllValues is true for "a null data set, such as an empty string", so it may be none."""
    asked = {**ASK, "encryption_context": context}
    assert decided_by_both(allow(condition), asked) == expected
    opposite = {"allow": "deny", "deny": "allow"}.get(expected, expected)
    assert decided_by_both(denying(condition), asked) == opposite


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (pcr("StringNotEquals", A, name="PCR3"), "undecided"),
        (pcr("StringNotLike", "b*", name="PCR3"), "undecided"),
        (pcr("StringEqualsIfExists", A, name="PCR3"), "undecided"),
        (pcr("ForAllValues:StringEquals", A, name="PCR3"), "undecided"),
        (pcr("Null", "true", name="PCR3"), "undecided"),
        (pcr("Null", "true", name="PCR31"), "undecided"),
        (pcr("Null", "true", name="NitroTPMPCR3"), "allow"),
        (pcr("StringEquals", A, name="PCR3"), "deny"),
        (pcr("Null", "false", name="PCR3"), "deny"),
        ({**pcr("Null", "true", name="PCR3"), **pcr("StringEquals", PCR[1])}, "deny"),
    ],
)
def test_a_pcr_that_is_not_given_allows_nothing(condition: dict[str, Any], expected: str) -> None:
    """A document of hardware has more PCRs than a build prints."""
    assert decided_by_both(allow(condition), {**ASK, "pcrs": GIVEN}) == expected


def test_a_deny_of_a_pcr_that_is_not_given_is_not_passed_over() -> None:
    """A list of roles that must not decrypt, and a request that does not say what the role is."""
    blocked = denying(pcr("StringEquals", A, name="PCR3"))
    assert decided_by_both(blocked, {**ASK, "pcrs": GIVEN}) == "undecided"
    assert decided_by_both(blocked, {**ASK, "pcrs": {3: bytes.fromhex(PCR[1])}}) == "allow"
    assert decided_by_both(blocked, {**ASK, "pcrs": {3: bytes.fromhex(A)}}) == "deny"
    assert decided_by_both(blocked, ASK) == "allow"
    tpm = denying(pcr("StringEquals", A, name="NitroTPMPCR8"))
    asked = {**ASK, "pcrs": {4: bytes.fromhex(A)}, "kind": "nitrotpm"}
    assert decided_by_both(tpm, asked) == "undecided"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"StringNotEquals": {"kms:EncryptionContext:${aws:username}": "x"}}, "undecided"),
        ({"Null": {"kms:EncryptionContext:${aws:username}": "true"}}, "undecided"),
        ({"StringEquals": {"aws:PrincipalTag/${aws:username}": "x"}}, "undecided"),
    ],
)
def test_a_variable_in_the_name_of_a_key_is_not_taken_literally(
    condition: dict[str, Any], expected: str
) -> None:
    """Variables are documented for values; before 2012-10-17 there are none."""
    assert decided_by_both(allow(condition), ASK) == expected
    assert decided_by_both(denying(condition), ASK) == expected


def test_before_2012_a_dollar_in_the_name_of_a_key_is_a_dollar() -> None:
    """The policy language without variables."""
    condition = {"StringNotEquals": {"kms:EncryptionContext:${aws:username}": "x"}}
    old = {**allow(condition), "Version": "2008-10-17"}
    assert decided_by_both(old, ASK) == "allow"
    asked = {**ASK, "encryption_context": {"${aws:username}": "x"}}
    assert decided_by_both(old, asked) == "deny"


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("logs.us-east-1.amazonaws.com", "allow"),
        ("logs.amazonaws.com", "undecided"),
        ("logs.us-east-1.amazonaws.com.cn", "undecided"),
        ("log.us-east-1.amazonaws.com", "deny"),
        ("events.amazonaws.com", "deny"),
    ],
)
def test_a_service_has_names_with_and_without_a_region(named: str, expected: str) -> None:
    """Whether both are one principal is not documented; a Deny may be meant for both."""
    asked = {**ASK, "principal": "logs.us-east-1.amazonaws.com"}
    assert decided_by_both(allow(Principal={"Service": named}), asked) == expected


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (KEY.replace("key/", "key/${*}"), "deny"),
        (KEY.replace("1234abcd", "1234${?}bcd"), "deny"),
        (KEY.replace("1234abcd", "${aws:username}"), "undecided"),
        ("arn:*:kms:us-*:1111?2223333:key/*", "allow"),
        (KEY.upper(), "undecided"),
        (KEY.replace("kms", "KMS"), "deny"),
    ],
)
def test_a_resource_with_escapes_and_wildcards(resource: str, expected: str) -> None:
    """`${*}` is a star, also in a Resource; no part of an ARN ignores case."""
    asked = {**ASK, "key_arn": KEY}
    assert decided_by_both(allow(Resource=resource), asked) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (pcr("ForAllValues:StringEquals", A, name="PCR0"), "allow"),
        (
            {**pcr("ForAllValues:StringEquals", A), "Null": {PREFIX + "PCR0": "false"}},
            "deny",
        ),
        (pcr("StringEqualsIfExists", A), "allow"),
        (pcr("StringEqualsIgnoreCaseIfExists", A), "allow"),
        (pcr("StringLikeIfExists", A), "allow"),
        (pcr("StringNotEqualsIfExists", A), "allow"),
        (pcr("StringNotLikeIfExists", A), "allow"),
        (pcr("ForAnyValue:StringNotEquals", A), "deny"),
        (pcr("ForAnyValue:StringEqualsIfExists", A), "undecided"),
        (pcr("ForAllValues:StringEqualsIfExists", A), "allow"),
        ({"BoolIfExists": {"aws:SecureTransport": "false"}}, "deny"),
        ({"ForAllValues:Bool": {"aws:SecureTransport": "true"}}, "allow"),
        ({"ArnLikeIfExists": {"aws:PrincipalArn": "arn:aws:iam::*:role/other"}}, "deny"),
        ({"Bool": {"aws:SecureTransport": 1}}, "undecided"),
        ({"Null": {PREFIX + "PCR0": 1}}, "undecided"),
        ({"StringEquals": {"kms:CallerAccount": 111122223333}}, "allow"),
    ],
)
def test_operators_without_a_document(condition: dict[str, Any], expected: str) -> None:
    """Keys that are absent, and values that are numbers."""
    assert decided_by_both(allow(condition), ASK) == expected


def test_a_session_and_its_role() -> None:
    """The role's ARN covers its sessions; a session's ARN covers no other."""
    asked = {**ASK, "principal": SESSION}
    assert decided_by_both(allow(), asked) == "allow"
    assert decided_by_both(denying({}, Principal={"AWS": ROLE}), asked) == "deny"
    other = denying({}, Principal={"AWS": SESSION + "9"})
    assert decided_by_both(other, asked) == "allow"
    assert decided_by_both(denying({}, Principal={"AWS": SESSION}), ASK) == "undecided"
    many = denying({}, Principal={"AWS": [SESSION + "9", ROLE], "CanonicalUser": "79a59d"})
    assert decided_by_both(many, asked) == "deny"

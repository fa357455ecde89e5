"""Key policies and requests that are refused, with the place that the error names."""

import json
from typing import Any

from unit.reference_values.broken_policies import ADMIN, CLEAN, PCR, PREFIX, ROLE, USE, policy

SESSION = "arn:aws:sts::111122223333:assumed-role/payments/i-0123"
USER = "arn:aws:iam::111122223333:user/alice"
KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd"
A, B = PCR[0], PCR[1]
RIGHT = {index: bytes.fromhex(PCR[index]) for index in (0, 1, 2)}
ONE: dict[str, Any] = {**USE, "Sid": "one"}
LARGEST = 32_768


def without(element: str, **others: object) -> dict[str, Any]:
    """Return a policy whose statement lacks one element, and has others."""
    return policy({**{k: v for k, v in ONE.items() if k != element}, **others})


def allow(condition: dict[str, Any] | None = None, **elements: Any) -> dict[str, Any]:
    """Return a policy with one Allow."""
    statement = {
        "Sid": "one",
        "Effect": "Allow",
        "Principal": {"AWS": ROLE},
        "Action": "kms:*",
        "Resource": "*",
        **({} if condition is None else {"Condition": condition}),
        **elements,
    }
    return policy({name: value for name, value in statement.items() if value is not ...})


def pcr(operator: str, *values: object, name: str = "PCR0") -> dict[str, Any]:
    """Return a condition on a PCR."""
    return {operator: {PREFIX + name: values[0] if len(values) == 1 else list(values)}}


REFUSED: list[tuple[object, str]] = [
    (7, ""),
    (None, ""),
    ([], ""),
    ("[]", ""),
    ("{", ", line 1, column 2"),
    ("", ", line 1, column 1"),
    (b"\xff", ""),
    ('{"Statement": NaN}', ""),
    ("[" * 100_000, ""),
    ('{"a":' * 100_000, ""),
    ('{"Statement": ' + "1" * 5000 + "}", ""),
    ('{"Statement": [], "Statement": []}', ""),
    ({"Statement": frozenset("ab")}, ""),
    ({"Statement": float("nan")}, ""),
    ({"Policy": json.dumps(CLEAN), "Version": 1, "Statement": []}, ""),
    ({}, ""),
    ({"Version": "2012-10-17"}, ""),
    ({**CLEAN, "statement": []}, ""),
    ({**CLEAN, "Version": "2012-10-18"}, ": Version"),
    ({**CLEAN, "Version": 2012}, ": Version"),
    ({**CLEAN, "Id": 7}, ": Id"),
    ({"Statement": []}, ": Statement"),
    ({"Statement": "Allow"}, ": Statement[0]"),
    (policy(USE, {}), ": Statement[1].Effect"),
    (without("Effect"), ": Statement[0].Effect"),
    (without("Effect", Effect="allow"), ": Statement[0].Effect"),
    (without("Effect", Effect=["Allow"]), ": Statement[0].Effect"),
    (without("Sid", Sid=7), ": Statement[0].Sid"),
    (without("Sid", Sid=None), ": Statement[0].Sid"),
    (without("Sid", Sid="a\nb"), ": Statement[0].Sid"),
    (without("Sid", sid="a"), ": Statement[0]"),
    (without("Sid", NotCondition={}), ": Statement[0]"),
    (without("Principal"), ": Statement[0]"),
    (without("Principal", Principal="root"), ": Statement[0].Principal"),
    (without("Principal", Principal={}), ": Statement[0].Principal"),
    (without("Principal", Principal={"AWS": []}), ": Statement[0].Principal.AWS"),
    (without("Principal", Principal={"aws": "*"}), ": Statement[0].Principal"),
    (without("Principal", Principal={"AWS": {"a": 1}}), ": Statement[0].Principal.AWS"),
    (without("Principal", NotPrincipal=7), ": Statement[0].NotPrincipal"),
    (without("", NotPrincipal="*"), ": Statement[0]"),
    (without("Action"), ": Statement[0]"),
    (without("", NotAction="kms:Encrypt"), ": Statement[0]"),
    (without("", NotResource="*"), ": Statement[0]"),
    (without("Action", Action=[]), ": Statement[0].Action"),
    (without("Action", Action=7), ": Statement[0].Action"),
    (without("Action", Action="Decrypt"), ": Statement[0].Action"),
    (without("Action", Action="kms:Decrypt "), ": Statement[0].Action"),
    (without("Action", Action="kms:De[cC]rypt"), ": Statement[0].Action"),
    (without("Action", Action="k?s:Decrypt"), ": Statement[0].Action"),
    (without("Action", NotAction="kms:"), ": Statement[0].Action"),
    (without("Action", Action="kms:Décrypt"), ": Statement[0].Action"),
    (without("Resource", Resource=[]), ": Statement[0].Resource"),
    (without("Resource", Resource=None), ": Statement[0].Resource"),
    (without("Condition", Condition=[]), ": Statement[0].Condition"),
    (without("Condition", Condition=None), ": Statement[0].Condition"),
    (without("Condition", Condition={"Bool": []}), ": Statement[0].Condition.Bool"),
    (without("Condition", Condition={"Bool": {}}), ": Statement[0].Condition.Bool"),
    (without("Condition", Condition={"Bool": {"a": []}}), ": Statement[0].Condition.Bool.a"),
    (without("Condition", Condition={"Bool": {"a": None}}), ": Statement[0].Condition.Bool.a"),
    (without("Condition", Condition={"Bool": {"a": 1.5}}), ": Statement[0].Condition.Bool.a"),
    (without("Condition", Condition={"Bool": {"a": [["b"]]}}), ": Statement[0].Condition.Bool.a"),
    (without("Condition", Condition={"A B": {"a": {}}}), ': Statement[0].Condition."A B".a'),
    (
        without("Condition", Condition={"Bool": {"k": 1, "K": 1}}),
        ": Statement[0].Condition.Bool.K",
    ),
    (without("Condition", Condition={"Bool": {"\u212a": 1}}), ""),
    (without("Sid", Sid="\u0131"), ""),
    (without("Sid", Sid="\ud800"), ""),
    (without("Sid", Sid="\x00"), ""),
    (without("Sid", Sid="\x7f"), ""),
    (without("Sid", Sid="\x85"), ""),
    (without("Sid", Sid="\\\b"), ""),
    (without("Sid", Sid="x" * LARGEST), ""),
    ({"Policy": "{", "PolicyName": "default"}, ": Policy, line 1, column 2"),
    ({"Policy": "[]"}, ": Policy"),
    ({"Policy": "{}"}, ""),
]
UNDECIDABLE: list[tuple[dict[str, Any], str]] = [
    (pcr("StringEquals", A, name="PCR32"), "not a condition key"),
    (pcr("StringEquals", A, name="PCR00"), "not a condition key"),
    (pcr("StringEquals", A, name="NitroTPMPCR24"), "not a condition key"),
    (pcr("StringEquals", A, name="ImageSha384 "), "not a condition key"),
    (pcr("StringEquals", A, name="PÇR0"), "not a condition key"),
    ({"StringEquals": {"aws:PrincipalArn": "${aws:username}"}}, "variable"),
    ({"StringLike": {"aws:PrincipalArn": "${"}}, "variable"),
    ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::${a}:b:"}}, "variable"),
    ({"StringEqualsIgnoreCase": {"aws:PrincipalArn": "ß"}}, "outside ASCII"),
    (pcr("stringEquals", A), "operator"),
    (pcr("StringEqualsIfexists", A), "operator"),
    (pcr("ForSomeValue:StringEquals", A), "operator"),
    (pcr("NullIfExists", "true"), "operator"),
    (pcr("ForAllValues:Null", "true"), "operator"),
    (pcr("NumericEquals", 1), "operator"),
    (pcr("Null", "TRUE"), "true nor false"),
    (pcr("Bool", "true"), "not meant"),
    (pcr("ArnLike", "arn:*"), "not meant"),
    (pcr("ForAnyValue:StringEqualsIfExists", A), "not documented"),
    ({"StringEquals": {"aws:SecureTransport": "true"}}, "not meant"),
    ({"Bool": {"aws:SecureTransport": "yes"}}, "true nor false"),
    ({"StringEquals": {"kms:EncryptionContextKeys": "a"}}, "ForAnyValue or ForAllValues"),
    ({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, "not known here"),
    ({"ArnLike": {"aws:PrincipalArn": "*"}}, "six parts"),
    ({"ArnLike": {"aws:PrincipalArn": "a:aws:iam::111122223333:role/*"}}, "six parts"),
    ({"StringEquals": {"kms:EncryptionContext:größe": "1"}}, "outside ASCII"),
]
REQUESTS: list[tuple[str, dict[str, Any], str]] = [
    ("ReEncrypt", {}, "operation"),
    ("GenerateRandom", {}, "operation"),
    ("kms:Decrypt", {}, "operation"),
    ("decrypt", {}, "operation"),
    ("Decrypt", {"principal": "payments"}, "principal"),
    ("Decrypt", {"principal": "*"}, "principal"),
    ("Decrypt", {"principal": "arn:aws:iam::111122223333:role/*"}, "principal"),
    ("Decrypt", {"principal": ROLE + "\n"}, "principal"),
    (
        "Decrypt",
        {"principal": "arn:aws:iam::111122223333:role/" + "p/" * 1020 + "x"},
        "principal",
    ),
    ("Decrypt", {"principal": 7}, "principal"),
    ("Decrypt", {"role_arn": ROLE}, "role_arn"),
    ("Decrypt", {"principal": SESSION, "role_arn": USER}, "role_arn"),
    ("Decrypt", {"principal": SESSION, "role_arn": ADMIN}, "role_arn"),
    ("Decrypt", {"principal": SESSION, "role_arn": "x"}, "role_arn"),
    ("Decrypt", {"key_arn": "1234abcd"}, "key_arn"),
    ("Decrypt", {"key_arn": 7}, "key_arn"),
    ("Decrypt", {"key_arn": KEY + "a" * 2048}, "key_arn"),
    ("Decrypt", {"account": "1234"}, "account"),
    ("Decrypt", {"account": 111122223333}, "account"),
    ("Decrypt", {"key_arn": KEY, "account": "444455556666"}, "account"),
    ("Decrypt", {"pcrs": {32: bytes(48)}}, "pcrs"),
    ("Decrypt", {"pcrs": {-1: bytes(48)}}, "pcrs"),
    ("Decrypt", {"pcrs": {True: bytes(48)}}, "pcrs"),
    ("Decrypt", {"pcrs": {0: bytes(47)}}, "pcrs"),
    ("Decrypt", {"pcrs": {0: A}}, "pcrs"),
    ("Sign", {"pcrs": RIGHT}, "document"),
    ("ReEncryptFrom", {"pcrs": RIGHT}, "document"),
    ("Sign", {"encryption_context": {"a": "b"}}, "encryption_context"),
    ("Decrypt", {"encryption_context": {"a": 1}}, "encryption_context"),
    ("Decrypt", {"encryption_context": {1: "a"}}, "encryption_context"),
    ("Decrypt", {"encryption_context": {"a": "b" * 8192}}, "encryption_context"),
    ("Decrypt", {"encryption_context": None}, "encryption_context"),
    ("Decrypt", {"pcrs": [bytes(48)]}, "pcrs"),
    ("Decrypt", {"pcrs": RIGHT, "kind": "nitrotpm"}, "kind"),
    ("Decrypt", {"document": b"\x84"}, "document"),
    ("Decrypt", {"transport": "false"}, "transport"),
    ("Decrypt", {"strictness": "strict"}, "strictness"),
    ("Decrypt", {"via_service": ""}, "via_service"),
    ("Decrypt", {"via_service": 1}, "via_service"),
    ("Decrypt", {"via_service": "a" * 2049}, "via_service"),
]

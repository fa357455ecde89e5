"""Single decisions: AWS's allow-plus-deny shape by its sentences, and each rule of IAM."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from nitro_attest import DocumentKind, PolicyError, read_unverified
from nitro_attest.reference_values import kms
from nitro_attest.testing import FakeNitro
from unit.reference_values.broken_policies import ADMIN, CLEAN, PCR, PREFIX, ROLE, ROOT, policy
from unit.reference_values.wrong_key_policies import (
    KEY,
    REQUESTS,
    RIGHT,
    SESSION,
    UNDECIDABLE,
    USER,
    A,
    B,
    allow,
    pcr,
)

WRONG = {**RIGHT, 1: b"\x99" * 48}
FEDERATED = "arn:aws:sts::111122223333:federated-user/alice"
STRANGER = "arn:aws:iam::444455556666:role/payments"


def fake() -> FakeNitro:
    """Return a fake Nitro instead of the hardware."""
    return FakeNitro(seed=b"key policies, never trust", now=datetime(2026, 1, 3, tzinfo=UTC))


def aws_shape() -> dict[str, Any]:
    """Return AWS's shape: an Allow for the role, a Deny for everyone on each PCR."""
    names = {index: f"{PREFIX}PCR{index}" for index in (0, 1, 2)}
    denies = [
        {
            "Sid": f"deny{index}",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "kms:Decrypt",
            "Resource": "*",
            "Condition": {"StringNotEquals": {name: PCR[index]}},
        }
        for index, name in names.items()
    ]
    allow = {
        "Sid": "allow",
        "Effect": "Allow",
        "Principal": {"AWS": ROLE},
        "Action": "kms:Decrypt",
        "Resource": "*",
        "Condition": {"StringEquals": {name: PCR[index] for index, name in names.items()}},
    }
    manage = {
        "Sid": "manage",
        "Effect": "Allow",
        "Principal": {"AWS": ADMIN},
        "Action": ["kms:DescribeKey", "kms:PutKeyPolicy"],
        "Resource": "*",
    }
    return policy(manage, allow, *denies)


def decide(written: dict[str, Any], operation: str = "Decrypt", /, **given: Any) -> kms.Decision:
    """Decide one request, of the role unless somebody else is given."""
    arguments: dict[str, Any] = {"principal": ROLE, **given}
    return kms.simulate(written, operation, **arguments)


def sids(statements: tuple[kms.StatementName, ...]) -> list[str | None]:
    """Return the Sids of statements."""
    return [name.sid for name in statements]


def test_the_right_document_is_allowed() -> None:
    """The text: "An explicit allow in [a] resource-based policy overrides this default."""
    decision = decide(aws_shape(), pcrs=RIGHT)
    assert (decision.allowed, sids(decision.statements)) == (True, ["allow"])


def test_a_wrong_document_is_denied_by_the_pcr_that_differs() -> None:
    """The text: "An explicit deny in any policy overrides any allows."""
    decision = decide(aws_shape(), pcrs=WRONG)
    assert (decision.allowed, sids(decision.statements)) == (False, ["deny1"])


def test_no_document_is_denied_by_every_negated_condition() -> None:
    """The text: "If [it] requires that the key is not matched [...] the condition is true."""
    decision = decide(aws_shape())
    assert (decision.allowed, sids(decision.statements)) == (False, ["deny0", "deny1", "deny2"])


def test_another_principal_with_the_right_document_is_denied() -> None:
    """The text: "By default, all requests are implicitly denied."""
    for principal in (USER, STRANGER, "ec2.amazonaws.com"):
        decision = decide(aws_shape(), principal=principal, pcrs=RIGHT)
        assert (decision.allowed, decision.statements) == (False, ())


def test_an_administrator_manages_and_does_not_decrypt() -> None:
    """The text: "The key policy must explicitly allow": administration leaves out kms:Decrypt."""
    assert decide(aws_shape(), "PutKeyPolicy", principal=ADMIN).allowed
    assert not decide(aws_shape(), "ReEncryptFrom", principal=ADMIN).allowed
    assert sids(decide(aws_shape(), principal=ADMIN).statements) == ["deny0", "deny1", "deny2"]


def test_a_session_of_the_role_is_allowed_as_the_role() -> None:
    """The text: "They receive [...] credentials with the assumed role's permissions."""
    assert decide(aws_shape(), principal=SESSION, pcrs=RIGHT).allowed


def test_documents_of_both_kinds_are_read() -> None:
    """The kind of the document decides what keys there are."""
    enclave = read_unverified(fake().enclave_document(pcrs=RIGHT))
    tpm = read_unverified(fake().nitro_tpm_document(pcrs={4: RIGHT[0], 7: RIGHT[1], 12: bytes(48)}))
    assert decide(aws_shape(), document=enclave).allowed
    assert not decide(aws_shape(), document=tpm).allowed
    condition = {"StringEquals": {PREFIX + "NitroTPMPCR4": PCR[0]}}
    assert decide(allow(condition), document=tpm).allowed
    assert not decide(allow(condition), document=enclave).allowed
    assert decide(allow(condition), pcrs={4: RIGHT[0]}, kind=DocumentKind.NITRO_TPM).allowed


@pytest.mark.parametrize(
    ("condition", "with_a", "without"),
    [
        (pcr("StringEquals", A), True, False),
        (pcr("StringEquals", B, A), True, False),
        (pcr("StringEquals", B), False, False),
        (pcr("StringEquals", A.upper()), False, False),
        (pcr("StringEqualsIgnoreCase", A.upper()), True, False),
        (pcr("StringEqualsIgnoreCase", B), False, False),
        (pcr("StringLike", A[:4] + "*"), True, False),
        (pcr("StringLike", "?" * 96), True, False),
        (pcr("StringLike", "?" * 95), False, False),
        (pcr("StringLike", "[0a]" * 96), False, False),
        (pcr("StringNotEquals", A), False, True),
        (pcr("StringNotEquals", B), True, True),
        (pcr("StringNotEquals", A, B), False, True),
        (pcr("StringNotEqualsIgnoreCase", A.upper()), False, True),
        (pcr("StringNotLike", "0a*"), False, True),
        (pcr("StringNotLike", "ff*"), True, True),
        (pcr("StringEqualsIfExists", A), True, True),
        (pcr("StringEqualsIfExists", B), False, True),
        (pcr("StringNotEqualsIfExists", A), False, True),
        (pcr("ForAllValues:StringEquals", A), True, True),
        (pcr("ForAllValues:StringEquals", B), False, True),
        (pcr("ForAnyValue:StringEquals", A), True, False),
        (pcr("ForAnyValue:StringNotEquals", A), False, False),
        (pcr("ForAnyValue:StringNotEquals", B), True, False),
        (pcr("Null", "true"), False, True),
        (pcr("Null", "false"), True, False),
        ({"Null": {PREFIX + "PCR0": True}}, False, True),
        (pcr("Null", "true", "false"), True, True),
        (pcr("StringEquals", A, name="ImageSha384"), True, False),
        (pcr("StringEquals", A, name="pcr0"), True, False),
        (pcr("StringEquals", A, name="PCR31"), False, False),
        (pcr("StringNotEquals", A, name="NitroTPMPCR0"), True, True),
        ({**pcr("StringEquals", A), **pcr("Null", "false", name="PCR1")}, False, False),
        ({"StringEquals": {PREFIX + "PCR0": A, PREFIX + "PCR1": B}}, False, False),
    ],
)
def test_a_condition_on_a_pcr(condition: dict[str, Any], with_a: bool, without: bool) -> None:  # noqa: FBT001 - a table
    """With a document whose PCR0 is A, and without one."""
    assert decide(allow(condition), pcrs={0: bytes.fromhex(A)}).allowed is with_a
    assert decide(allow(condition)).allowed is without


@pytest.mark.parametrize(("condition", "word"), UNDECIDABLE)
def test_what_cannot_be_decided_exactly_is_refused_and_allows_nothing_leniently(
    condition: dict[str, Any], word: str
) -> None:
    """Strict names the statement; lenient never matches in an Allow and always in a Deny."""
    document = allow(condition)
    with pytest.raises(PolicyError) as caught:
        decide(document)
    assert caught.value.field == 'key policy: Statement[0] ("one")'
    assert word in caught.value.problem
    decision = decide(document, strictness=kms.Strictness.LENIENT)
    assert (decision.allowed, decision.statements, sids(decision.undecided)) == (False, (), ["one"])
    assert word in decision.why
    opposite = {**document["Statement"][0], "Sid": "two", "Effect": "Deny"}
    both = policy(allow()["Statement"][0], opposite)
    with pytest.raises(PolicyError) as caught:
        decide(both)
    assert '("two")' in caught.value.field
    decision = decide(both, strictness=kms.Strictness.LENIENT)
    assert (decision.allowed, sids(decision.statements)) == (False, ["two"])
    assert sids(decision.undecided) == ["two"]
    assert word in decision.why


OPEN_CONDITION = {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}


def test_what_does_not_change_the_outcome_is_not_refused() -> None:
    """A part that is false, a Deny that applies, an Allow that applies, or no Allow at all."""
    unsure = allow(OPEN_CONDITION)["Statement"][0]
    sure = allow()["Statement"][0]
    deny = {**sure, "Effect": "Deny"}
    unsure_deny = {**unsure, "Effect": "Deny"}
    assert not decide(allow({**OPEN_CONDITION, **pcr("StringEquals", A)})).allowed
    assert not decide(policy(unsure, sure, deny)).allowed
    assert decide(policy(unsure, sure)).allowed
    assert sids(decide(policy(unsure, sure)).undecided) == ["one"]
    assert not decide(policy(unsure_deny)).allowed
    assert decide(policy(unsure_deny)).statements == ()
    with pytest.raises(PolicyError):
        decide(policy(unsure, unsure_deny))


@pytest.mark.parametrize(
    ("principal", "names", "allowed"),
    [
        (ROLE, "*", True),
        (ROLE, {"AWS": "*"}, True),
        ("ec2.amazonaws.com", "*", True),
        (ROLE, {"AWS": [ADMIN, ROLE]}, True),
        (ROLE, {"AWS": ADMIN}, False),
        (ROLE, {"AWS": STRANGER}, False),
        (STRANGER, {"AWS": ROLE}, False),
        (ROLE, {"AWS": ROLE.replace("aws", "aws-cn", 1)}, False),
        (ROLE, {"AWS": "arn:aws:iam::111122223333:role/app/payments"}, False),
        (SESSION, {"AWS": SESSION}, True),
        (SESSION, {"AWS": SESSION + "4"}, False),
        (SESSION, {"AWS": "arn:aws:iam::111122223333:role/app/payments"}, True),
        (SESSION, {"AWS": ADMIN}, False),
        (ROLE, {"AWS": SESSION.replace("payments", "other")}, False),
        (USER, {"AWS": USER}, True),
        (USER, {"AWS": USER.upper()}, None),
        (USER, {"AWS": FEDERATED}, False),
        (USER, {"AWS": "arn:aws:iam::111122223333:user/bob"}, False),
        (FEDERATED, {"AWS": FEDERATED}, True),
        (FEDERATED, {"AWS": ROLE}, False),
        (FEDERATED, {"AWS": USER}, None),
        (ROLE, {"AWS": SESSION}, None),
        (ROLE, {"AWS": "AROAEXAMPLEID"}, None),
        (ROLE, {"AWS": "arn:aws:iam::111122223333:role/*"}, None),
        (ROLE, {"AWS": "arn:aws:iam::111122223333:group/all"}, None),
        (ROLE, {"AWS": "ec2.amazonaws.com"}, None),
        (ROLE, {"Service": "*"}, None),
        (ROLE, {"Service": ROLE}, None),
        (ROLE, {"Federated": "accounts.google.com"}, None),
        (ROLE, {"CanonicalUser": "79a59d"}, None),
        (ROLE, {"Federated": "accounts.google.com", "AWS": ROLE}, True),
        (ROLE, {"Service": "ec2.amazonaws.com"}, False),
        (ROLE, {"Service": "111122223333"}, None),
        ("ec2.amazonaws.com", {"Service": "ec2.amazonaws.com"}, True),
        ("ec2.amazonaws.com", {"Service": "lambda.amazonaws.com"}, False),
        ("ec2.amazonaws.com", {"AWS": ROOT}, False),
        (ROOT, {"AWS": ROOT}, True),
        (ROOT, {"AWS": "111122223333"}, True),
        (ROOT, {"AWS": "444455556666"}, False),
        (ROOT, {"AWS": ROLE}, False),
    ],
)
def test_a_principal(principal: str, names: object, allowed: bool | None) -> None:  # noqa: FBT001 - a table
    """None where AWS's text does not say."""
    document = allow(Principal=names)
    if allowed is None:
        with pytest.raises(PolicyError):
            decide(document, principal=principal)
    else:
        assert decide(document, principal=principal).allowed is allowed


@pytest.mark.parametrize("name", [ROOT, "111122223333"])
def test_an_account_in_an_allow_delegates_and_grants_nothing_by_itself(name: str) -> None:
    """The text: "Both delegate permissions to the account": the decision says so."""
    decision = decide(allow(Principal={"AWS": name}))
    assert (decision.allowed, decision.statements, sids(decision.delegated)) == (False, (), ["one"])
    assert "IAM policies" in decision.why
    elsewhere = decide(allow(Principal={"AWS": name}), principal=STRANGER)
    assert (elsewhere.allowed, elsewhere.delegated) == (False, ())
    other_partition = ROLE.replace("aws", "aws-us-gov", 1)
    delegated = decide(allow(Principal={"AWS": ROOT}), principal=other_partition).delegated
    assert delegated == ()


def test_a_delegation_shows_only_where_the_rest_of_the_statement_applies() -> None:
    """Another operation is not delegated; a condition that is open may be."""
    document = allow(Principal={"AWS": ROOT}, Action="kms:Encrypt")
    assert decide(document).delegated == ()
    assert sids(decide(allow(OPEN_CONDITION, Principal={"AWS": ROOT})).delegated) == ["one"]
    named = allow(Principal={"AWS": [ROOT, ROLE]})
    assert (decide(named).allowed, decide(named).delegated) == (True, ())
    unsure = allow(Principal={"AWS": ROOT, "CanonicalUser": "79a59d"})
    with pytest.raises(PolicyError):
        decide(unsure)


@pytest.mark.parametrize("name", [ROOT, "111122223333"])
def test_an_account_in_a_deny_denies_everybody_in_it(name: str) -> None:
    """Also where another name beside it cannot be read."""
    statement = allow()["Statement"][0]
    deny = {**statement, "Effect": "Deny", "Sid": "no"}
    for names in ({"AWS": name}, {"AWS": [name, "AIDAEXAMPLE"]}):
        decision = decide(policy(statement, {**deny, "Principal": names}))
        assert (decision.allowed, sids(decision.statements)) == (False, ["no"])


def test_not_principal_is_refused() -> None:
    """Its meaning for sessions and accounts is a list of exceptions."""
    with pytest.raises(PolicyError):
        decide(allow(Principal=..., NotPrincipal={"AWS": ADMIN}))


@pytest.mark.parametrize(
    ("elements", "allowed"),
    [
        ({"Action": "kms:Decrypt"}, True),
        ({"Action": "KMS:DECRYPT"}, True),
        ({"Action": "*"}, True),
        ({"Action": "*:*"}, True),
        ({"Action": "kms:D?crypt"}, True),
        ({"Action": "kms:De*"}, True),
        ({"Action": "kms:*crypt"}, True),
        ({"Action": ["s3:*", "kms:Encrypt"]}, False),
        ({"Action": "kms:Decrypt?"}, False),
        ({"Action": "s3:Decrypt"}, False),
        ({"Action": ..., "NotAction": "kms:Decrypt"}, False),
        ({"Action": ..., "NotAction": ["kms:Encrypt", "kms:Put*"]}, True),
        ({"Action": ..., "NotAction": ["kms:Encrypt", "kms:De*"]}, False),
        ({"Resource": ...}, False),
        ({"Resource": KEY}, True),
        ({"Resource": KEY + "*"}, True),
        ({"Resource": "arn:aws:kms:*:111122223333:key/*"}, True),
        ({"Resource": "arn:aws:kms:*:key/1234abcd:x:y"}, False),
        ({"Resource": ["arn:aws:kms:us-east-1:111122223333:key/other", "*"]}, True),
        ({"Resource": "arn:aws:kms:us-east-1:111122223333:key/other"}, False),
        ({"Resource": ..., "NotResource": "arn:aws:kms:us-east-1:111122223333:key/other"}, True),
        ({"Resource": ..., "NotResource": "*"}, False),
        ({"Resource": "arn:aws:kms"}, None),
        ({"Resource": "arn:aws:kms:us-east-1:111122223333:key/${aws:username}"}, None),
    ],
)
def test_actions_and_resources(elements: dict[str, Any], allowed: bool | None) -> None:  # noqa: FBT001 - a table
    """None where AWS's text does not say."""
    document = allow(**elements)
    if allowed is None:
        with pytest.raises(PolicyError):
            decide(document, key_arn=KEY)
    else:
        assert decide(document, key_arn=KEY).allowed is allowed


def test_a_resource_other_than_the_star_needs_the_key() -> None:
    """Unless a star follows it."""
    with pytest.raises(PolicyError) as caught:
        decide(allow(Resource=KEY))
    assert "key_arn" in caught.value.problem
    assert decide(allow(Resource=[KEY, "*"])).allowed


@pytest.mark.parametrize(
    ("condition", "given", "allowed"),
    [
        ({"StringEquals": {"kms:EncryptionContext:App": "x"}}, {"app": "x"}, True),
        ({"StringEquals": {"kms:EncryptionContext:app": "X"}}, {"app": "x"}, False),
        ({"StringEqualsIgnoreCase": {"kms:EncryptionContext:app": "X"}}, {"app": "x"}, True),
        ({"StringEquals": {"kms:EncryptionContext:app": "x"}}, {}, False),
        ({"StringEquals": {"kms:EncryptionContext:app": "x"}}, {"app2": "x"}, False),
        ({"StringEquals": {"kms:EncryptionContext:app": "x"}}, {"app": "x", "APP": "x"}, None),
        ({"StringEquals": {"kms:EncryptionContext:app": "x"}}, {"app": "x", "\u212a": "x"}, None),
        ({"StringEquals": {"kms:EncryptionContext:n": 7}}, {"n": "7"}, True),
        ({"StringEqualsIgnoreCase": {"kms:EncryptionContext:n": "k"}}, {"n": "\u212a"}, None),
        ({"StringEquals": {"kms:EncryptionContext:n": "k"}}, {"n": "\u212a"}, False),
        ({"StringLike": {"kms:EncryptionContext:n": "a${*}*"}}, {"n": "a*b"}, True),
        ({"StringLike": {"kms:EncryptionContext:n": "a${*}*"}}, {"n": "abb"}, False),
        ({"StringLike": {"kms:EncryptionContext:n": "a${?}${$}"}}, {"n": "a?$"}, True),
        ({"StringEquals": {"kms:EncryptionContext:n": "a${*}"}}, {"n": "a*"}, True),
        ({"StringLike": {"kms:EncryptionContext:n": "a*"}}, {"n": "a\nb"}, True),
        ({"StringLike": {"kms:EncryptionContext:n": "a?"}}, {"n": "a\n"}, True),
        ({"StringLike": {"kms:EncryptionContext:n": "a*b?c*d"}}, {"n": "axbbxcd"}, True),
        ({"StringLike": {"kms:EncryptionContext:n": "a*b?c*d"}}, {"n": "axbcd"}, False),
        ({"StringLike": {"kms:EncryptionContext:n": "*ab*ab"}}, {"n": "ab"}, False),
        ({"StringLike": {"kms:EncryptionContext:n": "a.c"}}, {"n": "abc"}, False),
        (
            {"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": "app"}},
            {"app": "", "b": ""},
            True,
        ),
        ({"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": "APP"}}, {"app": ""}, False),
        (
            {"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": "app"}},
            {"app": "", "b": ""},
            False,
        ),
        (
            {"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["app", "b"]}},
            {"app": "", "b": ""},
            True,
        ),
        (
            {"ForAllValues:StringNotEquals": {"kms:EncryptionContextKeys": "app"}},
            {"app": "", "b": ""},
            False,
        ),
        (
            {"ForAnyValue:StringNotEquals": {"kms:EncryptionContextKeys": "app"}},
            {"app": "", "b": ""},
            True,
        ),
        ({"Null": {"kms:EncryptionContextKeys": "true"}}, {}, True),
        ({"Null": {"kms:EncryptionContextKeys": "false"}}, {"a": ""}, True),
    ],
)
def test_an_encryption_context(
    condition: dict[str, Any],
    given: dict[str, str],
    allowed: bool | None,  # noqa: FBT001 - a table
) -> None:
    """Names have no case, values have; look-alike letters are never the same as ASCII ones."""
    if allowed is None:
        with pytest.raises(PolicyError):
            decide(allow(condition), encryption_context=given)
    else:
        assert decide(allow(condition), encryption_context=given).allowed is allowed


def test_in_the_old_version_of_the_language_there_are_no_variables() -> None:
    """2008-10-17, "treated as literal strings"; the star in `${*}` is a wildcard then."""
    document = allow({"StringLike": {"kms:EncryptionContext:n": "${*}"}})
    old = {**document, "Version": "2008-10-17"}
    assert decide(old, encryption_context={"n": "${abc}"}).allowed
    assert not decide(document, encryption_context={"n": "${abc}"}).allowed
    equal = {"Statement": allow({"StringEquals": {"kms:EncryptionContext:n": "${*}"}})["Statement"]}
    assert decide(equal, encryption_context={"n": "${*}"}).allowed
    resource = {"Statement": allow(Resource=KEY + "${x}")["Statement"]}
    assert not decide(resource, key_arn=KEY).allowed
    arn = {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/${*}"}}
    assert not decide({"Statement": allow(arn)["Statement"]}).allowed


@pytest.mark.parametrize(
    ("condition", "given", "allowed"),
    [
        ({"ArnEquals": {"aws:PrincipalArn": ROLE}}, {}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/pay*"}}, {}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam:*:role/payments"}}, {}, None),
        ({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/pay*"}}, {}, False),
        ({"ArnNotEquals": {"aws:PrincipalArn": ADMIN}}, {}, True),
        ({"StringEquals": {"aws:PrincipalArn": ROLE}}, {}, True),
        ({"StringEquals": {"AWS:principalARN": ROLE}}, {"principal": SESSION}, None),
        (
            {"StringEquals": {"aws:PrincipalArn": ROLE}},
            {"principal": SESSION, "role_arn": ROLE},
            True,
        ),
        (
            {"StringEquals": {"aws:PrincipalArn": SESSION}},
            {"principal": SESSION, "role_arn": ROLE},
            False,
        ),
        ({"StringEquals": {"kms:CallerAccount": "111122223333"}}, {}, True),
        ({"StringEquals": {"kms:CallerAccount": "444455556666"}}, {}, False),
        ({"Bool": {"aws:SecureTransport": "true"}}, {}, True),
        ({"Bool": {"aws:SecureTransport": True}}, {}, True),
        ({"Bool": {"aws:SecureTransport": "false"}}, {}, False),
        ({"Bool": {"aws:SecureTransport": "false"}}, {"transport": kms.Transport.PLAIN}, True),
        ({"Null": {"aws:SecureTransport": "false"}}, {}, True),
        ({"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}, {}, False),
        (
            {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}},
            {"via_service": "s3.us-east-1.amazonaws.com"},
            True,
        ),
        (
            {"Null": {"kms:ViaService": "true"}},
            {"via_service": "s3.us-east-1.amazonaws.com"},
            False,
        ),
        ({"Null": {"kms:ViaService": "true"}}, {}, True),
    ],
)
def test_the_other_condition_keys(
    condition: dict[str, Any],
    given: dict[str, Any],
    allowed: bool | None,  # noqa: FBT001 - a table
) -> None:
    """The caller, the transport, the service that calls."""
    if allowed is None:
        with pytest.raises(PolicyError):
            decide(allow(condition), **given)
    else:
        assert decide(allow(condition), **given).allowed is allowed


@pytest.mark.parametrize("operation", ["decrypt", "kms:Decrypt", "KMS:DECRYPT"])
def test_an_operation_in_other_letters_is_refused_with_the_right_ones(operation: str) -> None:
    """As a policy may write it; for one that does not exist there is nothing to say."""
    with pytest.raises(PolicyError) as caught:
        decide(allow(), operation)
    assert (caught.value.field, "write Decrypt" in caught.value.problem) == ("operation", True)
    with pytest.raises(PolicyError) as unknown:
        decide(allow(), "Decipher")
    assert "write" not in unknown.value.problem


def test_a_service_belongs_to_no_account() -> None:
    """So an empty name, which is none, is not its account."""
    statement = {"Principal": {"AWS": ""}}
    service = "ec2.amazonaws.com"
    with pytest.raises(PolicyError):
        decide(allow(**statement), principal=service)
    denied = decide(allow(**statement), principal=service, strictness=kms.Strictness.LENIENT)
    assert (denied.allowed, denied.delegated, len(denied.undecided)) == (False, (), 1)


def test_the_keys_of_a_service_and_of_a_grant_are_not_known() -> None:
    """AWS does not say what a service's ARN is, nor which context CreateGrant has."""
    for key in ("aws:PrincipalArn", "kms:CallerAccount"):
        with pytest.raises(PolicyError):
            decide(
                allow({"StringEquals": {key: "x"}}, Principal="*"), principal="ec2.amazonaws.com"
            )
    for condition in (
        {"StringEquals": {"kms:EncryptionContext:app": "x"}},
        {"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": "x"}},
    ):
        with pytest.raises(PolicyError):
            decide(allow(condition), "CreateGrant")


def test_a_session_is_known_by_the_arn_of_its_role_where_it_is_given() -> None:
    """With its path, so another path is another role."""
    path = "arn:aws:iam::111122223333:role/app/payments"
    assert decide(allow(Principal={"AWS": path}), principal=SESSION, role_arn=path).allowed
    assert not decide(allow(), principal=SESSION, role_arn=path).allowed


def test_another_account_is_told_that_it_needs_an_iam_policy_too() -> None:
    """A cross-account call needs both."""
    document = allow(Principal={"AWS": STRANGER})
    for given in ({"account": "111122223333"}, {"key_arn": KEY}):
        decision = decide(document, principal=STRANGER, **given)
        assert decision.allowed
        assert "another account" in decision.why
    assert "another account" not in decide(document, principal=STRANGER).why
    assert "another account" not in decide(allow(), account="111122223333", key_arn=KEY).why


@pytest.mark.parametrize(("operation", "given", "field"), REQUESTS)
def test_a_request_that_cannot_be_is_refused(
    operation: str, given: dict[str, Any], field: str
) -> None:
    """A mistake of the caller, with the name of the argument."""
    with pytest.raises(PolicyError) as caught:
        decide(allow(), operation, **given)
    assert caught.value.field == field


def test_pcrs_and_a_document_together_are_refused() -> None:
    """One of them would be ignored."""
    document = read_unverified(fake().enclave_document(pcrs=RIGHT))
    with pytest.raises(PolicyError) as caught:
        decide(allow(), pcrs=RIGHT, document=document)
    assert caught.value.field == "pcrs"


def test_the_limits_themselves_are_allowed() -> None:
    """2,048 characters of a principal, 8,192 of a context, PCR31."""
    role = "arn:aws:iam::111122223333:role/" + "p/" * 1008 + "x"
    assert len(role) == 2048
    assert decide(allow(Principal="*"), principal=role).allowed
    assert decide(allow(), encryption_context={"a": "b" * 8191}).allowed
    assert decide(allow(pcr("StringEquals", A, name="PCR31")), pcrs={31: bytes.fromhex(A)}).allowed
    assert decide(allow(), via_service="a" * 2048).allowed
    assert decide(allow(), key_arn=KEY + "a" * (2048 - len(KEY))).allowed


def test_every_operation_with_a_document_takes_one() -> None:
    """KMS developer guide, "condition keys for attested platforms"."""
    for operation in ("Decrypt", "DeriveSharedSecret", "GenerateDataKey", "GenerateDataKeyPair"):
        assert decide(allow(pcr("StringEquals", A)), operation, pcrs={0: bytes.fromhex(A)}).allowed


def test_a_policy_is_read_once_and_decided_often() -> None:
    """As a key broker does on every request."""
    read = kms.KeyPolicy.read(json.dumps(CLEAN), source="payments.json")
    for _ in range(2):
        decision = kms.simulate(
            read, "Decrypt", principal=ROLE, pcrs=RIGHT, encryption_context={"app": "payments"}
        )
        assert decision.allowed
    unsure = kms.KeyPolicy.read(allow(OPEN_CONDITION), source="payments.json")
    with pytest.raises(PolicyError) as caught:
        kms.simulate(unsure, "Decrypt", principal=ROLE)
    assert caught.value.field == 'payments.json: Statement[0] ("one")'


def test_the_reasons_name_every_statement_that_decided() -> None:
    """In words, for people."""
    two = policy(*(allow(Sid=sid)["Statement"][0] for sid in ("one", "two")))
    assert decide(two).why == (
        'Allowed by Statement[0] ("one") and Statement[1] ("two"); no Deny applies.'
    )
    nameless = allow(Sid=...)
    assert decide(nameless).why == "Allowed by Statement[0]; no Deny applies."
    assert decide(allow(Sid=""), "Decrypt").statements == (kms.StatementName(0, None),)

"""The review of key policies: each mistake is named, its repair passes review and simulation."""

import json
import re
from typing import Any

import pytest

from nitro_attest import DocumentKind, PolicyError
from nitro_attest.reference_values import kms
from unit.reference_values.broken_policies import (
    ADMIN,
    ALLOW_PLUS_DENY,
    BROKEN,
    CLEAN,
    MANAGE,
    NO_APPLICATION,
    PCR,
    PREFIX,
    ROLE,
    ROOT,
    SECURE_BOOT_OFF,
    USE,
    ZERO,
    deny,
    pins,
    policy,
    use,
)

ROUNDS = 12
CONTEXT = {"app": "payments"}
RIGHT = {index: bytes.fromhex(PCR[index]) for index in (0, 1, 2, 3, 8)}
RIGHT_TPM = {index: bytes.fromhex(PCR[index]) for index in (4, 7, 12)}
_PLACEHOLDER = re.compile(r"<(?:NitroTPM)?PCR([0-9]+) of the build: 96 hex digits>")


def codes(document: dict[str, Any]) -> set[str]:
    """Return the codes that the review names, harmless ones included."""
    return {found.code for found in kms.lint(document)}


def filled(text: str) -> str:
    """Return a repair with what only the owner knows."""
    text = _PLACEHOLDER.sub(lambda found: PCR[int(found[1])], text)
    text = text.replace("<a PCR of the build: 96 hex digits>", PCR[0])
    return text.replace("<ARN of the role of the parent instance>", ROLE)


def repaired(document: dict[str, Any]) -> dict[str, Any]:
    """Apply the worst repair again and again, as a reviewer does."""
    found: list[kms.Finding] = []
    for _ in range(ROUNDS):
        found = [it for it in kms.lint(document) if it.severity is not kms.Severity.NOTE]
        if not found:
            return document
        first = found[0]
        assert first.repaired is not None
        statements = [json.loads(filled(text)) for text in first.repaired]
        index = first.statement.index
        before = document["Statement"]
        document = {**document, "Statement": [*before[:index], *statements, *before[index + 1 :]]}
    raise AssertionError(found)


def test_a_clean_policy_has_no_findings() -> None:
    """Administration without a path to plaintext, use with PCR0, PCR1, PCR2 and a bound context."""
    assert kms.lint(CLEAN) == ()


def test_the_shape_that_aws_recommends_has_no_findings() -> None:
    """Allow plus deny."""
    assert codes(ALLOW_PLUS_DENY) == set()


@pytest.mark.parametrize("name", BROKEN)
def test_each_mistake_is_named(name: str) -> None:
    """With its code, and no other error or warning."""
    document, expected = BROKEN[name]
    assert codes(document) == expected


@pytest.mark.parametrize("name", BROKEN)
def test_a_repaired_policy_passes_review_and_simulation(name: str) -> None:
    """Nobody decrypts without a document, and nobody with a document of another build."""
    document = repaired(BROKEN[name][0])
    for principal in (ROLE, ADMIN, ROOT):
        for operation in ("Decrypt", "GenerateDataKey"):
            assert not _allowed(document, operation, principal)
            wrong = dict.fromkeys(range(24), b"\x99" * 48)
            for kind in DocumentKind:
                assert not _allowed(document, operation, principal, wrong, kind)
        for operation in ("ReEncryptFrom", "CreateGrant", "Sign"):
            assert not _allowed(document, operation, principal)


OTHER_VALUES: dict[str, dict[int, bytes]] = {
    "PCR7 with Secure Boot off": {**RIGHT_TPM, 7: bytes.fromhex(SECURE_BOOT_OFF)},
    "boot manager without command line": RIGHT_TPM,
    "a bare separator": {**RIGHT_TPM, 12: bytes(48)},
    "plain PCR4 and PCR7 for NitroTPM": RIGHT_TPM,
    "no application ramdisk": {**RIGHT, 2: bytes.fromhex(NO_APPLICATION)},
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_repaired_policy_still_serves_the_right_build(name: str) -> None:
    """The enclave, or the instance, with the PCRs that the owner filled in."""
    document = repaired(BROKEN[name][0])
    values = OTHER_VALUES.get(name, RIGHT)
    kind = DocumentKind.ENCLAVE if 0 in values else DocumentKind.NITRO_TPM
    assert _allowed(document, "Decrypt", ROLE, values, kind)


def _allowed(
    document: dict[str, Any],
    operation: str,
    principal: str,
    pcrs: dict[int, bytes] | None = None,
    kind: DocumentKind = DocumentKind.ENCLAVE,
) -> bool:
    takes_context = operation not in ("CreateGrant", "Sign")
    return kms.simulate(
        document,
        operation,
        principal=principal,
        pcrs=pcrs,
        kind=kind,
        encryption_context=CONTEXT if takes_context else {},
    ).allowed


def test_a_deny_for_everyone_guards_every_allow() -> None:
    """The administrators may call Decrypt, and a Deny needs the document all the same."""
    document = policy(use({}, Action="kms:Decrypt"), deny(0), deny(1), deny(2))
    assert codes(document) == set()


def test_a_deny_for_the_account_guards_its_principals() -> None:
    """By the account's ARN, its number, or the principal's own name."""
    for names in (ROOT, "111122223333", ROLE, [ROLE, ADMIN]):
        guards = [{**deny(index), "Principal": {"AWS": names}} for index in (0, 1, 2)]
        assert "no-attestation" not in codes(policy(use({}, Action="kms:Decrypt"), *guards))


@pytest.mark.parametrize(
    "changes",
    [
        {"Principal": {"AWS": ADMIN}},
        {"Principal": {"AWS": "444455556666"}},
        {"Action": "kms:Encrypt"},
        {"Resource": "arn:aws:kms:us-east-1:111122223333:key/1"},
        {"Condition": {"StringEquals": {PREFIX + "PCR0": PCR[0]}}},
        {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}},
    ],
)
def test_a_deny_that_may_not_apply_guards_nothing(changes: dict[str, Any]) -> None:
    """Another principal, operation or resource; a condition that is false or open."""
    document = policy(use({}, Action="kms:Decrypt"), {**deny(0), **changes})
    assert "no-attestation" in codes(document)


@pytest.mark.parametrize(
    "elements",
    [
        {"Resource": ..., "NotResource": "*"},
        {"Principal": ..., "NotPrincipal": "*"},
        {"Resource": ...},
    ],
)
def test_a_deny_that_never_applies_guards_nothing(elements: dict[str, Any]) -> None:
    """It is about no key or nobody; with and without a document."""

    def never(index: int) -> dict[str, Any]:
        changed = {**deny(index), **elements}
        return {name: value for name, value in changed.items() if value is not ...}

    assert "no-attestation" in codes(policy(use({}, Action="kms:Decrypt"), never(0)))
    pinned = use({"StringEquals": pins(0)}, Action="kms:Decrypt")
    assert "pcr0-only" in codes(policy(pinned, never(1), never(2)))


def test_a_deny_pins_only_for_the_operations_it_covers() -> None:
    """PCR1 and PCR2 of GenerateDataKey are not compared."""
    pinned = {"StringEquals": pins(0)}
    guards = [{**deny(index), "Action": "kms:Decrypt"} for index in (1, 2)]
    assert codes(policy(use(pinned, Action="kms:Decrypt"), *guards)) == set()
    assert codes(policy(use(pinned), *guards)) == {"pcr0-only"}


ANY_IMAGE: list[dict[str, Any]] = [
    {"StringLike": {PREFIX + "PCR0": "*"}},
    {"ForAnyValue:StringLike": {PREFIX + "PCR0": "?*"}},
    {"StringLike": {PREFIX + "PCR0": "0a*"}},
    {"StringLike": {PREFIX + "PCR0": [PCR[0], "?" * 95 + "a"]}},
    {"Null": {PREFIX + "PCR0": "false"}},
    {"Null": {PREFIX + "ImageSha384": "false"}, "StringNotEquals": {PREFIX + "PCR0": PCR[0]}},
    {"Null": {PREFIX + "PCR8": "false"}, "ForAllValues:StringLike": {PREFIX + "PCR0": "*"}},
]


@pytest.mark.parametrize("condition", ANY_IMAGE)
def test_a_document_of_any_image_is_not_enough(condition: dict[str, Any]) -> None:
    """Whoever can start an enclave has one; the repair demands values."""
    document = policy(MANAGE, use(condition))
    (found,) = kms.lint(document)
    assert (found.code, found.severity) == ("no-identity", kms.Severity.ERROR)
    assert codes(repaired(document)) == set()
    assert not _allowed(repaired(document), "Decrypt", ROLE, {0: b"\x0a" + bytes(47)})
    assert _allowed(repaired(document), "Decrypt", ROLE, RIGHT)


def test_a_document_of_any_instance_is_not_enough() -> None:
    """The same for NitroTPM, whose repair has the keys of NitroTPM."""
    document = policy(MANAGE, use({"StringLike": {PREFIX + "NitroTPMPCR4": "*"}}))
    assert codes(document) == {"no-identity"}
    right = _allowed(repaired(document), "Decrypt", ROLE, RIGHT_TPM, DocumentKind.NITRO_TPM)
    assert right
    assert not _allowed(repaired(document), "Decrypt", ROLE, RIGHT)


def test_a_deny_without_values_leaves_a_document_of_any_image() -> None:
    """It asks only that there is one; a Deny with values is enough."""
    anything = {**deny(0), "Condition": {"Null": {PREFIX + "PCR0": "true"}}}
    decrypt = use({}, Action="kms:Decrypt")
    assert codes(policy(decrypt, anything)) == {"no-identity"}
    assert codes(policy(decrypt, anything, deny(0), deny(1), deny(2))) == set()


def test_everyone_is_not_guarded_by_a_deny_for_one_account() -> None:
    """An Allow for everyone reaches other accounts."""
    guard = {**deny(0), "Principal": {"AWS": ROOT}}
    assert "no-attestation" in codes(policy(use({}, Principal="*", Action="kms:Decrypt"), guard))


def test_a_service_is_guarded_only_by_its_own_name() -> None:
    """A service is in no account."""
    service = {"Service": "ec2.amazonaws.com"}
    open_use = use({}, Principal=service, Action="kms:Decrypt")
    guards = [{**deny(index), "Principal": service} for index in (0, 1, 2)]
    assert "no-attestation" in codes(policy(open_use, {**deny(0), "Principal": {"AWS": ROOT}}))
    assert "no-attestation" not in codes(policy(open_use, *guards))


def test_a_condition_that_may_be_met_leaves_the_path_open() -> None:
    """A source address, which a request can have."""
    condition = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    assert codes(policy(use(condition))) == {"no-attestation", "undecidable"}


def test_the_repair_of_a_missing_condition_copies_the_only_build_that_the_policy_names() -> None:
    """And writes placeholders if there is none, or more than one."""
    other = use({}, Sid="other", Action="kms:Decrypt")
    (found,) = kms.lint(policy(USE, other))
    assert found.repaired is not None
    assert json.loads(found.repaired[0])["Condition"]["StringEqualsIgnoreCase"] == pins(0, 1, 2)
    (found,) = kms.lint(policy(other))
    assert found.repaired is not None
    assert "<PCR0 of the build: 96 hex digits>" in found.repaired[0]


def test_a_repair_keeps_what_is_harmless_in_a_statement_of_its_own() -> None:
    """Without a Sid if there was none."""
    other = use({}, Action=["kms:Decrypt", "kms:DescribeKey"])
    (with_sid,) = kms.lint(policy(other))
    (without_sid,) = kms.lint(policy({k: v for k, v in other.items() if k != "Sid"}))
    assert with_sid.repaired is not None
    assert without_sid.repaired is not None
    assert json.loads(with_sid.repaired[1])["Sid"] == "payments without plaintext"
    assert "Sid" not in json.loads(without_sid.repaired[1])


@pytest.mark.parametrize("actions", [["kms:CreateGrant"], ["kms:PutKeyPolicy"], ["kms:Sign"]])
def test_a_statement_of_which_nothing_is_left_is_removed(actions: list[str]) -> None:
    """An empty repair says so."""
    document = policy({**MANAGE, "Action": actions})
    assert [found.repaired for found in kms.lint(document)] == [()]


def test_a_repair_never_puts_two_conditions_in_one_place() -> None:
    """Both are demanded: the misspelt one stays where its right name is taken."""
    key = "kms:RecipientAttestation:PCR0"
    both: list[dict[str, dict[str, Any]]] = [
        {"StringEqual": {key: PCR[0]}, "StringEquals": {key: [PCR[0], PCR[1]]}},
        {"StringEquals": {key: [PCR[0], PCR[1]], "kms:RecipientAtestation:PCR0": PCR[0]}},
    ]
    for misspelt in both:
        found = [it for it in kms.lint(policy(use(misspelt))) if it.code.startswith("unknown")]
        assert found[0].repaired is not None
        condition = json.loads(found[0].repaired[0])["Condition"]
        assert sum(len(keys) for keys in condition.values()) == 3
        assert PCR[1] in condition["StringEquals"][key]
        assert condition.get("StringEqual", {}).get(key) == misspelt.get("StringEqual", {}).get(key)


def test_a_name_that_is_misspelt_twice_is_repaired_in_both_places() -> None:
    """One finding for a statement."""
    condition = {"StringEqual": pins(0, 1, 2), "StringLikes": {"kms:ViaService": "ec2.*"}}
    (found,) = (it for it in kms.lint(policy(use(condition))) if it.code == "unknown-operator")
    assert found.why.count("There is no operator") == 2
    assert found.repaired is not None
    assert set(json.loads(found.repaired[0])["Condition"]) == {"StringEquals", "StringLike"}


def test_lists_of_different_lengths_are_split_with_placeholders() -> None:
    """Which values belong together is not known then."""
    condition = {
        "StringEquals": {
            PREFIX + "PCR0": [PCR[0], PCR[3], PCR[4]],
            PREFIX + "PCR1": [PCR[1], PCR[5]],
        }
    }
    statement = {k: v for k, v in use(condition).items() if k != "Sid"}
    (found,) = kms.lint(policy(statement))
    assert found.code == "mixed-builds"
    assert found.repaired is not None
    assert len(found.repaired) == 3
    assert "<PCR1 of the build: 96 hex digits>" in found.repaired[2]


def test_a_blanket_deny_of_the_only_use_is_found() -> None:
    """Its repair is to remove it."""
    blanket = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": "*",
    }
    (found,) = kms.lint(policy(USE, blanket))
    assert (found.code, found.statement.index, found.repaired) == ("never-allows", 1, ())


def test_a_deny_for_an_account_that_leaves_nothing_is_found() -> None:
    """Also where it looks at another kind of document, which no request has at once."""
    guard = {
        **deny(0),
        "Principal": {"AWS": ROOT},
        "Condition": {"StringNotEquals": {PREFIX + "NitroTPMPCR4": PCR[4]}},
    }
    found = [
        it for it in kms.lint(policy(use(Action="kms:Decrypt"), guard)) if it.code == "never-allows"
    ]
    assert [it.statement.index for it in found] == [1]


def test_an_unbound_context_is_a_note() -> None:
    """Where ciphertexts are handed in; a bound name is enough."""
    unbound = {**USE, "Condition": {"StringEquals": pins(0, 1, 2)}}
    (found,) = kms.lint(policy(unbound))
    assert (found.code, found.severity) == ("context-not-bound", kms.Severity.NOTE)
    names = {"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": "app"}}
    assert kms.lint(policy({**unbound, "Condition": {**unbound["Condition"], **names}})) == ()
    assert kms.lint(policy({**unbound, "Action": "kms:GenerateDataKey"})) == ()


def test_a_key_that_only_looks_like_a_context_binds_none() -> None:
    """It does not exist, which is a finding of its own."""
    names = {"StringLike": {"kms:EncryptionContextKeysAll": "app"}}
    statement = {**USE, "Condition": {"StringEquals": pins(0, 1, 2), **names}}
    codes = [found.code for found in kms.lint(policy(statement))]
    assert codes == ["unknown-key", "context-not-bound"]


@pytest.mark.parametrize(
    "condition",
    [
        {"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": "app"}},
        {"StringNotEquals": {"kms:EncryptionContext:app": "test"}},
        {"StringEqualsIfExists": {"kms:EncryptionContext:app": "payments"}},
        {"Null": {"kms:EncryptionContext:app": "true"}},
        {"Null": {"kms:EncryptionContext:app": "false"}},
        {"StringLike": {"kms:EncryptionContext:app": "*"}},
    ],
)
def test_a_condition_that_any_context_meets_binds_none(condition: dict[str, Any]) -> None:
    """An empty context, or one with any value; the repair binds one."""
    statement = {**USE, "Condition": {"StringEqualsIgnoreCase": pins(0, 1, 2), **condition}}
    (found,) = kms.lint(policy(statement))
    assert found.code == "context-not-bound"
    assert found.repaired is not None
    (left,) = kms.lint({"Statement": json.loads(found.repaired[0])})
    assert (left.code, left.repaired, "<name>" in left.why) == ("placeholder", None, True)
    filled_in = found.repaired[0].replace("<name>", "app").replace("<value>", "payments")
    assert kms.lint({"Statement": json.loads(filled_in)}) == ()


@pytest.mark.parametrize("name", ["everyone", "everyone but"])
def test_a_principal_that_was_to_be_filled_in_is_found(name: str) -> None:
    """KMS would refuse it, with an error of its own."""
    (first, *_) = kms.lint(BROKEN[name][0])
    assert first.repaired is not None
    assert "placeholder" in codes({"Statement": [json.loads(first.repaired[0])]})


def test_conditions_that_bind_a_context_together() -> None:
    """The name must be there, and no other."""
    names = "kms:EncryptionContextKeys"
    condition = {"ForAllValues:StringEquals": {names: "app"}, "Null": {names: "false"}}
    statement = {**USE, "Condition": {"StringEqualsIgnoreCase": pins(0, 1, 2), **condition}}
    assert kms.lint(policy(statement)) == ()


def test_a_pattern_without_a_wildcard_is_a_value() -> None:
    """In upper case never equal, zero is debug mode, PCR0 alone is not enough."""
    assert codes(policy(use({"StringLike": pins(0, 1, 2)}))) == set()
    assert codes(policy(use({"StringLike": pins(0)}))) == {"pcr0-only"}
    zero = {"StringLike": {**pins(1, 2), PREFIX + "PCR0": ZERO}}
    assert codes(policy(use(zero))) == {"debug-value"}
    upper = {"StringLike": {**pins(1, 2), PREFIX + "PCR0": PCR[0].upper()}}
    assert codes(policy(use(upper))) == {"upper-case"}
    guards = [{**deny(index), "Condition": {"StringNotLike": pins(index)}} for index in (0, 1, 2)]
    assert codes(policy(use({}, Action="kms:Decrypt"), *guards)) == set()


@pytest.mark.parametrize(
    "condition",
    [
        {"DateLessThan": {"aws:CurrentTime": "2027-01-01T00:00:00Z"}},
        {"StringEquals": {"aws:PrincipalOrgID": "o-1"}},
        {"StringEquals": {"kms:EncryptionContext:app": "${aws:username}"}},
        {"StringEquals": {"aws:PrincipalTag/team": "payments"}},
    ],
)
def test_what_cannot_be_evaluated_is_noted(condition: dict[str, Any]) -> None:
    """There is no repair: the policy may be right."""
    merged = {**condition, "StringEqualsIgnoreCase": pins(0, 1, 2)}
    statement = {**USE, "Condition": merged}
    found = [it for it in kms.lint(policy(statement)) if it.code == "undecidable"]
    assert [(it.severity, it.repaired) for it in found] == [(kms.Severity.NOTE, None)]


def test_variables_are_plain_text_in_the_old_version_of_the_language() -> None:
    """2008-10-17, which is also the version of a policy that names none."""
    bound = {"StringEquals": {"kms:EncryptionContext:a": "${b}"}}
    statement = {**USE, "Condition": {**USE["Condition"], **bound}}
    assert kms.lint({"Statement": statement}) == ()


def test_debug_pcrs_that_are_the_only_value_are_replaced_by_a_placeholder() -> None:
    """A build has to be named."""
    condition = {"StringEquals": {**pins(1, 2), PREFIX + "PCR0": ZERO}}
    (found,) = kms.lint(policy(use(condition)))
    assert found.repaired is not None
    assert "<PCR0 of the build: 96 hex digits>" in found.repaired[0]


def test_the_statements_that_allow_nothing_with_a_document_are_not_asked_for_pcrs() -> None:
    """Encrypt gives nothing away."""
    assert kms.lint(policy(USE, use({}, Sid="seal", Action="kms:Encrypt"))) == ()


def test_conditions_on_both_kinds_of_documents_in_one_statement_are_left_to_the_evaluator() -> None:
    """No document is both, so nothing is allowed and nothing has to be found."""
    both = {"StringEquals": {**pins(0, 1, 2), **pins(4, stem="NitroTPMPCR")}}
    assert kms.lint(policy(use(both))) == ()


def test_findings_are_in_the_order_of_the_statements_the_worst_first() -> None:
    """As a reviewer reads."""
    found = kms.lint(BROKEN["AWS's default statement"][0])
    assert [it.severity for it in found] == [
        kms.Severity.ERROR,
        kms.Severity.WARNING,
        kms.Severity.WARNING,
    ]
    assert {it.statement.sid for it in found} == {"Enable IAM"}


def test_every_code_is_found_in_one_of_the_broken_policies_or_has_a_test_above() -> None:
    """A rule that nothing breaks is no rule."""
    named = set[str]().union(*(expected for _, expected in BROKEN.values()))
    assert set(kms.FINDING_CODES) - named == {"context-not-bound", "placeholder"}


def test_a_policy_that_was_read_is_reviewed_as_it_is() -> None:
    """KeyPolicy is read once and used for both."""
    assert kms.lint(kms.KeyPolicy.read(json.dumps(CLEAN))) == ()
    with pytest.raises(PolicyError):
        kms.lint("{}")

"""KMS key policies to measurements and back: what is carried, remarked on, refused."""

import json
from dataclasses import replace
from typing import Any

import pytest

from nitro_attest import (
    AWS_US_GOV_NITRO_ROOT_G1,
    Absent,
    AnyEnclave,
    AnyNitroTpm,
    DebugEnclave,
    EnclaveMeasurements,
    Equals,
    FreshNonce,
    Measurements,
    NitroTpmMeasurements,
    NotChecked,
    Policy,
    PolicyError,
    Present,
    Sha384,
)
from nitro_attest.reference_values import kms
from support.strategies import FAKE

A, B, C = ("a1" * 48, "b2" * 48, "c3" * 48)
KEY = "kms:RecipientAttestation:"
WAIVED = NotChecked(kms.UNNAMED)
ROOT_STATEMENT = {
    "Sid": "Enable IAM",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
    "Action": "kms:*",
    "Resource": "*",
}


def statement(condition: object, **elements: object) -> dict[str, object]:
    """Return a statement as AWS's guide shows it."""
    return {
        "Sid": "Enable enclave data processing",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::123456789012:role/data-processing"},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": "*",
        "Condition": condition,
        **elements,
    }


def key_policy(*statements: object) -> str:
    """Return a whole key policy."""
    return json.dumps({"Version": "2012-10-17", "Id": "key", "Statement": list(statements)})


def enclave(label: str, **pinned: Sha384) -> EnclaveMeasurements:
    """Return a set in which everything else is waived as a key policy waives it."""
    whole = EnclaveMeasurements(
        label=label,
        pcr0_image=Sha384.fromhex(A),
        pcr1_kernel=WAIVED,
        pcr2_application=WAIVED,
        pcr3_iam_role=WAIVED,
        pcr4_instance_id=WAIVED,
        pcr8_signing_certificate=WAIVED,
    )
    rules: dict[str, Any] = {"pcr0_image": WAIVED, **pinned}
    return replace(whole, **rules)


def test_one_statement_with_one_key_is_one_set() -> None:
    """The example of AWS's guide, ImageSha384 alone."""
    found = kms.read_key_policy(
        key_policy(statement({"StringEqualsIgnoreCase": {KEY + "ImageSha384": A}}))
    )
    assert found == kms.KeyPolicyReading(
        (enclave("Enable enclave data processing", pcr0_image=Sha384.fromhex(A)),), ()
    )


def test_a_single_statement_need_not_be_a_list() -> None:
    """IAM allows one object in the place of the list, and the Sid to be missing."""
    single = statement({"StringEquals": {KEY + "PCR0": [A]}})
    del single["Sid"]
    found = kms.read_key_policy(json.dumps({"Statement": single}))
    assert found.measurements == (enclave("Statement[0]", pcr0_image=Sha384.fromhex(A)),)


def test_the_answer_of_get_key_policy_is_unwrapped() -> None:
    """`aws kms get-key-policy` prints the policy as text inside JSON."""
    inner = key_policy(statement({"StringEquals": {KEY + "PCR0": A}}))
    wrapped = json.dumps({"Policy": inner, "PolicyName": "default"})
    assert kms.read_key_policy(wrapped) == kms.read_key_policy(inner)


def test_lists_multiply_out_to_whole_sets() -> None:
    """KMS would also accept PCR0 of one build with PCR8 of another: so do the sets."""
    found = kms.read_key_policy(
        key_policy(statement({"StringEquals": {KEY + "PCR0": [A, B, A], KEY + "PCR8": [B, C]}}))
    )
    pairs = [
        (measurements.pcr0_image, measurements.pcr8_signing_certificate)
        for measurements in found.measurements
        if isinstance(measurements, EnclaveMeasurements)
    ]
    assert pairs == [
        (Sha384.fromhex(first), Sha384.fromhex(second)) for first in (A, B) for second in (B, C)
    ]


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {KEY + "ImageSha384": [A, B], KEY + "PCR0": [B, C]}},
        {
            "StringEquals": {KEY + "PCR0": [A, B]},
            "StringEqualsIgnoreCase": {KEY + "pcr0": [B.upper(), C]},
        },
        {"StringEquals": {KEY.upper() + "pcr0": B}},
    ],
    ids=["ImageSha384 with PCR0", "both operators", "names without case"],
)
def test_conditions_on_one_pcr_must_all_hold(condition: dict[str, object]) -> None:
    """ImageSha384 is PCR0; what both allow remains."""
    found = kms.read_key_policy(key_policy(statement(condition)))
    assert found.measurements == (
        enclave("Enable enclave data processing", pcr0_image=Sha384.fromhex(B)),
    )


def test_other_pcrs_are_kept_in_rising_order() -> None:
    """PCR16 and others go to other_pcrs."""
    found = kms.read_key_policy(
        key_policy(
            statement({"StringEquals": {KEY + "PCR16": A, KEY + "PCR5": B, KEY + "PCR0": C}})
        )
    )
    (measurements,) = found.measurements
    assert isinstance(measurements, EnclaveMeasurements)
    assert measurements.other_pcrs == ((5, Sha384.fromhex(B)), (16, Sha384.fromhex(A)))


def test_nitro_tpm_keys_give_nitro_tpm_sets() -> None:
    """PCR4 of NitroTPM is another thing than PCR4 of an enclave."""
    condition = {
        "StringEquals": {
            KEY + "NitroTPMPCR4": A,
            KEY + "NitroTPMPCR12": "00" * 48,
            KEY + "NitroTPMPCR0": B,
        }
    }
    found = kms.read_key_policy(key_policy(statement(condition)))
    assert found.measurements == (
        NitroTpmMeasurements(
            label="Enable enclave data processing",
            pcr4_boot_manager=Sha384.fromhex(A),
            pcr7_secure_boot=WAIVED,
            pcr12_command_line=Sha384.ZERO,
            other_pcrs=((0, Sha384.fromhex(B)),),
        ),
    )


def test_several_statements_are_several_sets() -> None:
    """A document that any statement accepts is accepted."""
    found = kms.read_key_policy(
        key_policy(
            statement({"StringEquals": {KEY + "PCR0": A}}, Sid="old"),
            statement({"StringEquals": {KEY + "PCR0": B}}, Sid="new"),
        )
    )
    assert found == kms.KeyPolicyReading(
        (
            enclave("old", pcr0_image=Sha384.fromhex(A)),
            enclave("new", pcr0_image=Sha384.fromhex(B)),
        ),
        (),
    )


ATTESTED = statement({"StringEquals": {KEY + "PCR0": A}})


@pytest.mark.parametrize(
    ("statements", "words"),
    [
        (
            [ROOT_STATEMENT, ATTESTED],
            ["Statement[0]", "Enable IAM", "without looking at a document"],
        ),
        ([ATTESTED, {**ROOT_STATEMENT, "Effect": "Deny", "Sid": "no"}], ["Statement[1]", "denies"]),
        (
            [
                statement(
                    {"StringEquals": {KEY + "PCR0": A}, "StringLike": {"aws:PrincipalArn": "*"}}
                )
            ],
            ['"StringLike" on "aws:PrincipalArn"'],
        ),
        (
            [ATTESTED, statement({"StringEquals": {KEY + "PCR0": B}}, Action="kms:Encrypt")],
            ["Statement[1]", "no operation"],
        ),
        (
            [ATTESTED, statement({"StringEquals": {KEY + "PCR0": B}}, Action="kms:De*")],
            ["differ in Principal"],
        ),
        ([statement({"StringEquals": {KEY + "PCR8": A}})], ["debug mode"]),
    ],
    ids=["no attestation", "deny", "other key", "other operation", "different actions", "debug"],
)
def test_what_is_left_out_is_remarked_on(statements: list[object], words: list[str]) -> None:
    """A reviewer sees every part of the key policy that is not in the sets."""
    found = kms.read_key_policy(key_policy(*statements))
    (remark,) = found.remarks
    assert all(word in remark for word in words)
    assert remark.isprintable()


@pytest.mark.parametrize(
    ("broken", "place"),
    [
        (
            statement({"StringLike": {KEY + "PCR0": A}}),
            ".Condition.StringLike.kms:RecipientAttestation:PCR0",
        ),
        (
            statement({"StringNotEquals": {KEY + "PCR0": A}}),
            ".Condition.StringNotEquals.kms:RecipientAttestation:PCR0",
        ),
        (
            statement({"StringEqualsIfExists": {KEY + "PCR0": A}}),
            ".Condition.StringEqualsIfExists.",
        ),
        (
            statement({"ForAnyValue:StringEquals": {KEY + "PCR0": A}}),
            ".Condition.ForAnyValue:StringEquals.",
        ),
        (
            statement({"ForAllValues:StringEquals": {KEY + "PCR0": A}}),
            ".Condition.ForAllValues:StringEquals.",
        ),
        (statement({"Null": {KEY + "PCR0": "false"}}), ".Condition.Null."),
        (
            statement({"String Equals": {KEY + "PCR0": "false"}}),
            '.Condition."String Equals".',
        ),
        (statement({"StringEquals": {KEY + "PCR32": A}}), "PCR32"),
        (statement({"StringEquals": {KEY + "PCR00": A}}), "PCR00"),
        (statement({"StringEquals": {KEY + "NitroTPMPCR24": A}}), "NitroTPMPCR24"),
        (statement({"StringEquals": {KEY + "ModuleId": A}}), "ModuleId"),
        (statement({"StringEquals": {KEY + "PCR0": A[:-1]}}), "PCR0"),
        (statement({"StringEquals": {KEY + "PCR0": A.upper()}}), "PCR0"),
        (statement({"StringEquals": {KEY + "PCR0": "${aws:PrincipalTag/pcr0}"}}), "PCR0"),
        (statement({"StringEquals": {KEY + "PCR0": []}}), "PCR0"),
        (statement({"StringEquals": {KEY + "PCR0": [A, 1]}}), "PCR0"),
        (statement({"StringEquals": {KEY + "PCR0": None}}), "PCR0"),
        (statement({"StringEquals": {KEY + "PCR0": A, KEY + "pcr0": A}}), "pcr0"),
        (statement({"StringEquals": {KEY + "PCR0": A, KEY + "ImageSha384": B}}), "ImageSha384"),
        (statement({"StringEquals": {KEY + "PCR0": A, KEY + "NitroTPMPCR7": B}}), ""),
        (statement({"StringEquals": {KEY + "PCR0": "00" * 48}}), ""),
        (statement({"StringEquals": {KEY + "PCR3": A}}), ""),
        (statement({"StringEquals": {KEY + "PCR0": A}}, Effect="Deny"), ""),
        (statement({"StringEquals": {KEY + "PCR0": A}}, Effect="allow"), ".Effect"),
        (statement({"StringEquals": {KEY + "PCR0": A}}, Effect=[]), ".Effect"),
        (statement({"StringEquals": {KEY + "PCR0": A}}, Sid=7), ".Sid"),
        (statement({"StringEquals": {KEY + "PCR0": A}}, Action=[]), ".Action"),
        (statement({"StringEquals": {KEY + "PCR0": A}}, NotCondition={}), ""),
        (statement({"StringEquals": [KEY + "PCR0"]}), ".Condition.StringEquals"),
        (statement([]), ".Condition"),
        ("Allow", ""),
    ],
)
def test_what_cannot_be_carried_exactly_is_refused_with_its_place(
    broken: object, place: str
) -> None:
    """Other operators, set operators, unknown keys, values that are no digests."""
    with pytest.raises(PolicyError) as caught:
        kms.read_key_policy(key_policy(ROOT_STATEMENT, broken), source="key-policy.json")
    assert caught.value.field.startswith("key-policy.json: Statement[1]")
    assert place in caught.value.field
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "text",
    [
        key_policy(),
        key_policy(ROOT_STATEMENT),
        key_policy(ATTESTED, statement({"StringEquals": {KEY + "NitroTPMPCR7": B}})),
        json.dumps({"Statement": [ATTESTED], "Statements": []}),
        json.dumps({"Version": "2012-10-17"}),
        json.dumps({"Policy": "{", "PolicyName": "default"}),
        json.dumps([ATTESTED]),
        "\x00\x01",
    ],
    ids=[
        "empty",
        "no attestation",
        "both kinds",
        "unknown element",
        "no statement",
        "broken inside",
        "list",
        "binary",
    ],
)
def test_a_key_policy_without_one_kind_of_sets_is_refused(text: str) -> None:
    """There is nothing a Policy could hold."""
    with pytest.raises(PolicyError) as caught:
        kms.read_key_policy(text, source="key-policy.json")
    assert caught.value.field.startswith("key-policy.json")


def numbers(count: int) -> list[str]:
    """Return so many different digests."""
    return [f"{number:096x}" for number in range(1, count + 1)]


def test_sixty_four_sets_are_read() -> None:
    """The limit itself is allowed."""
    wide = statement({"StringEquals": {KEY + "PCR0": numbers(8), KEY + "PCR8": numbers(8)}})
    assert len(kms.read_key_policy(key_policy(wide)).measurements) == 64


@pytest.mark.parametrize(
    "statements",
    [
        [statement({"StringEquals": {KEY + "PCR0": numbers(5), KEY + "PCR8": numbers(13)}})],
        [
            statement({"StringEquals": {KEY + "PCR0": numbers(8), KEY + "PCR8": numbers(8)}}),
            ATTESTED,
        ],
        [statement({"StringEquals": {f"{KEY}PCR{index}": numbers(200) for index in range(32)}})],
    ],
    ids=["65 in one", "65 in two", "200 to the power of 32"],
)
def test_more_than_sixty_four_sets_are_refused(statements: list[object]) -> None:
    """Nobody reviews them, and the number can grow without bound."""
    with pytest.raises(PolicyError) as caught:
        kms.read_key_policy(key_policy(*statements), source="key policy")
    assert caught.value.field == "key policy"


PINNED = EnclaveMeasurements(
    label="payments 142",
    pcr0_image=Sha384.fromhex(A),
    pcr1_kernel=Sha384.fromhex(B),
    pcr2_application=Sha384.fromhex(C),
    pcr3_iam_role=Sha384.ZERO,
    pcr4_instance_id=WAIVED,
    pcr8_signing_certificate=Sha384.ZERO,
)
POLICY = Policy(
    measurements=(PINNED,),
    freshness=FreshNonce(),
    public_key=Present(),
    user_data=NotChecked("not part of this service"),
)


def test_a_policy_becomes_statements_that_read_back_equal() -> None:
    """What KMS has keys for is carried exactly; the rest is remarked on."""
    written = kms.to_kms(POLICY)
    assert kms.read_key_policy(written.to_json()).measurements == (PINNED,)
    assert json.loads(written.to_json())["Statement"][0]["Condition"] == {
        "StringEqualsIgnoreCase": {
            f"{KEY}PCR0": A,
            f"{KEY}PCR1": B,
            f"{KEY}PCR2": C,
            f"{KEY}PCR3": "00" * 48,
            f"{KEY}PCR8": "00" * 48,
        }
    }


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "freshness"),
        ({}, "unknown_fields"),
        ({"public_key": Equals(b"key")}, "public_key"),
        ({"user_data": Equals(b"data")}, "user_data"),
        ({"user_data": Absent()}, "user_data"),
        ({"trust_anchor": AWS_US_GOV_NITRO_ROOT_G1}, "trust_anchor"),
        ({"measurements": (replace(PINNED, pcr4_instance_id=NotChecked("a fleet")),)}, "a fleet"),
        ({"measurements": (replace(PINNED, label="payments 1.4.2"),)}, "payments 142"),
        ({"measurements": (replace(PINNED, label="äöü"),)}, "Set 0"),
        ({"measurements": (PINNED, PINNED)}, "payments 142 set 1"),
        (
            {"measurements": (enclave("signed", pcr8_signing_certificate=Sha384.fromhex(A)),)},
            "debug mode",
        ),
    ],
)
def test_a_rule_that_kms_does_not_have_is_remarked_on(changes: dict[str, Any], word: str) -> None:
    """Nothing of the policy gets lost in silence."""
    policy = replace(POLICY, **changes)
    assert any(word in remark for remark in kms.to_kms(policy).remarks)


def test_a_rule_that_is_waived_has_no_remark() -> None:
    """A waiver of the policy is none of KMS's business."""
    policy = replace(POLICY, unknown_fields=NotChecked("new fields may come"))
    assert [remark.partition(":")[0] for remark in kms.to_kms(policy).remarks] == ["freshness"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"measurements": (AnyEnclave("x"),)}, "Policy.measurements[0]"),
        ({"measurements": (DebugEnclave("x"),)}, "Policy.measurements[0]"),
        ({"measurements": (AnyNitroTpm("x"),)}, "Policy.measurements[0]"),
        ({"public_key": Absent()}, "Policy.public_key"),
        ({"trust_anchor": FAKE.trust_anchor}, "Policy.trust_anchor"),
    ],
)
def test_a_policy_that_kms_would_loosen_is_refused(changes: dict[str, Any], field: str) -> None:
    """KMS would accept other documents than the policy names, or none."""
    with pytest.raises(PolicyError) as caught:
        kms.to_kms(replace(POLICY, **changes))
    assert caught.value.field == field


def test_a_nitro_tpm_pcr_without_a_key_is_refused() -> None:
    """KMS has keys up to NitroTPMPCR23, a document could have PCR24."""
    measurements = NitroTpmMeasurements(
        label="ami",
        pcr4_boot_manager=WAIVED,
        pcr7_secure_boot=Sha384.fromhex(A),
        pcr12_command_line=WAIVED,
        other_pcrs=((24, Sha384.fromhex(B)),),
    )
    with pytest.raises(PolicyError) as caught:
        kms.to_kms(replace(POLICY, measurements=(measurements,)))
    assert caught.value.field == "Policy.measurements[0].other_pcrs"


def test_sids_stay_unique_whatever_the_labels() -> None:
    """A label that looks like the one made for another set doesn't collide with it."""
    labels = ("x set 2", "x", "x")
    policy = replace(POLICY, measurements=tuple(replace(PINNED, label=label) for label in labels))
    sids = [sid for sid, _ in kms.to_kms(policy).statements]
    assert len(set(sids)) == len(labels)


def test_a_reading_goes_into_a_policy_as_it_is() -> None:
    """The caller adds the rules that no key policy has."""
    reading = kms.read_key_policy(key_policy(ATTESTED))
    measurements: tuple[Measurements, ...] = reading.measurements
    assert replace(POLICY, measurements=measurements).measurements == reading.measurements


def deny(condition: object, **elements: object) -> dict[str, object]:
    """Return a Deny as AWS's allow-plus-deny shape has it."""
    everyone = {"Sid": "otherwise", "Effect": "Deny", "Principal": "*", "Action": "kms:*"}
    return statement(condition, **{**everyone, **elements})


def pinned(*statements: object) -> list[dict[int, str]]:
    """Return the PCRs of the sets that a key policy is read as."""
    found = kms.read_key_policy(key_policy(*statements))
    assert any("denies documents" in remark for remark in found.remarks)
    return [
        {index: rule.hex() for index, rule in one.pcr_rules().items() if isinstance(rule, Sha384)}
        for one in found.measurements
        if isinstance(one, (EnclaveMeasurements, NitroTpmMeasurements))
    ]


NOT_A = {"StringNotEquals": {KEY + "PCR0": A}}


@pytest.mark.parametrize(
    ("allowed", "denied", "expected"),
    [
        ({"StringEquals": {KEY + "PCR0": A}}, NOT_A, [{0: A}]),
        ({"StringEquals": {KEY + "PCR0": [A, B]}}, NOT_A, [{0: A}]),
        ({"StringEquals": {KEY + "PCR8": B}}, NOT_A, [{0: A, 8: B}]),
        (
            {"StringEquals": {KEY + "PCR8": C}},
            {"StringNotEqualsIgnoreCase": {KEY + "ImageSha384": [B.upper(), A]}},
            [{0: A, 8: C}, {0: B, 8: C}],
        ),
        (
            {"StringEquals": {KEY + "PCR0": A}},
            {"StringNotEqualsIfExists": {KEY + "PCR0": A}},
            [{0: A}],
        ),
        ({"StringEquals": {KEY + "PCR0": [A, B]}}, {"StringEquals": {KEY + "PCR0": B}}, [{0: A}]),
        ({"StringEquals": {KEY + "PCR0": A}}, {"Null": {KEY + "PCR0": "true"}}, [{0: A}]),
        (
            {"StringEquals": {KEY + "PCR0": A, KEY + "PCR1": B}},
            {"StringNotEquals": {KEY + "PCR0": A, KEY + "PCR1": C}},
            [{0: A, 1: B}],
        ),
        (
            {"StringEquals": {KEY + "PCR0": A}},
            {**NOT_A, "Null": {KEY + "NitroTPMPCR4": "true"}},
            [{0: A}],
        ),
    ],
)
def test_a_deny_for_everyone_takes_values_away(
    allowed: object, denied: object, expected: list[dict[int, str]]
) -> None:
    """The sets hold what passes the Deny, which may name a PCR that the Allow does not."""
    assert pinned(statement(allowed), deny(denied)) == expected


@pytest.mark.parametrize("element", ["Resource", "NotResource"])
def test_an_allow_of_another_resource_is_read_with_a_remark(element: str) -> None:
    """The sets may hold more than this key accepts."""
    elsewhere = {k: v for k, v in ATTESTED.items() if k != "Resource"}
    elsewhere[element] = "arn:aws:kms:us-east-1:111122223333:key/1"
    reading = kms.read_key_policy(key_policy(elsewhere))
    assert len(reading.measurements) == 1
    assert any("another key" in remark for remark in reading.remarks)
    assert not any("another key" in it for it in kms.read_key_policy(key_policy(ATTESTED)).remarks)


def test_a_deny_for_the_same_principals_takes_values_away() -> None:
    """It need not be for everyone; one for other operations changes nothing."""
    both = statement({"StringEquals": {KEY + "PCR0": [A, B]}})
    for principal in (both["Principal"], {"AWS": "*"}):
        assert pinned(both, deny(NOT_A, Principal=principal)) == [{0: A}]
    assert pinned(both, deny(NOT_A, Action="kms:Sign")) == [{0: A}, {0: B}]
    derive = statement({"StringEquals": {KEY + "PCR0": B}}, Action="kms:DeriveSharedSecret")
    assert pinned(both, derive, deny(NOT_A, Action=["kms:Dec*", "kms:GenerateDataKey"])) == [
        {0: A},
        {0: B},
    ]


@pytest.mark.parametrize(
    "broken",
    [
        deny({**NOT_A, "Bool": {"aws:SecureTransport": "false"}}),
        deny(NOT_A, Resource="arn:aws:kms:us-east-1:111122223333:key/1"),
        deny(NOT_A, Principal={"AWS": "arn:aws:iam::123456789012:role/other"}),
        deny(NOT_A, Action="kms:Decrypt"),
        deny({"StringNotEquals": {KEY + "NitroTPMPCR4": A}}),
        deny({"StringNotEquals": {KEY + "PCR0": B, KEY + "PCR1": B}}),
        deny({"StringNotEquals": {KEY + "PCR0": B}}),
        deny({"StringEquals": {KEY + "PCR0": A}}),
        deny({"StringEquals": {KEY + "PCR1": A}}),
        deny({"StringEqualsIfExists": {KEY + "PCR0": B}}),
        deny({"StringNotLike": {KEY + "PCR0": A}}),
        deny({"ForAnyValue:StringNotEquals": {KEY + "PCR0": A}}),
        deny({"stringnotequals": {KEY + "PCR0": A}}),
        deny({"Null": {KEY + "PCR1": "true"}}),
        deny({"Null": {KEY + "PCR0": "false"}}),
        deny({"StringNotEquals": {KEY + "PCR0": A.upper()}}),
        deny({"StringNotEquals": {KEY + "PCR32": A}}),
        {k: v for k, v in deny(NOT_A).items() if k != "Resource"},
        {**{k: v for k, v in deny(NOT_A).items() if k != "Resource"}, "NotResource": "*"},
        {**{k: v for k, v in deny(NOT_A).items() if k != "Principal"}, "NotPrincipal": "*"},
    ],
)
def test_a_deny_that_cannot_be_carried_over_exactly_is_refused(broken: object) -> None:
    """Other conditions, principals or operations, another kind, several keys at once."""
    with pytest.raises(PolicyError) as caught:
        kms.read_key_policy(key_policy(ATTESTED, broken), source="key-policy.json")
    assert caught.value.field.startswith("key-policy.json: Statement[1]")


def test_fragments_without_principals_are_read_and_halves_are_not() -> None:
    """`to_kms` prints neither Principal nor Action nor Resource; one of them alone is a mistake."""
    fragment = {"Effect": "Allow", "Condition": {"StringEquals": {KEY + "PCR0": A}}}
    assert len(kms.read_key_policy(key_policy(fragment)).measurements) == 1
    assert pinned(fragment, deny(NOT_A)) == [{0: A}]
    for half in ({"Principal": "*"}, {"Action": "kms:Decrypt"}, {"Resource": "*"}):
        with pytest.raises(PolicyError):
            kms.read_key_policy(key_policy({**fragment, **half}))
    with pytest.raises(PolicyError):
        kms.read_key_policy(key_policy(fragment, {**fragment, "Effect": "Deny"}))


def test_a_statement_without_resource_has_no_effect_and_is_remarked_on() -> None:
    """As KMS documents it."""
    ineffective = {k: v for k, v in ATTESTED.items() if k != "Resource"}
    found = kms.read_key_policy(key_policy(ATTESTED, ineffective))
    assert len(found.measurements) == 1
    assert any("no effect" in remark for remark in found.remarks)


def test_that_statements_are_merged_is_said_plainly() -> None:
    """A reader is told that the sets are not for one principal or operation."""
    other = statement({"StringEquals": {KEY + "PCR0": B}}, Principal={"AWS": "*"})
    (remark,) = kms.read_key_policy(key_policy(ATTESTED, other)).remarks
    assert "merged" in remark

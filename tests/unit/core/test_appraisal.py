"""Each rule of a policy judges its own field, and nothing is skipped."""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import timedelta
from typing import get_args

import cbor2
import pytest

from nitro_attest import (
    AWS_NITRO_ROOT_G1,
    AWS_US_GOV_NITRO_ROOT_G1,
    Absent,
    AnyEnclave,
    DebugEnclave,
    EnclaveMeasurements,
    Equals,
    FieldRule,
    FreshNonce,
    MalformedDocumentError,
    NotChecked,
    Policy,
    PolicyMismatchError,
    Present,
    Reason,
    Sha384,
    StaleDocumentError,
    TimestampOnly,
    UntrustedDocumentError,
    UnverifiedDocument,
)
from nitro_attest._core.appraisal import (
    APPRAISAL,
    Authenticated,
    Finding,
    appraise,
    judge_field,
    judge_freshness,
    judge_measurements,
    judge_unknown_fields,
    screen,
)
from nitro_attest._core.measurements import KIND_OF_SET, Measurements
from nitro_attest._core.payload import read_payload
from support import certificates as forge

NOW = forge.NOW
NONCE = bytes(range(32))
CHAIN = forge.chain()
WAIVED = NotChecked("a test")
POLICY = Policy(
    measurements=(AnyEnclave("a test"),),
    freshness=FreshNonce(),
    public_key=WAIVED,
    user_data=WAIVED,
)


def _document(**changes: object) -> UnverifiedDocument:
    return read_payload(cbor2.dumps(forge.payload(CHAIN, **changes)))


def _authenticated(document: UnverifiedDocument) -> Authenticated:
    return Authenticated(
        document=document,
        anchor=AWS_NITRO_ROOT_G1,
        valid_until=NOW + timedelta(hours=1),
        replay_key=bytes(32),
        nonce=NONCE,
        now=NOW,
    )


def _reasons(finding: Finding) -> list[Reason]:
    return [failure.reason for failure in finding.failures]


def test_the_table_has_a_function_for_every_field() -> None:
    """A field that nothing judges would be a silent skip."""
    assert APPRAISAL.keys() == {field.name for field in fields(Policy)}
    assert set(KIND_OF_SET) == set(get_args(Measurements))


@pytest.mark.parametrize(
    ("rule", "value", "good"),
    [
        (Equals(b"x"), b"x", True),
        (Equals(b"x"), b"y", False),
        (Equals(b"x"), b"xx", False),
        (Equals(b"x"), b"", False),
        (Equals(b"x"), None, False),
        (Equals(b""), b"", True),
        (Equals(b""), None, False),
        (Present(), b"x", True),
        (Present(), b"", True),
        (Present(), None, False),
        (Absent(), None, True),
        (Absent(), b"", False),
        (Absent(), b"x", False),
        (NotChecked("why"), None, True),
        (NotChecked("why"), b"x", True),
    ],
)
def test_field_rules(rule: FieldRule, value: bytes | None, good: bool) -> None:
    """Equality is of bytes; empty is present; only NotChecked leaves a waiver."""
    finding = judge_field(rule, value, "user_data", Reason.POLICY_USER_DATA)
    assert _reasons(finding) == ([] if good else [Reason.POLICY_USER_DATA])
    assert [(w.subject, w.because) for w in finding.waivers] == (
        [("user_data", "why")] if rule == NotChecked("why") else []
    )


def test_public_key_and_user_data_are_not_mixed_up() -> None:
    """Each rule looks at its own field of the document."""
    document = _document(public_key=b"key", user_data=b"data", nonce=NONCE)
    policy = replace(POLICY, public_key=Equals(b"key"), user_data=Equals(b"data"))
    assert appraise(_authenticated(document), policy).claims.public_key == b"key"
    crossed = replace(POLICY, public_key=Equals(b"data"), user_data=Equals(b"key"))
    with pytest.raises(PolicyMismatchError) as refusal:
        appraise(_authenticated(document), crossed)
    assert [f.reason for f in refusal.value.failures] == [
        Reason.POLICY_PUBLIC_KEY,
        Reason.POLICY_USER_DATA,
    ]


def test_unknown_fields() -> None:
    """Refused by default, accepted and listed when waived."""
    document = _document(surprise=1, nonce=NONCE)
    assert _reasons(judge_unknown_fields(Absent(), document)) == [Reason.DOCUMENT_FIELD_UNKNOWN]
    assert judge_unknown_fields(Absent(), _document()) == Finding()
    finding = judge_unknown_fields(NotChecked("why"), document)
    assert [(w.subject, w.because) for w in finding.waivers] == [("unknown_fields", "why")]
    with pytest.raises(MalformedDocumentError) as refusal:
        screen(document, POLICY)
    assert refusal.value.reason is Reason.DOCUMENT_FIELD_UNKNOWN
    with pytest.raises(MalformedDocumentError):
        appraise(_authenticated(document), POLICY)
    waived = replace(POLICY, unknown_fields=NotChecked("why"))
    screen(document, waived)
    assert appraise(_authenticated(document), waived).claims.unknown_fields == ("surprise",)


def test_the_anchor_is_the_one_of_the_policy() -> None:
    """A document authenticated under one root is not good under another."""
    policy = replace(POLICY, trust_anchor=AWS_US_GOV_NITRO_ROOT_G1)
    with pytest.raises(UntrustedDocumentError) as refusal:
        appraise(_authenticated(_document(nonce=NONCE)), policy)
    assert refusal.value.reason is Reason.CHAIN_UNKNOWN_ROOT


@pytest.mark.parametrize(
    ("nonce", "expected"),
    [
        (NONCE, []),
        (None, [Reason.FRESHNESS_NONCE_ABSENT]),
        (b"", [Reason.FRESHNESS_NONCE_MISMATCH]),
        (NONCE[:16], [Reason.FRESHNESS_NONCE_MISMATCH]),
        (NONCE[:-1], [Reason.FRESHNESS_NONCE_MISMATCH]),
        (NONCE + b"\0", [Reason.FRESHNESS_NONCE_MISMATCH]),
        (NONCE.hex().encode(), [Reason.FRESHNESS_NONCE_MISMATCH]),
        (NONCE[::-1], [Reason.FRESHNESS_NONCE_MISMATCH]),
    ],
)
def test_the_nonce_is_the_one_that_was_issued(nonce: bytes | None, expected: list[Reason]) -> None:
    """Equality of all bytes; the expected nonce is never shown."""
    finding = judge_freshness(FreshNonce(), _document(nonce=nonce), NONCE, NOW)
    assert _reasons(finding) == expected
    assert all(failure.expected is None for failure in finding.failures)


def test_a_missing_nonce_of_the_call_is_no_match() -> None:
    """`verify` refuses such a call; the rule does so as well."""
    assert _reasons(judge_freshness(FreshNonce(), _document(nonce=NONCE), None, NOW)) == [
        Reason.FRESHNESS_NONCE_MISMATCH
    ]


MILLISECOND = timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "rule", [FreshNonce(), TimestampOnly(because="why", max_age=timedelta(minutes=5))]
)
@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(), []),
        (timedelta(minutes=5), []),
        (timedelta(minutes=5) + timedelta(microseconds=1), [Reason.FRESHNESS_TOO_OLD]),
        (timedelta(days=20000), [Reason.FRESHNESS_TOO_OLD]),
        (-timedelta(seconds=30), []),
        (-timedelta(seconds=30) - timedelta(microseconds=1), [Reason.FRESHNESS_FROM_THE_FUTURE]),
        (-timedelta(days=20000), [Reason.FRESHNESS_FROM_THE_FUTURE]),
    ],
)
def test_the_window_includes_both_ends(
    rule: FreshNonce | TimestampOnly, age: timedelta, expected: list[Reason]
) -> None:
    """`max_age` back and `max_clock_skew` ahead still count."""
    document = _document(nonce=NONCE)
    finding = judge_freshness(rule, document, NONCE, document.timestamp + age)
    assert _reasons(finding) == expected
    assert [w.subject for w in finding.waivers] == (
        ["freshness"] if isinstance(rule, TimestampOnly) else []
    )


def test_staleness_is_told_before_a_mismatch() -> None:
    """All failures of freshness, and none of the policy: the caller asks again with a new nonce first."""
    document = _document(nonce=b"other", timestamp=1)
    policy = replace(POLICY, user_data=Present())
    with pytest.raises(StaleDocumentError) as refusal:
        appraise(_authenticated(document), policy)
    assert [f.reason for f in refusal.value.failures] == [
        Reason.FRESHNESS_NONCE_MISMATCH,
        Reason.FRESHNESS_TOO_OLD,
    ]


ZERO, SOME = bytes(48), b"\x07" * 48
LOOSE = EnclaveMeasurements(
    label="signed",
    pcr0_image=WAIVED,
    pcr1_kernel=WAIVED,
    pcr2_application=WAIVED,
    pcr3_iam_role=WAIVED,
    pcr4_instance_id=WAIVED,
    pcr8_signing_certificate=Sha384(SOME),
)


@pytest.mark.parametrize("measurements", [AnyEnclave("any"), LOOSE])
@pytest.mark.parametrize(
    ("pcrs", "expected"),
    [
        ({0: SOME, 1: SOME, 2: SOME}, []),
        ({0: ZERO, 1: ZERO, 2: ZERO}, [Reason.POLICY_DEBUG_ENCLAVE]),
        ({0: ZERO, 1: SOME, 2: SOME}, [Reason.POLICY_DEBUG_ENCLAVE]),
        ({0: SOME, 1: ZERO, 2: SOME}, [Reason.POLICY_DEBUG_ENCLAVE]),
        ({0: SOME, 1: SOME, 2: ZERO}, [Reason.POLICY_DEBUG_ENCLAVE]),
        ({0: SOME, 2: SOME}, [Reason.POLICY_PCR_ABSENT]),
        ({2: ZERO}, [Reason.POLICY_DEBUG_ENCLAVE]),
        ({}, [Reason.POLICY_PCR_ABSENT] * 3),
    ],
)
def test_debug_mode_is_ruled_out(
    measurements: Measurements, pcrs: Mapping[int, bytes], expected: list[Reason]
) -> None:
    """Any of PCR0, PCR1 and PCR2 zero is debug mode; one that is missing leaves it open, which is not enough."""
    finding = judge_measurements((measurements,), _document(pcrs={8: SOME, **pcrs}))
    assert _reasons(finding) == expected


@pytest.mark.parametrize(
    ("pcrs", "good"),
    [
        ({0: ZERO}, True),
        ({1: ZERO}, True),
        ({2: ZERO}, True),
        ({0: SOME, 1: SOME, 2: SOME}, False),
        ({3: ZERO}, False),
    ],
)
def test_debug_mode_is_demanded_by_its_set(pcrs: Mapping[int, bytes], good: bool) -> None:
    """DebugEnclave does not accept what is not shown to be in debug mode."""
    finding = judge_measurements((DebugEnclave("desk"),), _document(pcrs=pcrs))
    assert _reasons(finding) == ([] if good else [Reason.POLICY_PCR_MISMATCH])


def test_the_first_set_that_matches_whole_is_the_one() -> None:
    """The order is the policy's; waivers are those of the set that matched."""
    document = _document(nonce=NONCE, pcrs={**dict.fromkeys(range(9), SOME)})
    wrong = replace(LOOSE, label="wrong", pcr0_image=Sha384(b"\x08" * 48))
    policy = replace(POLICY, measurements=(wrong, LOOSE, AnyEnclave("last")))
    result = appraise(_authenticated(document), policy)
    assert result.matched is LOOSE
    assert [w.subject for w in result.not_checked if w.subject.startswith("pcr")] == [
        "pcr0_image",
        "pcr1_kernel",
        "pcr2_application",
        "pcr3_iam_role",
        "pcr4_instance_id",
    ]


def test_the_same_failure_of_two_sets_is_told_once() -> None:
    """A debug enclave is a debug enclave for every set."""
    finding = judge_measurements((AnyEnclave("a"), AnyEnclave("b")), _document(pcrs={0: ZERO}))
    assert _reasons(finding) == [Reason.POLICY_DEBUG_ENCLAVE]


def test_the_kind_is_screened() -> None:
    """A document of the other kind never reaches a signature check."""
    pcrs = dict.fromkeys(range(24), SOME)
    fields_of_tpm = forge.payload(
        CHAIN, module_id="i-0fa4e0fa4e0fa4e0f-tpm0000000000000000", nitrotpm_pcrs=pcrs
    )
    del fields_of_tpm["pcrs"]
    with pytest.raises(MalformedDocumentError) as refusal:
        screen(read_payload(cbor2.dumps(fields_of_tpm)), POLICY)
    assert refusal.value.reason is Reason.DOCUMENT_KIND

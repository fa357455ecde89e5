"""Each rule of a policy decides its own field, and nothing is skipped."""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import cbor2
import pytest

from nitro_attest import (
    AWS_NITRO_ROOT_G1,
    Absent,
    AnyEnclave,
    AnyNitroTpm,
    DebugEnclave,
    DocumentKind,
    EnclaveMeasurements,
    Equals,
    Failure,
    FieldRule,
    FreshNonce,
    MalformedDocumentError,
    Measurements,
    NitroTpmMeasurements,
    NotChecked,
    Policy,
    PolicyMismatchError,
    Present,
    Reason,
    Sha384,
    StaleDocumentError,
    TimestampOnly,
    UnverifiedDocument,
    VerificationError,
    Waiver,
)
from nitro_attest._core.appraisal import APPRAISAL, Authenticated, appraise, screen
from nitro_attest._core.document import Pcrs
from nitro_attest._core.measurements import PCR_FIELDS
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


def _authenticated(
    document: UnverifiedDocument, nonce: bytes | None = NONCE, now: datetime = NOW
) -> Authenticated:
    return Authenticated(
        document=document,
        valid_until=NOW + timedelta(hours=1),
        replay_key=bytes(32),
        nonce=nonce,
        now=now,
    )


def _failures(document: UnverifiedDocument, policy: Policy = POLICY) -> tuple[Failure, ...]:
    """Return what an appraisal reports: nothing if it accepts."""
    try:
        appraise(_authenticated(document), policy)
    except VerificationError as rejection:
        return rejection.failures
    return ()


def _reasons(document: UnverifiedDocument, policy: Policy = POLICY) -> list[Reason]:
    return [failure.reason for failure in _failures(document, policy)]


def test_every_field_of_a_policy_is_decided() -> None:
    """By the table, or before it: a field that nothing reads would be a silent skip."""
    before = {"trust_anchor", "unknown_fields"}  # by the chain, by `screen`
    appraised = {name for step in APPRAISAL for name in step}
    assert appraised | before == {field.name for field in fields(Policy)}
    assert not appraised & before


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
        (Present(), b"", False),
        (Present(), None, False),
        (Absent(), None, True),
        (Absent(), b"", False),
        (Absent(), b"x", False),
        (NotChecked("why"), None, True),
        (NotChecked("why"), b"x", True),
    ],
)
def test_field_rules(rule: FieldRule, value: bytes | None, good: bool) -> None:  # noqa: FBT001 - the expected answer
    """Equality is of bytes; an empty value is neither present nor absent."""
    key = _document(nonce=NONCE, public_key=value)
    assert _reasons(key, replace(POLICY, public_key=rule)) == (
        [] if good else [Reason.POLICY_PUBLIC_KEY]
    )
    data = _document(nonce=NONCE, user_data=value)
    assert _reasons(data, replace(POLICY, user_data=rule)) == (
        [] if good else [Reason.POLICY_USER_DATA]
    )


def test_a_field_rule_says_what_it_expected() -> None:
    """In bounded hex digits or in words."""
    document = _document(nonce=NONCE, public_key=b"", user_data=bytes(1024))
    policy = replace(POLICY, public_key=Present(), user_data=Equals(b"\x01" * 65))
    assert _failures(document, policy) == (
        Failure(Reason.POLICY_PUBLIC_KEY, "public_key", "at least one byte", "empty"),
        Failure(
            Reason.POLICY_USER_DATA,
            "user_data",
            "01" * 64 + "... (65 bytes)",
            "00" * 64 + "... (1024 bytes)",
        ),
    )
    (absent,) = _failures(document, replace(POLICY, public_key=Absent()))
    assert (absent.expected, absent.actual) == ("absent", "empty")


def test_public_key_and_user_data_are_not_mixed_up() -> None:
    """Each rule looks at its own field of the document."""
    document = _document(public_key=b"key", user_data=b"data", nonce=NONCE)
    policy = replace(POLICY, public_key=Equals(b"key"), user_data=Equals(b"data"))
    assert appraise(_authenticated(document), policy).claims.public_key == b"key"
    crossed = replace(POLICY, public_key=Equals(b"data"), user_data=Equals(b"key"))
    assert _reasons(document, crossed) == [Reason.POLICY_PUBLIC_KEY, Reason.POLICY_USER_DATA]


def test_unknown_fields() -> None:
    """Rejected by default, accepted and listed where the policy says so."""
    document = _document(surprise=1, nonce=NONCE)
    with pytest.raises(MalformedDocumentError) as rejection:
        screen(document, POLICY)
    assert rejection.value.failures == (
        Failure(
            Reason.DOCUMENT_FIELD_UNKNOWN, "payload", "only fields that AWS lists", "1 unknown"
        ),
    )
    screen(_document(nonce=NONCE), POLICY)
    waived = replace(POLICY, unknown_fields=NotChecked("why"))
    screen(document, waived)
    result = appraise(_authenticated(document), waived)
    assert result.claims.unknown_fields == ("surprise",)
    assert Waiver("unknown_fields", "why") in result.not_checked


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
    failures = _failures(_document(nonce=nonce))
    assert [failure.reason for failure in failures] == expected
    assert all(failure.expected is None for failure in failures)
    assert all(NONCE.hex() not in str(failure) for failure in failures if nonce == NONCE[::-1])


def test_a_missing_nonce_of_the_call_is_no_match() -> None:
    """`verify` takes no such call; the rule would reject the document as well."""
    with pytest.raises(StaleDocumentError) as rejection:
        appraise(_authenticated(_document(nonce=NONCE), nonce=None), POLICY)
    assert rejection.value.reason is Reason.FRESHNESS_NONCE_MISMATCH


WINDOW = TimestampOnly(because="why", max_age=timedelta(minutes=5))


@pytest.mark.parametrize("rule", [FreshNonce(), WINDOW])
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
    it = _authenticated(document, now=document.timestamp + age)
    policy = replace(POLICY, freshness=rule)
    if expected:
        with pytest.raises(StaleDocumentError) as rejection:
            appraise(it, policy)
        assert [failure.reason for failure in rejection.value.failures] == expected
    else:
        appraise(it, policy)


def test_a_stale_document_says_both_times() -> None:
    """The rule, the time of the appraisal and the document's own."""
    (old,) = _failures(_document(nonce=NONCE, timestamp=1))
    assert old == Failure(
        Reason.FRESHNESS_TOO_OLD,
        "timestamp",
        "at most 0:05:00 old at 2026-01-03T20:41:07.402+00:00",
        "1970-01-01T00:00:00.001+00:00",
    )
    (early,) = _failures(_document(nonce=NONCE, timestamp=1767472897403))
    assert early == Failure(
        Reason.FRESHNESS_FROM_THE_FUTURE,
        "timestamp",
        "at most 0:00:30 ahead at 2026-01-03T20:41:07.402+00:00",
        "2026-01-03T20:41:37.403+00:00",
    )


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


def test_measurements_of_a_stale_document_are_not_compared() -> None:
    """All failures of freshness and no other: ask again with a new nonce first."""
    document = _document(nonce=b"other", timestamp=1)
    policy = replace(POLICY, measurements=(LOOSE,) * 256, user_data=Present())
    with pytest.raises(StaleDocumentError) as rejection:
        appraise(_authenticated(document), policy)
    assert [failure.reason for failure in rejection.value.failures] == [
        Reason.FRESHNESS_NONCE_MISMATCH,
        Reason.FRESHNESS_TOO_OLD,
    ]


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
    """One of PCR0, PCR1 and PCR2 zero is debug mode; one that is missing leaves it open."""
    document = _document(nonce=NONCE, pcrs={8: SOME, **pcrs})
    assert _reasons(document, replace(POLICY, measurements=(measurements,))) == expected


def test_a_document_in_debug_mode_is_told_by_the_pcrs_that_are_zero() -> None:
    """Once, however many sets there are."""
    document = _document(nonce=NONCE, pcrs={0: ZERO, 1: ZERO, 2: SOME, 8: SOME})
    assert _failures(document) == (
        Failure(Reason.POLICY_DEBUG_ENCLAVE, "enclave", "not in debug mode", "PCR0, PCR1 all zero"),
    )
    open_question = _document(nonce=NONCE, pcrs={0: SOME, 2: SOME})
    assert _failures(open_question) == (
        Failure(Reason.POLICY_PCR_ABSENT, "PCR1", "present, to rule out debug mode", "absent"),
    )


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
def test_debug_mode_is_required_by_its_set(pcrs: Mapping[int, bytes], good: bool) -> None:  # noqa: FBT001 - the expected answer
    """DebugEnclave does not accept what is not shown to be in debug mode."""
    policy = replace(POLICY, measurements=(DebugEnclave("desk"),))
    expected = Failure(
        Reason.POLICY_PCR_MISMATCH,
        "PCR0 (DebugEnclave)",
        "00" * 48,
        SOME.hex() if 0 in pcrs else "absent",
    )
    assert _failures(_document(nonce=NONCE, pcrs=pcrs), policy) == (() if good else (expected,))


def _tpm_document(**pcrs: bytes) -> UnverifiedDocument:
    values = {int(name.removeprefix("pcr")): value for name, value in pcrs.items()}
    fields_of_tpm = forge.payload(
        CHAIN,
        module_id="i-0fa4e0fa4e0fa4e0f-tpm0000000000000000",
        nonce=NONCE,
        nitrotpm_pcrs={**dict.fromkeys(range(24), ZERO), **values},
    )
    del fields_of_tpm["pcrs"]
    return read_payload(cbor2.dumps(fields_of_tpm))


def test_an_instance_has_no_debug_mode() -> None:
    """Zero PCRs of a NitroTPM say nothing of the kind."""
    policy = replace(POLICY, measurements=(AnyNitroTpm("any"),))
    assert _failures(_tpm_document(), policy) == ()
    image = NitroTpmMeasurements(
        label="image",
        pcr4_boot_manager=Sha384(SOME),
        pcr7_secure_boot=WAIVED,
        pcr12_command_line=Sha384.ZERO,
    )
    policy = replace(POLICY, measurements=(image,))
    assert _failures(_tpm_document(pcr4=SOME), policy) == ()
    assert _failures(_tpm_document(), policy) == (
        Failure(Reason.POLICY_PCR_MISMATCH, "PCR4 (image)", SOME.hex(), ZERO.hex()),
    )


def test_a_pinned_pcr_that_the_document_does_not_have_is_no_match() -> None:
    """Absent is told apart from different."""
    document = _document(nonce=NONCE, pcrs=dict.fromkeys(range(3), SOME))
    assert _failures(document, replace(POLICY, measurements=(LOOSE,))) == (
        Failure(Reason.POLICY_PCR_ABSENT, "PCR8 (signed)", SOME.hex(), "absent"),
    )


def _build(number: int, differences: int) -> EnclaveMeasurements:
    """Make a set that differs from a document of SOME in the last `differences` of its PCRs."""
    values = [Sha384(SOME)] * (8 - differences) + [Sha384(bytes([number]) * 48)] * differences
    names = list(PCR_FIELDS[DocumentKind.ENCLAVE].values())
    return EnclaveMeasurements(
        label=f"build {number}",
        **dict(zip(names, values, strict=False)),
        other_pcrs=tuple(zip((16, 17), values[6:], strict=True)),
    )


MEASURED = _document(nonce=NONCE, pcrs=dict.fromkeys(range(18), SOME))


def test_the_first_set_that_matches_whole_is_the_one() -> None:
    """The order is the policy's; waivers are those of the set that matched."""
    wrong, right = _build(1, 1), replace(LOOSE, label="right")
    result = appraise(_authenticated(MEASURED), replace(POLICY, measurements=(wrong, LOOSE, right)))
    assert result.matched is LOOSE
    assert result.not_checked == (
        *LOOSE.waivers(),
        Waiver("public_key", "a test"),
        Waiver("user_data", "a test"),
    )


def test_the_nearest_set_is_reported_in_full_and_the_others_counted() -> None:
    """The one with the fewest differences, the first of several."""
    sets = (_build(1, 5), _build(2, 2), _build(3, 2), _build(4, 8))
    failures = _failures(MEASURED, replace(POLICY, measurements=sets))
    assert failures == (
        *(
            Failure(Reason.POLICY_PCR_MISMATCH, f"PCR{index} (build 2)", "02" * 48, SOME.hex())
            for index in (16, 17)
        ),
        Failure(
            Reason.POLICY_PCR_MISMATCH,
            "3 more sets",
            "a match",
            "as many differences or more",
        ),
    )


@pytest.mark.parametrize(("others", "words"), [(1, "1 more set"), (2, "2 more sets")])
def test_the_other_sets_are_counted_in_words(others: int, words: str) -> None:
    """In the singular and the plural."""
    sets = tuple(_build(number, 5) for number in range(1, others + 2))
    *_, last = _failures(MEASURED, replace(POLICY, measurements=sets))
    assert last.subject == words


def test_there_are_at_most_64_failures() -> None:
    """With 256 sets that pin all 32 PCRs, against a debug document that has one of them."""
    others = tuple((index, Sha384(SOME)) for index in range(32) if index not in {0, 1, 2, 3, 4, 8})
    most = replace(_build(1, 8), label="x" * 10_000, other_pcrs=others)
    policy = replace(
        POLICY, measurements=(most,) * 256, public_key=Present(), user_data=Equals(bytes(1024))
    )
    failures = _failures(_document(nonce=NONCE, pcrs={0: ZERO}), policy)
    assert len(failures) == 1 + 32 + 1 + 2
    assert failures[0].reason is Reason.POLICY_DEBUG_ENCLAVE
    assert all(len(str(failure)) < 700 for failure in failures)


def test_the_work_grows_with_the_number_of_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice the sets, twice the comparisons; a stale document causes none."""
    compared: list[int] = []
    real = Pcrs.get

    def counted(pcrs: Pcrs, index: int, default: bytes = b"") -> bytes:
        compared.append(index)
        return real(pcrs, index, default)

    monkeypatch.setattr(Pcrs, "get", counted)
    counts: list[int] = []
    for number in (64, 128, 256):
        compared.clear()
        assert _failures(MEASURED, replace(POLICY, measurements=(_build(1, 8),) * number))
        counts.append(len(compared))
    assert counts[2] - counts[1] == 2 * (counts[1] - counts[0]) == 2 * 64 * 8
    compared.clear()
    assert _reasons(
        replace(MEASURED, timestamp=datetime(1970, 1, 2, tzinfo=UTC)),
        replace(POLICY, measurements=(_build(1, 8),) * 256),
    ) == [Reason.FRESHNESS_TOO_OLD]
    assert not compared


def test_all_that_differs_is_reported_at_once() -> None:
    """Measurements, public key and user data are steps of one repair."""
    policy = replace(
        POLICY, measurements=(_build(1, 1),), public_key=Present(), user_data=Present()
    )
    with pytest.raises(PolicyMismatchError) as rejection:
        appraise(_authenticated(MEASURED), policy)
    assert [failure.reason for failure in rejection.value.failures] == [
        Reason.POLICY_PCR_MISMATCH,
        Reason.POLICY_PUBLIC_KEY,
        Reason.POLICY_USER_DATA,
    ]


@pytest.mark.parametrize(
    ("rule", "after"),
    [
        (FreshNonce(), timedelta(minutes=6)),
        (FreshNonce(max_clock_skew=timedelta()), timedelta(minutes=5)),
        (replace(WINDOW, max_clock_skew=timedelta(minutes=5)), timedelta(minutes=15)),
    ],
)
def test_a_result_says_how_long_to_remember_the_document(
    rule: FreshNonce | TimestampOnly, after: timedelta
) -> None:
    """Until its timestamp plus `max_age` plus twice `max_clock_skew`, whatever time it is now."""
    policy = replace(POLICY, freshness=rule)
    for now in (MEASURED.timestamp, MEASURED.timestamp + timedelta(minutes=1)):
        result = appraise(_authenticated(MEASURED, now=now), policy)
        assert result.remember_until == MEASURED.timestamp + after


@pytest.mark.parametrize("max_age", [timedelta.max, timedelta(days=3_000_000)])
def test_who_accepts_documents_for_ever_remembers_them_for_ever(max_age: timedelta) -> None:
    """The last moment of the calendar stands for it."""
    policy = replace(POLICY, freshness=FreshNonce(max_age=max_age))
    result = appraise(_authenticated(MEASURED), policy)
    assert result.remember_until == datetime.max.replace(tzinfo=UTC)


def test_a_result_names_the_anchor_of_the_policy() -> None:
    """It is the one the chain was checked under."""
    anchor = forge.anchor(CHAIN[0])
    assert appraise(_authenticated(MEASURED), POLICY).trust_anchor is AWS_NITRO_ROOT_G1
    policy = replace(POLICY, trust_anchor=anchor)
    assert appraise(_authenticated(MEASURED), policy).trust_anchor is anchor


def test_the_kind_is_screened() -> None:
    """A document of the other kind never reaches a signature check."""
    with pytest.raises(MalformedDocumentError) as rejection:
        screen(_tpm_document(), POLICY)
    assert rejection.value.failures == (
        Failure(Reason.DOCUMENT_KIND, "document", DocumentKind.ENCLAVE, DocumentKind.NITRO_TPM),
    )

"""The difference of two policies agrees with their verdicts, for generated rules and documents."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nitro_attest import (
    Absent,
    AnyEnclave,
    AnyNitroTpm,
    DebugEnclave,
    DocumentKind,
    EnclaveMeasurements,
    Equals,
    FieldRule,
    Freshness,
    FreshNonce,
    Measurements,
    NotChecked,
    Pcrs,
    Present,
    Reason,
    Sha384,
    TimestampOnly,
    UnverifiedDocument,
)
from nitro_attest._core.appraisal import judge_field, judge_freshness, judge_measurements
from nitro_attest._core.measurements import pcr_rules
from nitro_attest.cli._difference import compare_freshness, compare_sets, covers_field, covers_set
from nitro_attest.testing import FakeNitro
from support.strategies import DIGESTS, any_enclave_sets, any_nitro_tpm_sets

FAKE = FakeNitro(seed=b"difference, never trust")
NOW = FAKE.now
NOT_TIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=200)

pcr_values = st.sampled_from([*DIGESTS, *DIGESTS]).map(lambda digest: digest.value)
values_of_pcrs = st.fixed_dictionaries(dict.fromkeys(range(32), pcr_values))


def document(
    kind: DocumentKind, pcrs: dict[int, bytes], age: timedelta = timedelta()
) -> UnverifiedDocument:
    """Return a document with these PCRs; nothing else of it counts here."""
    return UnverifiedDocument(
        kind=kind,
        module_id="i-0-enc0",
        instance_id="i-0",
        timestamp=NOW - age,
        pcrs=Pcrs(pcrs),
        certificate=b"",
        cabundle=(),
        public_key=None,
        user_data=None,
        nonce=None,
        unknown_fields=(),
    )


def set_lists(sets: st.SearchStrategy[Measurements]) -> st.SearchStrategy[tuple[Measurements, ...]]:
    """Return one to three sets."""
    return st.lists(sets, min_size=1, max_size=3).map(tuple)


def check(
    old: tuple[Measurements, ...], new: tuple[Measurements, ...], found: UnverifiedDocument
) -> None:
    """Hold the claims of a difference to the verdicts on one document."""
    difference = compare_sets(old, new)
    before, after = (not judge_measurements(sets, found).failures for sets in (old, new))
    if (before and not after and not difference.stricter) or (
        after and not before and not difference.looser
    ):
        message = f"{difference}: {old}, {new}, {found.pcrs}"
        raise AssertionError(message)


@NOT_TIMED
@given(set_lists(any_enclave_sets), set_lists(any_enclave_sets), values_of_pcrs)
def test_a_verdict_on_an_enclave_changes_only_as_said(
    old: tuple[Measurements, ...], new: tuple[Measurements, ...], pcrs: dict[int, bytes]
) -> None:
    """A document refused anew means stricter, one accepted anew means looser."""
    check(old, new, document(DocumentKind.ENCLAVE, pcrs))


@NOT_TIMED
@given(set_lists(any_nitro_tpm_sets), set_lists(any_nitro_tpm_sets), values_of_pcrs)
def test_a_verdict_on_nitro_tpm_changes_only_as_said(
    old: tuple[Measurements, ...], new: tuple[Measurements, ...], pcrs: dict[int, bytes]
) -> None:
    """The same for the other kind."""
    check(old, new, document(DocumentKind.NITRO_TPM, pcrs))


def witness(narrow: Measurements) -> UnverifiedDocument:
    """Return a document that `narrow` accepts, and any other set only if it must."""
    pcrs = dict.fromkeys(range(32), b"\7" * 48)  # a value that no generated set pins
    if isinstance(narrow, DebugEnclave):
        pcrs |= dict.fromkeys((0, 1, 2), bytes(48))
    elif isinstance(narrow, EnclaveMeasurements):
        pcrs |= {
            index: rule.value for index, _, rule in pcr_rules(narrow) if isinstance(rule, Sha384)
        }
    return document(DocumentKind.ENCLAVE, pcrs)


@NOT_TIMED
@given(any_enclave_sets, any_enclave_sets)
def test_a_set_that_is_not_covered_has_a_document_that_shows_it(
    wide: Measurements, narrow: Measurements
) -> None:
    """So "stricter" and "looser" are never said in vain."""
    shown = witness(narrow)
    assert not judge_measurements((narrow,), shown).failures
    assert covers_set(wide, narrow) == (not judge_measurements((wide,), shown).failures)
    assert covers_set(narrow, narrow)


@pytest.mark.parametrize(
    ("wide", "narrow", "covers"),
    [
        (AnyNitroTpm("x"), AnyNitroTpm("y"), True),
        (AnyNitroTpm("x"), FAKE.nitro_tpm_measurements(), True),
        (FAKE.nitro_tpm_measurements(), AnyNitroTpm("x"), False),
        (AnyNitroTpm("x"), AnyEnclave("x"), False),
        (AnyEnclave("x"), DebugEnclave("x"), False),
        (DebugEnclave("x"), DebugEnclave("y"), True),
    ],
)
def test_sets_without_values_cover_by_kind(
    wide: Measurements, narrow: Measurements, covers: bool
) -> None:
    """A debug enclave is in no other set, and the kinds never cover each other."""
    assert covers_set(wide, narrow) is covers


fields = st.none() | st.binary(max_size=2)
rules = st.sampled_from([Present(), Absent(), NotChecked("x"), Equals(b""), Equals(b"a")])


@NOT_TIMED
@given(rules, rules, fields)
def test_a_field_rule_that_covers_accepts_what_the_other_does(
    wide: FieldRule, narrow: FieldRule, value: bytes | None
) -> None:
    """Whatever the field."""
    accepted = [
        not judge_field(rule, value, "user_data", Reason.POLICY_USER_DATA).failures
        for rule in (wide, narrow)
    ]
    assert not covers_field(wide, narrow) or accepted[0] >= accepted[1]


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        (Present(), Absent()),
        (Present(), NotChecked("x")),
        (Absent(), Present()),
        (Equals(b"a"), Equals(b"b")),
        (Equals(b"a"), Present()),
        (Absent(), NotChecked("x")),
    ],
)
def test_a_field_rule_that_does_not_cover_is_not_said_to(
    wide: FieldRule, narrow: FieldRule
) -> None:
    """There is a field that the narrow one lets pass and the wide one doesn't."""
    assert not covers_field(wide, narrow)


short = st.timedeltas(timedelta(seconds=1), timedelta(seconds=4))
windows: st.SearchStrategy[Freshness] = st.builds(
    FreshNonce, max_age=short, max_clock_skew=short
) | st.builds(TimestampOnly, because=st.just("x"), max_age=short, max_clock_skew=short)


@NOT_TIMED
@given(windows, windows, st.timedeltas(timedelta(seconds=-5), timedelta(seconds=5)))
def test_a_verdict_on_freshness_changes_only_as_said(
    old: Freshness, new: Freshness, age: timedelta
) -> None:
    """For a document without a nonce, of any age near the limits."""
    difference = compare_freshness(old, new)
    found = document(DocumentKind.ENCLAVE, {0: bytes(48)}, age)
    before, after = (not judge_freshness(rule, found, None, NOW).failures for rule in (old, new))
    assert after or not before or difference.stricter
    assert before or not after or difference.looser


def test_the_same_policy_differs_in_nothing() -> None:
    """The words for it."""
    assert compare_freshness(FreshNonce(), FreshNonce()).word == "same"

"""A policy in words mentions every rule, and the difference of two agrees with their verdicts."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nitro_attest import (
    AWS_NITRO_ROOT_G1,
    AWS_US_GOV_NITRO_ROOT_G1,
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
    NitroTpmMeasurements,
    NotChecked,
    Policy,
    Present,
    Sha384,
    TimestampOnly,
    VerificationError,
    Waiver,
    policy_review,
    verify,
)
from nitro_attest.policy_review import Difference, compare, describe, remarks, same_words
from nitro_attest.testing import FakeNitro
from support.strategies import (
    DIGESTS,
    any_enclave_sets,
    any_nitro_tpm_sets,
    enclave_sets,
    nitro_tpm_sets,
    policies,
)

FAKE = FakeNitro(seed=b"policy review, never trust", now=datetime(2026, 1, 3, 12, tzinfo=UTC))
NONCE = bytes(range(32))
ENCLAVE = FAKE.enclave_measurements()
INSTANCE = FAKE.nitro_tpm_measurements()
ONE = Sha384(b"\1" * 48)
POLICY = Policy(
    measurements=(ENCLAVE,),
    freshness=FreshNonce(),
    public_key=NotChecked("tests"),
    user_data=NotChecked("tests"),
    trust_anchor=FAKE.trust_anchor,
)
NOT_TIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)


def with_sets(*sets: Measurements) -> Policy:
    """Return the policy with other sets."""
    return replace(POLICY, measurements=sets)


def accepts(policy: Policy, doc: bytes) -> bool:
    """Verify a document."""
    nonce = NONCE if isinstance(policy.freshness, FreshNonce) else None
    try:
        verify(doc, policy, nonce=nonce, now=FAKE.now)
    except VerificationError:
        return False
    return True


def difference(rule: str, old: Policy, new: Policy) -> Difference:
    """Return how one rule changes."""
    (found,) = (it for it in compare(old, new) if it.rule == rule)
    return found


def document(kind: DocumentKind, pcrs: Mapping[int, bytes]) -> bytes:
    """Return a document with these PCRs."""
    issue = FAKE.enclave_document if kind is DocumentKind.ENCLAVE else FAKE.nitro_tpm_document
    return issue(pcrs=pcrs, nonce=NONCE)


# --- the difference of two policies


pcr_values = st.sampled_from([*DIGESTS, *DIGESTS]).map(lambda digest: digest.value)
values_of_pcrs = st.fixed_dictionaries(dict.fromkeys(range(32), pcr_values))


def lists(
    several: st.SearchStrategy[Measurements], alone: st.SearchStrategy[Measurements]
) -> st.SearchStrategy[tuple[Measurements, ...]]:
    """Return what the measurements of a policy can be."""
    return st.lists(several, min_size=1, max_size=3).map(tuple) | alone.map(lambda one: (one,))


enclave_lists = lists(enclave_sets(), any_enclave_sets)
nitro_tpm_lists = lists(nitro_tpm_sets(), any_nitro_tpm_sets)


@NOT_TIMED
@given(
    st.tuples(enclave_lists, enclave_lists) | st.tuples(nitro_tpm_lists, nitro_tpm_lists),
    values_of_pcrs,
)
def test_a_verdict_on_measurements_changes_only_as_said(
    pair: tuple[tuple[Measurements, ...], tuple[Measurements, ...]], pcrs: dict[int, bytes]
) -> None:
    """A document that is newly rejected means stricter, one that is newly accepted looser."""
    old, new = (with_sets(*sets) for sets in pair)
    doc = document(pair[0][0].kind, pcrs)
    found = difference("measurements", old, new)
    before, after = accepts(old, doc), accepts(new, doc)
    assert found.stricter or after or not before
    assert found.looser or before or not after


def witness(narrow: Measurements) -> bytes:
    """Return a document that `narrow` accepts, and another set only if it must."""
    pcrs = dict.fromkeys(range(32), b"\7" * 48)  # a value that no generated set pins
    if isinstance(narrow, DebugEnclave):
        pcrs |= dict.fromkeys((0, 1, 2), bytes(48))
    pcrs |= {
        index: rule.value for index, rule in narrow.pcr_rules().items() if isinstance(rule, Sha384)
    }
    return document(narrow.kind, pcrs)


@NOT_TIMED
@given(
    st.tuples(any_enclave_sets, any_enclave_sets)
    | st.tuples(any_nitro_tpm_sets, any_nitro_tpm_sets)
)
def test_a_set_that_is_not_covered_has_a_document_that_shows_it(
    pair: tuple[Measurements, Measurements],
) -> None:
    """So "stricter" and "looser" are never said without cause."""
    wide, narrow = pair
    doc = witness(narrow)
    assert accepts(with_sets(narrow), doc)
    lost = difference("measurements", with_sets(narrow), with_sets(wide)).stricter
    assert bool(lost) == (not accepts(with_sets(wide), doc))
    assert difference("measurements", with_sets(wide), with_sets(wide)) == Difference(
        "measurements"
    )


def test_sets_of_the_other_kind_never_cover() -> None:
    """An enclave is no instance."""
    found = difference("measurements", with_sets(AnyEnclave("x")), with_sets(AnyNitroTpm("x")))
    assert found.stricter
    assert found.looser


@pytest.mark.parametrize("value", [None, b"", b"a"])
@pytest.mark.parametrize("old", [Present(), Absent(), NotChecked("x"), Equals(b""), Equals(b"a")])
@pytest.mark.parametrize("new", [Present(), Absent(), NotChecked("x"), Equals(b""), Equals(b"a")])
def test_a_verdict_on_a_field_changes_only_as_said(
    old: FieldRule, new: FieldRule, value: bytes | None
) -> None:
    """For every pair of rules and every sort of field."""
    doc = FAKE.enclave_document(nonce=NONCE, user_data=value)
    before, after = (replace(POLICY, user_data=rule) for rule in (old, new))
    found = difference("user_data", before, after)
    assert found.stricter or accepts(after, doc) or not accepts(before, doc)
    assert found.looser or accepts(before, doc) or not accepts(after, doc)


@pytest.mark.parametrize(
    ("old", "new", "stricter", "looser"),
    [
        (Present(), Present(), False, False),
        (Present(), Absent(), True, True),
        (Present(), Equals(b"a"), True, False),
        (Present(), Equals(b""), True, True),
        (Equals(b"a"), Present(), False, True),
        (Equals(b"a"), Equals(b"b"), True, True),
        (NotChecked("x"), Present(), True, False),
        (NotChecked("x"), NotChecked("y"), False, False),
        (Absent(), NotChecked("x"), False, True),
    ],
)
def test_a_field_rule_changes_in_no_direction_without_cause(
    old: FieldRule, new: FieldRule, *, stricter: bool, looser: bool
) -> None:
    """Present means at least one byte, so Equals(b"") is outside of it."""
    found = difference(
        "public_key", replace(POLICY, public_key=old), replace(POLICY, public_key=new)
    )
    assert (bool(found.stricter), bool(found.looser)) == (stricter, looser)


MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("new", "stricter", "looser"),
    [
        (FreshNonce(), (), ()),
        (FreshNonce(max_age=MINUTE), ("max_age is 1m; before, it was 5m",), ()),
        (FreshNonce(max_age=HOUR), (), ("max_age is 1h; before, it was 5m",)),
        (
            FreshNonce(max_clock_skew=MINUTE),
            (),
            ("max_clock_skew is 1m; before, it was 30s",),
        ),
        (TimestampOnly(because="x", max_age=5 * MINUTE), (), ("no nonce is demanded",)),
    ],
)
def test_freshness_is_compared_in_nonce_age_and_clock(
    new: Freshness, stricter: tuple[str, ...], looser: tuple[str, ...]
) -> None:
    """Each by itself, and the other way round."""
    changed = replace(POLICY, freshness=new)
    assert difference("freshness", POLICY, changed) == Difference("freshness", stricter, looser)
    back = difference("freshness", changed, POLICY)
    assert (bool(back.stricter), bool(back.looser)) == (bool(looser), bool(stricter))


def test_another_trust_anchor_is_stricter_and_looser() -> None:
    """No document is under both."""
    found = difference("trust_anchor", POLICY, replace(POLICY, trust_anchor=AWS_NITRO_ROOT_G1))
    assert "NOT A ROOT OF AWS" in found.stricter[0]
    assert "the root of AWS" in found.looser[0]


@NOT_TIMED
@given(policies)
def test_a_policy_differs_from_itself_in_nothing(policy: Policy) -> None:
    """Whatever it is."""
    assert not any(found.stricter or found.looser for found in compare(policy, policy))
    assert same_words(policy, policy)


def test_the_pcrs_that_changed_are_named() -> None:
    """If a set of the same label is in both; labels alone change no verdict."""
    changed = replace(ENCLAVE, pcr0_image=ONE, other_pcrs=((16, ONE),))
    found = difference("measurements", POLICY, with_sets(changed))
    assert "PCR0, PCR16 changed" in found.stricter[0]
    renamed = replace(ENCLAVE, label="another name")
    assert (
        "changed"
        not in difference(
            "measurements", POLICY, with_sets(replace(renamed, pcr0_image=ONE))
        ).stricter[0]
    )
    assert difference("measurements", POLICY, with_sets(renamed)) == Difference("measurements")
    assert not same_words(POLICY, with_sets(renamed))
    assert not same_words(POLICY, replace(POLICY, user_data=NotChecked("another reason")))


def test_words_are_compared_set_by_set() -> None:
    """A reason that moves to another set is a change; the order of the sets is none."""
    one, two, three = (
        replace(ENCLAVE, label=label, pcr4_instance_id=NotChecked(why))
        for label, why in (("a", "this"), ("b", "that"), ("c", "this"))
    )
    moved = replace(three, pcr4_instance_id=NotChecked("that"))
    assert with_sets(one, two, moved).waivers() == with_sets(one, two, three).waivers()
    assert not same_words(with_sets(one, two, three), with_sets(one, two, moved))
    assert same_words(with_sets(one, two, three), with_sets(three, one, two))
    renamed = replace(FAKE.trust_anchor, name="another name")
    assert not same_words(POLICY, replace(POLICY, trust_anchor=renamed))


# --- a policy in words


@NOT_TIMED
@given(policies)
def test_a_description_has_every_waiver_rule_and_set(policy: Policy) -> None:
    """What fills a result is what a reviewer reads."""
    found = describe(policy)
    assert found.waivers == policy.waivers()
    assert found.digest == policy.digest()
    assert found.demands[0].digits == policy.trust_anchor.sha256
    assert [[(pcr.index, pcr.rule) for pcr in described.pcrs] for described in found.sets] == [
        list(measurements.pcr_rules().items()) for measurements in policy.measurements
    ]


def test_pcr_names_are_those_of_the_fields() -> None:
    """One name for each PCR that every set decides on, short enough for 40 columns."""
    for measurements in (ENCLAVE, INSTANCE):
        names = policy_review.PCR_NAMES[measurements.kind]
        assert names.keys() == measurements.pcr_rules().keys()
        assert max(map(len, names.values())) <= 13


@pytest.mark.parametrize(
    ("rule", "words", "digits"),
    [
        (Present(), "at least one byte", None),
        (Absent(), "is absent", None),
        (Equals(bytes(64)), "exactly these 64 bytes", "00" * 64),
        (Equals(b""), "without a byte", None),
        (NotChecked("x"), "not checked", None),
    ],
)
def test_a_field_rule_in_words_names_all_its_bytes(
    rule: FieldRule, words: str, digits: str | None
) -> None:
    """No digest in a rule is cut."""
    found = describe(replace(POLICY, public_key=rule)).demands[2]
    assert words in found.text
    assert found.digits == digits


def test_freshness_and_unknown_fields_in_words() -> None:
    """In the time spans of a policy file."""
    assert "at most 5m old (clocks may differ by 30s) and carries the nonce" in (
        describe(POLICY).demands[1].text
    )
    lax = replace(
        POLICY,
        freshness=TimestampOnly(because="x", max_age=HOUR),
        unknown_fields=NotChecked("x"),
    )
    assert "no nonce is demanded" in describe(lax).demands[1].text
    assert describe(lax).demands[4].text == "it may have fields that AWS does not list"
    assert describe(POLICY).demands[4].text == "it has no fields that AWS does not list"


def test_the_anchor_is_named_and_one_that_is_not_of_aws_loudly() -> None:
    """In capitals."""
    assert (
        policy_review.anchor_in_words(AWS_NITRO_ROOT_G1) == "the root of AWS (commercial regions)"
    )
    assert "GovCloud" in policy_review.anchor_in_words(AWS_US_GOV_NITRO_ROOT_G1)
    assert policy_review.anchor_in_words(FAKE.trust_anchor).endswith("NOT A ROOT OF AWS")


@pytest.mark.parametrize(
    ("measurements", "title"),
    [
        (ENCLAVE, f'"{ENCLAVE.label}"'),
        (AnyEnclave("x"), "any enclave that is not in debug mode"),
        (DebugEnclave("x"), "any enclave IN DEBUG MODE"),
        (AnyNitroTpm("x"), "any instance with NitroTPM"),
    ],
)
def test_sets_are_named_by_label_or_by_what_they_accept(
    measurements: Measurements, title: str
) -> None:
    """With as many sets as the policy has."""
    assert policy_review.name_of_set(measurements) == title
    found = describe(with_sets(measurements))
    assert found.sets[0].title == title
    assert found.demands[5].text == "its PCRs match this set"


def test_several_sets_are_counted() -> None:
    """A document must match one of them whole."""
    two = with_sets(ENCLAVE, replace(ENCLAVE, label="other", pcr0_image=ONE))
    assert "one of these 2 sets" in describe(two).demands[5].text
    assert describe(two).kind == "Nitro Enclave"
    assert describe(two).waivers == (Waiver("public_key", "tests"), Waiver("user_data", "tests"))


SECURE_BOOT_OFF = Sha384.fromhex(
    "98441c7f7625d10058c47683aec486ce311c633235eb555593a7ee791121e3578ae72d04ecef661f272d59058b77af35"
)
NO_APPLICATION = Sha384.fromhex(
    "21b9efbc184807662e966d34f390821309eeac6802309798826296bf3e8bec7c10edb30948c90ba67310f7b964fc500a"
)


@pytest.mark.parametrize(
    ("measurements", "index", "meaning"),
    [
        (replace(INSTANCE, pcr7_secure_boot=SECURE_BOOT_OFF), 7, "Secure Boot is off"),
        (replace(ENCLAVE, pcr2_application=NO_APPLICATION), 2, "no application ramdisk"),
        (replace(INSTANCE, other_pcrs=((8, ONE),)), 8, "a zero PCR12 says nothing"),
        (replace(ENCLAVE, pcr3_iam_role=Sha384.ZERO), 3, "no IAM role"),
    ],
)
def test_values_that_are_known_are_explained(
    measurements: Measurements, index: int, meaning: str
) -> None:
    """By the table that the library itself decides with."""
    (described,) = describe(with_sets(measurements)).sets
    (found,) = (pcr for pcr in described.pcrs if pcr.index == index)
    assert meaning in (found.meaning or "")


WAIVED = NotChecked("x")


@pytest.mark.parametrize(
    ("measurements", "words"),
    [
        (replace(ENCLAVE, pcr1_kernel=WAIVED), "PCR0 without PCR1 and PCR2 is weak"),
        (
            replace(
                ENCLAVE,
                pcr0_image=WAIVED,
                pcr1_kernel=WAIVED,
                pcr8_signing_certificate=ONE,
            ),
            "PCR8 alone trusts a signing key",
        ),
        (
            replace(ENCLAVE, pcr3_iam_role=WAIVED, pcr4_instance_id=WAIVED),
            "may run in anybody's AWS account",
        ),
        (replace(INSTANCE, pcr4_boot_manager=WAIVED), "only PCR7: trust in a signing key"),
        (replace(INSTANCE, pcr12_command_line=Sha384.ZERO), "a zero PCR12 says nothing if"),
        (
            replace(INSTANCE, pcr12_command_line=Sha384.ZERO, other_pcrs=((8, ONE), (9, ONE))),
            policy_review.BOOT_LOADER_NOTE,
        ),
        (AnyEnclave("x"), "anybody with an AWS account"),
        (AnyNitroTpm("x"), "anybody with an AWS account"),
        (DebugEnclave("x"), "no PCR says which code runs"),
    ],
)
def test_what_deserves_a_second_look_is_remarked_on(
    measurements: EnclaveMeasurements | NitroTpmMeasurements, words: str
) -> None:
    """With the name of the set."""
    policy = replace(with_sets(measurements), trust_anchor=AWS_NITRO_ROOT_G1)
    (found,) = remarks(policy)
    assert found.startswith(f"{policy_review.name_of_set(measurements)}: ")
    assert words in found


@pytest.mark.parametrize(
    "measurements",
    [
        ENCLAVE,
        replace(ENCLAVE, pcr0_image=WAIVED),
        replace(INSTANCE, pcr12_command_line=ONE),
        replace(
            INSTANCE,
            pcr12_command_line=Sha384.ZERO,
            other_pcrs=((8, Sha384.ZERO), (9, Sha384.ZERO)),
        ),
    ],
)
def test_a_set_that_pins_enough_has_no_remark(measurements: Measurements) -> None:
    """PCR1 and PCR2 identify code without PCR0, and so does a command line that is pinned."""
    assert remarks(replace(with_sets(measurements), trust_anchor=AWS_NITRO_ROOT_G1)) == ()


def test_a_foreign_anchor_no_nonce_and_a_long_window_are_remarked_on() -> None:
    """Whatever the sets are."""
    found = remarks(replace(POLICY, freshness=TimestampOnly(because="x", max_age=HOUR)))
    assert [text.split(" ")[0].rstrip(":") for text in found] == [
        "trust_anchor",
        "freshness",
        "freshness",
    ]
    assert "max_age of 1h" in found[2]

"""A policy is checked when it is made, and is a plain value afterwards."""

import copy
import datetime as dt
import hashlib
import json
import pickle
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

import nitro_attest
from nitro_attest import (
    AWS_NITRO_ROOT_G1,
    AWS_US_GOV_NITRO_ROOT_G1,
    Absent,
    AnyEnclave,
    AnyNitroTpm,
    DebugEnclave,
    EnclaveMeasurements,
    Equals,
    FreshNonce,
    NitroTpmMeasurements,
    NotChecked,
    Policy,
    PolicyError,
    Present,
    Sha384,
    TimestampOnly,
    Waiver,
)
from support import certificates as forge

SECOND = dt.timedelta(seconds=1)
BUILD = EnclaveMeasurements(
    label="payments 1.4.2",
    pcr0_image=Sha384(b"\x01" * 48),
    pcr1_kernel=Sha384(b"\x02" * 48),
    pcr2_application=Sha384(b"\x03" * 48),
    pcr3_iam_role=NotChecked("any role"),
    pcr4_instance_id=NotChecked("a fleet"),
    pcr8_signing_certificate=Sha384.ZERO,
    other_pcrs=((16, Sha384(b"\x10" * 48)),),
)
IMAGE = NitroTpmMeasurements(
    label="image",
    pcr4_boot_manager=Sha384(b"\x04" * 48),
    pcr7_secure_boot=NotChecked("not used"),
    pcr12_command_line=Sha384.ZERO,
)
GOOD: dict[str, Any] = {
    "measurements": (BUILD,),
    "freshness": FreshNonce(),
    "public_key": Present(),
    "user_data": Absent(),
}
BASE = Policy(**GOOD)
POLICIES = [
    BASE,
    replace(BASE, measurements=(BUILD, replace(BUILD, label="payments 1.4.3"))),
    replace(BASE, measurements=(AnyEnclave("staging"),)),
    replace(BASE, measurements=(DebugEnclave("my desk"),)),
    replace(BASE, measurements=(IMAGE,)),
    replace(BASE, measurements=(AnyNitroTpm("staging"),)),
    replace(
        BASE,
        freshness=TimestampOnly(
            because="no channel", max_age=SECOND, max_clock_skew=dt.timedelta()
        ),
    ),
    replace(BASE, public_key=Equals(b"key"), user_data=NotChecked("none")),
    replace(BASE, unknown_fields=NotChecked("new fields"), trust_anchor=AWS_US_GOV_NITRO_ROOT_G1),
    replace(BASE, trust_anchor=forge.anchor(forge.chain()[0])),
]


def _field(kind: type[Any], **arguments: object) -> str:
    with pytest.raises(PolicyError) as error:
        kind(**arguments)
    return error.value.field


def test_the_defaults_are_the_strictest() -> None:
    """The commercial root, no unknown fields, five minutes and thirty seconds."""
    policy = Policy(**GOOD)
    assert policy.trust_anchor is AWS_NITRO_ROOT_G1
    assert policy.unknown_fields == Absent()
    assert FreshNonce() == FreshNonce(
        max_age=dt.timedelta(minutes=5), max_clock_skew=dt.timedelta(seconds=30)
    )


@pytest.mark.parametrize("name", GOOD)
def test_what_decides_a_check_has_no_default(name: str) -> None:
    """A field that was forgotten is no policy."""
    with pytest.raises(TypeError):
        Policy(**{key: value for key, value in GOOD.items() if key != name})


@pytest.mark.parametrize("name", [*GOOD, "unknown_fields", "trust_anchor"])
@pytest.mark.parametrize("value", [None, "text", b"bytes", 0, True, [], {}, object(), Sha384.ZERO])
def test_no_other_type_is_a_rule(name: str, value: object) -> None:
    """None above all: it never means "skip"."""
    assert _field(Policy, **{**GOOD, name: value}) == f"Policy.{name}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("freshness", Present()),
        ("freshness", NotChecked("why")),
        ("public_key", FreshNonce()),
        ("user_data", AnyEnclave("why")),
        ("unknown_fields", Present()),
        ("unknown_fields", Equals(b"")),
        ("trust_anchor", NotChecked("why")),
        ("trust_anchor", AWS_NITRO_ROOT_G1.certificate),
        ("trust_anchor", (AWS_NITRO_ROOT_G1,)),
    ],
)
def test_a_rule_of_another_field_does_not_fit(name: str, value: object) -> None:
    """Each field has its own rules."""
    assert _field(Policy, **{**GOOD, name: value}) == f"Policy.{name}"


@pytest.mark.parametrize("sets", [(), [BUILD], {BUILD}, BUILD, None])
def test_measurements_are_a_tuple_with_something_in_it(sets: object) -> None:
    """An empty list of allowed builds would accept nothing, and says so at once."""
    assert _field(Policy, **{**GOOD, "measurements": sets}) == "Policy.measurements"


@pytest.mark.parametrize(
    "wrong", [None, NotChecked("why"), Sha384.ZERO, (BUILD,), "payments", EnclaveMeasurements]
)
def test_measurements_hold_sets(wrong: object) -> None:
    """The place of the wrong one is named."""
    assert _field(Policy, **{**GOOD, "measurements": (BUILD, wrong)}) == "Policy.measurements[1]"


@pytest.mark.parametrize(
    "mixed", [(BUILD, IMAGE), (AnyEnclave("a"), AnyNitroTpm("b")), (DebugEnclave("a"), IMAGE)]
)
def test_kinds_do_not_mix(mixed: object) -> None:
    """PCR4 of an enclave is an instance, PCR4 of NitroTPM a boot manager."""
    assert _field(Policy, **{**GOOD, "measurements": mixed}) == "Policy.measurements"


@pytest.mark.parametrize(
    ("sets", "anything"),
    [
        ((BUILD, DebugEnclave("my desk")), "DebugEnclave"),
        ((DebugEnclave("my desk"), BUILD), "DebugEnclave"),
        ((BUILD, AnyEnclave("staging")), "AnyEnclave"),
        ((AnyEnclave("staging"), DebugEnclave("my desk")), "AnyEnclave"),
        ((AnyEnclave("staging"), AnyEnclave("staging")), "AnyEnclave"),
        ((IMAGE, AnyNitroTpm("staging")), "AnyNitroTpm"),
    ],
)
def test_a_set_for_any_code_has_no_other_beside_it(sets: Any, anything: str) -> None:
    """Anybody can start any image in debug mode, so the other sets would decide nothing."""
    with pytest.raises(PolicyError) as mistake:
        replace(BASE, measurements=sets)
    assert mistake.value.field == "Policy.measurements"
    assert mistake.value.problem.startswith(f"{anything} accepts any code")


def test_a_policy_has_at_most_256_sets() -> None:
    """Every one is compared with every authentic document."""
    most = tuple(replace(BUILD, label=f"build {number}") for number in range(256))
    assert len(replace(BASE, measurements=most).measurements) == 256
    assert _field(Policy, **{**GOOD, "measurements": (*most, BUILD)}) == "Policy.measurements"


@pytest.mark.parametrize("value", [None, "text", bytearray(1), bytes(1025), 0])
def test_equals_holds_what_a_field_can_carry(value: object) -> None:
    """Bytes, 1024 at the most."""
    assert _field(Equals, value=value) == "Equals.value"
    assert len(Equals(bytes(1024)).value) == 1024


@pytest.mark.parametrize("max_age", [dt.timedelta(), -SECOND, 300, 300.0, None, "5 minutes"])
def test_the_greatest_age_is_above_zero(max_age: object) -> None:
    """A window that nothing fits into is a mistake."""
    assert _field(FreshNonce, max_age=max_age) == "FreshNonce.max_age"
    assert _field(TimestampOnly, because="why", max_age=max_age) == "TimestampOnly.max_age"


FIVE_MINUTES = dt.timedelta(minutes=5)


@pytest.mark.parametrize("skew", [-SECOND, 30, None, FIVE_MINUTES + dt.timedelta(microseconds=1)])
def test_the_clock_skew_is_zero_to_five_minutes(skew: object) -> None:
    """Both ends are allowed."""
    assert _field(FreshNonce, max_clock_skew=skew) == "FreshNonce.max_clock_skew"
    assert (
        _field(TimestampOnly, because="why", max_age=SECOND, max_clock_skew=skew)
        == "TimestampOnly.max_clock_skew"
    )
    for end in (dt.timedelta(), FIVE_MINUTES):
        assert FreshNonce(max_clock_skew=end).max_clock_skew == end
        rule = TimestampOnly(because="why", max_age=SECOND, max_clock_skew=end)
        assert rule.max_clock_skew == end
    assert FreshNonce(max_age=dt.timedelta(microseconds=1)).max_age == dt.timedelta(microseconds=1)


def test_no_nonce_needs_a_reason_and_an_age() -> None:
    """TimestampOnly is a decision, so it has neither by default."""
    assert _field(TimestampOnly, because="", max_age=SECOND) == "TimestampOnly.because"
    with pytest.raises(TypeError):
        TimestampOnly(because="why")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue] - what must fail


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_is_a_plain_value(policy: Policy) -> None:
    """Equal by value, hashable, and the same after pickle and copies."""
    for twin in (
        copy.copy(policy),
        copy.deepcopy(policy),
        pickle.loads(pickle.dumps(policy)),  # noqa: S301 - our own bytes
        replace(policy),
    ):
        assert twin == policy
        assert hash(twin) == hash(policy)
    assert len({*POLICIES, policy}) == len(POLICIES)


@pytest.mark.parametrize("policy", POLICIES)
def test_the_repr_of_a_policy_evaluates_to_it(policy: Policy) -> None:
    """So a policy can be logged, reviewed and pasted back."""
    names = {name: getattr(nitro_attest, name) for name in nitro_attest.__all__}
    assert eval(repr(policy), {**names, "datetime": dt}) == policy  # noqa: S307 - our own text


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_does_not_change(policy: Policy) -> None:
    """Frozen, with slots, all the way down."""
    with pytest.raises(FrozenInstanceError):
        policy.freshness = FreshNonce()  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue] - what must fail
    assert not hasattr(policy, "__dict__")
    for value in (
        *policy.measurements,
        policy.freshness,
        policy.public_key,
        policy.user_data,
        policy.trust_anchor,
    ):
        assert not hasattr(value, "__dict__")


def test_a_pinned_root_is_written_by_name() -> None:
    """Readable in a review; another anchor is written out."""
    assert repr(Policy(**GOOD)).endswith("trust_anchor=AWS_NITRO_ROOT_G1)")
    assert repr(AWS_US_GOV_NITRO_ROOT_G1) == "AWS_US_GOV_NITRO_ROOT_G1"
    assert repr(replace(AWS_NITRO_ROOT_G1, name="renamed")).startswith(
        "TrustAnchor(name='renamed', certificate=b'"
    )


def test_a_policy_lists_every_waiver_once() -> None:
    """Of all its sets, then of its own fields, in their order."""
    policy = replace(
        BASE,
        measurements=(
            BUILD,
            replace(BUILD, label="signed", pcr0_image=NotChecked("a hotfix")),
        ),
        freshness=TimestampOnly(because="no channel", max_age=SECOND),
        public_key=NotChecked("no key"),
        user_data=NotChecked("none"),
        unknown_fields=NotChecked("new fields"),
    )
    assert policy.waivers() == (
        Waiver("pcr3_iam_role", "any role"),
        Waiver("pcr4_instance_id", "a fleet"),
        Waiver("pcr0_image", "a hotfix"),
        Waiver("freshness", "no channel"),
        Waiver("public_key", "no key"),
        Waiver("user_data", "none"),
        Waiver("unknown_fields", "new fields"),
    )


def test_the_strictest_policy_has_no_waiver() -> None:
    """Nothing is skipped unless it is written."""
    exact = replace(BUILD, pcr3_iam_role=Sha384.ZERO, pcr4_instance_id=Sha384(b"\x05" * 48))
    assert replace(BASE, measurements=(exact,)).waivers() == ()
    assert Policy(
        measurements=(AnyEnclave("staging"),),
        freshness=FreshNonce(),
        public_key=Present(),
        user_data=Absent(),
    ).waivers() == (Waiver("measurements", "staging"),)


def test_the_digest_is_that_of_the_documented_json() -> None:
    """Keys sorted, no spaces, UTF-8; durations in microseconds, bytes as hex digits (ADR 6)."""
    build = {
        "type": "EnclaveMeasurements",
        "label": "zahlungen ü",
        "pcrs": {
            "0": "01" * 48,
            "1": "02" * 48,
            "2": "03" * 48,
            "3": {"type": "NotChecked", "because": "any role"},
            "4": {"type": "NotChecked", "because": "a fleet"},
            "8": "00" * 48,
            "16": "10" * 48,
        },
    }
    written = {
        "type": "Policy",
        "measurements": [build],
        "freshness": {
            "type": "TimestampOnly",
            "because": "no channel",
            "max_age": 1_000_000,
            "max_clock_skew": 30_000_000,
        },
        "public_key": {"type": "Equals", "value": "6b6579"},
        "user_data": {"type": "Present"},
        "unknown_fields": {"type": "Absent"},
        "trust_anchor": {
            "type": "TrustAnchor",
            "name": AWS_NITRO_ROOT_G1.name,
            "certificate": AWS_NITRO_ROOT_G1.certificate.hex(),
            "sha256": AWS_NITRO_ROOT_G1.sha256,
        },
    }
    policy = Policy(
        measurements=(replace(BUILD, label="zahlungen ü"),),
        freshness=TimestampOnly(because="no channel", max_age=SECOND),
        public_key=Equals(b"key"),
        user_data=Present(),
    )
    text = json.dumps(written, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert policy.digest() == hashlib.sha256(text.encode()).hexdigest()


def test_policies_that_differ_have_different_digests() -> None:
    """Labels and reasons included."""
    others = [
        replace(BASE, measurements=(replace(BUILD, label="other"),)),
        replace(BASE, measurements=(replace(BUILD, pcr3_iam_role=NotChecked("other")),)),
        replace(BASE, trust_anchor=replace(AWS_NITRO_ROOT_G1, name="renamed")),
        replace(BASE, freshness=FreshNonce(max_age=SECOND)),
    ]
    digests = {policy.digest() for policy in (*POLICIES, *others)}
    assert len(digests) == len(POLICIES) + len(others)
    assert all(len(digest) == 64 for digest in digests)


def test_the_order_of_the_sets_does_not_change_the_digest() -> None:
    """A document is accepted by the same sets, in whichever order they are written."""
    second = replace(BUILD, label="payments 1.4.3", other_pcrs=())
    policy = replace(BASE, measurements=(BUILD, second))
    assert replace(BASE, measurements=(second, BUILD)).digest() == policy.digest()
    two = ((17, Sha384(b"\x11" * 48)), (16, Sha384(b"\x10" * 48)))
    forwards, backwards = replace(BUILD, other_pcrs=two), replace(BUILD, other_pcrs=two[::-1])
    assert (
        replace(BASE, measurements=(forwards,)).digest()
        == replace(BASE, measurements=(backwards,)).digest()
    )

"""A stricter policy accepts no document that a less strict one refuses."""

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

from hypothesis import given, reject, settings
from hypothesis import strategies as st

from nitro_attest import (
    Absent,
    AnyEnclave,
    AnyNitroTpm,
    EnclaveMeasurements,
    Equals,
    FieldRule,
    FreshNonce,
    NitroTpmMeasurements,
    NotChecked,
    Policy,
    PolicyError,
    Present,
    Sha384,
    TimestampOnly,
    VerificationError,
    verify,
)
from nitro_attest.testing import FakeChain
from properties.grammar import NONCE, cases, encoded
from properties.rules import Call, Draft

VALUES = st.sampled_from([Sha384(b"\x01" * 48), Sha384(b"\x02" * 48), Sha384.ZERO])
STRICTER_RULE: dict[type, list[FieldRule]] = {
    NotChecked: [Present(), Absent(), Equals(b""), Equals(b"key"), Equals(b"data")],
    Present: [Equals(b"key"), Equals(b"data")],
    Absent: [Absent()],
    Equals: [],
}


def accepts(doc: bytes, call: Call) -> bool:
    """Say whether the document is accepted."""
    try:
        verify(doc, call.policy, nonce=call.nonce, now=call.now)
    except VerificationError:
        return False
    return True


@st.composite
def stricter(draw: st.DrawFn, call: Call) -> Call:
    """Draw a call that demands more: one field of the policy, in one of the ways it can."""
    try:
        return draw(draw(st.sampled_from(STEPS))(call))
    except PolicyError:
        reject()


def _with(call: Call, **changed: Any) -> Call:
    return replace(call, policy=replace(call.policy, **changed))


@st.composite
def _field(draw: st.DrawFn, call: Call) -> Call:
    name = draw(st.sampled_from(("public_key", "user_data")))
    rules = STRICTER_RULE[type(getattr(call.policy, name))]
    return _with(call, **{name: draw(st.sampled_from(rules))}) if rules else call


@st.composite
def _fewer_sets(draw: st.DrawFn, call: Call) -> Call:
    sets = call.policy.measurements
    kept = draw(st.lists(st.sampled_from(sets), min_size=1, max_size=len(sets), unique=True))
    return _with(call, measurements=tuple(kept))


@st.composite
def _pinned_set(draw: st.DrawFn, call: Call) -> Call:
    sets = list(call.policy.measurements)
    at = draw(st.integers(0, len(sets) - 1))
    sets[at] = draw(_more_pinned(sets[at]))
    return _with(call, measurements=tuple(sets))


@st.composite
def _more_pinned(draw: st.DrawFn, measured: object) -> Any:
    pinning: dict[type, Any] = {AnyEnclave: EnclaveMeasurements, AnyNitroTpm: NitroTpmMeasurements}
    kind: Any = pinning.get(type(measured), type(measured))
    if kind not in {EnclaveMeasurements, NitroTpmMeasurements}:
        return measured
    names: list[str] = [name for name in kind.__dataclass_fields__ if name.startswith("pcr")]
    rules: dict[str, Any] = {name: getattr(measured, name, NotChecked("any")) for name in names}
    for name, rule in rules.items():
        if isinstance(rule, NotChecked) and draw(st.booleans()):
            rules[name] = draw(VALUES)
    return kind(label="stricter", other_pcrs=getattr(measured, "other_pcrs", ()), **rules)


@st.composite
def _window(draw: st.DrawFn, call: Call) -> Call:
    rule = call.policy.freshness
    less = timedelta(milliseconds=draw(st.integers(0, 29_000)))
    return _with(
        call,
        freshness=replace(
            rule, max_age=rule.max_age - less, max_clock_skew=rule.max_clock_skew - less
        ),
    )


@st.composite
def _nonce(draw: st.DrawFn, call: Call) -> Call:
    rule = call.policy.freshness
    if not isinstance(rule, TimestampOnly):
        return call
    fresh = FreshNonce(max_age=rule.max_age, max_clock_skew=rule.max_clock_skew)
    return replace(_with(call, freshness=fresh), nonce=draw(st.sampled_from((NONCE, bytes(32)))))


def _unknown_fields(call: Call) -> st.SearchStrategy[Call]:
    return st.just(_with(call, unknown_fields=Absent()))


STEPS: list[Callable[[Call], st.SearchStrategy[Call]]] = [
    _field,
    _fewer_sets,
    _pinned_set,
    _window,
    _nonce,
    _unknown_fields,
]


@settings(max_examples=400, deadline=None)
@given(cases(), st.data())
def test_a_stricter_policy_accepts_nothing_more(
    case: tuple[Draft, FakeChain, Call], data: st.DataObject
) -> None:
    """What a policy rejects, every policy that demands more rejects too, over several steps."""
    draft, chain, call = case
    doc = encoded(draft, chain)
    accepted = accepts(doc, call)
    for _ in range(data.draw(st.integers(1, 3))):
        call = data.draw(stricter(call))
        now_accepted = accepts(doc, call)
        assert accepted or not now_accepted
        accepted = now_accepted


def test_every_field_of_a_policy_has_a_stricter_step() -> None:
    """A new field of `Policy` must be added here; another anchor is no stricter or laxer."""
    assert {field.name for field in fields(Policy)} - {"trust_anchor"} == {
        "measurements",
        "freshness",
        "public_key",
        "user_data",
        "unknown_fields",
    }

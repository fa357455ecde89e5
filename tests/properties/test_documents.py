"""Documents of good and faulty parts are accepted exactly when the rules' model says so."""

import json
from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from nitro_attest import AttestationResult, Reason, VerificationError, verify
from nitro_attest.testing import FakeChain
from properties.grammar import cases, encoded
from properties.rules import Call, Draft, reasons_to_refuse

EXAMPLES = 900


def verdict(doc: bytes, call: Call) -> AttestationResult | list[Reason]:
    """Return the result, or the reasons for which the document is refused."""
    try:
        return verify(doc, call.policy, nonce=call.nonce, now=call.now)
    except VerificationError as refusal:
        return [failure.reason for failure in refusal.failures]


@settings(max_examples=EXAMPLES, deadline=None)
@given(cases())
def test_the_verdict_is_the_models(case: tuple[Draft, FakeChain, Call]) -> None:
    """A document is accepted exactly when no rule is broken.

    Else the reason is the one that comes first, with all reasons of that step.
    """
    draft, chain, call = case
    found = verdict(encoded(draft, chain), call)
    wanted = reasons_to_refuse(draft, call)

    reasons = [] if isinstance(found, AttestationResult) else found
    assert reasons[:1] == wanted[:1]
    assert set(reasons) == set(wanted)


def _without_depth(reason: Reason) -> Reason:
    """Call a container where none may be a wrong type, however it is encoded.

    The decoder enters an empty array of indefinite length, and finds it too deep; it does not enter
    one of definite length.
    """
    return Reason.DOCUMENT_FIELD_TYPE if reason is Reason.CBOR_TOO_DEEP else reason


@settings(max_examples=EXAMPLES // 3, deadline=None)
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_keys_never_matters(
    case: tuple[Draft, FakeChain, Call], chance: Random
) -> None:
    """Neither the order nor the encoding of maps changes the verdict.

    Only which of two faulty PCRs is met first depends on them.
    """
    draft, chain, call = case
    plain, shuffled = (
        verdict(encoded(draft, chain), call),
        verdict(encoded(draft, chain, chance), call),
    )

    if isinstance(plain, AttestationResult):
        assert isinstance(shuffled, AttestationResult)
        assert shuffled.claims == plain.claims
        assert shuffled.not_checked == plain.not_checked
    else:
        assert not isinstance(shuffled, AttestationResult)
        assert [*map(_without_depth, shuffled)] == [*map(_without_depth, plain)]


@settings(max_examples=EXAMPLES // 3, deadline=None)
@given(cases())
def test_a_result_is_json(case: tuple[Draft, FakeChain, Call]) -> None:
    """What is accepted can be written down as JSON and read again without loss."""
    draft, chain, call = case
    found = verdict(encoded(draft, chain), call)
    if isinstance(found, AttestationResult):
        assert json.loads(json.dumps(found.to_dict())) == found.to_dict()


def test_the_grammar_reaches_both_verdicts_and_every_step() -> None:
    """A property over draws that are all refused for one reason would show nothing."""
    steps: Counter[str] = Counter()

    @settings(max_examples=EXAMPLES // 3, deadline=None, derandomize=True, database=None)
    @given(cases())
    def count(case: tuple[Draft, FakeChain, Call]) -> None:
        wanted = reasons_to_refuse(case[0], case[2])
        steps[wanted[0].partition(".")[0] if wanted else "accepted"] += 1

    count()
    assert steps.keys() == {"accepted", "document", "chain", "signature", "freshness", "policy"}
    assert min(steps.values()) >= EXAMPLES // 3 // 100

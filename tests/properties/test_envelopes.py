"""No change of a good envelope is accepted, whatever was changed and however little."""

from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nitro_attest import AnyEnclave, FreshNonce, NotChecked, Policy, VerificationError, verify
from properties.grammar import FAKE, NONCE
from support.mutators import cbor
from support.mutators.chains import NOW

WHY = "the property asks for the envelope"
POLICY = Policy(
    measurements=(AnyEnclave(WHY),),
    freshness=FreshNonce(),
    public_key=NotChecked(WHY),
    user_data=NotChecked(WHY),
    unknown_fields=NotChecked(WHY),
    trust_anchor=FAKE.trust_anchor,
)
GOOD = FAKE.enclave_document(nonce=NONCE, public_key=b"key", user_data=b"data")
TAGGED = b"\xd2" + GOOD  # the one other encoding that is allowed


@settings(max_examples=1500, deadline=None)
@given(st.sampled_from((GOOD, TAGGED)), st.integers(1, 3), st.randoms(use_true_random=False))
def test_no_mutation_is_accepted(doc: bytes, changes: int, chance: Random) -> None:
    """Every item changed, in its value or in its encoding, and every byte."""
    mutated = doc
    for _ in range(changes):
        mutated = cbor.mutate(mutated, chance)
    assume(mutated not in {GOOD, TAGGED})

    with pytest.raises(VerificationError):
        verify(mutated, POLICY, nonce=NONCE, now=NOW)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=300))
def test_no_other_bytes_are_accepted(doc: bytes) -> None:
    """Bytes from nowhere, alone and around a good document."""
    for made in (doc, doc + GOOD, GOOD + doc):
        if made not in {GOOD, TAGGED}:
            with pytest.raises(VerificationError):
                verify(made, POLICY, nonce=NONCE, now=NOW)

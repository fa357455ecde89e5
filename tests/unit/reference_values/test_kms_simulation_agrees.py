"""The library and a second evaluator, written from AWS's text, decide random policies alike."""

import random

import pytest

from unit.reference_values.both_evaluators import decided_by_both
from unit.reference_values.iam_evaluator import Asked, outcome
from unit.reference_values.random_policies import policy, request

CHUNK = 500


def _check(seed: int) -> str:
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    return decided_by_both(policy(rng), request(rng))


@pytest.mark.parametrize("chunk", range(2))
def test_both_evaluators_agree(chunk: int) -> None:
    """A fixed part of the long run, in which every outcome occurs."""
    outcomes = {_check(seed) for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK)}
    assert outcomes == {"allow", "deny", "undecided"}


@pytest.mark.full
@pytest.mark.parametrize("chunk", range(2, 40))
def test_both_evaluators_agree_on_all_twenty_thousand(chunk: int) -> None:
    """The rest of 20,000."""
    outcomes = {_check(seed) for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK)}
    assert outcomes == {"allow", "deny", "undecided"}


def test_the_second_evaluator_knows_that_a_document_is_missing() -> None:
    """The oracle itself: a PCR that the request does not have is not equal to anything."""
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "kms:Decrypt",
        "Resource": "*",
        "Condition": {"StringEquals": {"kms:RecipientAttestation:PCR0": "a1" * 48}},
    }
    asked = Asked("Decrypt", "arn:aws:iam::111122223333:role/payments")
    assert outcome({"Statement": statement}, asked) == "deny"
    asked.keys["kms:recipientattestation:pcr0"] = ["a1" * 48]
    assert outcome({"Statement": statement}, asked) == "allow"

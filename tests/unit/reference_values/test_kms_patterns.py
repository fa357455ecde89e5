"""Wildcards, ARN patterns and escapes by themselves."""

import pytest

from nitro_attest.reference_values._kms import patterns
from nitro_attest.reference_values._kms.patterns import Variables
from nitro_attest.reference_values._kms.truth import Undecided, all_of, any_of, negated

OPEN = Undecided("open")
OTHER = Undecided("other")
ARN = "arn:aws:sns:us-east-1:111122223333:topic:a:b"


@pytest.mark.parametrize(
    ("pattern", "arn", "expected"),
    [
        (ARN, ARN, True),
        ("arn:aws:sns:*:*:*", ARN, True),
        ("arn:aws:sns:*:*:topic", ARN, False),
        ("arn:aws:sns:*:*:topic:a:b:c", ARN, False),
        ("arn:aws:sns:*:*:topic:*:?", ARN, True),
        ("arn:aws:sns:us-east-1:*:topic:a:b", ARN, True),
        ("arn:aws:sns:*:topic:a:b", ARN, False),
        ("arn:aws:sns:us-east-1:111122223333:${*}", ARN, False),
        ("arn:aws:sns:us-east-1:111122223333:${*}", "arn:aws:sns:us-east-1:111122223333:*", True),
    ],
)
def test_an_arn_is_six_parts_and_the_last_may_hold_colons(
    pattern: str, arn: str, expected: object
) -> None:
    """Each part by itself."""
    assert patterns.arn_matches(pattern, arn, Variables.REPLACED) is expected


@pytest.mark.parametrize("text", ["*", "arn", "arn:aws:sns:a:b", "a:b:c:d:e:f", "Arn:b:c:d:e:f"])
def test_what_is_no_arn_is_undecided(text: str) -> None:
    """On either side; five parts, or another first one."""
    for pair in ((text, ARN), (ARN, text)):
        answer = patterns.arn_matches(*pair, Variables.LITERAL)
        assert isinstance(answer, Undecided)
        assert repr(text) in answer.because


def test_a_long_text_is_cut_in_a_reason() -> None:
    """After 60 characters."""
    shortest, longer = "x" * 60, "x" * 61
    reasons = [patterns.arn_matches(text, ARN, Variables.LITERAL) for text in (shortest, longer)]
    words = [reason.because for reason in reasons if isinstance(reason, Undecided)]
    assert words == [
        f"'{shortest}' is no ARN of six parts",
        f"'{shortest}'... is no ARN of six parts",
    ]


def test_only_ascii_letters_lose_their_case() -> None:
    """A to Z, and no neighbour of theirs."""
    assert patterns.ascii_lower("@AZ[`az{\u212a\u0130\xc0") == "@az[`az{\u212a\u0130\xc0"


def test_a_conjunction_is_false_before_it_is_undecided() -> None:
    """And names the first reason; a disjunction is true before it is undecided."""
    assert all_of([OPEN, OTHER, False]) is False
    assert all_of([True, OPEN, OTHER]) is OPEN
    assert all_of([True, True]) is True
    assert all_of([]) is True
    assert any_of([OPEN, True]) is True
    assert any_of([False, OPEN, OTHER]) is OPEN
    assert any_of([False]) is False
    assert any_of([]) is False
    assert (negated(True), negated(False), negated(OPEN)) == (False, True, OPEN)  # noqa: FBT003 - truth values

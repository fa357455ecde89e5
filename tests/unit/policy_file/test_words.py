"""What an author of a policy file is told: words of the file, and no other package's."""

import json
from typing import Any

import pytest

from nitro_attest import AnyEnclave, FreshNonce, Policy, PolicyError, Present
from nitro_attest.policy_file import policy_from_json, policy_from_toml, policy_to_json

POLICY = Policy(
    measurements=(AnyEnclave("this file is about words"),),
    freshness=FreshNonce(),
    public_key=Present(),
    user_data=Present(),
)
TABLE: dict[str, Any] = json.loads(policy_to_json(POLICY))
ANCHOR = {"name": "x", "sha256": "0" * 64, "certificate": "A" * 90_000}
VERSION = "expected 1, the version of this format"


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"version": 2}, VERSION),
        ({"version": 0}, VERSION),
        ({"version": True}, VERSION),
        ({"version": "1"}, VERSION),
        ({"public_key": True}, "expected 'present' or 'absent'"),
        ({"public_key": "Present"}, "expected 'present' or 'absent'"),
        ({"public_key": {}}, "this decision is missing; a policy file states every one"),
        ({"public_key": {"equals": "00", "not_checked": "x"}}, "not a key of this table"),
        ({"public_key": {"not_checked": ""}}, "expected text that is not empty"),
        ({"public_key": {"not_checked": 1}}, "expected text"),
        ({"public_key": {"not_checked": "\ud800"}}, "expected text without lone surrogates"),
        ({"public_key": {"equals": "xy"}}, "expected hex digits of at most 1024 bytes"),
        ({"freshness": "5m"}, "expected a table"),
        ({"freshness": {}}, "the key kind is missing, which says what this table is"),
        (
            {"freshness": {"kind": "nonce"}},
            "expected kind to be one of 'fresh_nonce', 'timestamp_only'",
        ),
        (
            {"freshness": {**TABLE["freshness"], "max_age": "5"}},
            'expected a duration such as "5m", "1h30m" or "0.5s"',
        ),
        ({"measurements": {}}, "expected a list of tables"),
        ({"measurements": []}, "expected at least one set"),
        ({"measurements": [1]}, "expected a table"),
        ({"trust_anchor": ANCHOR}, "expected the base64 of at most 65,536 bytes"),
    ],
)
def test_a_mistake_is_told_in_the_words_of_the_file(changed: dict[str, Any], problem: str) -> None:
    """No `String should have` and no `valid dictionary`."""
    with pytest.raises(PolicyError) as caught:
        policy_from_json(json.dumps(TABLE | changed))
    assert caught.value.problem == problem


def test_a_policy_that_is_no_table_is_told_so() -> None:
    """As a list, which JSON allows."""
    with pytest.raises(PolicyError) as caught:
        policy_from_json("[]", source="policy.json")
    assert (caught.value.field, caught.value.problem) == ("policy.json", "expected a table")


@pytest.mark.parametrize("character", "\u202a\u202e\u2066\u2069")
def test_nothing_shows_a_reviewer_another_order_than_is_parsed(character: str) -> None:
    """A comment with such a character can make an editor show a waiver as if it were a comment."""
    for read in (policy_from_toml, policy_from_json):
        with pytest.raises(PolicyError) as caught:
            read(f"\n# {character}\n", source="policy")
        assert caught.value.field == "policy, line 2"
        assert f"U+{ord(character):04X}" in caught.value.problem
        assert character not in str(caught.value)

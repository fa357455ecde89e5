"""Reading, reviewing and deciding a key policy cost work that grows with its length."""

import contextlib
import json
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from nitro_attest import PolicyError
from nitro_attest.reference_values import kms
from unit.reference_values.broken_policies import PREFIX, ROLE
from unit.reference_values.counted import bytecodes
from unit.reference_values.hostile_policies import hostile
from unit.reference_values.wrong_key_policies import allow

CHUNK = 500
START = 50_000  # what the smallest policy costs, and an error with its text
READ = 20  # bytecodes for each byte; a list of empty lists has 10
DECIDE = 20  # principals have 6
REVIEW = 700  # each action is compared with all operations, and each wildcard compiled
SEARCH = {"unknown-operator": 60_000, "unknown-key": 400_000}  # for each name that is searched
SEARCHED = 8  # such names in one statement


def condition(of_number: Callable[[int], tuple[str, str]], count: int) -> str:
    """Return a policy with so many conditions."""
    return json.dumps(
        allow({operator: {key: "a"} for operator, key in map(of_number, range(count))})
    )


def pairs(count: int) -> str:
    """Return a policy of so many Allows, each with a Deny that leaves nothing of it."""
    statements = (
        {"Effect": effect, "Principal": "*", "Action": "kms:De*", "Resource": "*"} | condition
        for effect, condition in (
            ("Allow", {"Condition": {"StringEquals": {f"{PREFIX}PCR8": ["a", "b"]}}}),
            ("Deny", {"Condition": {"StringNotEquals": {f"{PREFIX}PCR8": "c"}}}),
        )
    )
    return json.dumps({"Statement": [*statements] * count})


def wrong_values(value: str) -> Callable[[int], str]:
    """Return policies whose every condition has a value that no PCR is equal to."""
    operators = [
        f"{quantifier}{operator}"
        for quantifier in ("", "ForAnyValue:", "ForAllValues:")
        for operator in ("StringEquals", "StringNotEquals", "StringEqualsIfExists")
    ]
    return lambda n: json.dumps(
        allow(
            {
                operator: {f"{PREFIX}PCR{i}": value for i in range(1 + n // 9)}
                for operator in operators
            }
        )
    )


FAMILIES: dict[str, Callable[[int], str]] = {
    "statements": lambda n: json.dumps({"Statement": allow()["Statement"] * n}),
    "actions": lambda n: json.dumps(allow(Action=[f"kms:A{i}" for i in range(4 * n)])),
    "wildcards": lambda n: json.dumps(allow(Action=[f"kms:*{i}*" for i in range(4 * n)])),
    "principals": lambda n: json.dumps(
        allow(Principal={"AWS": [f"{ROLE}{i}" for i in range(2 * n)]})
    ),
    "resources": lambda n: json.dumps(allow(Resource=[f"arn:*{i}" for i in range(4 * n)])),
    "values": lambda n: json.dumps(
        allow({"StringLike": {f"{PREFIX}PCR0": [f"{i}*" for i in range(4 * n)]}})
    ),
    "keys": lambda n: json.dumps(
        allow({"StringEquals": {f"kms:EncryptionContext:k{i}": "a" for i in range(2 * n)}})
    ),
    "operators": lambda n: condition(lambda i: (f"Operator{i}", f"{PREFIX}PCR0"), 2 * n),
    "key names": lambda n: json.dumps(
        allow({"StringEquals": {f"kms:Recipient:PCR{i}": "a" for i in range(2 * n)}})
    ),
    "operators in many statements": lambda n: json.dumps(
        {"Statement": allow({"StringEqual": {f"{PREFIX}PCR0": "a"}})["Statement"] * (1 + n // 4)}
    ),
    "an Allow and a Deny": lambda n: pairs(1 + n // 2),
    "no digests": wrong_values("x"),
    "upper case": wrong_values("AA" * 48),
    "a long Sid": lambda n: json.dumps(allow(Sid="a" * 100 * n)),
    "backslashes": lambda n: json.dumps({**allow(), "Id": "\\" * 50 * n}),
    "wrapped": lambda n: json.dumps(
        {"Policy": json.dumps({"Statement": allow()["Statement"] * n})}
    ),
    "white space": lambda n: " " * 400 * n + json.dumps(allow()),
    "brackets": lambda n: "[" * 100 * n,
    "empty lists": lambda n: '{"Statement": [' + "[]," * 50 * n + "[]]}",
    "unknown elements": lambda n: json.dumps({"Statement": {f"k{i}": 1 for i in range(20 * n)}}),
    "names given twice": lambda n: '{"a": 1, ' * 20 + '"a": 1, ' * 20 * n + '"a": 1}' + "}" * 20,
    "digits": lambda n: '{"Statement": ' + "9" * 100 * n + "}",
    "open strings": lambda n: '"' * (100 * n + 1),
    "surrogates": lambda n: '"' + "\\ud800" * 20 * n + '"',
}


def read(text: bytes | str) -> None:
    """Read a policy, or refuse it."""
    with contextlib.suppress(PolicyError):
        kms.KeyPolicy.read(text)


@pytest.mark.parametrize("family", FAMILIES)
def test_reading_grows_with_the_length(family: str) -> None:
    """Up to sixteen times the length; half of it would be enough to see a square."""
    for size in (5, 20, 80):
        text = FAMILIES[family](size)
        assert bytecodes(partial(read, text)) < START + READ * len(text)


@pytest.mark.parametrize("family", list(FAMILIES)[:17])
def test_deciding_and_reviewing_grow_with_the_length(family: str) -> None:
    """Whatever the number of findings: a statement has one of a kind, with one repair."""
    for size in (5, 20, 80):
        text = FAMILIES[family](size)
        policy = kms.KeyPolicy.read(text)
        findings: list[kms.Finding] = []

        def review(policy: kms.KeyPolicy = policy, found: list[Any] = findings) -> None:
            found.extend(kms.lint(policy))

        def decide(policy: kms.KeyPolicy = policy) -> None:
            kms.simulate(policy, "Decrypt", principal=ROLE, strictness=kms.Strictness.LENIENT)

        reviewed = bytecodes(review)
        searched = sum(
            SEARCH.get(found.code, 0) * found.why.count("probably meant") for found in findings
        )
        assert reviewed < 4 * START + REVIEW * len(text) + searched
        assert bytecodes(decide) < START + DECIDE * len(text)


@pytest.mark.parametrize("family", ["operators", "key names", "keys", "no digests", "upper case"])
def test_a_review_of_twice_as_many_conditions_costs_twice_as_much(family: str) -> None:
    """Beside a part that is always the same: the names that are searched."""

    def work(size: int) -> int:
        return bytecodes(partial(kms.lint, kms.KeyPolicy.read(FAMILIES[family](size))))

    small, middle, large = map(work, (18, 36, 72))
    assert large - middle < 2.2 * (middle - small)


@pytest.mark.parametrize(
    ("family", "code"), [("operators", "unknown-operator"), ("key names", "unknown-key")]
)
def test_more_names_than_are_searched_are_counted(family: str, code: str) -> None:
    """None is passed over: the text has their number, and a repair leaves the next ones."""
    (found,) = (it for it in kms.lint(FAMILIES[family](10)) if it.code == code)
    assert found.why.count("probably meant") == SEARCHED
    assert f" {20 - SEARCHED} more names do not exist" in found.why
    assert found.repaired is not None
    repaired = json.dumps({"Statement": [json.loads(text) for text in found.repaired]})
    rest = [it for it in kms.lint(repaired) if it.code == code]
    assert len(rest) == 1
    (eight,) = (it for it in kms.lint(FAMILIES[family](SEARCHED // 2)) if it.code == code)
    assert "more" not in eight.why


def test_where_there_are_too_many_statements_to_try_the_review_says_so() -> None:
    """A statement that was not tried has a note, which is not an empty answer."""
    found = kms.lint(pairs(100))
    tried = [it for it in found if it.code == "never-allows"]
    notes = [it for it in found if it.code == "undecidable"]
    assert len(tried) == 32  # 128 tries, two values and two operations each
    assert len(tried) + len(notes) == 100
    assert not [it for it in kms.lint(pairs(32)) if it.code == "undecidable"]


def _hostile_policies_are_read_in_linear_work(seeds: range) -> None:
    for seed in seeds:
        text = hostile(random.Random(seed))  # noqa: S311 - not for secrets
        assert bytecodes(partial(read, text)) < START + READ * len(text), seed


def test_a_hostile_policy_is_read_in_linear_work() -> None:
    """A fixed part of the long run."""
    _hostile_policies_are_read_in_linear_work(range(100))


@pytest.mark.full
@pytest.mark.parametrize("chunk", range(20))
def test_ten_thousand_hostile_policies_are_read_in_linear_work(chunk: int) -> None:
    """All that `test_kms_reading` reads."""
    _hostile_policies_are_read_in_linear_work(range(chunk * CHUNK, (chunk + 1) * CHUNK))

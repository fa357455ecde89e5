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
REVIEW = 600  # each action is compared with all operations, and each wildcard compiled
REPAIR = 5  # for each byte and finding: a finding holds its whole statement, repaired
FINDING = 60_000  # for each finding: the nearest name is searched


def condition(of_number: Callable[[int], tuple[str, str]], count: int) -> str:
    """Return a policy with so many conditions."""
    return json.dumps(
        allow({operator: {key: "a"} for operator, key in map(of_number, range(count))})
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


@pytest.mark.parametrize("family", list(FAMILIES)[:12])
def test_deciding_and_reviewing_grow_with_the_length(family: str) -> None:
    """A review also with the number of findings, each of which holds the repaired statement."""
    for size in (5, 20, 80):
        text = FAMILIES[family](size)
        policy = kms.KeyPolicy.read(text)
        findings: list[kms.Finding] = []

        def review(policy: kms.KeyPolicy = policy, found: list[Any] = findings) -> None:
            found.extend(kms.lint(policy))

        def decide(policy: kms.KeyPolicy = policy) -> None:
            kms.simulate(policy, "Decrypt", principal=ROLE, strictness=kms.Strictness.LENIENT)

        reviewed = bytecodes(review)
        allowed = len(text) * (REVIEW + REPAIR * len(findings)) + FINDING * len(findings)
        assert reviewed < 4 * START + allowed
        assert bytecodes(decide) < START + DECIDE * len(text)


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

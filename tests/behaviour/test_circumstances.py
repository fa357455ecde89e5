"""A verdict depends on the document, the policy and the call, never on what was verified before.

Every case is decided with an empty cache, with one that knows whatever of it can be known, with one
that holds nothing, by each implementation of P-384, by many threads and after a fork; the answers
must be equal in everything.
"""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from nitro_attest import (
    AWS_US_GOV_NITRO_ROOT_G1,
    AnyEnclave,
    AttestationResult,
    Failure,
    Policy,
    Present,
    SignatureBackend,
    VerificationError,
    use_signature_backend,
    verify,
)
from nitro_attest._core import es384, verification
from nitro_attest._core.chain import ChainCache
from support import certificates as forge
from support import vectors as kit_reader
from support.captured import ARCHIVED, GENUINE, WAIVED, Genuine, policy_for
from support.certificates import LEAF, NOW, Edit, swap

MUTANTS = 60  # of each genuine document, spread over all its bytes


@dataclass(frozen=True)
class Case:
    """One call of verify."""

    name: str
    doc: bytes
    policy: Policy
    now: datetime
    nonce: bytes | None = None


def _genuine_cases(genuine: Genuine) -> Iterator[Case]:
    policy = policy_for(genuine.measurements)
    good = Case(genuine.name, genuine.doc, policy, genuine.time)
    yield good
    for days in (-1, -30, 1, 10, 30, 9000, -9000):
        yield replace(
            good, name=f"{genuine.name} {days} days later", now=genuine.time + timedelta(days=days)
        )
    yield replace(
        good,
        name=f"{genuine.name} other policy",
        policy=policy_for(genuine.measurements, public_key=Present()),
    )
    other_root = policy_for(genuine.measurements, trust_anchor=AWS_US_GOV_NITRO_ROOT_G1)
    yield replace(good, name=f"{genuine.name} other root", policy=other_root)
    yield replace(good, name=f"{genuine.name} truncated", doc=genuine.doc[:-1])
    step = len(genuine.doc) // MUTANTS
    for place in range(0, len(genuine.doc), step):
        doc = bytearray(genuine.doc)
        doc[place] ^= 1 << place % 8
        yield replace(good, name=f"{genuine.name} changed at {place}", doc=bytes(doc))


def _not_in_der(made: bytes) -> bytes:
    return made + b"\0"


def _zeros(_: bytes) -> bytes:
    return forge.der(forge.SEQUENCE, forge.integer(0), forge.integer(0))


FORGER = forge.key("NEVER_TRUST forger")
EDITS: dict[str, Edit] = {
    "as it is": replace,
    "forged": swap(signer=FORGER),
    "other key": swap(public_key=forge.public(FORGER)),
    "expired": swap(not_after=forge.time(NOW - timedelta(seconds=2))),
    "not yet valid": swap(not_before=forge.time(NOW + timedelta(seconds=2))),
    "other subject": swap(subject=forge.name("stranger")),
    "other issuer": swap(issuer=forge.name("stranger")),
    "no extensions": swap(extensions=()),
    "a CA": swap(extensions=(forge.basic_constraints(forge.CA), forge.AUTHORITY_USAGE)),
    "a leaf": swap(extensions=(forge.basic_constraints(), forge.LEAF_USAGE)),
    "other algorithm": swap(outer_algorithm=forge.ECDSA_WITH_SHA256),
    "serial zero": swap(serial=forge.integer(0)),
    "signature not in DER": swap(signature=_not_in_der),
    "signature of zeros": swap(signature=_zeros),
}


def _forged_cases() -> Iterator[Case]:
    """Put one fault, or a second one in the leaf, into a chain that is otherwise known."""
    for place in range(5):
        for name, edit in EDITS.items():
            for leaf_name in ("as it is", "forged", "expired", "a CA"):
                certificates = forge.chain({LEAF: EDITS[leaf_name], place: edit})
                policy = Policy(
                    measurements=(AnyEnclave("a forged chain"),),
                    freshness=ARCHIVED,
                    public_key=WAIVED,
                    user_data=WAIVED,
                    trust_anchor=forge.anchor(forge.chain()[0]),
                )
                doc = forge.document(forge.payload(certificates))
                yield Case(f"{place} {name}, leaf {leaf_name}", doc, policy, NOW)


def _kit_cases() -> Iterator[tuple[Case, str]]:
    """Go through the test vectors, each with the verdict it expects."""
    for path in kit_reader.paths():
        vector = kit_reader.read_vector(path)
        yield Case(vector.id, vector.doc, vector.policy, vector.now, vector.nonce), vector.expect


KIT = list(_kit_cases())
FORGED = list(_forged_cases())
CASES = [
    *(case for genuine in GENUINE for case in _genuine_cases(genuine)),
    *FORGED,
    *(case for case, _ in KIT),
]
KNOWN = [
    *(next(_genuine_cases(genuine)) for genuine in GENUINE),
    FORGED[0],
    *(case for case, expect in KIT if expect == kit_reader.ACCEPT),
]
Answer = AttestationResult | tuple[type[VerificationError], tuple[Failure, ...]]


def _decide(case: Case) -> Answer:
    try:
        return verify(case.doc, case.policy, nonce=case.nonce, now=case.now)
    except VerificationError as refusal:
        return type(refusal), refusal.failures


def _use(monkeypatch: pytest.MonkeyPatch, cache: ChainCache) -> ChainCache:
    monkeypatch.setattr(verification, "DEFAULT_CACHE", cache)
    return cache


@pytest.fixture(scope="module")
def answers() -> dict[str, Answer]:
    """Decide every case with nothing remembered, by cryptography alone."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(es384, "_choice", None)
        use_signature_backend(SignatureBackend.CRYPTOGRAPHY)
        found: dict[str, Answer] = {}
        for case in CASES:
            _use(monkeypatch, ChainCache())
            found[case.name] = _decide(case)
        return found


@pytest.fixture(autouse=True, params=SignatureBackend)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test with each implementation that is installed."""
    if request.param is SignatureBackend.AWS_LC:
        pytest.importorskip("awscrt")
    monkeypatch.setattr(es384, "_choice", None)
    use_signature_backend(request.param)


def _differences(answers: dict[str, Answer]) -> list[str]:
    return [case.name for case in CASES if _decide(case) != answers[case.name]]


def test_the_cases_are_worth_comparing(answers: dict[str, Answer]) -> None:
    """Names are distinct, and acceptance and many kinds of refusal occur."""
    assert len(answers) == len(CASES)
    reasons = {answer[1][0].reason for answer in answers.values() if isinstance(answer, tuple)}
    assert len(reasons) >= 20
    assert any(isinstance(answer, AttestationResult) for answer in answers.values())


def test_with_nothing_remembered(
    answers: dict[str, Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache of size zero holds nothing, and changes no answer."""
    _use(monkeypatch, ChainCache(certificates=0))
    assert not _differences(answers)


def test_with_all_that_is_good_known(
    answers: dict[str, Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every good chain is known beforehand; every case is decided twice."""
    _know(monkeypatch, ChainCache())
    assert not _differences(answers)
    assert not _differences(answers)


def test_with_the_hosts_known_and_no_leaf(
    answers: dict[str, Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the leaf is checked anew, and ends in the same answers."""
    _know(monkeypatch, ChainCache(leaves=0))
    assert not _differences(answers)


def test_with_many_threads(answers: dict[str, Answer], monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight threads share one small cache, so that entries come and go."""
    _use(monkeypatch, ChainCache(certificates=2, leaves=1))
    cases = CASES[::4]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(_decide, cases))
    assert found == [answers[case.name] for case in cases]


def test_after_a_fork(answers: dict[str, Answer], monkeypatch: pytest.MonkeyPatch) -> None:
    """A child decides as its parent does, with what the parent has proven."""
    _know(monkeypatch, ChainCache())
    with multiprocessing.get_context("fork").Pool(1) as pool:
        differing = pool.apply(_count_differences, (answers,))
    assert differing == 0


def _know(monkeypatch: pytest.MonkeyPatch, cache: ChainCache) -> None:
    _use(monkeypatch, cache)
    for case in KNOWN:
        assert isinstance(_decide(case), AttestationResult)


def _count_differences(answers: dict[str, Answer]) -> int:
    return sum(_decide(case) != answers[case.name] for case in CASES[::4])

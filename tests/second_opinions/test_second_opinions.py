"""No peer disagrees unnoticed: what we accept they accept, and where they accept more, we say why.

pycose is asked about the envelope and the signature; the path validation of `cryptography`,
pyhanko-certvalidator and `openssl verify` about the chain. Fields, freshness and policy are
nobody's business but ours. Our own answer is asked of both signature backends, and is one.
"""

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from nitro_attest import SignatureBackend, use_signature_backend
from nitro_attest._core import es384
from second_opinions import cases, peers
from support.oracle import cryptography_accepts

DIVERGENCES: Final = Path(__file__).parent / "divergences.json"
LEAST_CASES: Final = 1000
LEAST_ACCEPTED: Final = 250
PYCOSE: Final = "pycose"
CHAIN_PEERS: Final[dict[str, Callable[..., bool]]] = {
    "cryptography": cryptography_accepts,
    "pyhanko-certvalidator": peers.pyhanko_accepts,
    "openssl verify": peers.openssl_accepts,
}
JUDGED_BY: Final = {PYCOSE: ("cose", "cbor", "signature"), **dict.fromkeys(CHAIN_PEERS, ("chain",))}

pytestmark = [
    pytest.mark.skipif(shutil.which(peers.OPENSSL) is None, reason="the system has no openssl"),
    pytest.mark.xdist_group("oracles"),
]


class Divergence(NamedTuple):
    """A case in which a peer comes to another verdict, and our verdict."""

    peer: str
    ours: str
    case: str


class Inquiry(NamedTuple):
    """Hold how many cases were asked about, how many we accept, and where a peer disagrees."""

    asked: int
    accepted: int
    divergences: frozenset[Divergence]


def _verdict(case: cases.Case, backend: SignatureBackend) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(es384, "_choice", None)  # so that it is afterwards what it was before
        use_signature_backend(backend)
        return cases.verdict(case)


@cache
def inquire() -> Inquiry:
    """Ask every peer about every case that it can read."""
    asked, accepted, found = 0, 0, set[Divergence]()
    for case in (*cases.genuine(), *cases.kit(), *cases.generated()):
        parts = peers.take_apart(case.doc)
        (ours,) = {
            _verdict(case, backend) for backend in SignatureBackend
        }  # one answer, whoever checks the signature
        asked, accepted = asked + 1, accepted + (ours == "accept")
        if parts is None:
            assert ours != "accept"
            continue
        root = case.policy.trust_anchor.certificate
        theirs = {PYCOSE: peers.pycose_accepts(parts)}
        for name, accepts in CHAIN_PEERS.items():
            theirs[name] = accepts(parts.certificate, parts.cabundle, root, case.now)
        for name, good in theirs.items():
            if ours == "accept" and not good:
                found.add(Divergence(name, ours, case.name))
            if good and ours.partition(".")[0] in JUDGED_BY[name]:
                found.add(Divergence(name, ours, case.name))
    return Inquiry(asked, accepted, frozenset(found))


@cache
def listed() -> frozenset[Divergence]:
    """Return the divergences that are known and explained."""
    return frozenset(
        Divergence(entry["peer"], entry["ours"], case)
        for entry in json.loads(DIVERGENCES.read_text())
        for case in entry["cases"]
    )


def test_every_divergence_is_explained() -> None:
    """Whoever changes a verdict must say why a peer sees it otherwise."""
    assert sorted(inquire().divergences - listed()) == []


def test_no_explanation_is_stale() -> None:
    """An entry that no longer happens must go."""
    assert sorted(listed() - inquire().divergences) == []


def test_every_explanation_says_why() -> None:
    """An entry without a reason explains nothing, and a case stands in one entry for each peer."""
    entries = json.loads(DIVERGENCES.read_text())

    assert all(len(entry["why"]) > 20 and entry["cases"] for entry in entries)
    assert sum(len(entry["cases"]) for entry in entries) == len(listed())


def test_genuine_documents_divide_nobody() -> None:
    """No captured document may ever be listed."""
    assert not [found for found in listed() if found.case.startswith("genuine/")]


def test_there_are_enough_cases(record_testsuite_property: Callable[[str, object], None]) -> None:
    """Silence of the peers means something only if they were asked."""
    inquiry = inquire()
    record_testsuite_property("oracle cases", inquiry.asked)
    record_testsuite_property("oracle cases accepted", inquiry.accepted)
    record_testsuite_property("oracle divergences explained", len(listed()))
    print(  # noqa: T201 - shown with -s
        f"{inquiry.asked} cases, {inquiry.accepted} accepted, {len(listed())} divergences explained"
    )

    assert inquiry.asked >= LEAST_CASES
    assert inquiry.accepted >= LEAST_ACCEPTED

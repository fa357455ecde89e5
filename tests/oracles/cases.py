"""Gather the cases that the peers are asked about: genuine documents, the kit, and generated ones.

Generated are documents of the fake in every form, and chains in which one certificate has another extension, time, serial
number or version, signed again by the right key: each entry of the catalogue of `altered.profile`, one by one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, final

from altered import chains, profile, vectors
from fuzz import target_chain
from nitro_attest import (
    AnyEnclave,
    AnyNitroTpm,
    DebugEnclave,
    NotChecked,
    Policy,
    PolicyError,
    TimestampOnly,
    VerificationError,
    verify,
)
from nitro_attest.testing import EnvelopeTag, PayloadMap

_WHY: Final = "the peers judge neither values nor freshness"
_FRESHNESS: Final = TimestampOnly(because=_WHY, max_age=timedelta(minutes=5))
_WAIVED: Final = NotChecked(_WHY)
_PLACES: Final = (1, 3, 4)  # an authority with authorities under it, the last authority, the leaf


@final
@dataclass(frozen=True, slots=True)
class Case:
    """Hold a document and what it is verified with."""

    name: str
    doc: bytes
    policy: Policy
    nonce: bytes | None
    now: datetime


def verdict(case: Case) -> str:
    """Return "accept" or the reason of the refusal."""
    try:
        verify(case.doc, case.policy, nonce=case.nonce, now=case.now)
    except VerificationError as refusal:
        return str(refusal.reason)
    return "accept"


def genuine() -> Iterator[Case]:
    """Return the captured documents, each at its own time."""
    for entry in vectors.genuine():
        sets = (AnyEnclave(_WHY), DebugEnclave(_WHY)) if entry.kind == "enclave" else (AnyNitroTpm(_WHY),)
        policy = Policy(measurements=sets, freshness=_FRESHNESS, public_key=_WAIVED, user_data=_WAIVED)
        yield Case(f"genuine/{entry.name}", entry.doc, policy, None, entry.at)


def kit() -> Iterator[Case]:
    """Return the vectors of the kit."""
    for vector in vectors.kit():
        yield Case(f"kit/{vector.name}", vector.doc, vector.policy, vector.nonce, vector.now)


def generated() -> Iterator[Case]:
    """Return the fake's documents and the chains with one changed certificate."""
    fake = chains.fake_nitro()
    for tag in EnvelopeTag:
        for encoding in PayloadMap:
            for size in (0, 32, 1024):
                doc = fake.enclave_document(
                    nonce=target_chain.NONCE, user_data=bytes(size), public_key=bytes(size), payload_map=encoding, tag=tag
                )
                name = f"generated/{tag.value}, {encoding.value}, {size}"
                yield Case(name, doc, target_chain.policy(fake.trust_anchor), target_chain.NONCE, chains.NOW)
    for place in _PLACES:
        for change, changed in profile.every_change():
            chain = chains.change(chains.fake_chain_at_now(), place, changed)
            name = f"generated/{place}/{change}"
            try:
                policy = target_chain.policy(chains.anchor_of(chain))
            except PolicyError:  # pragma: no cover - only a root can be refused here, and none is changed
                continue
            yield Case(name, target_chain.document(chain), policy, target_chain.NONCE, chains.NOW)

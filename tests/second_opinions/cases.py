"""Gather the cases for the peers: captured documents, test vectors, and generated ones.

Generated are documents of the fake in every form, and chains in which one certificate has another
extension, time, serial number or version, signed again by the right key: each entry of the
catalogue of `altered.profile`, one by one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, final

from fuzz import target_chain
from nitro_attest import Policy, VerificationError, verify
from nitro_attest.testing import EnvelopeTag, PayloadMap
from support import vectors as kit_reader
from support.captured import GENUINE, policy_for
from support.mutators import chains, profile

_PLACES: Final = (1, 4)  # an authority with authorities under it, and the leaf


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
    for captured in GENUINE:
        yield Case(
            f"genuine/{captured.name}",
            captured.doc,
            policy_for(captured.measurements),
            None,
            captured.time,
        )


def kit() -> Iterator[Case]:
    """Return the test vectors."""
    for vector in map(kit_reader.read_vector, kit_reader.paths()):
        yield Case(f"kit/{vector.id}", vector.doc, vector.policy, vector.nonce, vector.now)


def generated() -> Iterator[Case]:
    """Return the fake's documents and the chains with one changed certificate."""
    fake = chains.fake_nitro()
    for tag in EnvelopeTag:
        for encoding in PayloadMap:
            for size in (0, 32, 1024):
                doc = fake.enclave_document(
                    nonce=target_chain.NONCE,
                    user_data=bytes(size),
                    public_key=bytes(size),
                    payload_map=encoding,
                    tag=tag,
                )
                name = f"generated/{tag.value}, {encoding.value}, {size}"
                yield Case(
                    name,
                    doc,
                    target_chain.policy(fake.trust_anchor),
                    target_chain.NONCE,
                    chains.NOW,
                )
    for place in _PLACES:
        for change, changed in profile.every_change():
            chain = chains.change(chains.fake_chain_at_now(), place, changed)
            policy = target_chain.policy(chains.anchor_of(chain))
            yield Case(
                f"generated/{place}/{change}",
                target_chain.document(chain),
                policy,
                target_chain.NONCE,
                chains.NOW,
            )

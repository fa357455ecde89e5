"""Invariant: what our walk of a chain accepts, `cryptography.x509.verification` accepts as well.

One or two certificates of the fake's chain are changed and signed again by the right keys, so that
every rule is met and no signature stops the walk. No class of difference is known.

Input: one octet for the place in the chain, root first; two octets for the length of the part of
the certificate that is signed; the part; and perhaps a second change in the same form.
"""

from functools import partial
from random import Random
from typing import Final

from fuzz import target_chain
from fuzz.invariant import check_refusal, require
from nitro_attest import PolicyError, VerificationError, verify
from support.mutators import chains
from support.oracle import cryptography_accepts

MAX_BYTES: Final = 2400
_HEAD: Final = 3


def _written(change: bytes) -> bytes:
    place, part = change[:1], change[1:]
    return place + len(part).to_bytes(2, "big") + part


def seeds() -> list[bytes]:
    """Begin with the changes of the chain's target, alone and in pairs."""
    single = [_written(change) for change in target_chain.seeds()]
    return [*single, *(first + second for first, second in zip(single, single[7::3], strict=False))]


def mutate(data: bytes, chance: Random) -> bytes:
    """Change one of the changes."""
    changes = _changes(data) or [target_chain.seeds()[0]]
    at = chance.randrange(len(changes))
    changes[at] = target_chain.mutate(changes[at], chance)
    return b"".join(map(_written, changes))


def _changes(data: bytes) -> list[bytes]:
    found: list[bytes] = []
    while len(data) >= _HEAD and len(found) < 2:
        end = _HEAD + int.from_bytes(data[1:_HEAD], "big")
        found.append(data[:1] + data[_HEAD:end])
        data = data[end:]
    return found


def _instead(part: bytes, _: bytes) -> bytes:
    return part


def one_input(data: bytes) -> None:
    """Hold both to the invariant for one chain."""
    chain = chains.fake_chain_at_now()
    for change in _changes(data):
        chain = chains.change(chain, change[0] % 5, partial(_instead, change[1:]))
    try:
        anchor = chains.anchor_of(chain)
        verify(
            target_chain.document(chain),
            target_chain.policy(anchor),
            nonce=target_chain.NONCE,
            now=chains.NOW,
        )
    except PolicyError:
        return
    except VerificationError as rejection:
        check_refusal(rejection)
        return
    root, *_ = chain.certificates
    accepted = cryptography_accepts(chain.leaf, chain.cabundle, root, chains.NOW)
    require(accepted, "accepted a chain that cryptography rejects")

"""Invariant: a chain with one certificate changed and signed again is decided by a rule.

`chain.signature` is given only if some signature is bad by the plain primitive. An accepted chain
has no bad signature, only CA certificates that may issue, dates that hold `now`, and no critical
extension but the two that are understood.

Input: one octet for the place in the chain, root first, then the part of the certificate that is
    signed.
"""

from functools import cache
from random import Random
from typing import Final

import cbor2
from cryptography import x509

from fuzz.invariant import check_refusal, require
from nitro_attest import (
    AnyEnclave,
    FreshNonce,
    NotChecked,
    Policy,
    PolicyError,
    Reason,
    TrustAnchor,
    VerificationError,
    verify,
)
from nitro_attest.testing import ENCLAVE_MODULE_ID, FakeNitro
from support.mutators import chains, der, profile

MAX_BYTES: Final = 1200
NONCE: Final = bytes(32)
_WHY: Final = "fuzzing asks for the chain"
_BASIC_CONSTRAINTS: Final = bytes.fromhex("551d13")
_KEY_USAGE: Final = bytes.fromhex("551d0f")
_KEY_CERT_SIGN: Final = 0x04
_FIRST_USES: Final = (
    5  # behind the heads of the octet string and of the bit string, and its count of unused bits
)


@cache
def _fields() -> dict[str, object]:
    envelope = cbor2.loads(chains.fake_nitro().enclave_document(nonce=NONCE))
    return dict(cbor2.loads(envelope[2]))


def seeds() -> list[bytes]:
    """Begin with each place's certificate as it should be, and with one change of every kind."""
    parts = [
        chains.signed_part(certificate) for certificate in chains.fake_chain_at_now().certificates
    ]
    good = [bytes([place]) + part for place, part in enumerate(parts)]
    return [*good, *(mutate(good[seed % len(good)], Random(seed)) for seed in range(200))]  # noqa: S311 - reproducible on purpose


def mutate(data: bytes, chance: Random) -> bytes:
    """Change the signed part once or twice, or move to another place."""
    place, part = data[:1] or b"\x00", data[1:]
    if chance.random() < 0.15:
        place = bytes([chance.randrange(5)])
        part = chains.signed_part(chains.fake_chain_at_now().certificates[place[0]])
    for _ in range(chance.choice((1, 1, 2))):
        part = profile.mutate(part, chance) if chance.random() < 0.6 else der.mutate(part, chance)
    return place + part


def document(chain: chains.Altered) -> bytes:
    """Sign a document with the leaf's key that carries the chain."""
    payload = cbor2.dumps(
        {**_fields(), "certificate": chain.leaf, "cabundle": list(chain.cabundle)}
    )
    return FakeNitro.sign(payload, chains.fake_nitro().chain(ENCLAVE_MODULE_ID, chains.NOW))


def policy(anchor: TrustAnchor) -> Policy:
    """Ask for little but the chain."""
    return Policy(
        measurements=(AnyEnclave(_WHY),),
        freshness=FreshNonce(),
        public_key=NotChecked(_WHY),
        user_data=NotChecked(_WHY),
        trust_anchor=anchor,
    )


def one_input(data: bytes) -> None:
    """Hold the library to the invariant for one changed certificate."""
    if not data:
        return
    chain = chains.change(chains.fake_chain_at_now(), data[0] % 5, lambda _: data[1:])
    try:
        anchor = chains.anchor_of(chain)
    except PolicyError:
        return
    try:
        result = verify(document(chain), policy(anchor), nonce=NONCE, now=chains.NOW)
    except VerificationError as refusal:
        check_refusal(refusal)
        _check_reason(refusal.reason, chain)
        return
    require(not chains.has_bad_signature(chain), "accepted a chain with a bad signature")
    require(result.claims.module_id == ENCLAVE_MODULE_ID, "another module")
    for place, certificate in enumerate(chain.certificates):
        _check_accepted(certificate, place)


def _check_reason(reason: Reason, chain: chains.Altered) -> None:
    if reason is Reason.CHAIN_SIGNATURE:
        require(
            chains.has_bad_signature(chain), "every signature is good, yet chain.signature is said"
        )
    if reason is Reason.SIGNATURE_INVALID:
        require(
            chains.public_key(chain.leaf) != chains.public_key(chains.fake_chain_at_now().leaf),
            "the leaf's key signed, yet it is denied",
        )
    family = reason.partition(".")[0]
    allowed = {Reason.DOCUMENT_CERTIFICATE, Reason.DOCUMENT_CABUNDLE, Reason.SIGNATURE_INVALID}
    require(family == "chain" or reason in allowed, f"refused as {reason}")


def _check_accepted(certificate: bytes, place: int) -> None:
    authority = place != chains.LEAF_PLACE
    extensions = {
        node.parts[0].value: node.parts[1:] for node in der.extensions(certificate) if node.parts
    }
    *_, constraints = extensions[_BASIC_CONSTRAINTS]
    *_, usage = extensions[_KEY_USAGE]
    require(
        (b"\x01\x01\xff" in constraints.encoded()[2:]) is authority,
        "accepted a certificate in the other role",
    )
    require(
        bool(usage.encoded()[_FIRST_USES] & _KEY_CERT_SIGN) is authority,
        "accepted a key usage of the other role",
    )
    critical = {name for name, parts in extensions.items() if len(parts) > 1}
    require(
        critical <= {_BASIC_CONSTRAINTS, _KEY_USAGE},
        "accepted a critical extension that is not understood",
    )
    dates = x509.load_der_x509_certificate(certificate)
    require(
        dates.not_valid_before_utc <= chains.NOW <= dates.not_valid_after_utc,
        "accepted outside its dates",
    )

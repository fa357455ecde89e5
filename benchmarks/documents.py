"""Documents for benchmarks: a captured one, those of many enclaves, and input that is rejected.

Each comes with the call that verifies it, and every verdict is looked at.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any, Final

import cbor2

from nitro_attest import AnyEnclave, FreshNonce, NotChecked, Policy, VerificationError, verify
from nitro_attest._core import verification
from nitro_attest._core.chain import ChainCache
from nitro_attest.demo import POLICY, PRODUCTION, PRODUCTION_TIME
from nitro_attest.testing import INSTANCE_ID, FakeChain, FakeNitro

GENUINE: Final = files("nitro_attest").joinpath("samples", PRODUCTION).read_bytes()
ENVELOPE: Final[list[Any]] = cbor2.loads(GENUINE)
NOW: Final = datetime(2026, 1, 3, 20, 30, tzinfo=UTC)
FAKE: Final = FakeNitro(seed=b"nitro-attest benchmarks", now=NOW)
FAKE_POLICY: Final = Policy(
    measurements=(AnyEnclave("every document counts"),),
    freshness=FreshNonce(),
    public_key=NotChecked("a benchmark"),
    user_data=NotChecked("a benchmark"),
    trust_anchor=FAKE.trust_anchor,
)


def verify_genuine() -> object:
    """Verify the captured document under a policy that pins five PCRs."""
    return verify(GENUINE, POLICY, now=PRODUCTION_TIME)


def forget() -> None:
    """Forget every chain, but not the roots that policies name."""
    cache = ChainCache()
    for policy in (POLICY, FAKE_POLICY):
        cache.under(policy.trust_anchor.certificate)
    verification.__dict__["DEFAULT_CACHE"] = cache


def refuse(doc: bytes) -> Callable[[], str]:
    """Make the call that refuses a document, and gives the reason."""

    def call() -> str:
        try:
            verify(doc, POLICY, now=PRODUCTION_TIME)
        except VerificationError as refusal:
            return refusal.reason
        raise RuntimeError("accepted")

    return call


def chain_of(module: str, now: datetime = NOW) -> FakeChain:
    """Issue the chain of one enclave; those of one hour share their zone and so their host."""
    return FAKE.chain(module, now)


def module_id(number: int, instance_id: str = INSTANCE_ID) -> str:
    """Name an enclave."""
    return f"{instance_id}-enc{number:016x}"


def document(module: str, chain: FakeChain, nonce: bytes, now: datetime = NOW) -> bytes:
    """Issue a document of an enclave whose chain is at hand, as large as a captured one."""
    payload = cbor2.dumps(
        {
            "module_id": module,
            "digest": "SHA384",
            "timestamp": (now - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1),
            "pcrs": {index: bytes([index + 1]) * 48 for index in range(16)},
            "certificate": chain.certificate,
            "cabundle": list(chain.cabundle),
            "public_key": None,
            "user_data": None,
            "nonce": nonce,
        }
    )
    return FakeNitro.sign(payload, chain)


def _with_payload(payload: bytes) -> bytes:
    return cbor2.dumps([*ENVELOPE[:2], payload, ENVELOPE[3]])


def _with_fields(**fields: object) -> bytes:
    return _with_payload(cbor2.dumps({**cbor2.loads(ENVELOPE[2]), **fields}))


def _and(entry: bytes) -> bytes:
    """Add an entry to the payload's map, which is of indefinite length."""
    return _with_payload(ENVELOPE[2][:-1] + entry + b"\xff")


BAD_ENVELOPES: Final = {
    "empty": b"",
    "too large": bytes(20_481),
    "trailing bytes": GENUINE + b"\0",
    "cut off": GENUINE[:-1],
    "another tag": b"\xd8\x62" + GENUINE,
    "another algorithm": GENUINE.replace(bytes.fromhex("a1013822"), bytes.fromhex("a1013823"), 1),
    "a header unprotected": cbor2.dumps([ENVELOPE[0], {4: b"key"}, *ENVELOPE[2:]]),
    "a short signature": cbor2.dumps([*ENVELOPE[:3], ENVELOPE[3][:-1]]),
    "text": b"hEShATgioFkRFr9pbW9kdWxlX2lk",
}
BAD_PAYLOADS: Final = {
    "payload cut off": _with_payload(ENVELOPE[2][:-1]),
    "a field twice": _and(cbor2.dumps("digest") + cbor2.dumps("SHA384")),
    "a PCR twice": _with_payload(ENVELOPE[2].replace(b"\x01\x58\x30", b"\x00\x58\x30", 1)),
    "nested too deep": _and(cbor2.dumps("user") + b"\x81\x81\x81\x81\x81\x81\x00"),
    "text that is none": _and(b"\x61\xff\x00"),
    "reserved byte": _and(b"\x1f"),
    "a tag": _and(cbor2.dumps("user") + b"\xc0\x60"),
    "another digest": _with_fields(digest="SHA256"),
    "a short PCR": _with_fields(pcrs={0: bytes(32)}),
    "no certificate": _with_fields(certificate=None),
    "a long user_data": _with_fields(user_data=bytes(1025)),
    "a field of its own": _with_fields(extra=1),
}
HARDEST: Final = {
    "20 kB of empty arrays": b"\x9f" + b"\x80" * 20_000 + b"\x1f",
    "16 kB of numbers": _with_payload(b"\x9f" + bytes(16_000) + b"\xff"),
    "16 kB of fields": _with_payload(
        b"\xbf" + b"".join(cbor2.dumps(n) + b"\0" for n in range(4000)) + b"\x00\x00\xff"
    ),
}
BAD_SIGNATURE: Final = GENUINE[:-1] + bytes([GENUINE[-1] ^ 1])

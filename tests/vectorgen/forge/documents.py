"""Put payloads together and sign them, right or wrong.

Fields come in as any CBOR, a document goes out, signed by the leaf's key over what it carries
unless that is the fault.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, final

from vectorgen.forge import cbor
from vectorgen.forge.certificates import ENCLAVE_ID, HOUR, NITRO_TPM_ID, Chain, hierarchy, leaf_of
from vectorgen.forge.keys import Key, raw

NOW: Final = HOUR + timedelta(minutes=34, seconds=56, milliseconds=789)
MADE: Final = NOW - timedelta(seconds=2)
NONCE: Final = bytes(range(0x40, 0x60))
PUBLIC_KEY: Final = b"NEVER_TRUST: a public key, which AWS does not interpret"
USER_DATA: Final = b"NEVER_TRUST: user data"
ES384: Final = bytes.fromhex("a1013822")
DROP: Final = object()
"""Stands for a field that is left out."""

CHAIN: Final = hierarchy()
TPM_CHAIN: Final = hierarchy(leaf=leaf_of(NITRO_TPM_ID))

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def pcr(text: str) -> bytes:
    """Make up the value of a PCR."""
    return hashlib.sha384(f"NEVER_TRUST {text}".encode()).digest()


ZERO: Final = bytes(48)
ENCLAVE_PCRS: Final[Mapping[int, bytes]] = {
    **dict.fromkeys(range(16), ZERO),
    0: pcr("PCR0"),
    1: pcr("PCR1"),
    2: pcr("PCR2"),
    3: hashlib.sha384(ZERO + b"arn:aws:iam::123456789012:role/NEVER_TRUST").digest(),
    4: hashlib.sha384(ZERO + b"i-0fa4e0fa4e0fa4e0f").digest(),
    8: pcr("PCR8"),
}
TPM_PCRS: Final[Mapping[int, bytes]] = {
    **{index: pcr(f"NitroTPM PCR{index}") for index in range(11)},
    **dict.fromkeys(range(11, 17), ZERO),
    **dict.fromkeys(range(17, 23), b"\xff" * 48),
    23: ZERO,
}


def milliseconds(at: datetime) -> int:
    """Return a time as the payload holds it."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def enclave(chain: Chain = CHAIN, /, **changes: object) -> dict[str, object]:
    """Return an enclave document's fields in AWS's order; `DROP` drops one, new ones go last."""
    fields: dict[str, object] = {
        "module_id": ENCLAVE_ID,
        "digest": "SHA384",
        "timestamp": milliseconds(MADE),
        "pcrs": dict(ENCLAVE_PCRS),
        "certificate": chain.certificate,
        "cabundle": list(chain.cabundle),
        "public_key": PUBLIC_KEY,
        "user_data": USER_DATA,
        "nonce": NONCE,
    }
    fields.update(changes)
    return {name: value for name, value in fields.items() if value is not DROP}


def nitro_tpm(chain: Chain = TPM_CHAIN, /, **changes: object) -> dict[str, object]:
    """Return a NitroTPM document's fields in AWS's order; `pcrs` goes into `nitrotpm_pcrs`."""
    fields = enclave(chain, **{"module_id": NITRO_TPM_ID, "pcrs": dict(TPM_PCRS), **changes})
    return {"nitrotpm_pcrs" if name == "pcrs" else name: value for name, value in fields.items()}


def sig_structure(
    payload: bytes, protected: bytes = ES384, context: str = "Signature1", external: bytes = b""
) -> bytes:
    """Write what is signed (RFC 9052 section 4.4)."""
    return cbor.encode([context, protected, external, payload])


@final
@dataclass(frozen=True, slots=True)
class Sign1:
    """Hold the four items of a COSE_Sign1 as CBOR, any of which may be wrong."""

    protected: bytes
    unprotected: bytes
    payload: bytes
    signature: bytes

    def encode(self, head: bytes = b"\x84", tail: bytes = b"") -> bytes:
        """Write the envelope."""
        return head + self.protected + self.unprotected + self.payload + self.signature + tail


def envelope(
    payload: bytes,
    *,
    key: Key = CHAIN.key,
    protected: bytes = ES384,
    message: bytes | None = None,
    signature: bytes | None = None,
) -> Sign1:
    """Sign a payload; `message` replaces the Sig_structure, `signature` the result."""
    if signature is None:
        signature = raw(
            *key.sign(sig_structure(payload, protected) if message is None else message)
        )
    return Sign1(cbor.encode(protected), b"\xa0", cbor.encode(payload), cbor.encode(signature))


def document(fields: Mapping[str, object] | bytes, key: Key = CHAIN.key) -> bytes:
    """Write a whole document; a mapping is written with indefinite length, as by AWS today."""
    payload = fields if isinstance(fields, bytes) else cbor.encode(cbor.Open(fields))
    return envelope(payload, key=key).encode()

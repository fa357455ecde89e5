"""Print what pycose and `verify` make of envelopes of a fake Nitro, and a check's cost."""

import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA384

from nitro_attest import (
    AnyEnclave,
    NotChecked,
    Policy,
    TimestampOnly,
    VerificationError,
    read_unverified,
    verify,
)
from nitro_attest.testing import FakeNitro

warnings.simplefilter("ignore")  # pycose and its packages use what newer ones have deprecated

from pycose.keys import EC2Key  # noqa: E402 - after the filter
from pycose.keys.curves import P384  # noqa: E402 - as above
from pycose.messages import CoseMessage, Sign1Message  # noqa: E402 - as above

FAKE = FakeNitro(seed=bytes(16), now=datetime(2026, 1, 3, tzinfo=UTC))
POLICY = Policy(
    measurements=(AnyEnclave("evidence"),),
    freshness=TimestampOnly(because="evidence", max_age=timedelta(minutes=5)),
    public_key=NotChecked("evidence"),
    user_data=NotChecked("evidence"),
    trust_anchor=FAKE.trust_anchor,
)
DOC = FAKE.enclave_document()
HEADER, _, PAYLOAD, SIGNATURE = cbor2.loads(DOC)
UNVERIFIED = read_unverified(DOC)
KEY = x509.load_der_x509_certificate(UNVERIFIED.certificate).public_key()
POINT = KEY.public_numbers()
COSE_KEY = EC2Key(crv=P384, x=POINT.x.to_bytes(48, "big"), y=POINT.y.to_bytes(48, "big"))


def sign(header: bytes) -> bytes:
    """Sign the payload under another protected header with the leaf's key."""
    message = cbor2.dumps(["Signature1", header, b"", PAYLOAD])
    key = FAKE.chain(UNVERIFIED.module_id, FAKE.now).leaf_key
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA384(), deterministic_signing=True)))
    return r.to_bytes(48, "big") + s.to_bytes(48, "big")


def envelope(header: bytes, unprotected: dict[int, object]) -> bytes:
    """Make an envelope whose signature is good."""
    return cbor2.dumps([header, unprotected, PAYLOAD, sign(header)])


def pycose_decode(doc: bytes) -> Sign1Message:
    """Read a document with pycose's own entry point."""
    return CoseMessage.decode(doc)


def pycose_object(doc: bytes) -> Sign1Message:
    """Read a document with cbor2 first, as is needed for an untagged one."""
    return Sign1Message.from_cose_obj(cbor2.loads(doc), allow_unknown_attributes=True)


def theirs(read: Callable[[bytes], Sign1Message], doc: bytes) -> str:
    """Return what pycose makes of a document."""
    try:
        message = read(doc)
        message.key = COSE_KEY
        return "accepted" if message.verify_signature() else "rejected"
    except (TypeError, AttributeError) as exc:
        return type(exc).__name__


def ours(doc: bytes) -> str:
    """Return what `verify` makes of a document."""
    try:
        verify(doc, POLICY, now=FAKE.now)
    except VerificationError as error:
        return error.reason
    return "accepted"


def best(work: Callable[[], object], runs: int) -> float:
    """Return the least CPU time of one run, in milliseconds."""
    spent = []
    for _ in range(runs):
        start = time.process_time_ns()
        work()
        spent.append(time.process_time_ns() - start)
    return min(spent) / 1e6


def main() -> None:
    """Print the cases and the times."""
    crit, long_form = cbor2.dumps({1: -35, 2: [99], 99: 1}), bytes.fromhex("a101390022")
    print(
        f"pycose {version('pycose')} with ecdsa {version('ecdsa')}; "
        f"cryptography {version('cryptography')}\n"
    )
    print(f"{'envelope':<50}{'pycose':<16}here")
    for what, read, doc in (
        ("as AWS writes it, CoseMessage.decode", pycose_decode, DOC),
        ("the same with tag 18, CoseMessage.decode", pycose_decode, b"\xd2" + DOC),
        ("as AWS writes it, Sign1Message.from_cose_obj", pycose_object, DOC),
        ("trailing bytes", pycose_object, DOC + b"\x00\x01"),
        ("five items", pycose_object, cbor2.dumps([HEADER, {}, PAYLOAD, SIGNATURE, b"more"])),
        ("algorithm in the unprotected header only", pycose_object, envelope(b"", {1: -35})),
        (
            "another label in the unprotected header",
            pycose_object,
            cbor2.dumps([HEADER, {4: b"kid"}, PAYLOAD, SIGNATURE]),
        ),
        ("a critical header nobody knows", pycose_object, envelope(crit, {})),
        ("the algorithm in a longer encoding", pycose_object, envelope(long_form, {})),
    ):
        print(f"{what:<50}{theirs(read, doc):<16}{ours(doc)}")
    message = pycose_object(DOC)
    message.key = COSE_KEY
    signed = cbor2.dumps(["Signature1", HEADER, b"", PAYLOAD])
    der = encode_dss_signature(
        int.from_bytes(SIGNATURE[:48], "big"), int.from_bytes(SIGNATURE[48:], "big")
    )
    slow, fast = (
        best(message.verify_signature, 30),
        best(lambda: KEY.verify(der, signed, ec.ECDSA(SHA384())), 300),
    )
    print(
        f"\none ES384 check: pycose {slow:.2f} ms, cryptography {fast:.2f} ms, "
        f"{slow / fast:.1f} times"
    )


if __name__ == "__main__":
    main()

"""Time one verifier on one captured document, in that verifier's own environment.

peers.py starts it. The arguments are the verifier's name, a folder and a number of calls. It prints
one line of JSON with the time of each call, and none for a verifier that rejects the document, or
that accepts it with its signature changed.
"""

import base64
import json
import sys
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

FOLDER = Path(sys.argv[2])
ABOUT: dict[str, Any] = json.loads((FOLDER / "about.json").read_text(encoding="utf-8"))
NOW = datetime.fromtimestamp(ABOUT["now"], timezone.utc)  # noqa: UP017 - a peer may need an old Python
PCRS: dict[str, str] = ABOUT["pcrs"]
Call = Callable[[bytes], object]


def epsilon_attestation_verifier() -> Call:
    """Hand over base64; the clock is the system's, and a refusal stands in the result."""
    import logging

    from epsilon_verifier import verify_attestation

    logging.disable()

    def call(doc: bytes) -> object:
        result = verify_attestation(
            base64.b64encode(doc).decode(),
            expected_pcr0=PCRS["0"],
            expected_pcr1=PCRS["1"],
            expected_pcr2=PCRS["2"],
            aws_root_cert_path=str(FOLDER / "root.pem"),
        )
        if not result.valid:
            raise ValueError(result.error)
        return result

    return call


def attested_relay() -> Call:
    """Call the part that checks any document; the public call demands one of its own protocol."""
    from attested_relay.verify import _authenticated_document

    return lambda doc: _authenticated_document(doc, PCRS["0"], now=NOW)


def evervault_attestation_bindings() -> Call:
    """Pass a stranger's certificate.

    Its key is not the document's, which is said when chain and signature are good.
    """
    import evervault_attestation_bindings as bindings

    certificate = (FOLDER / "tls.der").read_bytes()
    pcrs = [bindings.PCRs(*(PCRS[index] for index in "0128"))]

    def call(doc: bytes) -> None:
        try:
            bindings.attest_enclave(certificate, pcrs, doc)
        except ValueError as refusal:
            if "The public key length in the attestation doc was invalid" not in str(refusal):
                raise

    return call


def pycape() -> Call:
    """Parse, signature, chain and PCRs, as its own client calls them."""
    from pycape._attestation import parse_attestation, verify_pcrs

    root = (FOLDER / "root.pem").read_bytes()

    def call(doc: bytes) -> object:
        parsed = parse_attestation(doc, root, checkDate=NOW.replace(tzinfo=None))
        verify_pcrs({index: [PCRS[index]] for index in "0128"}, parsed)
        return parsed

    return call


def nitro_attest() -> Call:
    """Ourselves, under the policy of the demonstration."""
    from nitro_attest import SignatureBackend, use_signature_backend, verify
    from nitro_attest._core import verification
    from nitro_attest._core.chain import ChainCache
    from nitro_attest.demo import POLICY

    _, memory, backend = sys.argv[1].split()
    use_signature_backend(SignatureBackend(backend))

    def call(doc: bytes) -> object:
        if memory == "cold":
            vars(verification)["DEFAULT_CACHE"] = ChainCache()
        return verify(doc, POLICY, now=NOW)

    return call


PEERS: dict[str, Callable[[], Call]] = {
    "epsilon-attestation-verifier": epsilon_attestation_verifier,
    "attested-relay": attested_relay,
    "evervault-attestation-bindings": evervault_attestation_bindings,
    "pycape": pycape,
}


def refuses(call: Call, doc: bytes) -> bool:
    """Say whether a document is refused, by whatever exception the verifier has for it."""
    try:
        call(doc)
    except Exception:  # noqa: BLE001 - each peer has its own
        return True
    return False


def main() -> None:
    """Make sure that the verifier verifies, then time it."""
    call = PEERS.get(sys.argv[1], nitro_attest)()
    doc = (FOLDER / "doc.cbor").read_bytes()
    call(doc)
    if not refuses(call, doc[:-1] + bytes([doc[-1] ^ 1])):
        sys.exit("a changed signature is accepted")
    times: list[float] = []
    for _ in range(int(sys.argv[3])):
        started = time.thread_time_ns()
        call(doc)
        times.append((time.thread_time_ns() - started) / 1000)
    print(json.dumps(times))


if __name__ == "__main__":
    main()

"""Measure what a verdict costs, as ratios to the bare signature checks in it (`make bench`).

It prints a table and writes a JSON file. Every figure has its floor from the same run.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from hashlib import sha384
from itertools import cycle
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Final

import cbor2
from awscrt.crypto import EC  # pyright: ignore[reportMissingTypeStubs] - annotated, but without py.typed
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_der_x509_certificate

import documents
from documents import (
    BAD_ENVELOPES,
    BAD_PAYLOADS,
    BAD_SIGNATURE,
    FAKE_POLICY,
    HARDEST,
    NOW,
    forget,
    refuse,
    verify_genuine,
)
from nitro_attest import SignatureBackend, read_unverified, use_signature_backend, verify
from nitro_attest._core.chain import MAX_LEAVES
from timing import Subject, Timed, side_by_side, table, versions

OUTPUT: Final = Path("build/bench/bench.json")
ROUNDS: Final = 25  # of `timing.CALLS` calls each: medians of 1,000
BURST: Final = 500  # documents that each worker verifies in one measurement of throughput
BURSTS: Final = 9
MEMORY_DOCUMENTS: Final = 100_000
MEMORY_START: Final = 10_000
MEMORY_CHAINS: Final = 1200
IMPORTS: Final = 21
NONCE: Final = bytes(range(32))
NEIGHBOUR: Final = "i-00000000000000001"
AWS_LC, CRYPTOGRAPHY = SignatureBackend.AWS_LC, SignatureBackend.CRYPTOGRAPHY

Row = tuple[str, ...]


def make_floors() -> dict[SignatureBackend, Callable[[], object]]:
    """Make each implementation's bare check of the captured document's signature.

    The key is loaded before.
    """
    protected, _, payload, raw = documents.ENVELOPE
    message = cbor2.dumps(["Signature1", protected, b"", payload])
    signature = encode_dss_signature(
        int.from_bytes(raw[:48], "big"), int.from_bytes(raw[48:], "big")
    )
    key = load_der_x509_certificate(read_unverified(documents.GENUINE).certificate).public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TypeError
    fast = EC.new_key_from_der_data(
        key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    if not fast.verify(sha384(message).digest(), signature):
        raise ValueError
    algorithm = ec.ECDSA(SHA384())
    return {
        CRYPTOGRAPHY: lambda: key.verify(signature, message, algorithm),
        AWS_LC: lambda: fast.verify(sha384(message).digest(), signature),
    }


FLOORS: Final = make_floors()


# What a verdict costs in checks by the backend, and the most that it may cost in units of as many
# bare checks, with AWS-LC and with cryptography.
CASES: Final = {
    "known enclave": (1, ("1.22", "1.13")),
    "new leaf on a known host": (2, ("1.22", "1.16")),
    "unknown host in a known zone": (3, ("1.25", "1.18")),
    "unknown chain": (5, ("1.28", "1.22")),
}


def new_leaves() -> Callable[[], object]:
    """Make a call that verifies, each time, a document of another enclave on one known host."""
    modules = [documents.module_id(number) for number in range(2 * MAX_LEAVES + 1)]
    issued = cycle(
        [documents.document(module, documents.chain_of(module), NONCE) for module in modules]
    )
    return lambda: verify(next(issued), FAKE_POLICY, nonce=NONCE, now=NOW)


def new_host() -> Subject:
    """Make a call that verifies a document of a host while only its neighbour is known."""
    module, other = documents.module_id(0), documents.module_id(0, NEIGHBOUR)
    chain, neighbour = documents.chain_of(module), documents.chain_of(other)
    if chain.cabundle[:-1] != neighbour.cabundle[:-1]:
        raise ValueError
    doc = documents.document(module, chain, NONCE)
    known = documents.document(other, neighbour, NONCE)

    def know_the_zone() -> None:
        forget()
        verify(known, FAKE_POLICY, nonce=NONCE, now=NOW)

    return Subject(lambda: verify(doc, FAKE_POLICY, nonce=NONCE, now=NOW), know_the_zone)


def measure_latency(backend: SignatureBackend) -> dict[str, Timed]:
    """Time the bare check and each case."""
    use_signature_backend(backend)
    subjects = {f"floor {backend}": Subject(FLOORS[backend])}
    calls = (Subject(verify_genuine), Subject(new_leaves()), new_host())
    subjects |= dict(zip(CASES, (*calls, Subject(verify_genuine, forget)), strict=True))
    subjects["bad signature, known enclave"] = Subject(refuse(BAD_SIGNATURE), verify_genuine)
    return side_by_side(subjects, ROUNDS)


def latency_rows(backend: SignatureBackend, timed: dict[str, Timed]) -> list[Row]:
    """Set each time against as many bare checks by the same backend."""
    floor = timed[f"floor {backend}"]
    rows: list[Row] = []
    for name, (checks, limits) in {**CASES, "bad signature, known enclave": (1, ("", ""))}.items():
        at_most = limits[0] if backend is AWS_LC else limits[1]
        ratio = f"{timed[name].ratio(*[floor] * checks):.3f}"
        rows.append((name, str(backend), str(checks), _ms(timed[name]), ratio, at_most))
    return rows


def measure_refusals() -> dict[str, Timed]:
    """Time the floors and the refusal of every malformed input."""
    subjects = {f"floor {name}": Subject(floor) for name, floor in FLOORS.items()}
    subjects |= {
        name: Subject(refuse(doc)) for name, doc in (BAD_ENVELOPES | BAD_PAYLOADS | HARDEST).items()
    }
    return side_by_side(subjects, ROUNDS)


def refusal_rows(timed: dict[str, Timed]) -> list[Row]:
    """Set each refusal against the one check that it saves, by each implementation."""
    rows: list[Row] = []
    for kind, group, goal in (
        ("bad envelope", BAD_ENVELOPES, "2 %"),
        ("malformed payload", BAD_PAYLOADS, "5 %"),
        ("built to be slow", HARDEST, ""),
    ):
        for name in group:
            shares = [
                f"{100 * timed[name].ratio(timed[f'floor {backend}']):.2f} %"
                for backend in SignatureBackend
            ]
            rows.append((f"{kind}: {name}", refuse(group[name])(), _ms(timed[name]), *shares, goal))
    return rows


def burst(backend: SignatureBackend, floor: str) -> float:
    """Verify or check `BURST` times, and return the seconds it took."""
    use_signature_backend(backend)
    call = FLOORS[backend] if floor else verify_genuine
    call()
    started = perf_counter()
    for _ in range(BURST):
        call()
    return perf_counter() - started


def scaling(pool: Executor, backend: SignatureBackend, floor: str) -> float:
    """Return two workers' work in a second as a multiple of one's, the median of some bursts."""
    run = partial(burst, backend, floor)
    list(pool.map(_call, [run] * 4))
    gains: list[float] = []
    for _ in range(BURSTS):
        alone = pool.submit(run).result()
        started = perf_counter()
        list(pool.map(_call, [run] * 2))
        gains.append(2 * alone / (perf_counter() - started))
    return statistics.median(gains)


def _call(run: Callable[[], float]) -> float:
    """Call what a process pool can pickle."""
    return run()


def measure_throughput() -> dict[str, float]:
    """Measure two threads and two processes against one, for whole verdicts and for bare checks."""
    found: dict[str, float] = {}
    for backend in SignatureBackend:
        with (
            ThreadPoolExecutor(2) as threads,
            ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes,
        ):
            for kind, pool in (("threads", threads), ("processes", processes)):
                found[f"two {kind}, {backend}"] = scaling(pool, backend, "")
                found[f"two {kind}, {backend}, bare checks"] = scaling(pool, backend, "floor")
    return found


def measure_memory() -> dict[str, float]:
    """Verify distinct documents of 1,200 enclaves on 300 hosts.

    Return the megabytes after the first 10,000 and after all.
    """
    use_signature_backend(AWS_LC)
    hosts = [
        NOW.replace(hour=hour, day=day, minute=0) for day in range(4, 17) for hour in range(24)
    ]
    chains = [
        (module, at, documents.chain_of(module, at))
        for module in map(documents.module_id, range(4))
        for at in hosts[: MEMORY_CHAINS // 4]
    ]
    found = {"documents": float(MEMORY_DOCUMENTS)}
    for count, (module, at, chain) in zip(range(MEMORY_DOCUMENTS), cycle(chains), strict=False):
        nonce = count.to_bytes(16, "big")
        verify(documents.document(module, chain, nonce, at), FAKE_POLICY, nonce=nonce, now=at)
        if count + 1 == MEMORY_START:
            found["MB after 10,000"] = _resident()
    return found | {"MB after all": _resident()}


def _resident() -> float:
    return (
        int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        * os.sysconf("SC_PAGE_SIZE")
        / 1e6
    )


def measure_import() -> dict[str, float]:
    """Measure the seconds that the import takes in a new process, against that of what it needs."""
    times: dict[str, list[float]] = {"nitro_attest": [], "cryptography.x509, cbor2": []}
    environment = {
        name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
    }
    for _ in range(IMPORTS):
        for modules, found in times.items():
            code = (
                f"import time; started = time.perf_counter(); import {modules}; "
                "print(time.perf_counter() - started)"
            )
            command = [sys.executable, "-c", code]
            done = subprocess.run(command, capture_output=True, check=True, env=environment)  # noqa: S603 - our own code
            found.append(float(done.stdout))
    return {modules: statistics.median(found[1:]) for modules, found in times.items()}


def _ms(timed: Timed) -> str:
    return f"{timed.median / 1000:.4f}"


def main() -> None:
    """Run everything, print the tables, write the JSON file."""
    about = versions("nitro-attest", "cryptography", "cbor2", "awscrt")
    print("\n".join(f"{name}: {value}" for name, value in about.items()), "\n")
    results: dict[str, object] = {"about": about}
    rows: list[Row] = []
    for backend in SignatureBackend:
        timed = measure_latency(backend)
        rows += [
            (name, str(backend), "1", _ms(timed[name]), "1", "")
            for name in timed
            if name == f"floor {backend}"
        ]
        rows += latency_rows(backend, timed)
    _show(results, ("verdict", "backend", "checks", "ms", "to bare checks", "at most"), rows)
    refusals = refusal_rows(measure_refusals())
    _show(
        results,
        (
            "refused",
            "reason",
            "ms",
            *(f"of a floor, {backend}" for backend in SignatureBackend),
            "at most",
        ),
        refusals,
    )
    throughput = measure_throughput()
    _show(
        results,
        ("throughput", "times one"),
        [(name, f"{gain:.2f}") for name, gain in throughput.items()],
    )
    imports = measure_import()
    ours, base = imports.values()
    _show(
        results,
        ("import", "ms"),
        [(name, f"{1000 * took:.1f}") for name, took in imports.items()]
        + [("ratio", f"{ours / base:.2f}")],
    )
    if "--without-memory" not in sys.argv:
        memory = measure_memory()
        _show(
            results, ("memory", "value"), [(name, f"{value:.1f}") for name, value in memory.items()]
        )
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"written to {OUTPUT}")


def _show(results: dict[str, object], header: Row, rows: Sequence[Row]) -> None:
    print(table(header, list(rows)), "\n", flush=True)
    results[header[0]] = [dict(zip(header, row, strict=True)) for row in rows]


if __name__ == "__main__":
    main()

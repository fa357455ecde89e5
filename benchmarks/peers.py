"""Compare with other verifiers on one captured document (`make bench-peers`).

Each runs in its own environment. It prints a table and writes a JSON file. Environments are made in
.venv-peers from the package registry. All run under libfaketime, because some can't be told the
time; it leaves the clock of the measurement alone. The verifiers take turns.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

import documents
from nitro_attest import AWS_NITRO_ROOT_G1, SignatureBackend, read_unverified
from nitro_attest.demo import PRODUCTION_TIME
from timing import CALLS, table, versions

ENVIRONMENTS: Final = Path(".venv-peers")
FOLDER: Final = Path("build/bench/peers")
OUTPUT: Final = Path("build/bench/peers.json")
TURNS: Final = 6  # of `CALLS` calls each: medians of 240


@dataclass(frozen=True)
class Peer:
    """Describe another verifier: what to install, and what it checks of this document."""

    requirement: str
    checks: str

    @property
    def name(self) -> str:
        """Return the name of the package."""
        return self.requirement.partition("==")[0]


PEERS: Final = (
    Peer("epsilon-attestation-verifier==1.1.0", "signature, chain to a root from a file, PCR0-2"),
    Peer("attested-relay==0.2.0a4", "signature, chain, PCR0, age; only the part for any document"),
    Peer(
        "evervault-attestation-bindings==0.5.0",
        "signature, chain; stops at its rule for public_key, before PCRs",
    ),
    Peer("pycape==3.1.1", "signature, chain, PCR0, 1, 2 and 8"),
)
OURS: Final = tuple(
    f"nitro-attest, {memory} {backend}"
    for memory in ("warm", "cold")
    for backend in SignatureBackend
)


def prepare() -> None:
    """Write what every verifier is given."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    pcrs = {
        str(index): value.hex() for index, value in read_unverified(documents.GENUINE).pcrs.items()
    }
    about = {"now": PRODUCTION_TIME.timestamp(), "pcrs": pcrs}
    (FOLDER / "about.json").write_text(json.dumps(about), encoding="utf-8")
    (FOLDER / "doc.cbor").write_bytes(documents.GENUINE)
    (FOLDER / "tls.der").write_bytes(AWS_NITRO_ROOT_G1.certificate)
    root = x509.load_der_x509_certificate(AWS_NITRO_ROOT_G1.certificate)
    (FOLDER / "root.pem").write_bytes(root.public_bytes(Encoding.PEM))


def install(peer: Peer) -> str | None:
    """Make a peer's environment; return what pip says if that fails."""
    folder = ENVIRONMENTS / peer.name
    if not (folder / "installed").exists():
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        command = [
            str(folder / "bin/python"),
            "-m",
            "pip",
            "--quiet",
            "--disable-pip-version-check",
            "install",
            peer.requirement,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed requirements
        if done.returncode:
            return done.stderr.strip().splitlines()[-1]
        (folder / "installed").touch()
    return None


def take_turn(python: str, name: str) -> list[float] | str:
    """Time `CALLS` calls of a verifier in a new process at the document's own time.

    Return the reason if it can't be done.
    """
    faked = [
        "faketime",
        "-f",
        f"@{PRODUCTION_TIME:%Y-%m-%d %H:%M:%S}",
        python,
        "benchmarks/peer.py",
        name,
        str(FOLDER),
        str(CALLS),
    ]
    environment = os.environ | {"TZ": "UTC", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    done = subprocess.run(faked, capture_output=True, text=True, check=False, env=environment)  # noqa: S603 - fixed commands
    if done.returncode:
        return done.stderr.strip().splitlines()[-1]
    times: list[float] = json.loads(done.stdout.splitlines()[-1])
    return times


def main() -> None:
    """Install, take turns, print the table, write the JSON file."""
    if shutil.which("faketime") is None:
        sys.exit("faketime is missing: apt-get install faketime")
    prepare()
    failed: dict[str, str] = {}
    pythons = dict.fromkeys(OURS, sys.executable)
    for peer in PEERS:
        if problem := install(peer):
            failed[peer.name] = problem
        else:
            pythons[peer.name] = str(ENVIRONMENTS / peer.name / "bin/python")
    turns: dict[str, list[float]] = {name: [] for name in pythons}
    samples = dict.fromkeys(pythons, 0)
    for _ in range(TURNS):
        for name in [name for name in pythons if name not in failed]:
            times = take_turn(pythons[name], name)
            if isinstance(times, str):
                failed[name] = times
            else:
                turns[name].append(statistics.median(times))
                samples[name] += len(times)
    report(turns, samples, failed)


def report(turns: dict[str, list[float]], samples: dict[str, int], failed: dict[str, str]) -> None:
    """Print and write the medians, and each one's ratio to our cold and warm ones by turn."""
    about = versions("nitro-attest", "cryptography", "cbor2", "awscrt")
    print("\n".join(f"{name}: {value}" for name, value in about.items()), "\n")
    checks = dict.fromkeys(OURS, "all of verify, under a policy that pins PCR0, 1, 2, 3 and 8")
    checks |= {peer.name: peer.checks for peer in PEERS}
    header = (
        "verifier",
        "ms",
        *(f"to {name.removeprefix('nitro-attest, ')}" for name in OURS),
        "checks made",
    )
    rows: list[tuple[str, ...]] = []
    for name, medians in turns.items():
        if name in failed:
            rows.append((name, "-", *("-" for _ in OURS), f"failed: {failed[name]}"))
            continue
        ratios = [
            statistics.median(own / base for own, base in zip(medians, turns[ours], strict=True))
            for ours in OURS
        ]
        rows.append(
            (
                name,
                f"{statistics.median(medians) / 1000:.3f}",
                *(f"{ratio:.2f}" for ratio in ratios),
                checks[name],
            )
        )
    rows += [
        (name, "-", *("-" for _ in OURS), f"failed: {why}")
        for name, why in failed.items()
        if name not in turns
    ]
    print(table(header, rows))
    results: dict[str, object] = {
        "about": about,
        "samples": samples,
        "verifiers": [dict(zip(header, row, strict=True)) for row in rows],
    }
    results["requirements"] = [peer.requirement for peer in PEERS]
    OUTPUT.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"\nwritten to {OUTPUT}")


if __name__ == "__main__":
    main()

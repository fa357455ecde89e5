"""Compare the verdicts of two versions of nitro-attest on the same input, case by case.

    python tests/second_opinions/compare_wheels.py BEFORE AFTER --documents 20000 --chains 20000

BEFORE and AFTER are wheels or source folders. The cases are all vectors, the captured documents at
their own times, `--documents` mutated documents (captured ones, and ones of the fake signed again)
and `--chains` chains in which one certificate was changed and signed again by the right key. Each
version runs in a process of its own. Differences are counted by kind, and the first inputs of each
kind are kept in `--keep`. The exit code is 1 if a version ever raises anything but its own errors,
or accepts what the other rejects.
"""

import argparse
import base64
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Final

TESTS: Final = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS))
BATCH: Final = 200  # cases that both versions decide before they are compared
KEPT: Final = 3  # inputs of each kind of difference
ACCEPT: Final = "accept"
NONCE: Final = bytes(32)

Json = dict[str, Any]


def decide() -> None:
    """Read cases from standard input, one a line, and write a verdict for each."""
    for line in sys.stdin:
        sys.stdout.write(_verdict(json.loads(line)) + "\n")
        sys.stdout.flush()


def _verdict(case: Json) -> str:
    from nitro_attest import NitroAttestError, PolicyError, VerificationError, verify

    try:
        doc, policy, nonce, now = _call(case)
        verify(doc, policy, nonce=nonce, now=now)
    except VerificationError as rejection:
        return str(rejection.reason)
    except PolicyError:
        return "PolicyError"
    except (NitroAttestError, ArithmeticError, LookupError, TypeError, ValueError) as wrong:
        return f"raised {type(wrong).__name__}"
    return ACCEPT


def _call(case: Json) -> tuple[bytes, Any, bytes | None, datetime]:
    from nitro_attest import (
        AWS_NITRO_ROOT_G1,
        AnyEnclave,
        AnyNitroTpm,
        FreshNonce,
        NotChecked,
        Policy,
        TimestampOnly,
        TrustAnchor,
    )

    if "vector" in case:
        from support.vectors import read_vector

        vector = read_vector(Path(case["vector"]))
        return vector.doc, vector.policy, vector.nonce, vector.now
    because, second = "a comparison of versions", timedelta(seconds=5)
    anchor = AWS_NITRO_ROOT_G1
    if case["anchor"]:
        der = base64.b64decode(case["anchor"])
        digest = hashlib.sha256(der).hexdigest()
        anchor = TrustAnchor(name="NEVER_TRUST", certificate=der, sha256=digest)
    kind = AnyNitroTpm if case["kind"] == "nitrotpm" else AnyEnclave
    fresh = TimestampOnly(because=because, max_age=second, max_clock_skew=timedelta())
    policy = Policy(
        measurements=(kind(because),),
        freshness=FreshNonce(max_clock_skew=timedelta()) if case["anchor"] else fresh,
        public_key=NotChecked(because),
        user_data=NotChecked(because),
        trust_anchor=anchor,
    )
    nonce = NONCE if case["anchor"] else None
    return base64.b64decode(case["doc"]), policy, nonce, datetime.fromisoformat(case["now"])


def _case(doc: bytes, now: datetime, kind: str = "enclave", anchor: bytes = b"") -> Json:
    texts = {"doc": base64.b64encode(doc).decode(), "anchor": base64.b64encode(anchor).decode()}
    return {**texts, "now": now.isoformat(), "kind": kind}


def vectors() -> Iterator[Json]:
    """Return every vector by its file."""
    yield from ({"vector": str(path)} for path in sorted((TESTS / "vectors/kit").rglob("*.json")))


def captured() -> Iterator[Json]:
    """Return every captured document at its own time, and before and after it."""
    from support.captured import GENUINE

    for entry in GENUINE:
        for seconds in (0, -1, 1, 3 * 3600, 86_400, -86_400):
            yield _case(entry.doc, entry.time + timedelta(seconds=seconds), entry.kind)


def documents(chance: Random) -> Iterator[Json]:
    """Return captured documents with one item or byte changed, and the fake's, signed again."""
    import cbor2

    from fuzz import target_chain
    from nitro_attest.testing import ENCLAVE_MODULE_ID, FakeNitro
    from support.captured import GENUINE
    from support.mutators import cbor, chains

    fake = chains.fake_chain_at_now()
    chain = chains.fake_nitro().chain(ENCLAVE_MODULE_ID, chains.NOW)
    doc = target_chain.document(fake)
    payload = cbor2.loads(doc)[2]
    while True:
        entry = chance.choice(GENUINE)
        yield _case(cbor.mutate(entry.doc, chance), entry.time, entry.kind)
        signed = FakeNitro.sign(cbor.mutate(payload, chance), chain)
        yield _case(signed, chains.NOW, anchor=fake.certificates[0])


def _instead(part: bytes, _: bytes) -> bytes:
    return part


def changed_chains(chance: Random) -> Iterator[Json]:
    """Return documents whose chain has one changed certificate, signed by the right key."""
    from fuzz import target_chain
    from support.mutators import chains

    seeds = target_chain.seeds()
    while True:
        data = target_chain.mutate(chance.choice(seeds), chance)
        changed = partial(_instead, data[1:])
        chain = chains.change(chains.fake_chain_at_now(), data[0] % 5, changed)
        doc = target_chain.document(chain)
        yield _case(doc, chains.NOW, anchor=chain.certificates[0])


def _start(version: Path) -> "subprocess.Popen[str]":
    paths = os.pathsep.join((str(version.resolve()), str(TESTS)))
    return subprocess.Popen(  # noqa: S603 - this script again
        [sys.executable, "-P", __file__, "--decide"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )


def _ask(process: "subprocess.Popen[str]", lines: list[str]) -> list[str]:
    if process.stdin is None or process.stdout is None:
        raise TypeError
    process.stdin.writelines(lines)
    process.stdin.flush()
    return [process.stdout.readline().strip() for _ in lines]


def compare(name: str, cases: Iterator[Json], versions: tuple[Path, Path], keep: Path) -> bool:
    """Compare both versions on the cases, print the differences, and tell whether one is grave."""
    processes = [_start(version) for version in versions]
    verdicts: Counter[str] = Counter()
    differences: Counter[tuple[str, str]] = Counter()
    while batch := list(islice(cases, BATCH)):
        lines = [json.dumps(case) + "\n" for case in batch]
        before, after = (_ask(process, lines) for process in processes)
        for line, old, new in zip(lines, before, after, strict=True):
            verdicts[new] += 1
            if old != new:
                differences[old, new] += 1
                if differences[old, new] <= KEPT:
                    keep.mkdir(parents=True, exist_ok=True)
                    number = differences[old, new]
                    (keep / f"{name}-{old}-{new}-{number}.json".replace(" ", "-")).write_text(line)
    for process in processes:
        process.terminate()
        process.wait()
    print(f"{name}: {verdicts.total()} cases, {differences.total()} differ; {dict(verdicts)}")
    for (old, new), count in differences.most_common():
        print(f"  {old} -> {new}: {count}")
    raised = any(verdict.startswith("raised") or not verdict for verdict in verdicts)
    return raised or any(new == ACCEPT for _, new in differences)


def main() -> int:
    """Compare two versions."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("versions", nargs="*", type=Path, metavar="VERSION")
    parser.add_argument("--decide", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--chains", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("build/compared"))
    arguments = parser.parse_args()
    if arguments.decide:
        decide()
        return 0
    before, after = arguments.versions
    chance = Random(arguments.seed)
    groups = {
        "vectors": vectors(),
        "captured": captured(),
        "documents": islice(documents(chance), arguments.documents),
        "chains": islice(changed_chains(chance), arguments.chains),
    }
    grave = [
        name
        for name, cases in groups.items()
        if compare(name, cases, (before, after), arguments.keep)
    ]
    return 1 if grave else 0


if __name__ == "__main__":
    sys.exit(main())

"""Print what cbor2 does on its own with input that an attestation document must not have, and what `_cbor.decode` does."""

import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import cbor2

from nitro_attest import VerificationError
from nitro_attest._core import cbor as _cbor

REAL = Path(__file__).parents[3] / "tests" / "vectors" / "real"
MUTANTS = 300_000
CASES = {
    "bytes behind the item": "01ffff",
    "{1: 1, 1: 2}": "a201010102",
    "{0: 1, 0.0: 2}": "a20001f9000002",
    "{0: 1, false: 2}": "a20001f402",
    "{0: 1, 0: 2}, the second 0 in two bytes": "a20001180002",
    "{true: 1}": "a1f501",
    "tag 2, a bignum": "c249010000000000000000",
    "tag 4, a decimal fraction": "c4820901",
    "tag 35, a regular expression": "d82363612b62",
    "tags 28 and 29, a list that holds itself": "d81c81d81d00",
    "5 arrays deep": "818181818100",
    "100,000 arrays deep": "81" * 100_000 + "00",
    "an array that claims 2**32 items": "9b0000000100000000",
    "text that is not UTF-8": "61ff",
    "an integer in more bytes than it needs": "1800",
}


def outcome(decode: Callable[[bytes], object], data: bytes) -> str:
    """Say what `decode` makes of `data`."""
    try:
        return repr(decode(data))
    except cbor2.CBORDecodeError as exc:
        return type(exc).__name__
    except VerificationError as exc:
        return exc.reason


def reason_of(data: bytes) -> str:
    """Say why `_cbor.decode` refuses, or that it does not; any other exception ends this script."""
    try:
        _cbor.decode(data, "payload")
    except VerificationError as exc:
        return exc.reason
    return "decoded"


def main() -> None:
    """Print the cases, then the outcomes of mutated genuine payloads and the time of a decode."""
    print(f"Python {sys.version.split()[0]}, cbor2 {version('cbor2')}\n")
    print(f"{'input':<42}{'cbor2.loads':<26}_cbor.decode")
    for what, digits in CASES.items():
        data = bytes.fromhex(digits)
        print(
            f"{what:<42}{outcome(cbor2.loads, data):<26}{outcome(lambda raw: _cbor.decode(raw, 'x'), data)}"
        )
    docs = [path.read_bytes() for path in sorted(REAL.glob("*.cbor"))]
    payloads = [cbor2.loads(doc)[2] for doc in docs]
    chance = random.Random(1)
    seen: Counter[str] = Counter()
    for _ in range(MUTANTS):
        data = bytearray(chance.choice(payloads))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(min(len(data), 600))
            match chance.randrange(3):
                case 0:
                    data[at] ^= 1 << chance.randrange(8)
                case 1:
                    data[at] = chance.randrange(256)
                case _:
                    del data[at : at + chance.randint(1, 8)]
        seen[reason_of(bytes(data))] += 1
    print(
        f"\n{MUTANTS:,} mutated payloads:",
        ", ".join(f"{count:,} {what}" for what, count in seen.most_common()),
    )
    spent = []
    for _ in range(2000):
        start = time.process_time_ns()
        _cbor.decode(payloads[4], "x")
        spent.append(time.process_time_ns() - start)
    print(f"one payload of {len(payloads[4])} bytes: {min(spent) / 1000:.1f} microseconds")


if __name__ == "__main__":
    main()

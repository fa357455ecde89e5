"""Print what cbor2 does with the value of a field that no document has, and what we do."""

import random
import sys
import time
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import cbor2

from nitro_attest import VerificationError
from nitro_attest._core import cbor

REAL = Path(__file__).parents[3] / "tests" / "vectors" / "real"
MUTANTS = 300_000
FIELD = bytes.fromhex("a16178")  # a map with one field, "x"
COLLIDING_KEYS = 1_000  # arrays of -1 and -2, whose hashes are all equal in Python
CASES = {
    "trailing bytes": "01ffff",
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


def outcome(data: bytes) -> str:
    """Return what cbor2 alone makes of an item."""
    try:
        return repr(cbor2.loads(data))
    except cbor2.CBORDecodeError as error:
        return type(error).__name__


def reason_of(payload: bytes) -> str:
    """Return why a payload is rejected, or that it is decoded; no other exception is expected."""
    try:
        cbor.decode_map(payload, "payload")
    except VerificationError as error:
        return error.reason
    return "decoded"


def main() -> None:
    """Print the cases, the outcomes of mutated captured payloads, and the time of one decode."""
    print(f"Python {sys.version.split()[0]}, cbor2 {version('cbor2')}\n")
    print(f"{'the value of a field':<42}{'cbor2.loads':<26}cbor.decode_map")
    for what, digits in CASES.items():
        data = bytes.fromhex(digits)
        print(f"{what:<42}{outcome(data):<26}{reason_of(FIELD + data)}")
    keys = ([-1 - (number >> bit & 1) for bit in range(13)] for number in range(COLLIDING_KEYS))
    head = bytes.fromhex("b9") + COLLIDING_KEYS.to_bytes(2, "big")
    colliding = head + b"".join(cbor2.dumps(key) + b"\0" for key in keys)
    for name, work in (("cbor2.loads", cbor2.loads), ("cbor.decode_map", reason_of)):
        start = time.process_time_ns()
        work(colliding)
        spent_on_keys = (time.process_time_ns() - start) / 1e6
        print(
            f"\n{len(colliding):,} bytes of colliding keys, {name}: {spent_on_keys:.2f} ms", end=""
        )
    print()
    docs = [path.read_bytes() for path in sorted(REAL.glob("*.cbor"))]
    payloads = [cbor2.loads(doc)[2] for doc in docs]
    chance = random.Random(1)  # noqa: S311 - the same mutants on every run
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
        cbor.decode_map(payloads[4], "payload")
        spent.append(time.process_time_ns() - start)
    print(f"one payload of {len(payloads[4])} bytes: {min(spent) / 1000:.1f} microseconds")


if __name__ == "__main__":
    main()

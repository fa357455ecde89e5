"""Search for the input that costs most to reject (`make bench-worst`).

A generator over structure makes inputs of every size up to the limit: what is repeated, where, how
deep, with which keys, how many certificates and which. The slowest are kept and timed again, as a
ratio to an unknown captured chain in the same run. No seed is lucky: each run continues from a
number that it prints.
"""

import argparse
import heapq
import json
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import thread_time_ns
from typing import Any, Final

import cbor2

from documents import ENVELOPE, GENUINE, forget
from nitro_attest import (
    SignatureBackend,
    VerificationError,
    read_unverified,
    use_signature_backend,
    verify,
)
from nitro_attest.demo import POLICY, PRODUCTION_TIME

OUTPUT: Final = Path("build/bench/worst_input.json")
KEPT: Final = 40
REPEATS: Final = 9
MAX_PAYLOAD: Final = 16_384
MAX_DOCUMENT: Final = 20_480
MAX_BESIDE_CERTIFICATES: Final = 8_000  # the bulk that leaves room for the chain
OFTEN: Final = 0.5  # of the payloads
NO_ENVELOPE: Final = 0.1  # below it the input is no envelope,
CERTIFICATES: Final = 0.4  # and below this one its certificates are what is changed
FIELDS: Final[dict[str, Any]] = cbor2.loads(ENVELOPE[2])
MANY: Final = 2**61 - 1  # Python's hash of an integer is its remainder by this


@dataclass(frozen=True)
class Shape:
    """One input and the words for how it is made."""

    words: str
    doc: bytes


def _small(random: Random) -> tuple[str, Callable[[int], bytes]]:
    """Choose the item that is repeated; most are one to nine bytes long."""
    fixed = {
        "empty arrays": "80",
        "empty maps": "a0",
        "zeros": "00",
        "nulls": "f6",
        "trues": "f5",
        "empty strings": "40",
        "empty texts": "60",
        "chunked strings": "5fff",
        "chunks": "5f4100ff",
        "chunked texts": "7f6161ff",
        "indefinite arrays": "9fff",
        "indefinite maps": "bfff",
        "arrays": "8100",
        "maps": "a10000",
        "arrays of arrays": "818100",
        "half floats": "f93c00",
        "simple values": "f820",
        "dates": "c000",
        "breaks": "ff",
        "reserved heads": "1c",
        "texts that are none": "61ff",
    }
    numbered: dict[str, Callable[[int], bytes]] = {
        "numbers": cbor2.dumps,
        "negative numbers": lambda n: cbor2.dumps(-1 - n),
        "numbers of one hash": lambda n: b"\x1b" + (n % 8 * MANY).to_bytes(8, "big"),
        "numbers with one low half": lambda n: b"\x1b" + (n << 40).to_bytes(8, "big"),
        "floats": lambda n: b"\xfb" + (n << 32).to_bytes(8, "big"),
        "floats of one hash": lambda n: b"\xfb" + ((1 + 61 * n % 2000) << 52).to_bytes(8, "big"),
        "texts": lambda n: cbor2.dumps(f"{n:x}"),
        "strings": lambda n: cbor2.dumps(n.to_bytes(3, "big")),
        "arrays of numbers": lambda n: b"\x81" + cbor2.dumps(-1 - n % 2),
        "maps of numbers": lambda n: b"\xa1" + cbor2.dumps(n) + b"\x00",
    }
    name = random.choice([*fixed, *numbered])
    if name in numbered:
        return name, numbered[name]
    item = bytes.fromhex(fixed[name])
    return name, lambda _: item


def _bulk(random: Random, size: int) -> tuple[str, bytes]:
    """Repeat one item, or two in turn, up to `size` bytes."""
    first, make = _small(random)
    second, make_second = _small(random) if random.random() < OFTEN else (first, make)
    out = bytearray()
    number = random.choice((0, 0, 300, 70_000))
    while True:
        more = make(number) + make_second(number)
        if len(out) + len(more) > size:
            return (first if first == second else f"{first} and {second}"), bytes(out)
        out += more
        number += 1


def _container(random: Random, content: bytes) -> tuple[str, bytes]:
    """Put the content into a container, indefinite or of a claimed length, perhaps deep."""
    head = random.choice((b"\x9f", b"\xbf", b"\x99\x10\x00", b"\xb9\x10\x00", b"\x5f", b"\x7f"))
    depth = random.choice((1, 1, 1, 2, 3, 40))
    return f"{depth} x {head.hex()}", head * depth + content + b"\xff" * depth


def _payload(random: Random) -> tuple[str, bytes]:
    """Write a payload: good fields, and bulk in the place of one of them or as further fields."""
    size = random.choice((random.randrange(1, MAX_PAYLOAD), MAX_PAYLOAD - 5_000, MAX_PAYLOAD - 20))
    words, bulk = _bulk(random, size)
    place = random.choice(("names", "value", "value", "pcrs", "pcrs", "cabundle", "alone", "extra"))
    if place == "alone":
        inside, data = _container(random, bulk)
        return f"{words} in {inside}", data
    if place == "names":
        return f"{words} as fields", b"\xbf" + bulk + b"\xff"
    if place == "extra":
        good = b"".join(cbor2.dumps(key) + cbor2.dumps(value) for key, value in FIELDS.items())
        return f"{words} after the fields", b"\xbf" + good + bulk[: MAX_PAYLOAD - 5_000] + b"\xff"
    name = random.choice(list(FIELDS)) if place == "value" else place
    inside, data = _container(random, bulk)
    encoded = b"".join(
        cbor2.dumps(key) + (data if key == name else cbor2.dumps(value))
        for key, value in FIELDS.items()
        if key == name
        or len(data) < MAX_BESIDE_CERTIFICATES
        or key not in ("cabundle", "certificate")
    )
    return f"{words} in {inside} as {name}", b"\xbf" + encoded + b"\xff"


def _certificates(random: Random) -> tuple[str, bytes]:
    """Write a payload whose certificates are captured ones, in any number and order, or changed."""
    root, *others = FIELDS["cabundle"]
    count = random.randrange(1, 8)
    bundle = [root, *(random.choice(others) for _ in range(count))]
    if random.random() < OFTEN:
        bundle = [root, *others, *(random.choice(others) for _ in range(count - 3))]
    leaf = FIELDS["certificate"]
    for _ in range(random.choice((0, 1, 1, 3))):
        index = random.randrange(1, len(bundle) + 1)
        victim = bytearray(leaf if index == len(bundle) else bundle[index])
        victim[random.randrange(len(victim))] ^= 1 << random.randrange(8)
        if index == len(bundle):
            leaf = bytes(victim)
        else:
            bundle[index] = bytes(victim)
    fields = {**FIELDS, "cabundle": bundle, "certificate": leaf}
    return f"{len(bundle)} certificates", cbor2.dumps(fields)


def _make(random: Random) -> Shape:
    kind = random.random()
    if kind < NO_ENVELOPE:
        words, bulk = _bulk(
            random, random.choice((MAX_DOCUMENT - 20, random.randrange(MAX_DOCUMENT)))
        )
        inside, data = _container(random, bulk)
        front = random.choice((b"", b"\xd2", b"\x84\x44\xa1\x01\x38\x22", b"\x84", b"\xd2\x84"))
        return Shape(f"no envelope: {words} in {inside}", front + data)
    words, payload = _certificates(random) if kind < CERTIFICATES else _payload(random)
    unprotected: dict[int, object] = {}
    doc = cbor2.dumps([ENVELOPE[0], unprotected, payload[:MAX_PAYLOAD], ENVELOPE[3]])
    return Shape(f"payload of {min(len(payload), MAX_PAYLOAD)} bytes: {words}", doc)


def _verify(doc: bytes) -> None:
    try:
        verify(doc, POLICY, now=PRODUCTION_TIME)
    except VerificationError:
        return  # the captured document itself is among the inputs, and accepted


def _read(doc: bytes) -> None:
    try:
        read_unverified(doc)
    except VerificationError:
        return


def _microseconds(call: Callable[[bytes], object], doc: bytes) -> float:
    forget()
    started = thread_time_ns()
    call(doc)
    return (thread_time_ns() - started) / 1000


def _median(call: Callable[[bytes], object], doc: bytes) -> float:
    return statistics.median(_microseconds(call, doc) for _ in range(REPEATS))


def main() -> None:
    """Search, time the slowest again, print them and write them down."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", type=int, nargs="*", help="time these numbers again")
    options = parser.parse_args()
    use_signature_backend(SignatureBackend.CRYPTOGRAPHY)
    slowest: dict[str, list[tuple[float, int, Shape]]] = {"verify": [], "read_unverified": []}
    calls: dict[str, Callable[[bytes], object]] = {"verify": _verify, "read_unverified": _read}
    numbers = options.only or range(options.first, options.first + options.count)
    for number in numbers:
        shape = _make(Random(number))  # noqa: S311 - the same inputs on every run
        for name, call in calls.items():
            entry = (_microseconds(call, shape.doc), number, shape)
            if len(slowest[name]) < KEPT:
                heapq.heappush(slowest[name], entry)
            else:
                heapq.heappushpop(slowest[name], entry)
    unknown = statistics.median(
        _microseconds(lambda doc: verify(doc, POLICY, now=PRODUCTION_TIME), GENUINE)
        for _ in range(10 * REPEATS)
    )
    print(f"{len(numbers)} inputs; an unknown chain: {unknown:.0f} us")
    report: dict[str, object] = {"unknown_chain_us": unknown, "inputs": len(numbers)}
    for name, call in calls.items():
        timed = sorted(
            ((_median(call, shape.doc), number, shape) for _, number, shape in slowest[name]),
            reverse=True,
        )
        print(f"\n{name}: the slowest, in unknown chains")
        for cost, number, shape in timed[:10]:
            print(f"  {cost / unknown:5.2f}  {cost:6.0f} us  number {number}: {shape.words}")
        report[name] = {"ratio": timed[0][0] / unknown, "shape": timed[0][2].words}
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Change one item of a CBOR structure, or one byte where there is none.

Bytes and a source of chance come in, other bytes go out, mostly still CBOR. Byte strings that hold
CBOR are entered.
"""

from random import Random
from typing import Any, Final, cast

import cbor2

_EMPTY: Final[tuple[list[object], dict[object, object]]] = ([], {})
_VALUES: Final[list[Any]] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    31,
    32,
    2**31,
    2**63,
    2**64 - 1,
    -(2**64),
    0.0,
    1.5,
    float("inf"),
    b"",
    b"\x00",
    bytes(32),
    bytes(47),
    bytes(48),
    bytes(49),
    bytes(64),
    bytes(1024),
    bytes(1025),
    "",
    "SHA384",
    "sha384",
    "x" * 257,
    [],
    {},
    [[]],
    {0: {}},
    cbor2.undefined,
    cbor2.CBORSimpleValue(99),
    cbor2.CBORTag(18, 0),
    cbor2.CBORTag(2, b"\x01"),
    1767443400,
    1767443400000,
    253402300800000,
]  # fmt: skip - one value a line would be forty lines
_NAMES: Final[tuple[object, ...]] = (
    "module_id",
    "digest",
    "timestamp",
    "pcrs",
    "nitrotpm_pcrs",
    "certificate",
    "cabundle",
    "public_key",
    "user_data",
    "nonce",
    "other",
    0,
    1,
    2,
    31,
    32,
    -1,
    True,
    b"pcrs",
    0.0,
    None,
)  # fmt: skip - as above


def mutate(data: bytes, chance: Random) -> bytes:
    """Change one item."""
    try:
        item = cbor2.loads(data)
    except Exception:  # noqa: BLE001 - whatever cannot be read is changed as bytes
        return mutate_bytes(data, chance)
    if chance.random() < 0.2:
        return mutate_bytes(data, chance)
    try:
        return _encode(_changed(item, chance), chance)
    except Exception:  # noqa: BLE001 - an item that cbor2 can't write, such as a map in a map's key
        return mutate_bytes(data, chance)


def mutate_bytes(data: bytes, chance: Random) -> bytes:
    """Change, drop, double or add a few bytes."""
    at = chance.randrange(len(data) + 1)
    length = chance.choice((1, 1, 2, 4, 48))
    match chance.randrange(5):
        case 0:
            return data[:at] + chance.randbytes(length) + data[at + length :]
        case 1:
            return data[:at] + data[at + length :]
        case 2:
            return data[:at] + chance.randbytes(length) + data[at:]
        case 3:
            return data[:at] + data[at : at + length] + data[at:]
        case _:
            return data[:at]


def _changed(item: object, chance: Random) -> object:
    if chance.random() < 0.15:
        return chance.choice(_VALUES)
    match item:
        case dict() if item:
            changed: object = _changed_map(dict(cast("dict[object, object]", item)), chance)
        case list() if item:
            changed = _changed_array(list(cast("list[object]", item)), chance)
        case bytes() if chance.random() < 0.7:
            changed = mutate(item, chance)
        case int():
            changed = item + chance.choice((-1, 1, 1000, -1000, 600_000, -600_000, 10**9))
        case str():
            changed = item[: chance.randrange(len(item) + 1)] + chance.choice(
                ("", "-", "\x00", "\n", "é", "0")
            )
        case _:
            changed = chance.choice(_VALUES)
    return changed


def _changed_map(items: dict[object, object], chance: Random) -> object:
    name = chance.choice(list(items))
    match chance.randrange(6):
        case 0:
            del items[name]
        case 1:
            items[chance.choice(_NAMES)] = items[name]
        case 2:
            items[chance.choice(_NAMES)] = chance.choice(_VALUES)
        case 3:
            items[name] = chance.choice(_VALUES)
        case _:
            items[name] = _changed(items[name], chance)
    return items


def _changed_array(items: list[object], chance: Random) -> object:
    at = chance.randrange(len(items))
    match chance.randrange(6):
        case 0:
            del items[at]
        case 1:
            items.insert(at, chance.choice(items))
        case 2:
            chance.shuffle(items)
        case _:
            items[at] = _changed(items[at], chance)
    return items


def _encode(item: object, chance: Random) -> bytes:
    if chance.random() < 0.1:
        return cbor2.dumps(item, indefinite_containers=True)
    return cbor2.dumps(item)

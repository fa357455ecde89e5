"""Random key policies with something in them that does not belong."""

import json
import random
from typing import Any, cast

from unit.reference_values.random_policies import policy as random_policy


def hostile(rng: random.Random) -> bytes:
    """Return a policy with something in it that does not belong: a value, a name, bytes, depth."""
    written: Any = random_policy(rng)
    choice = rng.randrange(6)
    if choice == 0:
        text = bytearray(json.dumps(written).encode())
        for _ in range(rng.randint(1, 8)):
            text[rng.randrange(len(text))] = rng.randrange(256)
        return bytes(text)
    if choice == 1:
        text = bytearray(json.dumps(written).encode())
        at = rng.randrange(len(text))
        return bytes(
            text[:at] + rng.choice([b"[" * 5000, b'{"a":', b"1e999", b"\\ud800", b","]) + text[at:]
        )
    if choice == 2:
        name = rng.choice(["Effect", "Action", "Principal", "Statement", "Condition"])
        twice = f'"{name}": {_value(rng)}, "{name}"'
        return json.dumps(written).replace(f'"{name}"', twice, 1).encode()
    _spoil(rng, written)
    return json.dumps(written).encode()


def _value(rng: random.Random) -> str:
    values: list[object] = [
        None,
        True,
        -1,
        1.5,
        10**30,
        "",
        "*",
        "\u212a",
        [],
        {},
        [[]],
        ["x" * 9999],
    ]
    return json.dumps(rng.choice(values))


def _spoil(rng: random.Random, value: Any) -> None:
    """Put something else at a random place of a value."""
    while True:
        is_object = isinstance(value, dict)
        keys: list[Any] = [*cast("dict[str, Any]", value)] if is_object else [*range(len(value))]
        if not keys:
            return
        key = rng.choice(keys)
        if isinstance(value[key], (dict, list)) and rng.random() < 0.7:
            value = value[key]
            continue
        if is_object and rng.random() < 0.4:
            other = rng.choice(["effect", "\u017fid", "PCR0", key.upper(), key + " "])
            value[other] = value.pop(key)
        else:
            value[key] = json.loads(_value(rng))
        return

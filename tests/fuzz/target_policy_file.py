"""Invariant: any bytes, as TOML or as JSON, give a `Policy` or a `PolicyError`.

A policy that was read is written and read again as an equal one.

Input: the text of a policy file, in UTF-8 or not.
"""

import importlib
from collections.abc import Callable
from random import Random
from typing import Any, Final

from fuzz.invariant import require
from nitro_attest import Policy, PolicyError
from support import vectors as kit_reader
from support.mutators.cbor import mutate_bytes

MAX_BYTES: Final = 20_000
_MISSING: Final = "nitro_attest.policy_file is not there, so there is nothing to fuzz"
_WORDS: Final = (
    b"measurements",
    b"freshness",
    b"public_key",
    b"user_data",
    b"unknown_fields",
    b"trust_anchor",
    b"not_checked",
    b"because",
    b"null",
    b"true",
    b"{}",
    b"[]",
    b'""',
    b"1e400",
    b"-1",
    b"\\u0000",
    b"00" * 48,
    b"[[",
    b"]]",
    b"=",
    b"\n",
    b'"',
    b"nan",
    b"inf",
)  # fmt: skip - one word a line would be twenty lines


def _policy_file() -> Any:
    try:
        return importlib.import_module("nitro_attest.policy_file")
    except ModuleNotFoundError as missing:
        raise SystemExit(_MISSING) from missing


def seeds() -> list[bytes]:
    """Begin with the policies of the test vectors, written in both forms."""
    module = _policy_file()
    policies = {kit_reader.read_vector(path).policy for path in kit_reader.paths()}
    return [
        write(policy).encode()
        for policy in policies
        for write in (module.policy_to_toml, module.policy_to_json)
    ]


def mutate(data: bytes, chance: Random) -> bytes:
    """Change a few bytes, or put a word somewhere."""
    if chance.random() < 0.5:
        return mutate_bytes(data, chance)
    at, until = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    return data[:at] + chance.choice(_WORDS) + data[until if chance.random() < 0.2 else at :]


def one_input(data: bytes) -> None:
    """Hold the reader to the invariant for one text."""
    module = _policy_file()
    for read, write in (
        (module.policy_from_toml, module.policy_to_toml),
        (module.policy_from_json, module.policy_to_json),
    ):
        _check(data, read, write)


def _check(data: bytes, read: Callable[[bytes], Policy], write: Callable[[Policy], str]) -> None:
    try:
        policy = read(data)
    except PolicyError as refusal:
        require(
            str(refusal).isprintable() and len(str(refusal)) < 5000,
            "a refusal shows what a terminal can't take",
        )
        return
    require(type(policy) is Policy, "another type than promised")
    require(
        read(write(policy).encode()) == policy, "a policy was written that is read as another one"
    )

"""Collect the vectors of the kit: a short function each, its docstring the description.

The decorators take the functions, and `texts` returns the JSON by file name. Nothing here decides
what a document is worth.
"""

import hashlib
import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any, Final, final

from vectorgen.forge.aws_roots import AWS_GOV_ROOT, AWS_ROOT
from vectorgen.forge.certificates import Chain
from vectorgen.forge.documents import CHAIN, NONCE, NOW, TPM_CHAIN, document, enclave, nitro_tpm
from vectorgen.forge.policies import STANDARD, TPM_STANDARD, Json

ACCEPT: Final = "accept"
NO_CHANGES: Final[Mapping[str, object]] = MappingProxyType({})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Hold what a verifier is given."""

    doc: bytes
    anchor: bytes = CHAIN.anchor
    policy: Json = field(default_factory=lambda: STANDARD)
    nonce: bytes | None = NONCE
    now: datetime = NOW


@final
@dataclass(frozen=True, slots=True)
class Row:
    """A member of a family: the end of its id, words for its description, arguments, verdict."""

    name: str
    words: str
    value: Any
    expect: str | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """Hold a vector before it is written."""

    id: str
    description: str
    effect: str
    rule: str
    refs: tuple[str, ...]
    expect: str
    make: Callable[[], Case]

    def to_json(self, case: Case) -> dict[str, object]:
        """Return the vector as the schema describes it."""
        return {
            "id": self.id,
            "description": self.description,
            "effect": self.effect,
            "rule": self.rule,
            "refs": list(self.refs),
            "doc": b64encode(case.doc).decode(),
            "anchor": anchor_name(case.anchor),
            "policy": case.policy,
            "nonce": None if case.nonce is None else case.nonce.hex(),
            "now": f"{case.now:%Y-%m-%dT%H:%M:%S.%fZ}",
            "expect": self.expect,
        }


VECTORS: Final[dict[str, Vector]] = {}
_NAMED_ANCHORS: Final = {CHAIN.anchor: "kit", AWS_ROOT: "aws", AWS_GOV_ROOT: "aws-us-gov"}


def anchor_name(der: bytes) -> str:
    """Name a root by its owner, or by its SHA-256 if it is a root of one vector only."""
    return _NAMED_ANCHORS.get(der) or f"kit-{hashlib.sha256(der).hexdigest()[:12]}"


def _add(
    function: Callable[..., Case],
    name: str,
    description: str,
    made: Callable[[], Case],
    **parts: Any,
) -> None:
    group = function.__module__.rpartition(".")[2].partition("_")[0]
    vector = Vector(
        id=f"{group}/{name.replace('_', '-')}", description=description, make=made, **parts
    )
    if vector.id in VECTORS:
        raise ValueError(vector.id)
    VECTORS[vector.id] = vector


def _references(attacks: str, links: tuple[str, ...]) -> tuple[str, ...]:
    """Name the rows of attacks.md (`"21, 26"`), then what else there is to read."""
    return (*(f"attack {row}" for row in attacks.split(", ")), *links)


def _docstring(function: Callable[..., Case]) -> str:
    return " ".join((function.__doc__ or "").split())


def vector(
    *, expect: str, rule: str, attacks: str, effect: str, refs: tuple[str, ...] = ()
) -> Callable[[Callable[[], Case]], Callable[[], Case]]:
    """Add a function as one vector; its name is the end of the identifier."""

    def add(function: Callable[[], Case]) -> Callable[[], Case]:
        name = function.__name__
        _add(
            function,
            name,
            _docstring(function),
            function,
            expect=expect,
            rule=rule,
            effect=effect,
            refs=_references(attacks, refs),
        )
        return function

    return add


def family(
    *rows: Row, expect: str, rule: str, attacks: str, effect: str, refs: tuple[str, ...] = ()
) -> Callable[[Callable[[Any], Case]], Callable[[Any], Case]]:
    """Add a function once for each row.

    The row's words, parted by bars, replace the braces in its docstring.
    """

    def add(function: Callable[[Any], Case]) -> Callable[[Any], Case]:
        for row in rows:
            parts = {
                "expect": row.expect or expect,
                "rule": rule,
                "effect": effect,
                "refs": _references(attacks, refs),
            }
            description = _docstring(function).format(*row.words.split("|"))
            _add(
                function,
                f"{function.__name__}-{row.name}",
                description,
                partial(function, row.value),
                **parts,
            )
        return function

    return add


def enclave_case(
    chain: Chain = CHAIN,
    fields: Mapping[str, object] = NO_CHANGES,
    *,
    policy: Json = STANDARD,
    now: datetime = NOW,
    **changes: object,
) -> Case:
    """Give an enclave's document with some fields changed, under the anchor of its chain."""
    return Case(
        doc=document(enclave(chain, **{**fields, **changes}), chain.key),
        anchor=chain.anchor,
        policy=policy,
        now=now,
    )


def tpm_case(
    chain: Chain = TPM_CHAIN, *, policy: Json = TPM_STANDARD, now: datetime = NOW, **changes: object
) -> Case:
    """Give a NitroTPM document with some fields changed, under the anchor of its chain."""
    return Case(
        doc=document(nitro_tpm(chain, **changes), chain.key),
        anchor=chain.anchor,
        policy=policy,
        now=now,
    )


def texts(vectors: Mapping[str, Vector]) -> dict[str, str]:
    """Return each file of the kit by its name: one for every vector, one for all anchors."""
    made = {name: vector.make() for name, vector in sorted(vectors.items())}
    files = {f"kit/{name}.json": vectors[name].to_json(case) for name, case in made.items()}
    anchors = {anchor_name(case.anchor): case.anchor for case in made.values()}
    files["anchors.json"] = {
        name: {"sha256": hashlib.sha256(der).hexdigest(), "der": b64encode(der).decode()}
        for name, der in sorted(anchors.items())
    }
    return {
        name: json.dumps(content, indent=1, ensure_ascii=True) + "\n"
        for name, content in files.items()
    }

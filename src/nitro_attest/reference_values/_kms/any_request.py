"""Requests of which only one thing is known: what the review evaluates against."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from nitro_attest import DocumentKind
from nitro_attest.reference_values._kms.patterns import ascii_lower
from nitro_attest.reference_values._kms.request import (
    ATTESTATION,
    CONTEXT_NAMES,
    Fact,
    KeyType,
    pcr_fact,
)
from nitro_attest.reference_values._kms.truth import Undecided


@final
@dataclass(frozen=True, slots=True)
class AnyRequest:
    """All requests with one document, or with none: every other key is undecided."""

    kind: DocumentKind
    pcrs: Mapping[int, str] | None

    def fact(self, key: str) -> Fact | Undecided:
        """Return what all such requests say for a condition key."""
        name = ascii_lower(key)
        if name.startswith(ATTESTATION):
            return pcr_fact(name, self.kind, self.pcrs)
        return Undecided("it depends on the request")


@final
@dataclass(frozen=True, slots=True)
class AnyContext:
    """All requests with these names in the encryption context, or whose every pair has a value.

    Only condition keys about encryption contexts may be asked for.
    """

    texts: tuple[str, ...]

    def fact(self, key: str) -> Fact:
        """Return the texts for a condition key about encryption contexts."""
        is_names = ascii_lower(key) == CONTEXT_NAMES
        return Fact(KeyType.STRINGS if is_names else KeyType.STRING, self.texts)

"""All requests with one document, or with none: what the review evaluates against."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from nitro_attest import DocumentKind
from nitro_attest.reference_values._kms.patterns import ascii_lower
from nitro_attest.reference_values._kms.request import ATTESTATION, Fact, pcr_fact
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

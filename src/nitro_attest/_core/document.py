"""The public types of a document: unverified as it was read, and as claims of a result.

Data only: `payload.py` reads a document into these types, `appraisal.py` turns a verified one into
claims. The sizes are AWS's (attestation process, 3.1).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, final

# AWS 3.1 for public_key; its texts name 512 and 1024 for the others, captured documents reach 1024
MAX_FIELD_BYTES: Final = 1024
MAX_PCRS: Final = 32  # AWS 3.1: indexes 0 to 31
PCR_BYTES: Final = 48  # AWS 3.1 with digest SHA384


@final
class DocumentKind(StrEnum):
    """What made a document: a Nitro Enclave, or an EC2 instance with NitroTPM."""

    ENCLAVE = "enclave"
    NITRO_TPM = "nitrotpm"


@final
class Pcrs(Mapping[int, bytes]):
    """The PCRs of a document: from index, 0 to 31 in rising order, to 48 bytes.

    Immutable and hashable.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[int, bytes]) -> None:
        """Copy `values`."""
        indexes = sorted(values)
        self._values: Final = (
            dict(values) if indexes == list(values) else {index: values[index] for index in indexes}
        )

    def __getitem__(self, index: int) -> bytes:
        """Return the 48 bytes of one PCR; a document need not have all."""
        return self._values[index]

    def __iter__(self) -> Iterator[int]:
        """Go through the indexes in rising order."""
        return iter(self._values)

    def __len__(self) -> int:
        """Return how many PCRs there are, 1 to 32."""
        return len(self._values)

    def __hash__(self) -> int:
        """Hash the values, equal for equal maps."""
        return hash(tuple(self._values.items()))

    def __repr__(self) -> str:
        """Write the constructor call."""
        return f"Pcrs({self._values!r})"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedDocument:
    """What a document says about itself. It proves nothing: anyone can write such a document.

    `timestamp` is in UTC with milliseconds. An optional field is None when it is absent or null,
    `b""` when it is empty. `unknown_fields` names payload fields that AWS does not list.
    """

    kind: DocumentKind
    module_id: str
    instance_id: str
    timestamp: datetime
    pcrs: Pcrs
    certificate: bytes
    cabundle: tuple[bytes, ...]
    public_key: bytes | None
    user_data: bytes | None
    nonce: bytes | None
    unknown_fields: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What AWS hardware has signed, as part of a result of `verify`.

    `timestamp` is in UTC with milliseconds. `public_key`, `user_data` and `nonce` were chosen by
    the code in the enclave or on the instance; each is None when the document does not have it,
    and 0 to 1024 bytes otherwise.
    """

    kind: DocumentKind
    module_id: str
    instance_id: str
    timestamp: datetime
    pcrs: Pcrs
    public_key: bytes | None
    user_data: bytes | None
    nonce: bytes | None
    unknown_fields: tuple[str, ...]

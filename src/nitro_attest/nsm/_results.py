"""What the Nitro Secure Module (NSM) tells about itself: data, no parsing."""

from dataclasses import dataclass
from enum import StrEnum
from typing import final


@final
class PcrDigest(StrEnum):
    """The digest of a PCR bank; every NSM seen so far says SHA384."""

    SHA256 = "SHA256"
    SHA384 = "SHA384"
    SHA512 = "SHA512"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NsmDescription:
    """The answer to DescribeNSM.

    `max_pcrs` counts the PCRs (32), `locked_pcrs` holds the indexes of those that can no longer be
    extended. Only locked PCRs are part of an attestation document.
    """

    version_major: int
    version_minor: int
    version_patch: int
    module_id: str
    max_pcrs: int
    locked_pcrs: frozenset[int]
    digest: PcrDigest


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PcrDescription:
    """The answer to DescribePCR: the value (48 bytes for SHA384), and whether it is locked."""

    value: bytes
    locked: bool

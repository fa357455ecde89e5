"""Import every group, so that its vectors are collected."""

from vectorgen.groups import (
    cbor,
    chain_certificates,
    chain_extensions,
    chain_links,
    chain_validity,
    cose,
    document,
    freshness,
    policy,
    signature,
)
from vectorgen.kit import VECTORS

__all__ = [
    "EVERY_VECTOR",
    "cbor",
    "chain_certificates",
    "chain_extensions",
    "chain_links",
    "chain_validity",
    "cose",
    "document",
    "freshness",
    "policy",
    "signature",
]

EVERY_VECTOR = VECTORS

"""Check a chain of the forge with a cache of its own, without a document around it."""

from datetime import datetime, timedelta
from typing import Final

from nitro_attest import DocumentKind, TrustAnchor, UnverifiedDocument
from nitro_attest._core.chain import ChainCache, TrustedLeaf, check_chain
from nitro_attest._core.document import Pcrs
from support import certificates as forge
from support.certificates import MODULE_ID, NOW

NO_SKEW: Final = timedelta()


def document_of(certificates: list[bytes], module_id: str = MODULE_ID) -> UnverifiedDocument:
    """Make what the payload of a document with this chain would be."""
    return UnverifiedDocument(
        kind=DocumentKind.ENCLAVE,
        module_id=module_id,
        instance_id=module_id.rpartition("-")[0],
        timestamp=NOW,
        pcrs=Pcrs({0: bytes(48)}),
        certificate=certificates[-1],
        cabundle=tuple(certificates[:-1]),
        public_key=None,
        user_data=None,
        nonce=None,
        unknown_fields=(),
    )


def check(  # noqa: PLR0913 - every part of a call, each with a default
    certificates: list[bytes],
    *,
    anchor: TrustAnchor | None = None,
    module_id: str = MODULE_ID,
    now: datetime = NOW,
    skew: timedelta = NO_SKEW,
    cache: ChainCache | None = None,
) -> TrustedLeaf:
    """Check a chain under its own root unless another anchor is given."""
    return check_chain(
        document_of(certificates, module_id),
        forge.anchor(certificates[0]) if anchor is None else anchor,
        now=now,
        max_clock_skew=skew,
        cache=ChainCache() if cache is None else cache,
    )

"""Good signatures with rare values: high and low s, twins, leading zeros (RFC 9053 section 2.1)."""

from functools import cache
from itertools import count

from vectorgen.forge.documents import (
    CHAIN,
    TPM_CHAIN,
    envelope,
    sig_structure,
)
from vectorgen.forge.keys import (
    ORDER,
    point_x,
    raw,
)
from vectorgen.forge.policies import TPM_STANDARD
from vectorgen.groups.signature import (
    ECDSA_RULES,
    MESSAGE,
    PAYLOAD,
    TPM_PAYLOAD,
    R,
    S,
    dated,
    signed,
    with_s,
)
from vectorgen.kit import ACCEPT, Case, vector


@vector(
    expect=ACCEPT,
    rule="V-77, V-78; RFC 9053 section 2.1",
    attacks="15",
    effect="If it is rejected, half of all authentic documents are lost.",
    refs=ECDSA_RULES,
)
def high_s() -> Case:
    """The upper one of the two values of s."""
    return with_s(max)


@vector(
    expect=ACCEPT,
    rule="V-77, V-78; RFC 9053 section 2.1",
    attacks="15",
    effect="If it is rejected, half of all authentic documents are lost.",
    refs=ECDSA_RULES,
)
def low_s() -> Case:
    """The lower one of the two values of s."""
    return with_s(min)


@vector(
    expect=ACCEPT,
    rule="V-78; RFC 9053 section 2.1",
    attacks="16",
    effect="It cannot be told from the original; whoever remembers documents or signatures against replay takes it for a new one.",
)
def malleated_twin() -> Case:
    """The twin (r, n - s) of a good signature, which anybody can compute."""
    return signed(R, ORDER - S)


@vector(
    expect=ACCEPT,
    rule="V-78; RFC 9053 section 2.1",
    attacks="16",
    effect="It cannot be told from the original; whoever remembers documents or signatures against replay takes it for a new one.",
)
def malleated_twin_nitrotpm() -> Case:
    """The twin (r, n - s) of a good signature of a NitroTPM document."""
    r, s = TPM_CHAIN.key.sign(sig_structure(TPM_PAYLOAD))
    return Case(
        doc=envelope(TPM_PAYLOAD, signature=raw(r, ORDER - s)).encode(), policy=TPM_STANDARD
    )


@cache
def _short_r() -> int:
    """Find the first nonce scalar whose r begins with a zero byte."""
    return next(scalar for scalar in count(2) if point_x(scalar) % ORDER < 1 << 376)


@cache
def _short_s() -> int:
    """Find the first nonce scalar whose s begins with a zero byte."""
    return next(scalar for scalar in count(2) if CHAIN.key.sign_with(MESSAGE, scalar)[1] < 1 << 376)


@cache
def _step_with_short_s() -> int:
    """Find the first earlier millisecond at which the short r comes with a short s."""
    return next(
        step
        for step in count(1)
        if CHAIN.key.sign_with(sig_structure(dated(step)), _short_r())[1] < 1 << 376
    )


def _signed_with(payload: bytes, scalar: int) -> Case:
    return Case(
        doc=envelope(
            payload, signature=raw(*CHAIN.key.sign_with(sig_structure(payload), scalar))
        ).encode()
    )


@vector(
    expect=ACCEPT,
    rule="V-77, V-78; RFC 9053 section 2.1",
    attacks="14",
    effect="If it is rejected, one authentic document in 256 is lost.",
    refs=ECDSA_RULES,
)
def leading_zero_r() -> Case:
    """The first byte of r is zero."""
    return _signed_with(PAYLOAD, _short_r())


@vector(
    expect=ACCEPT,
    rule="V-77, V-78; RFC 9053 section 2.1",
    attacks="14",
    effect="If it is rejected, one authentic document in 256 is lost.",
    refs=ECDSA_RULES,
)
def leading_zero_s() -> Case:
    """The first byte of s is zero."""
    return _signed_with(PAYLOAD, _short_s())


@vector(
    expect=ACCEPT,
    rule="V-77, V-78; RFC 9053 section 2.1",
    attacks="14",
    effect="If it is rejected, some authentic documents are lost.",
    refs=ECDSA_RULES,
)
def leading_zero_r_and_s() -> Case:
    """The first bytes of r and of s are zero."""
    return _signed_with(dated(_step_with_short_s()), _short_r())


@vector(
    expect=ACCEPT,
    rule="V-77, V-78; RFC 9053 section 2.1",
    attacks="14",
    effect="If it is rejected, some authentic documents are lost.",
    refs=ECDSA_RULES,
)
def r_of_the_generator() -> Case:
    """The nonce scalar is 1, so that r is the generator's x coordinate: a rare but good signature."""
    return _signed_with(PAYLOAD, 1)

"""Every truncation and every single-bit flip of a captured document is rejected, typed."""

from collections.abc import Iterator

import pytest

from nitro_attest import VerificationError, verify
from support.captured import NITRO_TPM, PRODUCTION, Genuine, policy_for

PART = 10  # the suite does every tenth mutant, `make test-full` all of them


def _mutants(doc: bytes) -> Iterator[bytes]:
    for length in range(len(doc)):
        yield doc[:length]
    for bit in range(8 * len(doc)):
        mutant = bytearray(doc)
        mutant[bit // 8] ^= 1 << bit % 8
        yield bytes(mutant)


def _assert_refused(genuine: Genuine, part: int, of: int) -> None:
    policy = policy_for(genuine.measurements)
    accepted: list[int] = []
    for number, mutant in enumerate(_mutants(genuine.doc)):
        if number % of == part:
            try:
                verify(mutant, policy, now=genuine.time)
            except VerificationError:
                continue
            accepted.append(number)
    assert not accepted


both = pytest.mark.parametrize("genuine", [PRODUCTION, NITRO_TPM], ids=lambda g: g.name)


@both
def test_a_tenth_of_all_mutants_is_refused(genuine: Genuine) -> None:
    """A fixed tenth of the truncations and flips of one document of each kind."""
    _assert_refused(genuine, 0, PART)


@pytest.mark.full
@pytest.mark.parametrize("part", range(1, PART))
@both
def test_all_other_mutants_are_refused(genuine: Genuine, part: int) -> None:
    """The other nine tenths."""
    _assert_refused(genuine, part, PART)


@both
def test_trailing_bytes_are_refused(genuine: Genuine) -> None:
    """Nothing may follow the envelope."""
    for tail in (b"\0", b"\xf6", b"\xff", genuine.doc):
        with pytest.raises(VerificationError):
            verify(genuine.doc + tail, policy_for(genuine.measurements), now=genuine.time)

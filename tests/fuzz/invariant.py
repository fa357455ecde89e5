"""What all fuzz targets share: the broken invariant's error, and the form of a rejection."""

from typing import Final

from nitro_attest import VerificationError

_MAX_TEXT: Final = 600


class InvariantError(Exception):
    """The library did what its promise rules out; the fuzzer keeps the input as a crash."""


def require(condition: object, broken: str) -> None:
    """Demand what must hold, also under `python -O`."""
    if not condition:
        raise InvariantError(broken)


def check_refusal(refusal: VerificationError) -> None:
    """Check a rejection: one reason of the closed set, short printable values, one family."""
    require(refusal.failures, "a refusal without a failure")
    for failure in refusal.failures:
        for text in (failure.subject, failure.expected, failure.actual):
            require(
                text is None or (len(text) <= _MAX_TEXT and text.isprintable()),
                "a refusal shows what a log can't take",
            )
    families = {failure.reason.partition(".")[0] for failure in refusal.failures}
    require(len(families) == 1, "a refusal of two families")

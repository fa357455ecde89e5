"""Validity: every certificate at `now`, both ends included, in whole seconds (RFC 5280 section 4.1.2.5)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from vectorgen.forge import der
from vectorgen.forge.certificates import (
    LEAF_FROM,
    LEAF_UNTIL,
    NITRO_TPM_ID,
    Recipe,
    at,
    hierarchy,
    leaf_of,
)
from vectorgen.forge.documents import NOW, milliseconds
from vectorgen.forge.policies import MAX_CLOCK_SKEW_MS, fresh_nonce, policy, tpm_set
from vectorgen.kit import ACCEPT, Case, Row, enclave_case, family, tpm_case, vector

SECOND: Final = timedelta(seconds=1)
SKEW: Final = timedelta(milliseconds=MAX_CLOCK_SKEW_MS)
MICROSECOND: Final = timedelta(microseconds=1)
THIS_SECOND: Final = NOW.replace(microsecond=0)
SHOWN: Final = {
    "root": "root",
    "regional": "regional certificate",
    "zonal": "zonal certificate",
    "instance": "instance's certificate",
    "leaf": "leaf",
}
NO_SKEW: Final = fresh_nonce(max_clock_skew_ms=0)
FIVE_MINUTES: Final = policy(freshness=fresh_nonce(max_clock_skew_ms=300_000))
EXACT: Final = policy(freshness=NO_SKEW)
TWO_DAYS: Final = policy(freshness=fresh_nonce(max_age_ms=48 * 3_600_000))
OUTSIDE = "A key that its owner has given up, or that has been stolen since, still counts."
INSIDE = "If it is rejected, documents fail in the first or last second, or whenever `now` has a fraction."


def _rows() -> tuple[Row, ...]:
    return tuple(Row(place, words, place) for place, words in SHOWN.items())


def _from(start: datetime) -> Callable[[Recipe], Recipe]:
    return lambda recipe: replace(recipe, not_before=der.time(start))


def _until(end: datetime) -> Callable[[Recipe], Recipe]:
    return lambda recipe: replace(recipe, not_after=der.time(end))


@family(
    *_rows(),
    expect="chain.expired",
    rule="V-74; RFC 5280 section 6.1.3 (a)(2)",
    attacks="68, 69",
    effect=OUTSIDE,
)
def ended_a_second_ago(place: str) -> Case:
    """The {} ended in the second before that of `now`."""
    return enclave_case(at(place, _until(THIS_SECOND - SECOND)))


@family(
    *_rows(),
    expect="chain.expired",
    rule="V-74; RFC 5280 section 6.1.3 (a)(2)",
    attacks="68",
    effect=OUTSIDE,
)
def ended_before_the_document(place: str) -> Case:
    """The {} ended half an hour before `now`, before the document was made."""
    return enclave_case(at(place, _until(THIS_SECOND - timedelta(minutes=30))))


@family(
    *_rows(),
    expect="chain.not_yet_valid",
    rule="V-73; RFC 5280 section 6.1.3 (a)(2)",
    attacks="68, 69",
    effect=OUTSIDE,
)
def begins_in_a_second(place: str) -> Case:
    """The {} begins in the second after that of `now`; the policy allows no clock skew."""
    return enclave_case(at(place, _from(THIS_SECOND + SECOND)), policy=EXACT)


@family(
    *_rows(),
    expect=ACCEPT,
    rule="V-73; AWS mints a leaf up to 4.4 s before its first document",
    attacks="115",
    effect="If it is rejected, every document of a new enclave is lost while the verifier's clock is slow.",
)
def begins_within_the_skew(place: str) -> Case:
    """The {} begins 30 seconds after the second of `now`, as much as the policy allows."""
    return enclave_case(at(place, _from(THIS_SECOND + SKEW)))


@family(
    *_rows(),
    expect="chain.not_yet_valid",
    rule="V-73; RFC 5280 section 6.1.3 (a)(2)",
    attacks="115",
    effect=OUTSIDE,
)
def begins_beyond_the_skew(place: str) -> Case:
    """The {} begins 31 seconds after the second of `now`, one more than the policy allows."""
    return enclave_case(at(place, _from(THIS_SECOND + SKEW + SECOND)))


@family(
    *_rows(),
    expect="chain.expired",
    rule="V-74; RFC 5280 section 6.1.3 (a)(2)",
    attacks="69, 115",
    effect=OUTSIDE,
)
def ended_within_the_skew(place: str) -> Case:
    """The {} ended a second ago; the policy allows five minutes of clock skew, which widen no end."""
    return enclave_case(at(place, _until(THIS_SECOND - SECOND)), policy=FIVE_MINUTES)


@family(*_rows(), expect=ACCEPT, rule="V-74; RFC 5280 section 4.1.2.5", attacks="69", effect=INSIDE)
def ends_in_this_second(place: str) -> Case:
    """The {} ends in the second of `now`, which has 789 milliseconds more."""
    return enclave_case(at(place, _until(THIS_SECOND)))


@family(*_rows(), expect=ACCEPT, rule="V-73; RFC 5280 section 4.1.2.5", attacks="69", effect=INSIDE)
def begins_in_this_second(place: str) -> Case:
    """The {} begins in the second of `now`."""
    return enclave_case(at(place, _from(THIS_SECOND)))


def _made_at(now: datetime) -> Case:
    """Give a document made at `now`, and a policy that allows no clock skew."""
    return enclave_case(now=now, timestamp=milliseconds(now), policy=EXACT)


@family(
    Row("first-instant", "the first instant of the leaf", LEAF_FROM, ACCEPT),
    Row("last-second", "the last second of the leaf", LEAF_UNTIL, ACCEPT),
    Row(
        "last-microsecond",
        "the last microsecond of the leaf's last second",
        LEAF_UNTIL + SECOND - MICROSECOND,
        ACCEPT,
    ),
    Row(
        "a-microsecond-early",
        "a microsecond before the leaf begins",
        LEAF_FROM - MICROSECOND,
        "chain.not_yet_valid",
    ),
    Row(
        "a-second-late",
        "the second after the leaf's last one",
        LEAF_UNTIL + SECOND,
        "chain.expired",
    ),
    expect=ACCEPT,
    rule="V-73, V-74; RFC 5280 section 4.1.2.5",
    attacks="69",
    effect=INSIDE,
)
def at_now(now: datetime) -> Case:
    """`now` is {}; the policy allows no clock skew."""
    return _made_at(now)


@family(
    Row("the-year-2049", "the year 2049", datetime(2049, 1, 1, tzinfo=UTC), "chain.expired"),
    Row("the-year-9999", "the last microsecond of the year 9999", datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), "chain.expired"),
    Row("the-epoch", "the first second of 1970", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), "chain.not_yet_valid"),
    expect=ACCEPT,
    rule="V-73, V-74; RFC 5280 section 6.1.3 (a)(2)", attacks="68, 73",
    effect=OUTSIDE,
)  # fmt: skip
def far_away(now: datetime) -> Case:
    """`now` is in {}, and the document says so too."""
    return _made_at(now)


@family(
    Row("ended", "ended a second ago", _until(THIS_SECOND - SECOND), "chain.expired"),
    Row("begins", "begins in a second", _from(THIS_SECOND + SECOND), "chain.not_yet_valid"),
    Row("ends-now", "ends in this second", _until(THIS_SECOND), ACCEPT),
    expect=ACCEPT,
    rule="V-73, V-74; RFC 5280 section 6.1.3 (a)(2)",
    attacks="68, 69",
    effect=OUTSIDE,
)
def nitrotpm_leaf(change: Callable[[Recipe], Recipe]) -> Case:
    """The leaf of a NitroTPM document {}; the policy allows no clock skew."""
    exact = policy(tpm_set(), freshness=NO_SKEW)
    return tpm_case(hierarchy(leaf=change(leaf_of(NITRO_TPM_ID))), policy=exact)


@vector(
    expect="chain.expired",
    rule="V-74; RFC 5280 section 6.1.3 (a)(2)",
    attacks="68, 73",
    effect=OUTSIDE,
)
def leaf_ended_policy_patient() -> Case:
    """The leaf ended a day ago; the policy would believe documents that are two days old."""
    return enclave_case(now=NOW + timedelta(days=1), policy=TWO_DAYS)

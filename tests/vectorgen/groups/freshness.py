"""Freshness: the nonce that the relying party issued, and the document's age at `now` (attestation process 3.2, RFC 9334 section 10)."""

from base64 import b64encode
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from vectorgen.forge.documents import DROP, MADE, NONCE, NOW, PUBLIC_KEY, milliseconds
from vectorgen.forge.policies import (
    MAX_AGE_MS,
    MAX_CLOCK_SKEW_MS,
    fresh_nonce,
    policy,
    timestamp_only,
    tpm_set,
)
from vectorgen.kit import ACCEPT, Case, Row, enclave_case, family, tpm_case, vector

MAX_AGE: Final = timedelta(milliseconds=MAX_AGE_MS)
MAX_CLOCK_SKEW: Final = timedelta(milliseconds=MAX_CLOCK_SKEW_MS)
MOST_CLOCK_SKEW_MS: Final = 300_000
MOST_CLOCK_SKEW: Final = timedelta(milliseconds=MOST_CLOCK_SKEW_MS)
MILLISECOND: Final = timedelta(milliseconds=1)
MICROSECOND: Final = timedelta(microseconds=1)
ONLY_TIME: Final = policy(freshness=timestamp_only())

REPLAY = "Whoever has seen one document can answer every later challenge with it."
OLD = "A document of a machine that has been taken over since, or switched off, is still trusted."


@family(
    Row("absent", "no nonce", DROP, "freshness.nonce_absent"),
    Row("null", "null as nonce", None, "freshness.nonce_absent"),
    Row("empty", "an empty nonce", b""),
    Row("other", "another nonce of the same length", bytes(32)),
    Row("prefix", "the first 16 bytes of the nonce", NONCE[:16]),
    Row("one-byte-short", "the nonce without its last byte", NONCE[:-1]),
    Row("one-byte-long", "the nonce and a zero byte", NONCE + b"\0"),
    Row("padded-before", "a zero byte and the nonce", b"\0" + NONCE),
    Row("last-bit", "the nonce with its last bit flipped", NONCE[:-1] + bytes([NONCE[-1] ^ 1])),
    Row("first-bit", "the nonce with its first bit flipped", bytes([NONCE[0] ^ 0x80]) + NONCE[1:]),
    Row("reversed", "the nonce backwards", NONCE[::-1]),
    Row("hex", "the nonce as hex digits", NONCE.hex().encode()),
    Row("base64", "the nonce in base64", b64encode(NONCE)),
    Row("twice", "the nonce twice", NONCE * 2),
    Row("zeros-of-full-length", "1,024 zero bytes", bytes(1024)),
    expect="freshness.nonce_mismatch",
    rule="V-80, V-81; RFC 9334 section 10.2",
    attacks="76",
    effect=REPLAY,
)
def nonce(value: object) -> Case:
    """The policy requires a nonce, and the document has {}."""
    return enclave_case(nonce=value)


@family(
    Row("absent", "no nonce", DROP, "freshness.nonce_absent"),
    Row("other", "another nonce of the same length", bytes(32)),
    expect="freshness.nonce_mismatch",
    rule="V-80, V-81; RFC 9334 section 10.2",
    attacks="76",
    effect=REPLAY,
)
def nonce_nitrotpm(value: object) -> Case:
    """The policy requires a nonce, and the NitroTPM document has {}."""
    return tpm_case(nonce=value)


@vector(
    expect="freshness.nonce_absent",
    rule="V-80",
    attacks="76, 80",
    effect="The enclave's own data would replace the challenge.",
)
def nonce_in_user_data() -> Case:
    """The nonce is in user_data, and the nonce field is null."""
    return enclave_case(nonce=None, user_data=NONCE)


@vector(
    expect="freshness.nonce_mismatch",
    rule="V-81",
    attacks="76, 80",
    effect="The enclave's own data would replace the challenge.",
)
def nonce_in_public_key() -> Case:
    """The nonce is in public_key, and the nonce field has another value."""
    return enclave_case(nonce=bytes(32), public_key=NONCE)


@family(
    Row("16", "16", 16),
    Row("64", "64", 64),
    Row("1024", "1,024", 1024),
    expect=ACCEPT,
    rule="V-48, V-81; AWS attestation process 3.1",
    attacks="37, 76, 77",
    effect="If it is rejected, relying parties with nonces of this length cannot be served.",
)
def nonce_of_length(length: int) -> Case:
    """The nonce has {} bytes, and the policy requires it."""
    value = bytes(index & 0xFF for index in range(length))
    return replace(enclave_case(nonce=value), nonce=value)


@vector(
    expect=ACCEPT,
    rule="V-81",
    attacks="76",
    effect="If it is rejected, random nonces fail now and then.",
)
def nonce_of_zeros() -> Case:
    """The nonce that was issued is 32 zero bytes, and the document has it."""
    return replace(enclave_case(nonce=bytes(32)), nonce=bytes(32))


@vector(
    expect="freshness.nonce_mismatch",
    rule="V-81; RFC 9334 section 10.2",
    attacks="79",
    effect=REPLAY,
)
def replayed_for_a_later_nonce() -> Case:
    """A good document, sent again in answer to the next nonce."""
    return replace(enclave_case(), nonce=bytes(range(0x80, 0xA0)))


@family(
    Row("exact", "exactly", MADE + MAX_AGE, ACCEPT),
    Row("one-microsecond-over", "one microsecond more than", MADE + MAX_AGE + MICROSECOND),
    Row("one-millisecond-over", "one millisecond more than", MADE + MAX_AGE + MILLISECOND),
    Row("one-hour-over", "one hour more than", MADE + MAX_AGE + timedelta(hours=1)),
    expect="freshness.too_old",
    rule="V-82; RFC 9334 section 10",
    attacks="74",
    effect=OLD,
)
def age(now: datetime) -> Case:
    """At `now` the age of the document is {} the policy's max_age; all certificates are valid."""
    return replace(enclave_case(), now=now)


@family(
    Row("exact", "exactly", MADE - MAX_CLOCK_SKEW, ACCEPT),
    Row("one-microsecond-over", "one microsecond more than", MADE - MAX_CLOCK_SKEW - MICROSECOND),
    Row("one-millisecond-over", "one millisecond more than", MADE - MAX_CLOCK_SKEW - MILLISECOND),
    Row("half-an-hour", "half an hour more than", MADE - MAX_CLOCK_SKEW - timedelta(minutes=30)),
    expect="freshness.from_the_future",
    rule="V-83; RFC 9334 section 10",
    attacks="75",
    effect="A document dated ahead can be kept and used later, long after it was made.",
)
def ahead(now: datetime) -> Case:
    """The document's time is ahead of `now` by {} the policy's max_clock_skew."""
    return replace(enclave_case(), now=now)


@family(
    Row("exact", "exactly", MADE - MOST_CLOCK_SKEW, ACCEPT),
    Row("one-microsecond-over", "one microsecond more than", MADE - MOST_CLOCK_SKEW - MICROSECOND),
    expect="freshness.from_the_future",
    rule="V-83; RFC 9334 section 10",
    attacks="115",
    effect="A relying party whose clock is slow is not served, or dates ahead are not limited.",
)
def ahead_of_a_slow_clock(now: datetime) -> Case:
    """The document's time is ahead of `now` by {} five minutes, the most that a policy can allow."""
    rule = fresh_nonce(max_clock_skew_ms=MOST_CLOCK_SKEW_MS)
    return replace(enclave_case(policy=policy(freshness=rule)), now=now)


@family(
    Row("too-old", "too old by a millisecond", MADE + MAX_AGE + MILLISECOND, "freshness.too_old"),
    Row(
        "from-the-future",
        "ahead by a millisecond too much",
        MADE - MAX_CLOCK_SKEW - MILLISECOND,
        "freshness.from_the_future",
    ),
    expect=ACCEPT,
    rule="V-82, V-83; RFC 9334 section 10",
    attacks="74, 75",
    effect=OLD,
)
def nitrotpm(now: datetime) -> Case:
    """A NitroTPM document is {}."""
    return replace(tpm_case(), now=now)


@vector(
    expect=ACCEPT,
    rule="V-83",
    attacks="75",
    effect="If it is rejected, two clocks that agree would be too much of an agreement.",
)
def made_now_without_skew() -> Case:
    """The document's time is `now` exactly, and the policy allows no clock skew."""
    return replace(
        enclave_case(policy=policy(freshness=fresh_nonce(max_clock_skew_ms=0))), now=MADE
    )


@vector(
    expect="freshness.from_the_future",
    rule="V-83",
    attacks="75",
    effect="A clock skew of zero would mean any skew.",
)
def ahead_without_skew() -> Case:
    """The document's time is a microsecond ahead of `now`, and the policy allows no clock skew."""
    return replace(
        enclave_case(policy=policy(freshness=fresh_nonce(max_clock_skew_ms=0))),
        now=MADE - MICROSECOND,
    )


@vector(
    expect=ACCEPT,
    rule="V-82",
    attacks="74",
    effect="If it is rejected, the shortest max_age could not be met.",
)
def max_age_of_one_millisecond() -> Case:
    """The document is one millisecond old, all that the policy allows."""
    return replace(
        enclave_case(policy=policy(freshness=fresh_nonce(max_age_ms=1))), now=MADE + MILLISECOND
    )


@vector(
    expect=ACCEPT,
    rule="V-82",
    attacks="72, 74",
    effect="If it is rejected, an archive or a long batch job cannot say what it means.",
)
def two_hours_old_with_leave() -> Case:
    """The document is two hours old, and the policy allows three."""
    leave = policy(freshness=fresh_nonce(max_age_ms=3 * 3_600_000))
    return replace(enclave_case(policy=leave), now=MADE + timedelta(hours=2))


@family(
    Row("seconds", "seconds", milliseconds(MADE) // 1000, "freshness.too_old"),
    Row("microseconds", "microseconds", milliseconds(MADE) * 1000, "document.timestamp"),
    Row("nanoseconds", "nanoseconds", milliseconds(MADE) * 1_000_000, "document.timestamp"),
    expect="freshness.too_old",
    rule="V-42, V-82; AWS attestation process 3.1",
    attacks="43",
    effect="A document read in the wrong unit is always fresh, or never.",
)
def timestamp_in(value: object) -> Case:
    """The timestamp counts {} instead of milliseconds."""
    return enclave_case(timestamp=value)


@family(
    Row("least", "1 ms after the epoch, the least that AWS allows", 1),
    Row("year-2000", "in the year 2000", 946_684_800_000),
    Row("one-year-earlier", "a year before `now`", milliseconds(MADE - timedelta(days=365))),
    expect="freshness.too_old",
    rule="V-82",
    attacks="42, 74",
    effect=OLD,
)
def old_timestamp(value: object) -> Case:
    """The document says it was made {}; its certificates are valid at `now`."""
    return enclave_case(timestamp=value)


@family(
    Row("one-year-later", "a year after `now`", milliseconds(MADE + timedelta(days=365))),
    Row("greatest", "in the last millisecond of the year 9999", 253_402_300_799_999),
    expect="freshness.from_the_future",
    rule="V-83",
    attacks="42, 75",
    effect="A document dated ahead can be kept and used later, long after it was made.",
)
def future_timestamp(value: object) -> Case:
    """The document says it was made {}; its certificates are valid at `now`."""
    return enclave_case(timestamp=value)


@family(
    Row("absent", "no nonce", DROP),
    Row("null", "null as nonce", None),
    Row("empty", "an empty nonce", b""),
    Row("some", "a nonce that nobody compares", bytes(32)),
    expect=ACCEPT,
    rule="V-80; RFC 9334 section 10.1",
    attacks="78",
    effect="If it is rejected, relying parties that cannot issue a nonce are not served.",
)
def timestamp_only_with(value: object) -> Case:
    """The policy requires no nonce, and the document has {}."""
    return replace(enclave_case(policy=ONLY_TIME, nonce=value), nonce=None)


@vector(
    expect=ACCEPT,
    rule="V-80; RFC 9334 section 10.1",
    attacks="78",
    effect="If it is rejected, relying parties that cannot issue a nonce are not served.",
)
def timestamp_only_nitrotpm() -> Case:
    """The policy requires no nonce, and the NitroTPM document has none."""
    return replace(
        tpm_case(policy=policy(tpm_set(), freshness=timestamp_only()), nonce=None), nonce=None
    )


@family(
    Row("too-old", "a millisecond too old", MADE + MAX_AGE + MILLISECOND, "freshness.too_old"),
    Row(
        "from-the-future",
        "a millisecond too far ahead",
        MADE - MAX_CLOCK_SKEW - MILLISECOND,
        "freshness.from_the_future",
    ),
    expect=ACCEPT,
    rule="V-82, V-83",
    attacks="74, 75, 78",
    effect=OLD,
)
def timestamp_only_and(now: datetime) -> Case:
    """The policy requires no nonce, and the document is {}."""
    return replace(enclave_case(policy=ONLY_TIME), nonce=None, now=now)


@vector(
    expect="chain.expired",
    rule="V-74; RFC 5280 section 6.1.3",
    attacks="73",
    effect="Checked at its own time, every document verifies for ever.",
)
def good_at_its_own_time_only() -> Case:
    """The document was good when it was made; `now` is a year later."""
    return replace(enclave_case(), now=NOW + timedelta(days=365))


@vector(
    expect="chain.expired",
    rule="V-74",
    attacks="73",
    effect="A document's own time would replace the clock.",
)
def timestamp_inside_an_expired_leaf() -> Case:
    """`now` is four hours later, beyond the leaf; the policy would allow a document of that age."""
    leave = policy(freshness=fresh_nonce(max_age_ms=86_400_000))
    return replace(enclave_case(policy=leave), now=NOW + timedelta(hours=4))


@vector(
    expect=ACCEPT,
    rule="V-73, V-74",
    attacks="73",
    effect="If it is rejected, archives cannot be checked.",
)
def archive_at_a_given_time() -> Case:
    """A document with a public key, checked at a `now` with microseconds."""
    return replace(
        enclave_case(public_key=PUBLIC_KEY), now=MADE + timedelta(seconds=1, microseconds=1)
    )

"""Rules for public_key and user_data (RFC 9334 section 8.5)."""

from typing import Final

from vectorgen.forge.documents import DROP, PUBLIC_KEY, USER_DATA
from vectorgen.forge.policies import (
    ABSENT,
    PRESENT,
    Json,
    equals,
    policy,
    tpm_set,
)
from vectorgen.kit import ACCEPT, Case, Row, enclave_case, family, tpm_case, vector

FIELDS: Final = {"public_key": PUBLIC_KEY, "user_data": USER_DATA}


KEY_SWAPPED = "A secret is encrypted to a key that somebody else has put there."


def _ruled(field: str, rule: Json, value: object) -> Case:
    match field:
        case "public_key":
            return enclave_case(public_key=value, policy=policy(public_key=rule))
        case _:
            return enclave_case(user_data=value, policy=policy(user_data=rule))


@family(
    Row("equals", "is the one required", (equals(PUBLIC_KEY), PUBLIC_KEY)),
    Row("equals-empty", "is empty, as required", (equals(b""), b"")),
    Row("present", "has a byte or more, as required", (PRESENT, PUBLIC_KEY)),
    Row("present-one-byte", "has one byte, and the policy requires at least one", (PRESENT, b"\0")),
    Row(
        "present-empty",
        "is empty, and the policy requires at least one byte",
        (PRESENT, b""),
        "policy.public_key",
    ),
    Row("absent", "is absent, as required", (ABSENT, DROP)),
    Row("absent-null", "is null, which is absent, as required", (ABSENT, None)),
    expect=ACCEPT,
    rule="V-90; AWS attestation process 3.1",
    attacks="35, 80, 123",
    effect="The rule cannot be met, or an empty key is used.",
)
def public_key(given: tuple[Json, object]) -> Case:
    """The field public_key {}."""
    return _ruled("public_key", *given)


@family(
    Row(
        "other",
        "has another value than the policy requires",
        (equals(PUBLIC_KEY), PUBLIC_KEY[:-1] + b"!"),
    ),
    Row(
        "prefix",
        "has the first half of what the policy requires",
        (equals(PUBLIC_KEY), PUBLIC_KEY[:20]),
    ),
    Row(
        "longer",
        "has what the policy requires and a zero byte",
        (equals(PUBLIC_KEY), PUBLIC_KEY + b"\0"),
    ),
    Row("missing", "is absent, and the policy requires a value", (equals(PUBLIC_KEY), DROP)),
    Row(
        "missing-for-empty", "is absent, and the policy requires an empty one", (equals(b""), DROP)
    ),
    Row("null-for-empty", "is null, and the policy requires an empty one", (equals(b""), None)),
    Row("not-present", "is absent, and the policy requires it", (PRESENT, DROP)),
    Row("null-not-present", "is null, and the policy requires it", (PRESENT, None)),
    Row("not-absent", "is present, and the policy requires it to be absent", (ABSENT, PUBLIC_KEY)),
    Row("empty-not-absent", "is empty, and the policy requires it to be absent", (ABSENT, b"")),
    expect="policy.public_key",
    rule="V-90",
    attacks="35, 80, 81",
    effect=KEY_SWAPPED,
)
def public_key_that(given: tuple[Json, object]) -> Case:
    """The field public_key {}."""
    return _ruled("public_key", *given)


@family(
    Row("equals", "is the one required", (equals(USER_DATA), USER_DATA)),
    Row("present", "has a byte or more, as required", (PRESENT, USER_DATA)),
    Row(
        "present-empty",
        "is empty, and the policy requires at least one byte",
        (PRESENT, b""),
        "policy.user_data",
    ),
    Row("absent-null", "is null, which is absent, as required", (ABSENT, None)),
    expect=ACCEPT,
    rule="V-91; AWS attestation process 3.1",
    attacks="35, 80, 123",
    effect="The rule cannot be met, or an empty key is used.",
)
def user_data(given: tuple[Json, object]) -> Case:
    """The field user_data {}."""
    return _ruled("user_data", *given)


@family(
    Row(
        "other",
        "has another value than the policy requires",
        (equals(USER_DATA), USER_DATA[:-1] + b"!"),
    ),
    Row(
        "prefix",
        "has the first half of what the policy requires",
        (equals(USER_DATA), USER_DATA[:10]),
    ),
    Row("missing", "is absent, and the policy requires a value", (equals(USER_DATA), DROP)),
    Row("null-not-present", "is null, and the policy requires it", (PRESENT, None)),
    Row("not-absent", "is present, and the policy requires it to be absent", (ABSENT, USER_DATA)),
    Row("empty-not-absent", "is empty, and the policy requires it to be absent", (ABSENT, b"")),
    expect="policy.user_data",
    rule="V-91",
    attacks="35, 80",
    effect="Data of another application passes for this one's.",
)
def user_data_that(given: tuple[Json, object]) -> Case:
    """The field user_data {}."""
    return _ruled("user_data", *given)


@vector(expect="policy.public_key", rule="V-90", attacks="80", effect=KEY_SWAPPED)
def public_key_in_user_data() -> Case:
    """The key that the policy requires is in user_data, and another key in public_key."""
    return enclave_case(
        public_key=USER_DATA, user_data=PUBLIC_KEY, policy=policy(public_key=equals(PUBLIC_KEY))
    )


@vector(expect="policy.public_key", rule="V-90", attacks="80, 81", effect=KEY_SWAPPED)
def nitrotpm_other_public_key() -> Case:
    """A NitroTPM document with another public_key than the policy requires."""
    return tpm_case(
        public_key=b"another key", policy=policy(tpm_set(), public_key=equals(PUBLIC_KEY))
    )

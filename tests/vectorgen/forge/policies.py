"""Write policies in the kit's own JSON form; tests/vectors/README.md says what each part means."""

from collections.abc import Mapping
from typing import Final

from vectorgen.forge.documents import ENCLAVE_PCRS, TPM_PCRS

Json = Mapping[str, object]

PINNED_ENCLAVE_PCRS: Final = (0, 1, 2, 3, 4, 8)
PINNED_TPM_PCRS: Final = (4, 7, 12)
MAX_AGE_MS: Final = 300_000
MAX_CLOCK_SKEW_MS: Final = 30_000


def enclave_set(label: str = "kit enclave", **pcrs: bytes | None) -> Json:
    """Pin an enclave's PCRs; `pcr0=` replaces a value, None leaves it out."""
    return _pcr_set(
        "enclave", label, {index: ENCLAVE_PCRS[index] for index in PINNED_ENCLAVE_PCRS}, pcrs
    )


def pinning(changes: Mapping[int, bytes]) -> Json:
    """Pin an enclave's PCRs, some of them with other values, or others besides."""
    return _pcr_set(
        "enclave",
        "kit enclave",
        {index: ENCLAVE_PCRS[index] for index in PINNED_ENCLAVE_PCRS} | dict(changes),
        {},
    )


def tpm_set(label: str = "kit instance", **pcrs: bytes | None) -> Json:
    """Pin the PCRs of an instance with NitroTPM."""
    return _pcr_set("nitrotpm", label, {index: TPM_PCRS[index] for index in PINNED_TPM_PCRS}, pcrs)


def _pcr_set(
    kind: str, label: str, base: Mapping[int, bytes], changes: Mapping[str, bytes | None]
) -> Json:
    values: dict[int, bytes | None] = {
        **base,
        **{int(name.removeprefix("pcr")): value for name, value in changes.items()},
    }
    shown = {
        str(index): value.hex() for index, value in sorted(values.items()) if value is not None
    }
    return {"kind": kind, "label": label, "pcrs": shown}


ANY_ENCLAVE: Final[Json] = {"kind": "any_enclave"}
DEBUG_ENCLAVE: Final[Json] = {"kind": "debug_enclave"}
ANY_NITRO_TPM: Final[Json] = {"kind": "any_nitrotpm"}
NOT_CHECKED: Final[Json] = {"rule": "not_checked"}
PRESENT: Final[Json] = {"rule": "present"}
ABSENT: Final[Json] = {"rule": "absent"}


def equals(value: bytes) -> Json:
    """Demand exactly these bytes."""
    return {"rule": "equals", "hex": value.hex()}


def fresh_nonce(max_age_ms: int = MAX_AGE_MS, max_clock_skew_ms: int = MAX_CLOCK_SKEW_MS) -> Json:
    """Demand the nonce that was issued, and a time in the window."""
    return {"kind": "fresh_nonce", "max_age_ms": max_age_ms, "max_clock_skew_ms": max_clock_skew_ms}


def timestamp_only(
    max_age_ms: int = MAX_AGE_MS, max_clock_skew_ms: int = MAX_CLOCK_SKEW_MS
) -> Json:
    """Demand only a time in the window."""
    return {
        "kind": "timestamp_only",
        "max_age_ms": max_age_ms,
        "max_clock_skew_ms": max_clock_skew_ms,
    }


def policy(
    *measurements: Json,
    freshness: Json | None = None,
    public_key: Json = NOT_CHECKED,
    user_data: Json = NOT_CHECKED,
    unknown_fields: str = "refused",
) -> Json:
    """Put a policy together; without measurements it pins the kit's enclave."""
    return {
        "measurements": list(measurements or [enclave_set()]),
        "freshness": freshness or fresh_nonce(),
        "public_key": public_key,
        "user_data": user_data,
        "unknown_fields": unknown_fields,
    }


STANDARD: Final = policy()
TPM_STANDARD: Final = policy(tpm_set())
WAIVED_FIELDS: Final = policy(unknown_fields="allowed")

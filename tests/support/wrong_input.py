"""Wrong input of a relying party, one mistake each.

`PolicyError` must be raised for each, with words that are written down.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Final

from nitro_attest import (
    AWS_NITRO_ROOT_G1,
    AWS_US_GOV_NITRO_ROOT_G1,
    Absent,
    AnyEnclave,
    AnyNitroTpm,
    DebugEnclave,
    EnclaveMeasurements,
    Equals,
    FreshNonce,
    NitroTpmMeasurements,
    NotChecked,
    Policy,
    Sha384,
    TimestampOnly,
    verify,
)

SOME: Final = Sha384(b"\x01" * 48)
ANY: Final = NotChecked("any")
ALL_ONES: Final = Sha384(b"\xff" * 48)
NO_APPLICATION: Final = Sha384.fromhex(
    "21b9efbc184807662e966d34f390821309eeac6802309798"
    "826296bf3e8bec7c10edb30948c90ba67310f7b964fc500a"
)
SECURE_BOOT_OFF: Final = Sha384.fromhex(
    "98441c7f7625d10058c47683aec486ce311c633235eb5555"
    "93a7ee791121e3578ae72d04ecef661f272d59058b77af35"
)
SEPARATOR: Final = Sha384.fromhex(
    "518923b0f955d08da077c96aaba522b9decede61c599cea6"
    "c41889cfbea4ae4d50529d96fe4d1afdafb65e7f95bf23c4"
)
MINUTE: Final = timedelta(minutes=1)
BEFORE_YEAR_1: Final = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))


class _Zone(tzinfo):
    """A zone that raises whatever it is asked."""

    def utcoffset(self, _: datetime | None, /) -> timedelta | None:
        raise KeyError

    def dst(self, _: datetime | None, /) -> timedelta | None:
        raise KeyError

    def tzname(self, _: datetime | None, /) -> str | None:
        raise KeyError


def _enclave(**changed: Any) -> EnclaveMeasurements:
    fields: dict[str, Any] = {
        "label": "build",
        "pcr0_image": SOME,
        "pcr1_kernel": SOME,
        "pcr2_application": SOME,
        "pcr3_iam_role": ANY,
        "pcr4_instance_id": ANY,
        "pcr8_signing_certificate": ANY,
    }
    return EnclaveMeasurements(**{**fields, **changed})


def _nitro_tpm(**changed: Any) -> NitroTpmMeasurements:
    fields: dict[str, Any] = {
        "label": "image",
        "pcr4_boot_manager": SOME,
        "pcr7_secure_boot": SOME,
        "pcr12_command_line": Sha384.ZERO,
    }
    return NitroTpmMeasurements(**{**fields, **changed})


def _policy(**changed: Any) -> Policy:
    fields: dict[str, Any] = {
        "measurements": (_enclave(),),
        "freshness": FreshNonce(),
        "public_key": Absent(),
        "user_data": Absent(),
    }
    return Policy(**{**fields, **changed})


def _verify(doc: Any = b"", policy: Any = None, **values: Any) -> object:
    return verify(doc, _policy() if policy is None else policy, **values)


_OLD: Final = TimestampOnly(because="old", max_age=MINUTE)
MISTAKES: Final[dict[str, Callable[[], object]]] = {
    "Sha384 of 47 bytes": lambda: Sha384(bytes(47)),
    "Sha384 of 95 digits": lambda: Sha384.fromhex("0" * 95),
    "NotChecked without a reason": lambda: NotChecked(""),
    "AnyEnclave without a reason": lambda: AnyEnclave(" "),
    "DebugEnclave without a reason": lambda: DebugEnclave("\n"),
    "AnyNitroTpm without a reason": lambda: AnyNitroTpm(""),
    "TimestampOnly without a reason": lambda: TimestampOnly(because="", max_age=MINUTE),
    "Equals of text": lambda: Equals("text"),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - the mistake
    "Equals of 1025 bytes": lambda: Equals(bytes(1025)),
    "enclave without a label": lambda: _enclave(label=""),
    "enclave with None": lambda: _enclave(pcr0_image=None),
    "enclave with None for another": lambda: _enclave(pcr8_signing_certificate=None),
    "enclave with zero PCR0": lambda: _enclave(pcr0_image=Sha384.ZERO),
    "enclave with zero PCR1": lambda: _enclave(pcr1_kernel=Sha384.ZERO),
    "enclave with zero PCR2": lambda: _enclave(pcr2_application=Sha384.ZERO),
    "enclave that pins nothing": lambda: _enclave(pcr0_image=ANY, pcr2_application=ANY),
    "enclave that pins PCR2 alone": lambda: _enclave(pcr0_image=ANY, pcr1_kernel=ANY),
    "enclave that pins no application": lambda: _enclave(
        pcr0_image=ANY, pcr2_application=NO_APPLICATION
    ),
    "enclave that pins all ones": lambda: _enclave(
        pcr0_image=ALL_ONES, pcr1_kernel=ANY, pcr2_application=ANY
    ),
    "enclave that pins no signature": lambda: _enclave(
        pcr0_image=ANY, pcr1_kernel=ANY, pcr8_signing_certificate=Sha384.ZERO
    ),
    "enclave with a list": lambda: _enclave(other_pcrs=[]),
    "enclave with no pair": lambda: _enclave(other_pcrs=(1,)),
    "enclave with a triple": lambda: _enclave(other_pcrs=((1, SOME, SOME),)),
    "enclave with PCR32": lambda: _enclave(other_pcrs=((32, SOME),)),
    "enclave with a PCR that is none": lambda: _enclave(other_pcrs=((5, bytes(48)),)),
    "enclave with PCR0 twice": lambda: _enclave(other_pcrs=((0, SOME),)),
    "enclave with PCR5 twice": lambda: _enclave(other_pcrs=((5, SOME), (5, SOME))),
    "NitroTPM without a label": lambda: _nitro_tpm(label=""),
    "NitroTPM with None": lambda: _nitro_tpm(pcr7_secure_boot=None),
    "NitroTPM that pins nothing": lambda: _nitro_tpm(pcr4_boot_manager=ANY, pcr7_secure_boot=ANY),
    "NitroTPM that pins PCR4 alone": lambda: _nitro_tpm(
        pcr7_secure_boot=ANY, pcr12_command_line=ANY
    ),
    "NitroTPM that pins Secure Boot off": lambda: _nitro_tpm(
        pcr4_boot_manager=ANY, pcr7_secure_boot=SECURE_BOOT_OFF
    ),
    "NitroTPM that pins a separator": lambda: _nitro_tpm(
        pcr4_boot_manager=SEPARATOR, pcr7_secure_boot=ANY
    ),
    "NitroTPM with PCR12 twice": lambda: _nitro_tpm(other_pcrs=((12, SOME),)),
    "NitroTPM with a list": lambda: _nitro_tpm(other_pcrs=[]),
    "FreshNonce of no age": lambda: FreshNonce(max_age=timedelta()),
    "FreshNonce of negative skew": lambda: FreshNonce(max_clock_skew=-MINUTE),
    "TimestampOnly of no age": lambda: TimestampOnly(because="old", max_age=timedelta()),
    "TimestampOnly of negative skew": lambda: TimestampOnly(
        because="old", max_age=MINUTE, max_clock_skew=-MINUTE
    ),
    "FreshNonce of six minutes of skew": lambda: FreshNonce(max_clock_skew=6 * MINUTE),
    "policy of 257 sets": lambda: _policy(measurements=(_enclave(),) * 257),
    "policy with debug enclaves as well": lambda: _policy(
        measurements=(_enclave(), DebugEnclave("a test"))
    ),
    "policy with any enclave as well": lambda: _policy(
        measurements=(AnyEnclave("a test"), _enclave())
    ),
    "policy without measurements": lambda: _policy(measurements=()),
    "policy with None among the measurements": lambda: _policy(measurements=(_enclave(), None)),
    "policy of two kinds": lambda: _policy(measurements=(_enclave(), _nitro_tpm())),
    "policy without freshness": lambda: _policy(freshness=None),
    "policy without a public key": lambda: _policy(public_key=None),
    "policy without user data": lambda: _policy(user_data=b"data"),
    "policy with unknown fields": lambda: _policy(unknown_fields=True),
    "policy without an anchor": lambda: _policy(trust_anchor=None),
    "document as text": lambda: _verify("text", nonce=bytes(16)),
    "document as a number": lambda: _verify(7, nonce=bytes(16)),
    "policy as a dict": lambda: _verify(policy={}),
    "no nonce": _verify,
    "nonce for TimestampOnly": lambda: _verify(policy=_policy(freshness=_OLD), nonce=bytes(16)),
    "nonce of 15 bytes": lambda: _verify(nonce=bytes(15)),
    "nonce of 1025 bytes": lambda: _verify(nonce=bytes(1025)),
    "nonce as text": lambda: _verify(nonce="0" * 32),
    "nonce as a number": lambda: _verify(nonce=16),
    "naive time": lambda: _verify(nonce=bytes(16), now=datetime.now(UTC).replace(tzinfo=None)),
    "root with the name of another": lambda: replace(
        AWS_US_GOV_NITRO_ROOT_G1, name=AWS_NITRO_ROOT_G1.name
    ),
    "time in a zone that raises": lambda: _verify(
        nonce=bytes(16), now=datetime.now(UTC).replace(tzinfo=_Zone())
    ),
    "time before the year 1": lambda: _verify(nonce=bytes(16), now=BEFORE_YEAR_1),
}

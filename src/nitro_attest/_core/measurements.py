"""Hold reference values: what a relying party knows about the code it wants to believe (RFC 9334 section 8.3).

Values from a build or a decision written down come in, sets that refuse to be wrong go out. Never:
a set in which a PCR that matters was forgotten, or an all-zero value that would let a debug enclave
pass.
"""

import re
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Final, Self, TypeAlias, cast, final

from nitro_attest._core.document import MAX_PCRS, PCR_BYTES, DocumentKind
from nitro_attest._core.errors import PolicyError

__all__ = [
    "AnyEnclave",
    "AnyNitroTpm",
    "DebugEnclave",
    "EnclaveMeasurements",
    "Measurements",
    "NitroTpmMeasurements",
    "NotChecked",
    "Sha384",
]

DEBUG_PCRS: Final = (0, 1, 2)  # all zero in a debug enclave, while PCR3 and PCR4 need not be

_HEX_DIGITS: Final = re.compile(r"[0-9a-fA-F]{96}", re.ASCII)
_PCR_FIELD: Final = re.compile(r"pcr([0-9]+)_\w+")


def require_text(value: object, field: str) -> None:
    """Refuse anything but printable text that says something."""
    if type(value) is not str or not value.isprintable() or not value.strip():
        raise PolicyError(field, "expected printable text that is not empty")


@final
@dataclass(frozen=True, slots=True, repr=False)
class Sha384:
    """Hold one PCR value: the 48 bytes of a SHA-384 digest.

    Raises:
        PolicyError: `value` is not exactly 48 bytes.

    """

    value: bytes

    ZERO: ClassVar["Sha384"]
    """48 zero bytes: in PCR3, PCR8 and PCR12 "no role", "unsigned" and "no command line"."""

    def __post_init__(self) -> None:
        """Refuse other types and lengths."""
        if type(self.value) is not bytes or len(self.value) != PCR_BYTES:
            raise PolicyError(
                "Sha384", f"expected {PCR_BYTES} bytes; for hex digits use Sha384.fromhex"
            )

    @classmethod
    def fromhex(cls, digits: str) -> Self:
        """Read exactly 96 hex digits of either case, as nitro-cli prints them: no prefix, no white space.

        Raises:
            PolicyError: Anything else.

        """
        if type(digits) is not str or _HEX_DIGITS.fullmatch(digits) is None:
            raise PolicyError("Sha384.fromhex", f"expected {2 * PCR_BYTES} hex digits")
        return cls(bytes.fromhex(digits))

    def hex(self) -> str:
        """Return the 96 lower-case hex digits."""
        return self.value.hex()

    def __repr__(self) -> str:
        """Write the constructor call."""
        return f"Sha384.fromhex({self.value.hex()!r})"


Sha384.ZERO = Sha384(bytes(PCR_BYTES))


@final
@dataclass(frozen=True, slots=True)
class NotChecked:
    """Leave a check out, and say why. The reason comes back in every result that it touched.

    Raises:
        PolicyError: The reason is empty or no text.

    """

    because: str

    def __post_init__(self) -> None:
        """Refuse an empty reason."""
        require_text(self.because, "NotChecked.because")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EnclaveMeasurements:
    """Describe one build of one enclave; a document matches when every pinned PCR has exactly its value.

    PCR0 is the image, PCR1 kernel and boot ramfs, PCR2 the application, PCR3 the parent instance's
    IAM role, PCR4 the parent instance, PCR8 the certificate the image was signed with. Each is
    pinned or waived with a reason; `other_pcrs` pins more, as pairs of index and value. `label`
    comes back in the result.

    Raises:
        PolicyError: None of PCR0, PCR2 and PCR8 is pinned (zero in PCR8 says "unsigned", which
            every build can be: say `AnyEnclave`); PCR0, PCR1 or PCR2 is zero (say `DebugEnclave`);
            an index outside 0..31 or named twice.

    """

    label: str
    pcr0_image: Sha384 | NotChecked
    pcr1_kernel: Sha384 | NotChecked
    pcr2_application: Sha384 | NotChecked
    pcr3_iam_role: Sha384 | NotChecked
    pcr4_instance_id: Sha384 | NotChecked
    pcr8_signing_certificate: Sha384 | NotChecked
    other_pcrs: tuple[tuple[int, Sha384], ...] = ()

    def __post_init__(self) -> None:
        """Refuse a set that could not be met, or that any enclave could meet."""
        _check_set(self)
        for index, field, rule in pcr_rules(self):
            if index in DEBUG_PCRS and rule == Sha384.ZERO:
                raise PolicyError(
                    f"EnclaveMeasurements.{field}",
                    "zero is the value of a debug enclave: say DebugEnclave",
                )
        if not _identifies(self.pcr0_image, self.pcr2_application) and not _identifies(
            self.pcr8_signing_certificate
        ):
            raise PolicyError("EnclaveMeasurements", "pin PCR0, PCR2 or PCR8, or say AnyEnclave")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NitroTpmMeasurements:
    """Describe one image of an EC2 instance with NitroTPM; a document matches when every pinned PCR has exactly its value.

    PCR4 is the boot manager, PCR7 the Secure Boot policy, PCR12 the kernel command line (zero when
    there is none: pin it as zero). Each is pinned or waived with a reason; `other_pcrs` pins more.
    `label` comes back in the result.

    Raises:
        PolicyError: Neither PCR7 nor PCR4 together with PCR12 is pinned (a zero PCR4 or PCR7
            identifies nothing: say `AnyNitroTpm`); an index outside 0..31 or named twice.

    """

    label: str
    pcr4_boot_manager: Sha384 | NotChecked
    pcr7_secure_boot: Sha384 | NotChecked
    pcr12_command_line: Sha384 | NotChecked
    other_pcrs: tuple[tuple[int, Sha384], ...] = ()

    def __post_init__(self) -> None:
        """Refuse a set that could not be met, or that any instance could meet."""
        _check_set(self)
        boots_known_image = _identifies(self.pcr4_boot_manager) and isinstance(
            self.pcr12_command_line, Sha384
        )
        if not boots_known_image and not _identifies(self.pcr7_secure_boot):
            raise PolicyError(
                "NitroTpmMeasurements", "pin PCR7, or PCR4 together with PCR12, or say AnyNitroTpm"
            )


@final
@dataclass(frozen=True, slots=True)
class AnyEnclave:
    """Accept any code in a genuine enclave that is not in debug mode, and say why.

    Raises:
        PolicyError: The reason is empty or no text.

    """

    because: str

    def __post_init__(self) -> None:
        """Refuse an empty reason."""
        require_text(self.because, "AnyEnclave.because")


@final
@dataclass(frozen=True, slots=True)
class DebugEnclave:
    """Accept any code in a genuine enclave that IS in debug mode, and say why: never where a secret is at stake.

    The parent instance can read the console of such an enclave, its PCR0, PCR1 and PCR2 are zero,
    and nothing it says about its code can be believed. An enclave that is not in debug mode does
    not match: name it in a set of its own.

    Raises:
        PolicyError: The reason is empty or no text.

    """

    because: str

    def __post_init__(self) -> None:
        """Refuse an empty reason."""
        require_text(self.because, "DebugEnclave.because")


@final
@dataclass(frozen=True, slots=True)
class AnyNitroTpm:
    """Accept any software on a genuine EC2 instance with NitroTPM, and say why.

    Raises:
        PolicyError: The reason is empty or no text.

    """

    because: str

    def __post_init__(self) -> None:
        """Refuse an empty reason."""
        require_text(self.because, "AnyNitroTpm.because")


Measurements: TypeAlias = (
    EnclaveMeasurements | NitroTpmMeasurements | AnyEnclave | DebugEnclave | AnyNitroTpm
)
"""One whole set of reference values, any one of which a document must match."""

KIND_OF_SET: Final[dict[type[Any], DocumentKind]] = {
    EnclaveMeasurements: DocumentKind.ENCLAVE,
    AnyEnclave: DocumentKind.ENCLAVE,
    DebugEnclave: DocumentKind.ENCLAVE,
    NitroTpmMeasurements: DocumentKind.NITRO_TPM,
    AnyNitroTpm: DocumentKind.NITRO_TPM,
}

# The index of a PCR stands in the name of its field, so that no table can disagree with the name.
_PCR_FIELDS: Final[dict[type[Any], tuple[tuple[int, str], ...]]] = {
    kind: tuple(
        (int(found[1]), field.name)
        for field in fields(kind)
        if (found := _PCR_FIELD.fullmatch(field.name))
    )
    for kind in (EnclaveMeasurements, NitroTpmMeasurements)
}


def pcr_rules(
    measurements: EnclaveMeasurements | NitroTpmMeasurements,
) -> list[tuple[int, str, Sha384 | NotChecked]]:
    """Return index, field name and rule of every PCR the set decides on."""
    rules = [
        (index, field, getattr(measurements, field))
        for index, field in _PCR_FIELDS[type(measurements)]
    ]
    if measurements.other_pcrs:
        rules += [
            (index, f"other_pcrs[{index}]", value) for index, value in measurements.other_pcrs
        ]
    return rules


def _identifies(*rules: Sha384 | NotChecked) -> bool:
    """Say whether one of the rules pins a value that tells one image from another."""
    return any(isinstance(rule, Sha384) and rule != Sha384.ZERO for rule in rules)


def _check_set(measurements: EnclaveMeasurements | NitroTpmMeasurements) -> None:
    name = type(measurements).__name__
    require_text(measurements.label, f"{name}.label")
    _check_other_pcrs(measurements.other_pcrs, f"{name}.other_pcrs")
    seen: set[int] = set()
    for index, field, rule in pcr_rules(measurements):
        if type(rule) not in (Sha384, NotChecked):
            raise PolicyError(f"{name}.{field}", "expected Sha384 or NotChecked")
        if index in seen:
            raise PolicyError(f"{name}.{field}", "this PCR is named twice")
        seen.add(index)


def _check_other_pcrs(pairs: object, field: str) -> None:
    if type(pairs) is not tuple:
        raise PolicyError(field, "expected a tuple of (index, Sha384) pairs")
    for pair in cast("tuple[object, ...]", pairs):
        if type(pair) is not tuple or len(cast("tuple[object, ...]", pair)) != 2:
            raise PolicyError(field, "expected a tuple of (index, Sha384) pairs")
        index, value = cast("tuple[object, object]", pair)
        if type(index) is not int or not 0 <= index < MAX_PCRS:
            raise PolicyError(field, f"expected an index from 0 to {MAX_PCRS - 1}")
        if type(value) is not Sha384:
            raise PolicyError(field, f"expected a Sha384 for PCR{index}")

"""Reference values: what a relying party knows of the code it trusts (RFC 9334 section 8.3).

A set is a plain value that checks itself when it is made. No set can be made that forgets a PCR
that matters, that pins a debug enclave's zeros, or that identifies no code.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Final, Self, TypeAlias, cast, final

from nitro_attest._core.document import MAX_PCRS, PCR_BYTES, DocumentKind
from nitro_attest._core.errors import PolicyError

DEBUG_PCRS: Final = (0, 1, 2)  # all zero in a debug enclave, while PCR3 and PCR4 need not be

# The name of each field says the index of its PCR (AWS user guides, where to get measurements).
PCR_FIELDS: Final[Mapping[DocumentKind, Mapping[int, str]]] = {
    DocumentKind.ENCLAVE: {
        0: "pcr0_image",
        1: "pcr1_kernel",
        2: "pcr2_application",
        3: "pcr3_iam_role",
        4: "pcr4_instance_id",
        8: "pcr8_signing_certificate",
    },
    DocumentKind.NITRO_TPM: {
        4: "pcr4_boot_manager",
        7: "pcr7_secure_boot",
        12: "pcr12_command_line",
    },
}

# What many machines share identifies no code. Each value is computed from public constants (TCG PC
# Client Platform Firmware Profile, section 3.3.4), and all but one were seen in captured documents.
_ZERO: Final = bytes(PCR_BYTES)
_IDENTIFY_NOTHING: Final[Mapping[bytes, str]] = {
    _ZERO: "nothing was measured",  # V-07, V-08
    # PCR17 to PCR22 of every NitroTPM document
    b"\xff" * PCR_BYTES: "unused, all ones",  # V-07, V-08
    bytes.fromhex(  # PCR2: SHA-384(48 zero bytes || SHA-384("")), the only ramdisk is the first one
        "21b9efbc184807662e966d34f390821309eeac6802309798"
        "826296bf3e8bec7c10edb30948c90ba67310f7b964fc500a"
    ): "no application ramdisk",  # V-07
    bytes.fromhex(  # PCR7: SecureBoot = 0, PK, KEK, db, dbx empty, separator
        "98441c7f7625d10058c47683aec486ce311c633235eb5555"
        "93a7ee791121e3578ae72d04ecef661f272d59058b77af35"
    ): "Secure Boot is off",  # V-08
    bytes.fromhex(  # PCR7: as above without the variable SecureBoot; computed, not seen
        "384a798e98b5369727295c5b2889e1e015c65b3add6d78dc"
        "e4e457c164865ee2af7b6d53ac7cbcd092eaf5fa1a76ea18"
    ): "Secure Boot is off",  # V-08
    bytes.fromhex(  # the separator alone, four zero bytes: PCR2, PCR3, PCR6 of NitroTPM documents
        "518923b0f955d08da077c96aaba522b9decede61c599cea6"
        "c41889cfbea4ae4d50529d96fe4d1afdafb65e7f95bf23c4"
    ): "nothing was measured but the separator",  # V-08
    bytes.fromhex(  # "Calling EFI Application from Boot Option", separator
        "70bc457e087464760a8927d6312248dc117663410914ff8b"
        "1e42fd5dc91e16f5fe3f15ca64372d3e47af8b4c53b01df9"
    ): "no boot application",  # V-08
}
_MEANING_OF_ZERO: Final[Mapping[tuple[DocumentKind, int], str]] = {
    **dict.fromkeys([(DocumentKind.ENCLAVE, index) for index in DEBUG_PCRS], "debug mode"),
    (DocumentKind.ENCLAVE, 3): "no IAM role",
    (DocumentKind.ENCLAVE, 8): "unsigned image",
    (DocumentKind.NITRO_TPM, 12): "no kernel command line was measured",
}
_BOOT_LOADER_PCRS: Final = (8, 9)  # GRUB measures its commands and the files it reads there

_HEX_DIGITS: Final = re.compile(r"[0-9a-fA-F]{96}", re.ASCII)


def meaning_of(kind: DocumentKind, index: int, value: bytes) -> str | None:
    """Say what a well-known PCR value means, in a few words; None for any other value."""
    if value == _ZERO and (kind, index) in _MEANING_OF_ZERO:
        return _MEANING_OF_ZERO[kind, index]
    if value in _IDENTIFY_NOTHING:
        return _IDENTIFY_NOTHING[value]
    if kind is DocumentKind.NITRO_TPM and index in _BOOT_LOADER_PCRS:
        return "the boot loader's commands: a zero PCR12 says nothing about the command line"
    return None


def require_text(value: object, field: str) -> None:
    """Reject anything but printable text with at least one character that is no space."""
    if type(value) is not str or not value.isprintable() or not value.strip():  # V-10
        raise PolicyError(field, "expected printable text that is not empty")


@final
@dataclass(frozen=True, slots=True, repr=False)
class Sha384:
    """One PCR value: the 48 bytes of a SHA-384 digest.

    Raises:
        PolicyError: `value` is not exactly 48 bytes.

    """

    value: bytes

    ZERO: ClassVar["Sha384"]
    """48 zero bytes: in PCR3, PCR8 and PCR12 "no role", "unsigned" and "no command line"."""

    def __post_init__(self) -> None:
        """Reject other types and lengths."""
        if type(self.value) is not bytes or len(self.value) != PCR_BYTES:  # V-05
            raise PolicyError(
                "Sha384", f"expected {PCR_BYTES} bytes; for hex digits use Sha384.fromhex"
            )

    @classmethod
    def fromhex(cls, digits: str) -> Self:
        """Read exactly 96 hex digits of either case: no prefix, no white space.

        Raises:
            PolicyError: Anything else.

        """
        if type(digits) is not str or _HEX_DIGITS.fullmatch(digits) is None:  # V-05
            raise PolicyError("Sha384.fromhex", f"expected {2 * PCR_BYTES} hex digits")
        return cls(bytes.fromhex(digits))

    def hex(self) -> str:
        """Return the 96 lower-case hex digits."""
        return self.value.hex()

    def __repr__(self) -> str:
        """Write the constructor call."""
        return f"Sha384.fromhex({self.value.hex()!r})"


Sha384.ZERO = Sha384(_ZERO)


@final
@dataclass(frozen=True, slots=True)
class NotChecked:
    """The decision to skip one check, with its reason, which every result repeats.

    Raises:
        PolicyError: The reason is empty or not text.

    """

    because: str

    def __post_init__(self) -> None:
        """Reject an empty reason."""
        require_text(self.because, "NotChecked.because")  # V-10


@final
@dataclass(frozen=True, slots=True)
class Waiver:
    """A check that a policy skips, and the reason the policy gives.

    `subject` is the name of the field that is not checked: of the policy (`"user_data"`) or of the
    measurement set (`"pcr3_iam_role"`).
    """

    subject: str
    because: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EnclaveMeasurements:
    """The measurements of one build of an enclave, all to be matched.

    PCR0 is the image, PCR1 the kernel and boot ramdisk, PCR2 the application, PCR3 the parent
    instance's IAM role, PCR4 the parent instance, PCR8 the certificate that signed the image. Each
    is pinned or skipped with a reason; `other_pcrs` pins more, as pairs of index and value. `label`
    comes back in the result.

    Raises:
        PolicyError: The set does not identify code, which takes PCR0, or PCR1 together with PCR2,
            or PCR8, with values that not every image can have (use `AnyEnclave` for that); PCR0,
            PCR1 or PCR2 is zero (use `DebugEnclave`); an index is outside 0..31 or named twice.

    """

    kind: ClassVar[DocumentKind] = DocumentKind.ENCLAVE

    label: str
    pcr0_image: Sha384 | NotChecked
    pcr1_kernel: Sha384 | NotChecked
    pcr2_application: Sha384 | NotChecked
    pcr3_iam_role: Sha384 | NotChecked
    pcr4_instance_id: Sha384 | NotChecked
    pcr8_signing_certificate: Sha384 | NotChecked
    other_pcrs: tuple[tuple[int, Sha384], ...] = ()

    def __post_init__(self) -> None:
        """Reject a set that no document can match, or that documents of other code can match."""
        _check_set(self)
        for index in DEBUG_PCRS:
            if self.pcr_rules()[index] == Sha384.ZERO:  # V-06
                field = f"EnclaveMeasurements.{PCR_FIELDS[self.kind][index]}"
                raise PolicyError(field, "zero is the value of a debug enclave: use DebugEnclave")
        by_image = _identifies(self.pcr0_image)
        by_parts = _identifies(self.pcr1_kernel) and _identifies(self.pcr2_application)
        by_signer = _identifies(self.pcr8_signing_certificate)
        if not (by_image or by_parts or by_signer):  # V-07
            advice = "pin PCR0, or PCR1 together with PCR2, or PCR8, or use AnyEnclave"
            raise _no_identity(self, (0, 1, 2, 8), advice)

    def pcr_rules(self) -> Mapping[int, Sha384 | NotChecked]:
        """Return the rule for each PCR that the set decides on, by index."""
        return _pcr_rules(self)

    def waivers(self) -> tuple[Waiver, ...]:
        """List the PCRs that are not checked."""
        return _waivers(self)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NitroTpmMeasurements:
    """The measurements of one image of an EC2 instance with NitroTPM, all to be matched.

    PCR4 is the boot manager, PCR7 the Secure Boot policy, PCR12 the kernel command line (zero when
    there is none: pin it as zero). Each is pinned or skipped with a reason; `other_pcrs` pins more.
    `label` comes back in the result.

    PCR7 alone trusts a signing key, not an image: every image signed with the keys enrolled there
    matches, old ones included. A zero PCR12 says something only where no boot loader takes the
    command line from elsewhere (GRUB does, and measures it into PCR8): pin PCR8 and PCR9 as well,
    or use a unified kernel image.

    Raises:
        PolicyError: The set does not identify code, which takes PCR4 together with PCR12, or PCR7,
            with values that not every image can have (use `AnyNitroTpm` for that); an index is
            outside 0..31 or named twice.

    """

    kind: ClassVar[DocumentKind] = DocumentKind.NITRO_TPM

    label: str
    pcr4_boot_manager: Sha384 | NotChecked
    pcr7_secure_boot: Sha384 | NotChecked
    pcr12_command_line: Sha384 | NotChecked
    other_pcrs: tuple[tuple[int, Sha384], ...] = ()

    def __post_init__(self) -> None:
        """Reject a set that no document can match, or that documents of other code can match."""
        _check_set(self)
        # PCR12 is zero where there is no command line, and must be pinned then too
        # (GHSA-xrv8-2pf5-f3q7).
        has_command_line = isinstance(self.pcr12_command_line, Sha384)
        by_image = _identifies(self.pcr4_boot_manager) and has_command_line
        by_signer = _identifies(self.pcr7_secure_boot)
        if not (by_image or by_signer):  # V-08
            advice = "pin PCR4 together with PCR12, or PCR7, or use AnyNitroTpm"
            raise _no_identity(self, (4, 7), advice)

    def pcr_rules(self) -> Mapping[int, Sha384 | NotChecked]:
        """Return the rule for each PCR that the set decides on, by index."""
        return _pcr_rules(self)

    def waivers(self) -> tuple[Waiver, ...]:
        """List the PCRs that are not checked."""
        return _waivers(self)


@final
@dataclass(frozen=True, slots=True)
class AnyEnclave:
    """Any code in an enclave that is not in debug mode, with the reason why that is enough.

    Raises:
        PolicyError: The reason is empty or not text.

    """

    kind: ClassVar[DocumentKind] = DocumentKind.ENCLAVE
    label: ClassVar[str | None] = None

    because: str

    def __post_init__(self) -> None:
        """Reject an empty reason."""
        require_text(self.because, "AnyEnclave.because")  # V-10

    def pcr_rules(self) -> Mapping[int, Sha384 | NotChecked]:
        """Return no rule: no PCR has to have a value of yours."""
        return _NO_RULES

    def waivers(self) -> tuple[Waiver, ...]:
        """List the one check that is skipped, that of the measurements."""
        return (Waiver("measurements", self.because),)


@final
@dataclass(frozen=True, slots=True)
class DebugEnclave:
    """Any code in an enclave that IS in debug mode, with the reason: never where a secret is used.

    The parent instance can read the console of such an enclave, its PCR0, PCR1 and PCR2 are zero,
    and anybody can start any image in that mode. An enclave that is not in debug mode does not
    match. A policy with this set has no other.

    Raises:
        PolicyError: The reason is empty or not text.

    """

    kind: ClassVar[DocumentKind] = DocumentKind.ENCLAVE
    label: ClassVar[str | None] = None

    because: str

    def __post_init__(self) -> None:
        """Reject an empty reason."""
        require_text(self.because, "DebugEnclave.because")  # V-10

    def pcr_rules(self) -> Mapping[int, Sha384 | NotChecked]:
        """Return no rule: no PCR has to have a value of yours."""
        return _NO_RULES

    def waivers(self) -> tuple[Waiver, ...]:
        """List the one check that is skipped, that of the measurements."""
        return (Waiver("measurements", self.because),)


@final
@dataclass(frozen=True, slots=True)
class AnyNitroTpm:
    """Any software on an EC2 instance with NitroTPM, with the reason why that is enough.

    Raises:
        PolicyError: The reason is empty or not text.

    """

    kind: ClassVar[DocumentKind] = DocumentKind.NITRO_TPM
    label: ClassVar[str | None] = None

    because: str

    def __post_init__(self) -> None:
        """Reject an empty reason."""
        require_text(self.because, "AnyNitroTpm.because")  # V-10

    def pcr_rules(self) -> Mapping[int, Sha384 | NotChecked]:
        """Return no rule: no PCR has to have a value of yours."""
        return _NO_RULES

    def waivers(self) -> tuple[Waiver, ...]:
        """List the one check that is skipped, that of the measurements."""
        return (Waiver("measurements", self.because),)


Measurements: TypeAlias = (
    EnclaveMeasurements | NitroTpmMeasurements | AnyEnclave | DebugEnclave | AnyNitroTpm
)
"""One whole set of reference values; a document must match one set of its policy."""

_NO_RULES: Final[Mapping[int, Sha384 | NotChecked]] = MappingProxyType({})


def _pcr_rules(
    measurements: EnclaveMeasurements | NitroTpmMeasurements,
) -> Mapping[int, Sha384 | NotChecked]:
    named = {
        index: getattr(measurements, field)
        for index, field in PCR_FIELDS[measurements.kind].items()
    }
    return MappingProxyType(named | dict(measurements.other_pcrs))


def _waivers(measurements: EnclaveMeasurements | NitroTpmMeasurements) -> tuple[Waiver, ...]:
    return tuple(
        Waiver(PCR_FIELDS[measurements.kind][index], rule.because)
        for index, rule in measurements.pcr_rules().items()
        if isinstance(rule, NotChecked)  # V-92
    )


def _identifies(rule: Sha384 | NotChecked) -> bool:
    """Tell whether the rule pins a value that only one build, or one signing key, has."""
    return isinstance(rule, Sha384) and rule.value not in _IDENTIFY_NOTHING  # V-07, V-08


def _no_identity(
    measurements: EnclaveMeasurements | NitroTpmMeasurements, indexes: tuple[int, ...], advice: str
) -> PolicyError:
    kind, rules = measurements.kind, measurements.pcr_rules()
    meanings = [
        f"PCR{index}: {meaning_of(kind, index, rule.value)}"
        for index in indexes
        if isinstance(rule := rules[index], Sha384) and not _identifies(rule)
    ]
    found = f" ({', '.join(meanings)})" if meanings else ""
    problem = f"this set identifies no code{found}: {advice}"
    return PolicyError(type(measurements).__name__, problem)


def _check_set(measurements: EnclaveMeasurements | NitroTpmMeasurements) -> None:
    name = type(measurements).__name__
    require_text(measurements.label, f"{name}.label")  # V-10
    for field in PCR_FIELDS[measurements.kind].values():
        if type(getattr(measurements, field)) not in (Sha384, NotChecked):  # V-04
            raise PolicyError(f"{name}.{field}", "expected Sha384 or NotChecked")
    _check_other_pcrs(measurements.other_pcrs, set(PCR_FIELDS[measurements.kind]), name)


_PAIR: Final = 2


def _check_other_pcrs(pairs: object, seen: set[int], name: str) -> None:
    field = f"{name}.other_pcrs"
    if type(pairs) is not tuple:  # V-09
        raise PolicyError(field, "expected a tuple of (index, Sha384) pairs")
    for pair in cast("tuple[object, ...]", pairs):
        if type(pair) is not tuple or len(cast("tuple[object, ...]", pair)) != _PAIR:  # V-09
            raise PolicyError(field, "expected a tuple of (index, Sha384) pairs")
        index, value = cast("tuple[object, object]", pair)
        if type(index) is not int or not 0 <= index < MAX_PCRS:  # V-09
            raise PolicyError(field, f"expected an index from 0 to {MAX_PCRS - 1}")
        if type(value) is not Sha384:  # V-09
            raise PolicyError(field, f"expected a Sha384 for PCR{index}")
        if index in seen:  # V-09
            raise PolicyError(f"{field}[{index}]", "this PCR is named twice")
        seen.add(index)

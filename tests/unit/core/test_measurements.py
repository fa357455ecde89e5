"""Sets of reference values are checked when they are made, and tell everything about themselves."""

import copy
import hashlib
import pickle
import struct
from collections.abc import Callable
from dataclasses import fields
from itertools import product
from typing import Any

import pytest

from nitro_attest import (
    AnyEnclave,
    AnyNitroTpm,
    DebugEnclave,
    DocumentKind,
    EnclaveMeasurements,
    Measurements,
    NitroTpmMeasurements,
    NotChecked,
    PolicyError,
    Sha384,
    Waiver,
    meaning_of,
)
from nitro_attest._core.measurements import PCR_FIELDS
from support.captured import CAPTURED_PCRS

ONE, TWO, THREE = (Sha384(bytes([n]) * 48) for n in (1, 2, 3))
WAIVED = NotChecked("a test")
ENCLAVE: dict[str, Any] = {
    "label": "build 1",
    "pcr0_image": ONE,
    "pcr1_kernel": TWO,
    "pcr2_application": THREE,
    "pcr3_iam_role": Sha384.ZERO,
    "pcr4_instance_id": WAIVED,
    "pcr8_signing_certificate": Sha384.ZERO,
}
NITRO_TPM: dict[str, Any] = {
    "label": "image 1",
    "pcr4_boot_manager": ONE,
    "pcr7_secure_boot": TWO,
    "pcr12_command_line": Sha384.ZERO,
}


def _make(kind: Callable[..., object], arguments: dict[str, Any], **changes: object) -> object:
    return kind(**{**arguments, **changes})


def _field(kind: type[Any], **arguments: object) -> str:
    with pytest.raises(PolicyError) as error:
        kind(**arguments)
    return error.value.field


def test_sha384_is_48_bytes() -> None:
    """Exact bytes of exact length; the repr is the constructor call."""
    assert Sha384(bytes(48)) == Sha384.ZERO
    assert Sha384.fromhex("ab" * 48) == Sha384.fromhex("AB" * 48) == Sha384(b"\xab" * 48)
    assert Sha384(b"\xab" * 48).hex() == "ab" * 48
    assert repr(ONE) == f"Sha384.fromhex('{'01' * 48}')"
    assert len({ONE, Sha384(b"\x01" * 48), TWO}) == 2


@pytest.mark.parametrize(
    "value",
    [
        b"",
        bytes(47),
        bytes(49),
        bytes(32),
        bytearray(48),
        "00" * 48,
        None,
        0,
        memoryview(bytes(48)),
    ],
)
def test_other_values_are_no_sha384(value: Any) -> None:
    """Other types and lengths are refused."""
    with pytest.raises(PolicyError) as error:
        Sha384(value)
    assert error.value.field == "Sha384"


def test_a_subclass_of_bytes_is_no_sha384() -> None:
    """Its methods could say one thing and its bytes another."""

    class Odd(bytes):
        __slots__ = ()

    with pytest.raises(PolicyError):
        Sha384(Odd(48))


@pytest.mark.parametrize(
    "digits",
    [
        "",
        "0" * 95,
        "0" * 97,
        "0x" + "0" * 94,
        " " + "0" * 95,
        "0" * 95 + "\n",
        "0" * 96 + "\n",
        "g" * 96,
        "０" * 96,  # noqa: RUF001 - digits that are no ASCII
        "AAAA" * 16,
        b"0" * 96,
        None,
    ],
)
def test_hex_digits_are_exact(digits: Any) -> None:
    """96 of them, either case, and nothing else."""
    with pytest.raises(PolicyError) as error:
        Sha384.fromhex(digits)
    assert error.value.field == "Sha384.fromhex"


@pytest.mark.parametrize("kind", [NotChecked, AnyEnclave, DebugEnclave, AnyNitroTpm])
@pytest.mark.parametrize("because", ["", " ", "\t", "a\nb", "\x1b[31m", None, b"why", 0])
def test_a_waiver_says_why(kind: type[Any], because: object) -> None:
    """Printable text that is not empty."""
    assert _field(kind, because=because) == f"{kind.__name__}.because"


def test_a_waiver_may_be_written_positionally() -> None:
    """One-value types read best that way."""
    assert (
        NotChecked("why").because
        == AnyEnclave("why").because
        == DebugEnclave("why").because
        == "why"
    )


@pytest.mark.parametrize("name", [name for name in ENCLAVE if name != "label"])
@pytest.mark.parametrize("value", [None, b"\x01" * 48, "01" * 48, "why", 0, AnyEnclave("why")])
def test_each_enclave_pcr_is_pinned_or_waived(name: str, value: object) -> None:
    """None, bare bytes and text are neither."""
    assert _field(EnclaveMeasurements, **{**ENCLAVE, name: value}) == f"EnclaveMeasurements.{name}"


@pytest.mark.parametrize("name", [name for name in ENCLAVE if name != "label"])
def test_no_enclave_pcr_has_a_default(name: str) -> None:
    """A PCR that was forgotten is no set."""
    arguments = {key: value for key, value in ENCLAVE.items() if key != name}
    with pytest.raises(TypeError):
        EnclaveMeasurements(**arguments)


@pytest.mark.parametrize("name", ["pcr4_boot_manager", "pcr7_secure_boot", "pcr12_command_line"])
@pytest.mark.parametrize("value", [None, b"\x01" * 48, "01" * 48])
def test_each_nitro_tpm_pcr_is_pinned_or_waived(name: str, value: object) -> None:
    """None, bare bytes and text are neither."""
    assert (
        _field(NitroTpmMeasurements, **{**NITRO_TPM, name: value}) == f"NitroTpmMeasurements.{name}"
    )


@pytest.mark.parametrize("name", ["pcr0_image", "pcr1_kernel", "pcr2_application"])
def test_zero_is_the_value_of_a_debug_enclave(name: str) -> None:
    """PCR0, PCR1 and PCR2 can't be pinned as zero."""
    assert (
        _field(EnclaveMeasurements, **{**ENCLAVE, name: Sha384.ZERO})
        == f"EnclaveMeasurements.{name}"
    )


@pytest.mark.parametrize("name", ["pcr3_iam_role", "pcr4_instance_id", "pcr8_signing_certificate"])
def test_zero_can_be_pinned_where_it_means_something(name: str) -> None:
    """No role, unsigned."""
    _make(EnclaveMeasurements, ENCLAVE, **{name: Sha384.ZERO})


# "Values that identify nothing", each from the public constants it is computed from.
ALL_ONES = Sha384(b"\xff" * 48)


def _digest(data: bytes) -> bytes:
    return hashlib.sha384(data).digest()


def _extended(*events: bytes) -> Sha384:
    """Extend a PCR by the digest of each event (TPM 2.0 Library, Part 1, section 17.3)."""
    value = bytes(48)
    for event in events:
        value = _digest(value + _digest(event))
    return Sha384(value)


def _variable(vendor: str, name: str, data: bytes) -> bytes:
    """Encode a UEFI_VARIABLE_DATA (TCG PC Client Platform Firmware Profile, section 10.3.5)."""
    sizes = struct.pack("<QQ", len(name), len(data))
    return bytes.fromhex(vendor) + sizes + name.encode("utf-16-le") + data


_GLOBAL = "61dfe48bca93d211aa0d00e098032b8c"  # EFI_GLOBAL_VARIABLE
_IMAGES = "cbb219d73a3d9645a3bcdad00e67656f"  # EFI_IMAGE_SECURITY_DATABASE_GUID
_NO_KEYS = [
    _variable(_GLOBAL, "PK", b""),
    _variable(_GLOBAL, "KEK", b""),
    _variable(_IMAGES, "db", b""),
    _variable(_IMAGES, "dbx", b""),
    bytes(4),
]
NO_APPLICATION = Sha384(_digest(bytes(48) + _digest(b"")))
SEPARATOR = _extended(bytes(4))
NO_BOOT_APPLICATION = _extended(b"Calling EFI Application from Boot Option", bytes(4))
SECURE_BOOT_OFF = _extended(_variable(_GLOBAL, "SecureBoot", b"\0"), *_NO_KEYS)
NO_SECURE_BOOT = _extended(_variable(_GLOBAL, "SecureBoot", b""), *_NO_KEYS)
NOTHING = [
    Sha384.ZERO,
    ALL_ONES,
    NO_APPLICATION,
    SEPARATOR,
    NO_BOOT_APPLICATION,
    SECURE_BOOT_OFF,
    NO_SECURE_BOOT,
]


def _enclave(pcr0: object, pcr1: object, pcr2: object, pcr8: object) -> dict[str, Any]:
    return {
        **ENCLAVE,
        "pcr0_image": pcr0,
        "pcr1_kernel": pcr1,
        "pcr2_application": pcr2,
        "pcr8_signing_certificate": pcr8,
    }


def _nitro_tpm(pcr4: object, pcr7: object, pcr12: object) -> dict[str, Any]:
    return {
        **NITRO_TPM,
        "pcr4_boot_manager": pcr4,
        "pcr7_secure_boot": pcr7,
        "pcr12_command_line": pcr12,
    }


@pytest.mark.parametrize("pinned", list(product([True, False], repeat=4)))
def test_a_set_identifies_an_image(pinned: tuple[bool, ...]) -> None:
    """PCR0, PCR1 together with PCR2, or PCR8; PCR1 or PCR2 alone is shared by many images."""
    arguments = _enclave(*(ONE if pin else WAIVED for pin in pinned))
    pcr0, pcr1, pcr2, pcr8 = pinned
    if pcr0 or (pcr1 and pcr2) or pcr8:
        _make(EnclaveMeasurements, arguments)
    else:
        assert _field(EnclaveMeasurements, **arguments) == "EnclaveMeasurements"


@pytest.mark.parametrize("nothing", NOTHING)
def test_a_value_of_many_images_identifies_no_image(nothing: Sha384) -> None:
    """Where it is pinned for identity it does not count; beside a value that does, it may stand."""
    if nothing != Sha384.ZERO:  # has its own rule for PCR0, PCR1 and PCR2
        assert _field(EnclaveMeasurements, **_enclave(nothing, ONE, WAIVED, WAIVED))
        assert _field(EnclaveMeasurements, **_enclave(WAIVED, ONE, nothing, WAIVED))
        assert _field(EnclaveMeasurements, **_enclave(WAIVED, nothing, ONE, WAIVED))
        _make(EnclaveMeasurements, _enclave(ONE, nothing, nothing, nothing))
    assert _field(EnclaveMeasurements, **_enclave(WAIVED, WAIVED, ONE, nothing))
    _make(EnclaveMeasurements, _enclave(ONE, TWO, THREE, nothing))


@pytest.mark.parametrize("others", [((16, ONE),), ((5, ONE), (31, TWO))])
def test_other_pcrs_identify_no_image(others: tuple[tuple[int, Sha384], ...]) -> None:
    """They are extended by the code that runs, whichever it is."""
    arguments = _enclave(WAIVED, WAIVED, WAIVED, WAIVED)
    assert _field(EnclaveMeasurements, **arguments, other_pcrs=others) == "EnclaveMeasurements"
    arguments = _nitro_tpm(WAIVED, WAIVED, WAIVED)
    assert _field(NitroTpmMeasurements, **arguments, other_pcrs=others) == "NitroTpmMeasurements"


@pytest.mark.parametrize("pinned", list(product([True, False], repeat=3)))
def test_a_set_identifies_a_boot(pinned: tuple[bool, ...]) -> None:
    """PCR7, or PCR4 together with PCR12."""
    arguments = _nitro_tpm(*(ONE if pin else WAIVED for pin in pinned))
    pcr4, pcr7, pcr12 = pinned
    if pcr7 or (pcr4 and pcr12):
        _make(NitroTpmMeasurements, arguments)
    else:
        assert _field(NitroTpmMeasurements, **arguments) == "NitroTpmMeasurements"


def test_a_command_line_is_pinned_as_zero_where_there_is_none() -> None:
    """PCR4 with a zero PCR12 is a unified kernel image (GHSA-xrv8-2pf5-f3q7)."""
    _make(NitroTpmMeasurements, _nitro_tpm(ONE, WAIVED, Sha384.ZERO))


@pytest.mark.parametrize("nothing", NOTHING)
def test_a_value_of_many_instances_identifies_no_boot(nothing: Sha384) -> None:
    """Secure Boot that is off, a bare separator: any image has them."""
    assert _field(NitroTpmMeasurements, **_nitro_tpm(WAIVED, nothing, WAIVED))
    assert _field(NitroTpmMeasurements, **_nitro_tpm(ONE, nothing, WAIVED))
    assert _field(NitroTpmMeasurements, **_nitro_tpm(nothing, WAIVED, ONE))
    _make(NitroTpmMeasurements, _nitro_tpm(nothing, ONE, nothing))
    _make(NitroTpmMeasurements, _nitro_tpm(ONE, nothing, Sha384.ZERO))


def test_the_error_says_what_is_missing_and_what_the_values_mean() -> None:
    """A reader learns why a digest that looks like any other pins nothing."""
    with pytest.raises(PolicyError) as mistake:
        _make(NitroTpmMeasurements, _nitro_tpm(WAIVED, SECURE_BOOT_OFF, WAIVED))
    assert mistake.value.problem == (
        "this set identifies no code (PCR7: Secure Boot is off): "
        "pin PCR4 together with PCR12, or PCR7, or use AnyNitroTpm"
    )
    with pytest.raises(PolicyError) as mistake:
        _make(EnclaveMeasurements, _enclave(WAIVED, WAIVED, ONE, Sha384.ZERO))
    assert mistake.value.problem == (
        "this set identifies no code (PCR8: unsigned image): "
        "pin PCR0, or PCR1 together with PCR2, or PCR8, or use AnyEnclave"
    )
    with pytest.raises(PolicyError) as mistake:
        _make(NitroTpmMeasurements, _nitro_tpm(Sha384.ZERO, SECURE_BOOT_OFF, WAIVED))
    assert "(PCR4: nothing was measured, PCR7: Secure Boot is off)" in mistake.value.problem
    with pytest.raises(PolicyError) as mistake:
        _make(EnclaveMeasurements, _enclave(*[WAIVED] * 4), pcr3_iam_role=WAIVED)
    assert mistake.value.problem.startswith("this set identifies no code: ")


@pytest.mark.parametrize("pcrs", CAPTURED_PCRS)
def test_shared_values_are_found_in_captured_documents(pcrs: tuple[str, dict[int, bytes]]) -> None:
    """PCR7 of every captured instance says that Secure Boot is off, PCR17 to 22 are all ones."""
    kind, values = pcrs
    if kind == DocumentKind.NITRO_TPM:
        assert values[7] == SECURE_BOOT_OFF.value
        assert values[2] == values[3] == values[6] == SEPARATOR.value
        assert all(values[index] == ALL_ONES.value for index in range(17, 23))


@pytest.mark.parametrize(
    ("kind", "index", "value", "meaning"),
    [
        (DocumentKind.ENCLAVE, 0, Sha384.ZERO, "debug mode"),
        (DocumentKind.ENCLAVE, 1, Sha384.ZERO, "debug mode"),
        (DocumentKind.ENCLAVE, 2, Sha384.ZERO, "debug mode"),
        (DocumentKind.ENCLAVE, 3, Sha384.ZERO, "no IAM role"),
        (DocumentKind.ENCLAVE, 8, Sha384.ZERO, "unsigned image"),
        (DocumentKind.ENCLAVE, 16, Sha384.ZERO, "nothing was measured"),
        (DocumentKind.ENCLAVE, 2, NO_APPLICATION, "no application ramdisk"),
        (DocumentKind.ENCLAVE, 8, ONE, None),
        (DocumentKind.NITRO_TPM, 0, Sha384.ZERO, "nothing was measured"),
        (DocumentKind.NITRO_TPM, 12, Sha384.ZERO, "no kernel command line was measured"),
        (DocumentKind.NITRO_TPM, 7, SECURE_BOOT_OFF, "Secure Boot is off"),
        (DocumentKind.NITRO_TPM, 7, NO_SECURE_BOOT, "Secure Boot is off"),
        (DocumentKind.NITRO_TPM, 2, SEPARATOR, "nothing was measured but the separator"),
        (DocumentKind.NITRO_TPM, 4, NO_BOOT_APPLICATION, "no boot application"),
        (DocumentKind.NITRO_TPM, 17, ALL_ONES, "unused, all ones"),
        (DocumentKind.NITRO_TPM, 4, ONE, None),
        (DocumentKind.NITRO_TPM, 8, Sha384.ZERO, "nothing was measured"),
        *(
            (
                DocumentKind.NITRO_TPM,
                index,
                ONE,
                "the boot loader's commands: a zero PCR12 says nothing about the command line",
            )
            for index in (8, 9)
        ),
    ],
)
def test_well_known_values_have_a_meaning(
    kind: DocumentKind, index: int, value: Sha384, meaning: str | None
) -> None:
    """In one place, for whoever shows a document or a policy."""
    assert meaning_of(kind, index, value.value) == meaning


@pytest.mark.parametrize("others", [((5, ONE),), ((16, ONE), (31, TWO)), ()])
def test_other_pcrs_can_be_pinned(others: tuple[tuple[int, Sha384], ...]) -> None:
    """Pairs of index and value."""
    assert EnclaveMeasurements(**ENCLAVE, other_pcrs=others).other_pcrs == others


@pytest.mark.parametrize(
    "others",
    [
        [(5, ONE)],
        {5: ONE},
        None,
        ((5, ONE), 6),
        ((5,),),
        ((5, ONE, TWO),),
        ([5, ONE],),
        (("5", ONE),),
        (("PCR5", ONE),),
        ((True, ONE),),
        ((5.0, ONE),),
        ((-1, ONE),),
        ((32, ONE),),
        ((5, b"\x01" * 48),),
        ((5, WAIVED),),
        ((5, None),),
    ],
)
def test_other_pcrs_are_pairs(others: object) -> None:
    """No list, no mapping, no index that is no int from 0 to 31, no value that is no Sha384."""
    for kind, arguments in ((EnclaveMeasurements, ENCLAVE), (NitroTpmMeasurements, NITRO_TPM)):
        assert _field(kind, **arguments, other_pcrs=others) == f"{kind.__name__}.other_pcrs"


@pytest.mark.parametrize("others", [((5, ONE), (5, ONE)), ((0, ONE),), ((8, ONE),), ((4, ONE),)])
def test_no_pcr_is_named_twice(others: tuple[tuple[int, Sha384], ...]) -> None:
    """Neither in the pairs nor once by name and once by index."""
    index = others[0][0]
    assert (
        _field(EnclaveMeasurements, **ENCLAVE, other_pcrs=others)
        == f"EnclaveMeasurements.other_pcrs[{index}]"
    )


def test_enclave_and_nitro_tpm_name_other_pcrs() -> None:
    """PCR7 and PCR12 are named for NitroTPM only, PCR0 for enclaves only."""
    EnclaveMeasurements(**ENCLAVE, other_pcrs=((7, ONE), (12, ONE)))
    NitroTpmMeasurements(**NITRO_TPM, other_pcrs=((0, ONE), (8, ONE)))
    assert (
        _field(NitroTpmMeasurements, **NITRO_TPM, other_pcrs=((7, ONE),))
        == "NitroTpmMeasurements.other_pcrs[7]"
    )


@pytest.mark.parametrize("label", ["", " ", "a\nb", "\x1b[0m", None, b"build", 1])
def test_a_set_has_a_label(label: object) -> None:
    """Printable text that is not empty: it comes back in results and refusals."""
    assert _field(EnclaveMeasurements, **{**ENCLAVE, "label": label}) == "EnclaveMeasurements.label"
    assert (
        _field(NitroTpmMeasurements, **{**NITRO_TPM, "label": label})
        == "NitroTpmMeasurements.label"
    )


SETS: list[Measurements] = [
    EnclaveMeasurements(**ENCLAVE, other_pcrs=((16, ONE),)),
    NitroTpmMeasurements(**NITRO_TPM),
    AnyEnclave("why"),
    DebugEnclave("why"),
    AnyNitroTpm("why"),
]


def test_the_index_of_a_pcr_is_the_one_in_its_name() -> None:
    """Every field of a set that is a PCR is in the table, in the order of the indexes."""
    for kind in (EnclaveMeasurements, NitroTpmMeasurements):
        names = [field.name for field in fields(kind) if field.name.startswith("pcr")]
        assert list(PCR_FIELDS[kind.kind].values()) == names
        for index, name in PCR_FIELDS[kind.kind].items():
            assert name.startswith(f"pcr{index}_")


def test_the_rules_of_a_set_are_by_index() -> None:
    """In order, with the PCRs named by index at the end; the others have none."""
    enclave, nitro_tpm, *others = SETS
    assert list(enclave.pcr_rules().items()) == [
        (0, ONE),
        (1, TWO),
        (2, THREE),
        (3, Sha384.ZERO),
        (4, WAIVED),
        (8, Sha384.ZERO),
        (16, ONE),
    ]
    assert list(nitro_tpm.pcr_rules().items()) == [(4, ONE), (7, TWO), (12, Sha384.ZERO)]
    assert [dict(each.pcr_rules()) for each in others] == [{}, {}, {}]


def test_the_rules_of_a_set_cannot_be_changed() -> None:
    """They are a view, not a dict that a caller could fill."""
    for each in SETS:
        with pytest.raises(TypeError):
            each.pcr_rules()[0] = ONE  # type: ignore[index]  # pyright: ignore[reportIndexIssue] - what must fail


def test_a_set_lists_its_waivers() -> None:
    """The PCRs that are not checked, by the name of their field; or the measurements as a whole."""
    whole = (Waiver("measurements", "why"),)
    assert [each.waivers() for each in SETS] == [
        (Waiver("pcr4_instance_id", "a test"),),
        (),
        whole,
        whole,
        whole,
    ]


def test_a_set_has_a_kind_and_perhaps_a_label() -> None:
    """The three that accept any code have no label."""
    assert [each.kind for each in SETS] == [
        DocumentKind.ENCLAVE,
        DocumentKind.NITRO_TPM,
        DocumentKind.ENCLAVE,
        DocumentKind.ENCLAVE,
        DocumentKind.NITRO_TPM,
    ]
    assert [each.label for each in SETS] == ["build 1", "image 1", None, None, None]


def test_a_set_is_a_plain_value() -> None:
    """Equal by value, hashable, and the same after pickle, copies and its repr."""
    for each in SETS:
        for twin in (copy.deepcopy(each), pickle.loads(pickle.dumps(each)), eval(repr(each))):  # noqa: S301, S307 - our own bytes and text
            assert twin == each
            assert hash(twin) == hash(each)

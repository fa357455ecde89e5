"""Sets of reference values refuse to be wrong when they are made."""

from collections.abc import Callable
from typing import Any

import pytest

from nitro_attest import (
    AnyEnclave,
    AnyNitroTpm,
    DebugEnclave,
    EnclaveMeasurements,
    NitroTpmMeasurements,
    NotChecked,
    PolicyError,
    Sha384,
)
from nitro_attest._core.measurements import pcr_rules

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
        "０" * 96,
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


@pytest.mark.parametrize(
    ("pcr0", "pcr2", "pcr8", "good"),
    [
        (ONE, WAIVED, WAIVED, True),
        (WAIVED, ONE, WAIVED, True),
        (WAIVED, WAIVED, ONE, True),
        (WAIVED, WAIVED, WAIVED, False),
        (WAIVED, WAIVED, Sha384.ZERO, False),
    ],
)
def test_a_set_identifies_an_image(pcr0: object, pcr2: object, pcr8: object, good: bool) -> None:
    """PCR0, PCR2 or a signing certificate; "unsigned" identifies nothing."""
    arguments = {
        **ENCLAVE,
        "pcr0_image": pcr0,
        "pcr2_application": pcr2,
        "pcr8_signing_certificate": pcr8,
    }
    if good:
        _make(EnclaveMeasurements, arguments)
    else:
        assert _field(EnclaveMeasurements, **arguments) == "EnclaveMeasurements"


@pytest.mark.parametrize(
    ("pcr4", "pcr7", "pcr12", "good"),
    [
        (WAIVED, ONE, WAIVED, True),
        (ONE, WAIVED, ONE, True),
        (ONE, WAIVED, Sha384.ZERO, True),
        (Sha384.ZERO, ONE, Sha384.ZERO, True),
        (ONE, WAIVED, WAIVED, False),
        (WAIVED, WAIVED, ONE, False),
        (WAIVED, WAIVED, WAIVED, False),
        (Sha384.ZERO, WAIVED, ONE, False),
        (WAIVED, Sha384.ZERO, WAIVED, False),
    ],
)
def test_a_set_identifies_a_boot(pcr4: object, pcr7: object, pcr12: object, good: bool) -> None:
    """PCR7, or PCR4 together with PCR12; zero in PCR4 or PCR7 identifies nothing."""
    arguments = {
        **NITRO_TPM,
        "pcr4_boot_manager": pcr4,
        "pcr7_secure_boot": pcr7,
        "pcr12_command_line": pcr12,
    }
    if good:
        _make(NitroTpmMeasurements, arguments)
    else:
        assert _field(NitroTpmMeasurements, **arguments) == "NitroTpmMeasurements"


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


def test_the_index_of_a_pcr_is_the_one_in_its_name() -> None:
    """The rules of a set, in order, with the PCRs named by index at the end."""
    enclave = pcr_rules(EnclaveMeasurements(**ENCLAVE, other_pcrs=((16, ONE),)))
    assert [(index, field) for index, field, _ in enclave] == [
        (0, "pcr0_image"),
        (1, "pcr1_kernel"),
        (2, "pcr2_application"),
        (3, "pcr3_iam_role"),
        (4, "pcr4_instance_id"),
        (8, "pcr8_signing_certificate"),
        (16, "other_pcrs[16]"),
    ]
    nitro_tpm = pcr_rules(NitroTpmMeasurements(**NITRO_TPM))
    assert nitro_tpm == [
        (4, "pcr4_boot_manager", ONE),
        (7, "pcr7_secure_boot", TWO),
        (12, "pcr12_command_line", Sha384.ZERO),
    ]

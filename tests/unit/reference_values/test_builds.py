"""Reference values from the JSON of nitro-cli and nitro-tpm-pcr-compute.

It is read whole, or rejected with the key.
"""

import json
from collections.abc import Callable, Mapping

import pytest

from nitro_attest import NotChecked, PolicyError, Sha384
from nitro_attest.reference_values import nitro_cli, nitro_tpm

PCR0, PCR1, PCR2, PCR8 = ("a0" * 48, "a1" * 48, "a2" * 48, "a8" * 48)
PCR4, PCR7, PCR12 = ("b4" * 48, "b7" * 48, "00" * 48)
ENCLAVE = {"HashAlgorithm": "Sha384 { ... }", "PCR0": PCR0, "PCR1": PCR1, "PCR2": PCR2}
SIGNED = {**ENCLAVE, "PCR8": PCR8}
DESCRIBED = {
    "EifVersion": 4,
    "Measurements": SIGNED,
    "IsSigned": True,
    "CheckCRC": True,
    "Metadata": {"BuildTime": "now"},
}
AMI = {"HashAlgorithm": "SHA384", "PCR4": PCR4, "PCR7": PCR7, "PCR12": PCR12}
ROLE, FLEET = Sha384.ZERO, NotChecked("runs on many instances")


@pytest.mark.parametrize(
    "build",
    [
        json.dumps({"Measurements": SIGNED}),
        json.dumps(SIGNED),
        json.dumps(DESCRIBED).encode(),
        json.dumps(
            {
                "Measurements": {
                    name: value.upper() for name, value in SIGNED.items() if name != "HashAlgorithm"
                }
            }
        ),
    ],
    ids=["build-enclave", "inner object", "describe-eif", "upper case"],
)
def test_a_signed_build_gives_four_pcrs(build: bytes | str) -> None:
    """The outer or the inner object, text or bytes, either case of hex digits."""
    found = nitro_cli.enclave_measurements(
        build, label="payments", pcr3_iam_role=ROLE, pcr4_instance_id=FLEET
    )
    assert [
        found.pcr0_image,
        found.pcr1_kernel,
        found.pcr2_application,
        found.pcr8_signing_certificate,
    ] == [Sha384.fromhex(digits) for digits in (PCR0, PCR1, PCR2, PCR8)]
    assert (found.label, found.pcr3_iam_role, found.pcr4_instance_id) == ("payments", ROLE, FLEET)


def test_the_pcr_command_gives_one() -> None:
    """`nitro-cli pcr --signing-certificate` prints PCR8 alone."""
    assert nitro_cli.read_pcrs(json.dumps({"PCR8": PCR8})) == {8: Sha384.fromhex(PCR8)}


def test_an_unsigned_build_needs_a_decision_on_pcr8() -> None:
    """Whether a signature is demanded can't be read from a build without one."""
    with pytest.raises(PolicyError) as caught:
        nitro_cli.enclave_measurements(
            json.dumps(ENCLAVE), label="x", pcr3_iam_role=ROLE, pcr4_instance_id=FLEET
        )
    assert caught.value.field == "pcr8_signing_certificate"


@pytest.mark.parametrize("decision", [Sha384.ZERO, NotChecked("signed by several teams")])
def test_a_decision_on_pcr8_is_taken_as_given(decision: Sha384 | NotChecked) -> None:
    """Zero says "unsigned"; a waiver says why."""
    found = nitro_cli.enclave_measurements(
        json.dumps(ENCLAVE),
        label="x",
        pcr3_iam_role=ROLE,
        pcr4_instance_id=FLEET,
        pcr8_signing_certificate=decision,
    )
    assert found.pcr8_signing_certificate == decision


def test_a_measured_pcr_can_be_waived_with_a_reason() -> None:
    """A waiver is the caller's decision; it is written down."""
    waiver = NotChecked("the kernel is updated without us")
    found = nitro_cli.enclave_measurements(
        json.dumps(SIGNED),
        label="x",
        pcr3_iam_role=ROLE,
        pcr4_instance_id=FLEET,
        pcr1_kernel=waiver,
    )
    assert found.pcr1_kernel == waiver


def test_a_value_that_is_not_the_builds_is_refused() -> None:
    """Someone has mixed up two builds."""
    with pytest.raises(PolicyError) as caught:
        nitro_cli.enclave_measurements(
            json.dumps(SIGNED),
            label="x",
            pcr3_iam_role=ROLE,
            pcr4_instance_id=FLEET,
            pcr8_signing_certificate=Sha384.fromhex(PCR0),
        )
    assert caught.value.field == "pcr8_signing_certificate"


def test_a_value_that_is_the_builds_is_taken() -> None:
    """Given twice alike is no contradiction."""
    same = Sha384.fromhex(PCR8)
    found = nitro_cli.enclave_measurements(
        json.dumps(SIGNED),
        label="x",
        pcr3_iam_role=ROLE,
        pcr4_instance_id=FLEET,
        pcr8_signing_certificate=same,
    )
    assert found.pcr8_signing_certificate == same


@pytest.mark.parametrize("build", [AMI, {"Measurements": AMI}])
def test_an_ami_gives_three_pcrs(build: Mapping[str, object]) -> None:
    """PCR12 is zero when there is no command line, and is pinned as zero."""
    found = nitro_tpm.nitro_tpm_measurements(json.dumps(build), label="ami")
    assert (found.pcr4_boot_manager, found.pcr7_secure_boot) == (
        Sha384.fromhex(PCR4),
        Sha384.fromhex(PCR7),
    )
    assert found.pcr12_command_line == Sha384.ZERO


def test_an_ami_measured_by_an_old_tool_needs_a_decision_on_pcr12() -> None:
    """The tool printed no PCR12 before 1.1.0."""
    with pytest.raises(PolicyError) as caught:
        nitro_tpm.nitro_tpm_measurements(json.dumps({"PCR4": PCR4, "PCR7": PCR7}), label="ami")
    assert caught.value.field == "pcr12_command_line"


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (b"", "build.json, line 1, column 1"),
        (b'{"PCR0":\n nonsense}', "build.json, line 2, column 2"),
        (b"\x7fELF\x00\xff\xfe", "build.json"),
        (b" " * 2_000_000, "build.json"),
        (b"[" * 200_000, "build.json"),
        (b'{"PCR0": ' + b"9" * 10_000 + b"}", "build.json"),
        (b'{"PCR0": NaN}', "build.json"),
        (b"[]", "build.json"),
        (b"null", "build.json"),
        (b"{}", "build.json"),
        (b'{"Measurements": []}', "build.json: Measurements"),
        (b'{"Measurements": {"HashAlgorithm": "Sha384 { ... }"}}', "build.json: Measurements"),
        (
            b'{"HashAlgorithm": "SHA256", "PCR0": "' + PCR0.encode() + b'"}',
            "build.json.HashAlgorithm",
        ),
        (b'{"HashAlgorithm": 384}', "build.json.HashAlgorithm"),
        (b'{"PCR0": "' + PCR0[:-1].encode() + b'"}', "build.json.PCR0"),
        (b'{"PCR0": 0}', "build.json.PCR0"),
        (b'{"PCR0": 0.5}', "build.json.PCR0"),
        (b'{"PCR0": "' + PCR0.encode() + b'", "PCR0": "' + PCR1.encode() + b'"}', "build.json"),
        (b'{"PCR00": "' + PCR0.encode() + b'"}', "build.json"),
        (b'{"PCR3": "' + PCR0.encode() + b'"}', "build.json"),
        (b'{"\\u001b[2J": "x"}', "build.json"),
    ],
)
@pytest.mark.parametrize("read", [nitro_cli.read_pcrs, nitro_tpm.read_pcrs])
def test_anything_else_is_refused_with_its_place(
    read: Callable[..., dict[int, Sha384]], text: bytes, field: str
) -> None:
    """Every broken file gives one line that names file and key, without control characters."""
    with pytest.raises(PolicyError) as caught:
        read(text, source="build.json")
    assert str(caught.value).isprintable()
    if read is nitro_cli.read_pcrs:
        assert caught.value.field == field


@pytest.mark.parametrize(
    ("read", "text"), [(nitro_cli.read_pcrs, AMI), (nitro_tpm.read_pcrs, ENCLAVE)]
)
def test_the_output_of_the_other_tool_is_refused(
    read: Callable[..., dict[int, Sha384]], text: Mapping[str, object]
) -> None:
    """PCR4 of an enclave is an instance, PCR4 of NitroTPM a boot manager: the kinds never mix."""
    with pytest.raises(PolicyError):
        read(json.dumps(text))

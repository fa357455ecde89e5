"""PCRs, kinds and certificates as fields (AWS attestation process 3.1 and 3.2.2)."""

from vectorgen.forge import cbor
from vectorgen.forge.cbor import Raw
from vectorgen.forge.documents import (
    CHAIN,
    ENCLAVE_PCRS,
    TPM_PCRS,
    ZERO,
    pcr,
)
from vectorgen.forge.policies import policy, tpm_set
from vectorgen.groups.document import ANY
from vectorgen.kit import ACCEPT, Case, Row, enclave_case, family, tpm_case, vector

LOST = "If it is rejected, authentic documents are lost."


def _pcrs(*indexes: int) -> dict[int, bytes]:
    return {index: ENCLAVE_PCRS.get(index, pcr(f"PCR{index}")) for index in indexes}


@family(
    Row("sparse", "0, 1, 2, 3, 4 and 8 alone", _pcrs(0, 1, 2, 3, 4, 8)),
    Row("17", "0 to 16", _pcrs(*range(17))),
    Row("32", "0 to 31, all there are", _pcrs(*range(32))),
    Row("0-to-8-and-31", "0 to 8 and 31", _pcrs(*range(9), 31)),
    expect=ACCEPT,
    rule="V-36, V-37; AWS attestation process 3.1",
    attacks="41",
    effect=LOST,
)
def pcrs(values: dict[int, bytes]) -> Case:
    """The document has the PCRs {}."""
    return enclave_case(pcrs=values)


@vector(expect=ACCEPT, rule="V-36, V-37; AWS attestation process 3.1", attacks="41", effect=LOST)
def one_pcr() -> Case:
    """A NitroTPM document has PCR7 alone, which is all that the policy pins."""
    return tpm_case(pcrs={7: TPM_PCRS[7]}, policy=policy(tpm_set(pcr4=None, pcr12=None)))


@vector(expect=ACCEPT, rule="V-36, V-37; AWS attestation process 3.1", attacks="41", effect=LOST)
def nitrotpm_32_pcrs() -> Case:
    """A NitroTPM document has the PCRs 0 to 31."""
    return tpm_case(pcrs={**TPM_PCRS, **dict.fromkeys(range(24, 32), ZERO)})


@family(
    Row("empty", "no PCR", {}),
    Row("33", "33 PCRs, 0 to 32", _pcrs(*range(33))),
    expect="document.pcr_count",
    rule="V-36; AWS attestation process 3.1",
    attacks="41",
    effect="No value at all would match every policy.",
)
def pcr_count(values: dict[int, bytes]) -> Case:
    """The document has {}."""
    return enclave_case(pcrs=values, policy=ANY)


@vector(
    expect="document.pcr_count",
    rule="V-36; EC2 user guide, NitroTPM",
    attacks="41",
    effect="No value at all would match every policy.",
)
def nitrotpm_pcr_count_empty() -> Case:
    """A NitroTPM document has no PCR."""
    return tpm_case(pcrs={})


@family(
    Row("32", "32", 32),
    Row("255", "255", 255),
    Row("256", "256, which is 0 in one byte", 256),
    Row("2-32", "2^32, which is 0 in four bytes", 1 << 32),
    Row("2-64", "2^64 - 1", (1 << 64) - 1),
    Row("minus-one", "-1, the last one in some languages", -1),
    Row("minus-2-64", "-2^64", -(1 << 64)),
    Row("text", 'the text "16"', "16"),
    Row("text-name", 'the text "PCR16"', "PCR16"),
    Row("bytes", "a byte string", b"\x10"),
    Row("float", "the float 16.0", Raw(bytes.fromhex("f94c00"))),
    Row("null", "null", None),
    Row("nan", "not a number", Raw(bytes.fromhex("f97e00"))),
    expect="document.pcr_index",
    rule="V-37; AWS attestation process 3.1",
    attacks="29, 91",
    effect="A value lands under an index that a policy pins.",
)
def pcr_index(index: object) -> Case:
    """A further PCR has the index {}."""
    return enclave_case(pcrs=cbor.Pairs((*ENCLAVE_PCRS.items(), (index, pcr("PCR16")))))


@family(
    Row("true", "true instead of 1", (1, True)),
    Row("false", "false instead of 0", (0, False)),
    Row("float", "0.0 instead of 0", (0, Raw(bytes.fromhex("f90000")))),
    Row("text", 'the text "0" instead of 0', (0, "0")),
    expect="document.pcr_index",
    rule="V-37; AWS attestation process 3.1",
    attacks="29, 91",
    effect="What one language takes for PCR0 is another key in the next.",
)
def pcr_index_is(swap: tuple[int, object]) -> Case:
    """A PCR has the index {}."""
    old, new = swap
    return enclave_case(
        pcrs=cbor.Pairs(
            tuple((new if index == old else index, value) for index, value in ENCLAVE_PCRS.items())
        )
    )


@vector(
    expect="document.pcr_index",
    rule="V-37; EC2 user guide, NitroTPM",
    attacks="29",
    effect="A value lands under an index that a policy pins.",
)
def nitrotpm_pcr_index_32() -> Case:
    """A further PCR of a NitroTPM document has the index 32."""
    return tpm_case(pcrs={**TPM_PCRS, 32: ZERO})


@family(
    *(
        Row(f"{length}", f"{length} bytes", ENCLAVE_PCRS[0][:length])
        for length in (0, 1, 20, 32, 47)
    ),
    Row("49", "49 bytes", ENCLAVE_PCRS[0] + b"\0"),
    Row("64", "64 bytes", ENCLAVE_PCRS[0] + bytes(16)),
    expect="document.pcr_length",
    rule="V-38; AWS attestation process 3.1",
    attacks="40, 93",
    effect="Values that are cut or filled up match the wrong code.",
)
def pcr_length(value: bytes) -> Case:
    """PCR0 has {} with the digest SHA384; the others have 48."""
    return enclave_case(pcrs={**ENCLAVE_PCRS, 0: value})


@family(
    Row("32", "32 bytes, as SHA-256 has,", 32),
    Row("64", "64 bytes, as SHA-512 has,", 64),
    expect="document.pcr_length",
    rule="V-38; AWS attestation process 3.1",
    attacks="40",
    effect="PCRs of one hash are compared with values of another.",
)
def every_pcr_has(length: int) -> Case:
    """Every PCR has {} with the digest SHA384."""
    return enclave_case(pcrs={index: (value * 2)[:length] for index, value in ENCLAVE_PCRS.items()})


@vector(
    expect="document.pcr_length",
    rule="V-38",
    attacks="40",
    effect="PCRs of one hash are compared with values of another.",
)
def nitrotpm_pcr_length_32() -> Case:
    """PCR23 of a NitroTPM document has 32 bytes."""
    return tpm_case(pcrs={**TPM_PCRS, 23: bytes(32)})


@family(
    Row("empty", "empty", b""),
    Row("trailing-byte", "followed by a zero byte", CHAIN.certificate + b"\0"),
    Row(
        "trailing-certificate",
        "followed by the beginning of its issuer's",
        CHAIN.certificate + CHAIN.cabundle[-1][:200],
    ),
    expect="document.certificate",
    rule="V-43; AWS attestation process 3.1",
    attacks="45",
    effect="What follows the certificate is read by one program and not by the next.",
)
def certificate(value: bytes) -> Case:
    """The leaf's certificate is {}."""
    return enclave_case(certificate=value)


@family(
    Row("empty", "is empty", []),
    Row("root-alone", "holds the root alone", list(CHAIN.cabundle[:1])),
    Row("empty-entry", "holds an empty certificate", [*CHAIN.cabundle[:3], b""]),
    Row("empty-root", "begins with an empty certificate", [b"", *CHAIN.cabundle[1:]]),
    Row(
        "trailing-byte",
        "holds a certificate that is followed by a zero byte",
        [*CHAIN.cabundle[:3], CHAIN.cabundle[3] + b"\0"],
    ),
    Row(
        "trailing-byte-root",
        "begins with a root that is followed by a zero byte",
        [CHAIN.cabundle[0] + b"\0", *CHAIN.cabundle[1:]],
    ),
    expect="document.cabundle",
    rule="V-44, V-45; AWS attestation process 3.1",
    attacks="44, 45",
    effect="A chain that is empty, or has no end, is searched or skipped.",
)
def cabundle(value: list[object]) -> Case:
    """The bundle {}."""
    return enclave_case(cabundle=value)

"""Policy: measurements as whole sets, debug enclaves, rules for public_key and user_data, fields AWS does not list (RFC 9334 section 8.5)."""

from typing import Final

from vectorgen.forge.documents import DROP, ENCLAVE_PCRS, TPM_PCRS, ZERO, pcr
from vectorgen.forge.policies import (
    Json,
    enclave_set,
    pinning,
    policy,
    tpm_set,
)
from vectorgen.kit import ACCEPT, Case, Row, enclave_case, family, tpm_case, vector

OTHER: Final = pcr("another build")


OTHER_BUILD: Final = enclave_set("another build", pcr0=pcr("B0"), pcr1=pcr("B1"), pcr2=pcr("B2"))


DEBUG_PCRS: Final = {**ENCLAVE_PCRS, 0: ZERO, 1: ZERO, 2: ZERO}


# Values of many images, in AWS's documents too: they identify nothing by themselves.
NO_APPLICATION: Final = bytes.fromhex(
    "21b9efbc184807662e966d34f390821309eeac6802309798"
    "826296bf3e8bec7c10edb30948c90ba67310f7b964fc500a"
)
SECURE_BOOT_OFF: Final = bytes.fromhex(
    "98441c7f7625d10058c47683aec486ce311c633235eb5555"
    "93a7ee791121e3578ae72d04ecef661f272d59058b77af35"
)

OTHER_CODE = "Code that nobody has reviewed gets the keys."


@family(
    *(Row(str(index), f"PCR{index}", index) for index in (0, 1, 2, 3, 4, 8)),
    expect="policy.pcr_mismatch",
    rule="V-87; AWS Nitro Enclaves user guide, PCRs",
    attacks="85",
    effect=OTHER_CODE,
)
def other_pcr(index: int) -> Case:
    """The document has another value in {} than the policy pins."""
    return enclave_case(pcrs={**ENCLAVE_PCRS, index: OTHER})


@family(
    *(Row(str(index), f"PCR{index}", index) for index in (4, 7, 12)),
    expect="policy.pcr_mismatch",
    rule="V-87; EC2 user guide, NitroTPM PCRs",
    attacks="85",
    effect=OTHER_CODE,
)
def other_nitrotpm_pcr(index: int) -> Case:
    """The NitroTPM document has another value in {} than the policy pins."""
    return tpm_case(pcrs={**TPM_PCRS, index: OTHER})


@family(
    *(Row(str(index), f"PCR{index}", index) for index in (0, 1, 2, 3, 4, 8)),
    expect="policy.pcr_absent",
    rule="V-86",
    attacks="87",
    effect="A value that is not there would match every value.",
)
def absent_pcr(index: int) -> Case:
    """The document lacks {}, which the policy pins."""
    return enclave_case(pcrs={key: value for key, value in ENCLAVE_PCRS.items() if key != index})


@family(
    *(Row(str(index), f"PCR{index}", index) for index in (4, 7, 12)),
    expect="policy.pcr_absent",
    rule="V-86; GHSA-xrv8-2pf5-f3q7",
    attacks="87",
    effect="A value that is not there would match every value, a zero command line first of all.",
)
def absent_nitrotpm_pcr(index: int) -> Case:
    """The NitroTPM document lacks {}, which the policy pins."""
    return tpm_case(pcrs={key: value for key, value in TPM_PCRS.items() if key != index})


@family(
    Row("first-byte", "the first", bytes([ENCLAVE_PCRS[0][0] ^ 1]) + ENCLAVE_PCRS[0][1:]),
    Row("last-byte", "the last", ENCLAVE_PCRS[0][:-1] + bytes([ENCLAVE_PCRS[0][-1] ^ 1])),
    Row(
        "33rd-byte",
        "the 33rd",
        ENCLAVE_PCRS[0][:32] + bytes([ENCLAVE_PCRS[0][32] ^ 1]) + ENCLAVE_PCRS[0][33:],
    ),
    expect="policy.pcr_mismatch",
    rule="V-87",
    attacks="93",
    effect="A comparison that is cut short accepts values that can be searched for.",
)
def pcr0_differs_in(value: bytes) -> Case:
    """PCR0 differs from the pinned value in {} byte only."""
    return enclave_case(pcrs={**ENCLAVE_PCRS, 0: value})


@vector(
    expect="policy.pcr_mismatch",
    rule="V-87",
    attacks="91",
    effect="Indexes that are mixed up accept other code.",
)
def pcrs_exchanged() -> Case:
    """PCR1 and PCR2 have each other's value."""
    return enclave_case(pcrs={**ENCLAVE_PCRS, 1: ENCLAVE_PCRS[2], 2: ENCLAVE_PCRS[1]})


@vector(
    expect="policy.pcr_mismatch",
    rule="V-88",
    attacks="91",
    effect="The parts of two reviewed builds make one that nobody has reviewed.",
)
def pcrs_of_two_builds() -> Case:
    """The policy allows two builds; the document has PCR0 of the one and PCR1 and PCR2 of the other."""
    mixed = {**ENCLAVE_PCRS, 1: pcr("B1"), 2: pcr("B2")}
    return enclave_case(pcrs=mixed, policy=policy(enclave_set(), OTHER_BUILD))


@vector(
    expect=ACCEPT,
    rule="V-88",
    attacks="91",
    effect="If it is rejected, a new build cannot be rolled out next to the old one.",
)
def second_of_two_builds() -> Case:
    """The policy allows two builds; the document matches the second."""
    return enclave_case(policy=policy(OTHER_BUILD, enclave_set()))


@vector(expect="policy.pcr_mismatch", rule="V-88", attacks="91", effect=OTHER_CODE)
def neither_of_two_builds() -> Case:
    """The policy allows two builds; the document differs from both in PCR2."""
    return enclave_case(
        pcrs={**ENCLAVE_PCRS, 2: OTHER},
        policy=policy(enclave_set(), enclave_set("second", pcr1=OTHER)),
    )


@vector(
    expect="policy.pcr_mismatch",
    rule="V-87",
    attacks="80, 91",
    effect="A value is looked for anywhere instead of in its place.",
)
def pcr0_value_in_pcr16() -> Case:
    """The value pinned for PCR0 is in PCR16, which the code in the enclave can extend."""
    return enclave_case(pcrs={**ENCLAVE_PCRS, 0: OTHER, 16: ENCLAVE_PCRS[0]})


@family(
    Row("16", "PCR16, which the code has extended,", 16),
    Row("31", "PCR31, the last there is,", 31),
    expect=ACCEPT,
    rule="V-87; AWS Nitro Secure Module API",
    attacks="96",
    effect="If it is rejected, what an enclave measures itself cannot be used.",
)
def further_pcr(index: int) -> Case:
    """The policy pins {} as well as the usual ones, and the document has it."""
    return enclave_case(pcrs={**ENCLAVE_PCRS, index: OTHER}, policy=policy(pinning({index: OTHER})))


@family(
    Row("absent", "is not there", DROP, "policy.pcr_absent"),
    Row("other", "has another value", OTHER),
    Row("zero", "is zero", ZERO),
    expect="policy.pcr_mismatch",
    rule="V-86, V-87",
    attacks="87, 96",
    effect="What an enclave measures itself would not be compared.",
)
def further_pcr_that(value: object) -> Case:
    """The policy pins PCR16 as well as the usual ones; in the document it {}."""
    pcrs: dict[int, object] = {**ENCLAVE_PCRS, 16: value}
    pinned = policy(enclave_set(pcr16=pcr("PCR16")))
    return enclave_case(
        pcrs={key: item for key, item in pcrs.items() if item is not DROP}, policy=pinned
    )


@family(
    Row("3", "PCR3 as zero: no IAM role", 3),
    Row("8", "PCR8 as zero: not signed", 8),
    expect=ACCEPT,
    rule="V-87; AWS Nitro Enclaves user guide, PCRs",
    attacks="89, 95",
    effect="If it is rejected, what a policy says of a missing role or signature cannot be met.",
)
def zero_pinned(index: int) -> Case:
    """The policy pins {}, and the document has it so."""
    return enclave_case(pcrs={**ENCLAVE_PCRS, index: ZERO}, policy=policy(pinning({index: ZERO})))


@family(
    Row("3", "PCR3 as zero, no IAM role, and the parent instance has one", 3),
    Row("8", "PCR8 as zero, not signed, and the image is signed", 8),
    expect="policy.pcr_mismatch",
    rule="V-87",
    attacks="89",
    effect="Zero would mean any value.",
)
def zero_pinned_but_set(index: int) -> Case:
    """The policy pins {}."""
    return enclave_case(policy=policy(pinning({index: ZERO})))


@vector(
    expect=ACCEPT,
    rule="V-08, V-87; GHSA-xrv8-2pf5-f3q7",
    attacks="89",
    effect="If it is rejected, an image without a command line cannot be pinned.",
)
def nitrotpm_zero_command_line() -> Case:
    """The policy pins PCR4 and PCR12, the latter as zero, and does not check PCR7; the document has it so."""
    return tpm_case(policy=policy(tpm_set(pcr7=None)))


@vector(
    expect="policy.pcr_mismatch",
    rule="V-87; GHSA-xrv8-2pf5-f3q7",
    attacks="89",
    effect="Whoever starts the instance gives the kernel any command line, an init program of his own included.",
)
def nitrotpm_command_line_given() -> Case:
    """The policy pins PCR12 as zero, and the instance was started with a kernel command line."""
    return tpm_case(pcrs={**TPM_PCRS, 12: OTHER}, policy=policy(tpm_set(pcr7=None)))


@vector(
    expect=ACCEPT,
    rule="V-08, V-87",
    attacks="85",
    effect="If it is rejected, fleets that are described by Secure Boot alone are not served.",
)
def nitrotpm_secure_boot_alone() -> Case:
    """The policy pins PCR7 alone."""
    return tpm_case(policy=policy(tpm_set(pcr4=None, pcr12=None)))


@family(
    Row("0", "PCR0 alone", enclave_set(pcr1=None, pcr2=None, pcr3=None, pcr4=None, pcr8=None)),
    Row(
        "1-2",
        "PCR1 together with PCR2",
        enclave_set(pcr0=None, pcr3=None, pcr4=None, pcr8=None),
    ),
    Row(
        "8",
        "PCR8 alone: any image that was signed so",
        enclave_set(pcr0=None, pcr1=None, pcr2=None, pcr3=None, pcr4=None),
    ),
    Row("0-1-2", "PCR0, PCR1 and PCR2", enclave_set(pcr3=None, pcr4=None, pcr8=None)),
    expect=ACCEPT,
    rule="V-07, V-87",
    attacks="85, 86",
    effect="If it is rejected, what the policy does not check would be required.",
)
def pinned(measurements: Json) -> Case:
    """The policy pins {}."""
    return enclave_case(policy=policy(measurements))


@vector(
    expect=ACCEPT,
    rule="V-07, V-87",
    attacks="114",
    effect="If it is rejected, an image without an application ramdisk cannot be pinned.",
)
def no_application_beside_an_image() -> Case:
    """The policy pins PCR0, and PCR2 as the value of an image without an application ramdisk; the document has both."""
    build = enclave_set(pcr1=None, pcr2=NO_APPLICATION, pcr3=None, pcr4=None, pcr8=None)
    return enclave_case(pcrs={**ENCLAVE_PCRS, 2: NO_APPLICATION}, policy=policy(build))


@family(
    Row("as-pinned", "the document has all three", SECURE_BOOT_OFF, ACCEPT),
    Row("differs", "the document has another PCR7", TPM_PCRS[7]),
    expect="policy.pcr_mismatch",
    rule="V-08, V-87",
    attacks="114",
    effect="An instance without Secure Boot cannot be pinned, or a pinned PCR7 is not compared.",
)
def nitrotpm_secure_boot_off_beside_an_image(pcr7: bytes) -> Case:
    """The policy pins PCR4, PCR12 and, as the value of Secure Boot that is off, PCR7; {}."""
    image = policy(tpm_set(pcr7=SECURE_BOOT_OFF))
    return tpm_case(pcrs={**TPM_PCRS, 7: pcr7}, policy=image)


@vector(
    expect=ACCEPT,
    rule="V-05",
    attacks="92",
    effect="If it is rejected, values in the case that some tools print cannot be pinned.",
)
def pinned_in_upper_case() -> Case:
    """The policy writes PCR0, PCR1 and PCR2 in upper-case hex digits."""
    pcrs = {str(index): ENCLAVE_PCRS[index].hex().upper() for index in (0, 1, 2)}
    return enclave_case(policy=policy({"kind": "enclave", "label": "upper case", "pcrs": pcrs}))

"""Policy: measurements as whole sets, debug enclaves, rules for public_key and user_data, fields AWS does not list (RFC 9334 section 8.5)."""

from typing import Final

from vectorgen.forge.documents import DROP, ENCLAVE_PCRS, PUBLIC_KEY, TPM_PCRS, USER_DATA, ZERO, pcr
from vectorgen.forge.policies import (
    ABSENT,
    ANY_ENCLAVE,
    ANY_NITRO_TPM,
    DEBUG_ENCLAVE,
    PRESENT,
    Json,
    enclave_set,
    equals,
    pinning,
    policy,
    tpm_set,
)
from vectorgen.kit import ACCEPT, Case, Row, enclave_case, family, tpm_case, vector

OTHER: Final = pcr("another build")
OTHER_BUILD: Final = enclave_set("another build", pcr0=pcr("B0"), pcr1=pcr("B1"), pcr2=pcr("B2"))
DEBUG_PCRS: Final = {**ENCLAVE_PCRS, 0: ZERO, 1: ZERO, 2: ZERO}

OTHER_CODE = "Code that nobody has reviewed gets the keys."
DEBUG = "The parent instance reads the console of a debug enclave, and its PCR0, PCR1 and PCR2 say nothing about its code."


@family(
    *(Row(str(index), f"PCR{index}", index) for index in (0, 1, 2, 3, 4, 8)),
    expect="policy.pcr_mismatch",
    rule="attacks 85; AWS Nitro Enclaves user guide, PCRs",
    effect=OTHER_CODE,
)
def other_pcr(index: int) -> Case:
    """The document has another value in {} than the policy pins."""
    return enclave_case(pcrs={**ENCLAVE_PCRS, index: OTHER})


@family(
    *(Row(str(index), f"PCR{index}", index) for index in (4, 7, 12)),
    expect="policy.pcr_mismatch",
    rule="attacks 85; EC2 user guide, NitroTPM PCRs",
    effect=OTHER_CODE,
)
def other_nitrotpm_pcr(index: int) -> Case:
    """The NitroTPM document has another value in {} than the policy pins."""
    return tpm_case(pcrs={**TPM_PCRS, index: OTHER})


@family(
    *(Row(str(index), f"PCR{index}", index) for index in (0, 1, 2, 3, 4, 8)),
    expect="policy.pcr_absent",
    rule="attacks 87",
    effect="A value that is not there would match every value.",
)
def absent_pcr(index: int) -> Case:
    """The document lacks {}, which the policy pins."""
    return enclave_case(pcrs={key: value for key, value in ENCLAVE_PCRS.items() if key != index})


@family(
    *(Row(str(index), f"PCR{index}", index) for index in (4, 7, 12)),
    expect="policy.pcr_absent",
    rule="attacks 87; GHSA-xrv8-2pf5-f3q7",
    effect="A value that is not there would match every value, a zero command line first of all.",
)
def absent_nitrotpm_pcr(index: int) -> Case:
    """The NitroTPM document lacks {}, which the policy pins."""
    return tpm_case(pcrs={key: value for key, value in TPM_PCRS.items() if key != index})


@family(
    Row("first-byte", "the first", bytes([ENCLAVE_PCRS[0][0] ^ 1]) + ENCLAVE_PCRS[0][1:]),
    Row("last-byte", "the last", ENCLAVE_PCRS[0][:-1] + bytes([ENCLAVE_PCRS[0][-1] ^ 1])),
    Row("33rd-byte", "the 33rd", ENCLAVE_PCRS[0][:32] + bytes([ENCLAVE_PCRS[0][32] ^ 1]) + ENCLAVE_PCRS[0][33:]),
    expect="policy.pcr_mismatch",
    rule="attacks 93",
    effect="A comparison that is cut short accepts values that can be searched for.",
)
def pcr0_differs_in(value: bytes) -> Case:
    """PCR0 differs from the pinned value in {} byte only."""
    return enclave_case(pcrs={**ENCLAVE_PCRS, 0: value})


@vector(expect="policy.pcr_mismatch", rule="attacks 91", effect="Indexes that are mixed up accept other code.")
def pcrs_exchanged() -> Case:
    """PCR1 and PCR2 have each other's value."""
    return enclave_case(pcrs={**ENCLAVE_PCRS, 1: ENCLAVE_PCRS[2], 2: ENCLAVE_PCRS[1]})


@vector(
    expect="policy.pcr_mismatch",
    rule="attacks 91",
    effect="The parts of two reviewed builds make one that nobody has reviewed.",
)
def pcrs_of_two_builds() -> Case:
    """The policy allows two builds; the document has PCR0 of the one and PCR1 and PCR2 of the other."""
    mixed = {**ENCLAVE_PCRS, 1: pcr("B1"), 2: pcr("B2")}
    return enclave_case(pcrs=mixed, policy=policy(enclave_set(), OTHER_BUILD))


@vector(expect=ACCEPT, rule="attacks 91", effect="Refused, a new build cannot be rolled out beside the old one.")
def second_of_two_builds() -> Case:
    """The policy allows two builds; the document matches the second."""
    return enclave_case(policy=policy(OTHER_BUILD, enclave_set()))


@vector(expect="policy.pcr_mismatch", rule="attacks 91", effect=OTHER_CODE)
def neither_of_two_builds() -> Case:
    """The policy allows two builds; the document differs from both in PCR2."""
    return enclave_case(pcrs={**ENCLAVE_PCRS, 2: OTHER}, policy=policy(enclave_set(), enclave_set("second", pcr1=OTHER)))


@vector(expect="policy.pcr_mismatch", rule="attacks 80, 91", effect="A value is looked for anywhere instead of in its place.")
def pcr0_value_in_pcr16() -> Case:
    """The value pinned for PCR0 stands in PCR16, which the code in the enclave can extend."""
    return enclave_case(pcrs={**ENCLAVE_PCRS, 0: OTHER, 16: ENCLAVE_PCRS[0]})


@family(
    Row("16", "PCR16 as extended by the code", 16),
    Row("31", "PCR31, the last there is", 31),
    expect=ACCEPT,
    rule="attacks 96; AWS Nitro Secure Module API",
    effect="Refused, what an enclave measures itself cannot be used.",
)
def further_pcr(index: int) -> Case:
    """The policy pins {} besides the usual ones, and the document has it."""
    return enclave_case(pcrs={**ENCLAVE_PCRS, index: OTHER}, policy=policy(pinning({index: OTHER})))


@family(
    Row("absent", "is not there", DROP, "policy.pcr_absent"),
    Row("other", "has another value", OTHER),
    Row("zero", "is zero", ZERO),
    expect="policy.pcr_mismatch",
    rule="attacks 87, 96",
    effect="What an enclave measures itself would not be compared.",
)
def further_pcr_that(value: object) -> Case:
    """The policy pins PCR16 besides the usual ones; in the document it {}."""
    pcrs: dict[int, object] = {**ENCLAVE_PCRS, 16: value}
    pinned = policy(enclave_set(pcr16=pcr("PCR16")))
    return enclave_case(pcrs={key: item for key, item in pcrs.items() if item is not DROP}, policy=pinned)


@family(
    Row("3", "PCR3 as zero: no IAM role", 3),
    Row("8", "PCR8 as zero: not signed", 8),
    expect=ACCEPT,
    rule="attacks 89, 95; AWS Nitro Enclaves user guide, PCRs",
    effect="Refused, what a policy says of a missing role or signature cannot be met.",
)
def zero_pinned(index: int) -> Case:
    """The policy pins {}, and the document has it so."""
    return enclave_case(pcrs={**ENCLAVE_PCRS, index: ZERO}, policy=policy(pinning({index: ZERO})))


@family(
    Row("3", "PCR3 as zero, no IAM role, and the parent instance has one", 3),
    Row("8", "PCR8 as zero, not signed, and the image is signed", 8),
    expect="policy.pcr_mismatch",
    rule="attacks 89",
    effect="Zero would mean any value.",
)
def zero_pinned_but_set(index: int) -> Case:
    """The policy pins {}."""
    return enclave_case(policy=policy(pinning({index: ZERO})))


@vector(
    expect=ACCEPT, rule="attacks 89; GHSA-xrv8-2pf5-f3q7", effect="Refused, an image without a command line cannot be pinned."
)
def nitrotpm_zero_command_line() -> Case:
    """The policy pins PCR4 and PCR12, the latter as zero, and leaves PCR7 out; the document has it so."""
    return tpm_case(policy=policy(tpm_set(pcr7=None)))


@vector(
    expect="policy.pcr_mismatch",
    rule="attacks 89; GHSA-xrv8-2pf5-f3q7",
    effect="Whoever starts the instance gives the kernel any command line, an init program of his own included.",
)
def nitrotpm_command_line_given() -> Case:
    """The policy pins PCR12 as zero, and the instance was started with a kernel command line."""
    return tpm_case(pcrs={**TPM_PCRS, 12: OTHER}, policy=policy(tpm_set(pcr7=None)))


@vector(expect=ACCEPT, rule="attacks 85", effect="Refused, fleets that are described by Secure Boot alone are not served.")
def nitrotpm_secure_boot_alone() -> Case:
    """The policy pins PCR7 alone."""
    return tpm_case(policy=policy(tpm_set(pcr4=None, pcr12=None)))


@family(
    Row("0", "PCR0 alone", enclave_set(pcr1=None, pcr2=None, pcr3=None, pcr4=None, pcr8=None)),
    Row("2", "PCR2 alone", enclave_set(pcr0=None, pcr1=None, pcr3=None, pcr4=None, pcr8=None)),
    Row("8", "PCR8 alone: any image that was signed so", enclave_set(pcr0=None, pcr1=None, pcr2=None, pcr3=None, pcr4=None)),
    Row("0-1-2", "PCR0, PCR1 and PCR2", enclave_set(pcr3=None, pcr4=None, pcr8=None)),
    expect=ACCEPT,
    rule="attacks 85, 86",
    effect="Refused, what the policy leaves out would be demanded.",
)
def pinned(measurements: Json) -> Case:
    """The policy pins {}."""
    return enclave_case(policy=policy(measurements))


@vector(expect=ACCEPT, rule="attacks 92", effect="Refused, values in the case that some tools print cannot be pinned.")
def pinned_in_upper_case() -> Case:
    """The policy writes PCR0, PCR1 and PCR2 in upper-case hex digits."""
    pcrs = {str(index): ENCLAVE_PCRS[index].hex().upper() for index in (0, 1, 2)}
    return enclave_case(policy=policy({"kind": "enclave", "label": "upper case", "pcrs": pcrs}))


@vector(expect="policy.debug_enclave", rule="attacks 90; AWS Nitro Enclaves user guide, debug mode", effect=DEBUG)
def debug_under_any_enclave() -> Case:
    """A debug enclave; the policy accepts any code."""
    return enclave_case(pcrs=DEBUG_PCRS, policy=policy(ANY_ENCLAVE))


@vector(expect="policy.debug_enclave", rule="attacks 90", effect=DEBUG)
def debug_under_a_signer() -> Case:
    """A debug enclave; the policy pins only PCR8, which debug mode leaves as it is."""
    only = enclave_set(pcr0=None, pcr1=None, pcr2=None, pcr3=None, pcr4=None)
    return enclave_case(pcrs=DEBUG_PCRS, policy=policy(only))


@vector(expect="policy.debug_enclave", rule="attacks 90", effect=DEBUG)
def debug_with_every_pcr_zero() -> Case:
    """A debug enclave with nothing but zeros; the policy accepts any code."""
    return enclave_case(pcrs=dict.fromkeys(range(16), ZERO), policy=policy(ANY_ENCLAVE))


@family(
    *(Row(str(index), f"PCR{index}", index) for index in (0, 1, 2)),
    expect="policy.debug_enclave",
    rule="attacks 90",
    effect=DEBUG,
)
def debug_in_one_pcr(index: int) -> Case:
    """Of PCR0, PCR1 and PCR2 only {} is zero; the policy accepts any code."""
    return enclave_case(pcrs={**ENCLAVE_PCRS, index: ZERO}, policy=policy(ANY_ENCLAVE))


@family(
    *(Row(str(index), f"PCR{index}", index) for index in (0, 1, 2)),
    expect="policy.pcr_absent",
    rule="attacks 87, 90",
    effect="A document that leaves the value out would hide debug mode.",
)
def any_enclave_without_pcr(index: int) -> Case:
    """The document lacks {}, by which debug mode is told; the policy accepts any code."""
    pcrs = {key: value for key, value in ENCLAVE_PCRS.items() if key != index}
    return enclave_case(pcrs=pcrs, policy=policy(ANY_ENCLAVE))


@vector(expect=ACCEPT, rule="attacks 90", effect="Refused, test environments cannot say what they mean.")
def debug_with_leave() -> Case:
    """A debug enclave; the policy accepts debug enclaves by name."""
    return enclave_case(pcrs=DEBUG_PCRS, policy=policy(DEBUG_ENCLAVE))


@vector(expect=ACCEPT, rule="attacks 90", effect="Refused, a policy for both cannot be written.")
def production_beside_debug() -> Case:
    """A production enclave; the policy accepts it, and debug enclaves too."""
    return enclave_case(policy=policy(DEBUG_ENCLAVE, enclave_set()))


@vector(
    expect="policy.pcr_mismatch", rule="attacks 90", effect="A policy for tests would let unknown production code in unseen."
)
def production_under_debug_alone() -> Case:
    """A production enclave; the policy accepts nothing but debug enclaves."""
    return enclave_case(policy=policy(DEBUG_ENCLAVE))


@vector(expect=ACCEPT, rule="attacks 86", effect="Refused, a relying party that checks the code elsewhere is not served.")
def any_enclave() -> Case:
    """Any production enclave will do, and this is one."""
    return enclave_case(policy=policy(ANY_ENCLAVE))


@vector(expect=ACCEPT, rule="attacks 86", effect="Refused, a relying party that checks the software elsewhere is not served.")
def any_nitrotpm() -> Case:
    """Any instance with NitroTPM will do; PCR0, PCR1 and PCR2 are zero, which says nothing about debug mode here."""
    return tpm_case(pcrs={**TPM_PCRS, 0: ZERO, 1: ZERO, 2: ZERO}, policy=policy(ANY_NITRO_TPM))


@family(
    Row("any-enclave", "accepts any enclave", policy(ANY_ENCLAVE)),
    Row("enclave", "pins an enclave whose PCR4 has the value of this instance's boot manager",
        policy(enclave_set(pcr4=TPM_PCRS[4]))),
    expect="document.kind",
    rule="attacks 48; EC2 user guide, NitroTPM",
    effect="An instance that its administrator controls passes for an enclave.",
)  # fmt: skip
def nitrotpm_where_the_policy(wanted: Json) -> Case:
    """A NitroTPM document, and the policy {}."""
    return tpm_case(policy=wanted)


@family(
    Row("any-nitrotpm", "accepts any instance", policy(ANY_NITRO_TPM)),
    Row("nitrotpm", "pins an instance whose PCR4 has the value of this enclave's instance id",
        policy(tpm_set(pcr4=ENCLAVE_PCRS[4]))),
    expect="document.kind",
    rule="attacks 48; EC2 user guide, NitroTPM",
    effect="PCRs of the same number but another meaning are compared.",
)  # fmt: skip
def enclave_where_the_policy(wanted: Json) -> Case:
    """An enclave's document, and the policy {}."""
    return enclave_case(policy=wanted)


FIELDS: Final = {"public_key": PUBLIC_KEY, "user_data": USER_DATA}
KEY_SWAPPED = "A secret is encrypted to a key that somebody else has put there."


def _ruled(field: str, rule: Json, value: object) -> Case:
    match field:
        case "public_key":
            return enclave_case(public_key=value, policy=policy(public_key=rule))
        case _:
            return enclave_case(user_data=value, policy=policy(user_data=rule))


@family(
    Row("equals", "is the one demanded", (equals(PUBLIC_KEY), PUBLIC_KEY)),
    Row("equals-empty", "is empty, as demanded", (equals(b""), b"")),
    Row("present", "is there, as demanded", (PRESENT, PUBLIC_KEY)),
    Row("present-empty", "is empty but there, as demanded", (PRESENT, b"")),
    Row("absent", "is absent, as demanded", (ABSENT, DROP)),
    Row("absent-null", "is null, which is absent, as demanded", (ABSENT, None)),
    expect=ACCEPT,
    rule="attacks 35, 80; AWS attestation process 3.1",
    effect="Refused, the rule cannot be met.",
)
def public_key(given: tuple[Json, object]) -> Case:
    """The field public_key {}."""
    return _ruled("public_key", *given)


@family(
    Row("other", "holds another value than the policy demands", (equals(PUBLIC_KEY), PUBLIC_KEY[:-1] + b"!")),
    Row("prefix", "holds the first half of what the policy demands", (equals(PUBLIC_KEY), PUBLIC_KEY[:20])),
    Row("longer", "holds what the policy demands and a zero byte", (equals(PUBLIC_KEY), PUBLIC_KEY + b"\0")),
    Row("missing", "is absent, and the policy demands a value", (equals(PUBLIC_KEY), DROP)),
    Row("missing-for-empty", "is absent, and the policy demands an empty one", (equals(b""), DROP)),
    Row("null-for-empty", "is null, and the policy demands an empty one", (equals(b""), None)),
    Row("not-present", "is absent, and the policy demands that it be there", (PRESENT, DROP)),
    Row("null-not-present", "is null, and the policy demands that it be there", (PRESENT, None)),
    Row("not-absent", "is there, and the policy demands that it be absent", (ABSENT, PUBLIC_KEY)),
    Row("empty-not-absent", "is empty, and the policy demands that it be absent", (ABSENT, b"")),
    expect="policy.public_key",
    rule="attacks 35, 80, 81",
    effect=KEY_SWAPPED,
)
def public_key_that(given: tuple[Json, object]) -> Case:
    """The field public_key {}."""
    return _ruled("public_key", *given)


@family(
    Row("equals", "is the one demanded", (equals(USER_DATA), USER_DATA)),
    Row("present-empty", "is empty but there, as demanded", (PRESENT, b"")),
    Row("absent-null", "is null, which is absent, as demanded", (ABSENT, None)),
    expect=ACCEPT,
    rule="attacks 35, 80; AWS attestation process 3.1",
    effect="Refused, the rule cannot be met.",
)
def user_data(given: tuple[Json, object]) -> Case:
    """The field user_data {}."""
    return _ruled("user_data", *given)


@family(
    Row("other", "holds another value than the policy demands", (equals(USER_DATA), USER_DATA[:-1] + b"!")),
    Row("prefix", "holds the first half of what the policy demands", (equals(USER_DATA), USER_DATA[:10])),
    Row("missing", "is absent, and the policy demands a value", (equals(USER_DATA), DROP)),
    Row("null-not-present", "is null, and the policy demands that it be there", (PRESENT, None)),
    Row("not-absent", "is there, and the policy demands that it be absent", (ABSENT, USER_DATA)),
    Row("empty-not-absent", "is empty, and the policy demands that it be absent", (ABSENT, b"")),
    expect="policy.user_data",
    rule="attacks 35, 80",
    effect="Data of another application passes for this one's.",
)
def user_data_that(given: tuple[Json, object]) -> Case:
    """The field user_data {}."""
    return _ruled("user_data", *given)


@vector(expect="policy.public_key", rule="attacks 80", effect=KEY_SWAPPED)
def public_key_in_user_data() -> Case:
    """The key that the policy demands stands in user_data, and another one in public_key."""
    return enclave_case(public_key=USER_DATA, user_data=PUBLIC_KEY, policy=policy(public_key=equals(PUBLIC_KEY)))


@vector(expect="policy.public_key", rule="attacks 80, 81", effect=KEY_SWAPPED)
def nitrotpm_other_public_key() -> Case:
    """A NitroTPM document with another public_key than the policy demands."""
    return tpm_case(public_key=b"another key", policy=policy(tpm_set(), public_key=equals(PUBLIC_KEY)))

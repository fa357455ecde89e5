"""Debug enclaves, waived measurements, and documents of the other kind (RFC 9334 section 8.5)."""

from vectorgen.forge.documents import ENCLAVE_PCRS, TPM_PCRS, ZERO
from vectorgen.forge.policies import (
    ANY_ENCLAVE,
    ANY_NITRO_TPM,
    DEBUG_ENCLAVE,
    Json,
    enclave_set,
    policy,
    tpm_set,
)
from vectorgen.groups.policy import DEBUG_PCRS
from vectorgen.kit import ACCEPT, Case, Row, enclave_case, family, tpm_case, vector

DEBUG = "The parent instance reads the console of a debug enclave, and its PCR0, PCR1 and PCR2 say nothing about its code."


@vector(
    expect="policy.debug_enclave",
    rule="V-84; AWS Nitro Enclaves user guide, debug mode",
    attacks="90",
    effect=DEBUG,
)
def debug_under_any_enclave() -> Case:
    """A debug enclave; the policy accepts any code."""
    return enclave_case(pcrs=DEBUG_PCRS, policy=policy(ANY_ENCLAVE))


@vector(expect="policy.debug_enclave", rule="V-84", attacks="90", effect=DEBUG)
def debug_under_a_signer() -> Case:
    """A debug enclave; the policy pins only PCR8, which debug mode leaves as it is."""
    only = enclave_set(pcr0=None, pcr1=None, pcr2=None, pcr3=None, pcr4=None)
    return enclave_case(pcrs=DEBUG_PCRS, policy=policy(only))


@vector(expect="policy.debug_enclave", rule="V-84", attacks="90", effect=DEBUG)
def debug_with_every_pcr_zero() -> Case:
    """A debug enclave with nothing but zeros; the policy accepts any code."""
    return enclave_case(pcrs=dict.fromkeys(range(16), ZERO), policy=policy(ANY_ENCLAVE))


@family(
    *(Row(str(index), f"PCR{index}", index) for index in (0, 1, 2)),
    expect="policy.debug_enclave",
    rule="V-84",
    attacks="90",
    effect=DEBUG,
)
def debug_in_one_pcr(index: int) -> Case:
    """Of PCR0, PCR1 and PCR2 only {} is zero; the policy accepts any code."""
    return enclave_case(pcrs={**ENCLAVE_PCRS, index: ZERO}, policy=policy(ANY_ENCLAVE))


@family(
    *(Row(str(index), f"PCR{index}", index) for index in (0, 1, 2)),
    expect="policy.pcr_absent",
    rule="V-85",
    attacks="87, 90",
    effect="A document without the value would hide debug mode.",
)
def any_enclave_without_pcr(index: int) -> Case:
    """The document lacks {}, by which debug mode is told; the policy accepts any code."""
    pcrs = {key: value for key, value in ENCLAVE_PCRS.items() if key != index}
    return enclave_case(pcrs=pcrs, policy=policy(ANY_ENCLAVE))


@vector(
    expect=ACCEPT,
    rule="V-89",
    attacks="90",
    effect="If it is rejected, test environments cannot say what they mean.",
)
def debug_with_leave() -> Case:
    """A debug enclave; the policy accepts debug enclaves by name."""
    return enclave_case(pcrs=DEBUG_PCRS, policy=policy(DEBUG_ENCLAVE))


@vector(
    expect="policy.pcr_mismatch",
    rule="V-89",
    attacks="90",
    effect="A policy for tests would let unknown production code in unnoticed.",
)
def production_under_debug_alone() -> Case:
    """A production enclave; the policy accepts nothing but debug enclaves."""
    return enclave_case(policy=policy(DEBUG_ENCLAVE))


@vector(
    expect=ACCEPT,
    rule="V-84, V-85",
    attacks="86",
    effect="If it is rejected, a relying party that checks the code elsewhere is not served.",
)
def any_enclave() -> Case:
    """Any production enclave will do, and this is one."""
    return enclave_case(policy=policy(ANY_ENCLAVE))


@vector(
    expect=ACCEPT,
    rule="V-84",
    attacks="86",
    effect="If it is rejected, a relying party that checks the software elsewhere is not served.",
)
def any_nitrotpm() -> Case:
    """Any instance with NitroTPM will do; PCR0, PCR1 and PCR2 are zero, which says nothing about debug mode here."""
    return tpm_case(pcrs={**TPM_PCRS, 0: ZERO, 1: ZERO, 2: ZERO}, policy=policy(ANY_NITRO_TPM))


@family(
    Row("any-enclave", "accepts any enclave", policy(ANY_ENCLAVE)),
    Row("enclave", "pins an enclave whose PCR4 has the value of this instance's boot manager",
        policy(enclave_set(pcr4=TPM_PCRS[4]))),
    expect="document.kind",
    rule="V-49; EC2 user guide, NitroTPM", attacks="48",
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
    rule="V-49; EC2 user guide, NitroTPM", attacks="48",
    effect="PCRs of the same number but another meaning are compared.",
)  # fmt: skip
def enclave_where_the_policy(wanted: Json) -> Case:
    """An enclave's document, and the policy {}."""
    return enclave_case(policy=wanted)

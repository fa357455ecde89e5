"""Optional and unknown fields, kinds of documents (AWS attestation process 3.1 and 3.2.2)."""

from dataclasses import replace
from typing import Final

from vectorgen.forge import der
from vectorgen.forge.cbor import Raw
from vectorgen.forge.certificates import (
    DOMAIN,
    ENCLAVE_ID,
    INSTANCE,
    NITRO_TPM_ID,
    Chain,
    hierarchy,
    leaf_of,
    under,
)
from vectorgen.forge.documents import (
    CHAIN,
    DROP,
    TPM_CHAIN,
    TPM_PCRS,
    document,
    enclave,
    nitro_tpm,
)
from vectorgen.forge.policies import TPM_STANDARD, WAIVED_FIELDS
from vectorgen.groups.document import MUCH, SUFFIX
from vectorgen.kit import ACCEPT, Case, Row, enclave_case, family, tpm_case, vector

LOST = "If it is rejected, authentic documents are lost."


@family(
    Row("public-key", "public_key", "public_key", "document.public_key"),
    Row("user-data", "user_data", "user_data", "document.user_data"),
    Row("nonce", "nonce", "nonce", "document.nonce"),
    expect=ACCEPT,
    rule="V-46, V-47, V-48; AWS attestation process 3.1",
    attacks="37",
    effect="A field without a limit makes room for another document, or for too much work.",
)
def of_1025_bytes(name: str) -> Case:
    """The field {} has one byte more than AWS allows."""
    return enclave_case(fields={name: MUCH})


@family(
    Row("public-key", "public_key", "public_key"),
    Row("user-data", "user_data", "user_data"),
    expect=ACCEPT,
    rule="V-46, V-47, V-48; AWS attestation process 3.1",
    attacks="37",
    effect="AWS names 512 bytes in one place and 1,024 in another; a limit of 512 loses authentic documents.",
)
def of_1024_bytes(name: str) -> Case:
    """The field {} has the 1,024 bytes that AWS allows."""
    return enclave_case(fields={name: MUCH[:1024]})


@family(
    *(
        Row(f"{name.replace('_', '-')}-{form}", f"{name} is {form}", {name: value})
        for name in ("public_key", "user_data")
        for form, value in (("absent", DROP), ("null", None), ("empty", b""))
    ),
    expect=ACCEPT,
    rule="V-46, V-47, V-48; AWS attestation process 3.1",
    attacks="35",
    effect='AWS\'s text says "no null", and every captured document has it; if it is rejected, all documents are lost.',
)
def optional_field(changes: dict[str, object]) -> Case:
    """The optional field {}; the policy demands nothing of it."""
    return enclave_case(fields=changes)


@vector(expect=ACCEPT, rule="V-46; AWS attestation process 3.1", attacks="35", effect=LOST)
def public_key_of_one_byte() -> Case:
    """The field public_key has one byte, and is no key; what it holds is the enclave's own affair."""
    return enclave_case(public_key=b"\0")


@family(
    Row("name", "a name that AWS does not list", "signature"),
    Row("empty-name", "an empty name", ""),
    Row("upper-case", "the name PCRS", "PCRS"),
    Row("space", 'the name "pcrs "', "pcrs "),
    Row("prototype", "the name __proto__", "__proto__"),
    expect="document.field_unknown",
    rule="V-50; AWS attestation process 3.1",
    attacks="32",
    effect="A field that changes what the others mean is passed over.",
)
def unknown_field(name: str) -> Case:
    """A further field has {}."""
    return enclave_case(fields={name: b"value"})


@family(
    Row("null", "null", None),
    Row("text", "a text", "value"),
    Row("map", "a map that holds an array", {"a": [1, 2]}, "cbor.too_deep"),
    Row("float", "a float", Raw(bytes.fromhex("fb3ff0000000000000"))),
    expect=ACCEPT,
    rule="V-23, V-50",
    attacks="32",
    effect="If it is rejected, the waiver does not keep what it says.",
)
def unknown_field_allowed(value: object) -> Case:
    """A further field holds {}; the policy allows unknown fields."""
    return enclave_case(policy=WAIVED_FIELDS, extra=value)


@vector(
    expect="document.field_unknown",
    rule="V-50; AWS attestation process 3.1",
    attacks="32",
    effect="A field that changes what the others mean is passed over.",
)
def nitrotpm_unknown_field() -> Case:
    """A NitroTPM document has a field that AWS does not list."""
    return tpm_case(extra=None)


@vector(
    expect="document.kind",
    rule="V-34; EC2 user guide, NitroTPM",
    attacks="48",
    effect="An instance passes for an enclave.",
)
def both_maps() -> Case:
    """An enclave's document has a map of NitroTPM PCRs besides its own."""
    return enclave_case(nitrotpm_pcrs=dict(TPM_PCRS))


@vector(
    expect="document.kind",
    rule="V-34; EC2 user guide, NitroTPM",
    attacks="48",
    effect="An instance passes for an enclave.",
)
def both_maps_one_null() -> Case:
    """A NitroTPM document has the field pcrs as null besides its own map."""
    return Case(doc=document({**nitro_tpm(), "pcrs": None}, TPM_CHAIN.key), policy=TPM_STANDARD)


@vector(
    expect="document.kind",
    rule="V-40; EC2 user guide, NitroTPM",
    attacks="48",
    effect="An instance passes for an enclave.",
)
def pcrs_of_a_nitrotpm_module() -> Case:
    """The map is called pcrs, and the module_id and the leaf are those of an instance with NitroTPM."""
    return Case(doc=document(enclave(TPM_CHAIN, module_id=NITRO_TPM_ID), TPM_CHAIN.key))


@vector(
    expect="document.kind",
    rule="V-40; EC2 user guide, NitroTPM",
    attacks="48",
    effect="An enclave passes for an instance.",
)
def nitrotpm_pcrs_of_an_enclave() -> Case:
    """The map is called nitrotpm_pcrs, and the module_id and the leaf are those of an enclave."""
    return Case(
        doc=document(nitro_tpm(CHAIN, module_id=ENCLAVE_ID), CHAIN.key), policy=TPM_STANDARD
    )


def _module(module_id: str) -> Chain:
    """Issue the chain of a module, on the instance that its name begins with."""
    instance = replace(INSTANCE, subject=der.name(f"{module_id.removesuffix(SUFFIX)}.{DOMAIN}"))
    return hierarchy(instance=instance, leaf=under(instance, leaf_of(module_id)))


LONG_ID: Final = "i-" + "0" * (256 - len(SUFFIX) - 2) + SUFFIX


@vector(
    expect=ACCEPT,
    rule="V-39; AWS attestation process 3.1",
    attacks="31",
    effect="If it is rejected, longer instance ids would end the service.",
)
def module_id_of_256_characters() -> Case:
    """The module_id has 256 characters; the leaf's name begins with it, the instance's with its id."""
    return enclave_case(_module(LONG_ID), module_id=LONG_ID)


@vector(
    expect=ACCEPT,
    rule="V-39; AWS attestation process 3.1",
    attacks="31",
    effect="If it is rejected, ids of another form would end the service.",
)
def module_id_with_other_printable_characters() -> Case:
    """The module_id begins with a bare-metal host's name, with a blank and a tilde."""
    name = "host 7~a" + SUFFIX
    return enclave_case(_module(name), module_id=name)

"""The chain's names: issuers and the leaf's subject (RFC 5280 sections 4.1.2.4 and 7.1, AWS attestation process 3.2.3)."""

from dataclasses import replace
from typing import Final

from vectorgen.forge import der
from vectorgen.forge.certificates import (
    DOMAIN,
    ENCLAVE_ID,
    INSTANCE,
    LEAF,
    NITRO_TPM_ID,
    at,
    authority_key_identifier,
    hierarchy,
    under,
    with_extension,
)
from vectorgen.forge.documents import CHAIN
from vectorgen.kit import ACCEPT, Case, Row, enclave_case, family, tpm_case, vector

LOST = "If it is rejected, authentic documents are lost."
OTHER_MODULE = "A leaf of one module speaks for another module."
SEARCH = "Where paths are searched for, another path than the one AWS gave is found, or the search never ends."


def _respelled(*parts: tuple[str, bytes]) -> bytes:
    return der.sequence(
        *(der.element(0x31, der.sequence(der.oid(kind), value)) for kind, value in parts)
    )


US: Final = ("2.5.4.6", der.printable("US"))


ORGANIZATION: Final = ("2.5.4.10", der.utf8("NEVER_TRUST"))


INSTANCE_NAME: Final = f"i-0fa4e0fa4e0fa4e0f.{DOMAIN}"


@family(
    Row("case", "in another case", _respelled(US, ORGANIZATION, ("2.5.4.3", der.utf8(INSTANCE_NAME.upper())))),
    Row("blanks", "with a blank after it", _respelled(US, ORGANIZATION, ("2.5.4.3", der.utf8(INSTANCE_NAME + " ")))),
    Row("order", "with its parts in another order", _respelled(ORGANIZATION, US, ("2.5.4.3", der.utf8(INSTANCE_NAME)))),
    Row("shorter", "without the organisation", _respelled(US, ("2.5.4.3", der.utf8(INSTANCE_NAME)))),
    Row("common-name-alone", "by its common name alone", _respelled(("2.5.4.3", der.utf8(INSTANCE_NAME)))),
    expect="chain.issuer",
    rule="V-68; RFC 5280 section 7.1", attacks="66",
    effect="Rules that make names equal differ between programs, and so do the paths they find.",
)  # fmt: skip
def issuer_name(name: bytes) -> Case:
    """The leaf names its issuer {}."""
    return enclave_case(at("leaf", lambda recipe: replace(recipe, issuer=name)))


@vector(
    expect="chain.issuer",
    rule="V-68; RFC 5280 section 7.1",
    attacks="66",
    effect="Rules that make names equal differ between programs.",
)
def issuer_name_printable_string() -> Case:
    """The leaf names its issuer with the same letters, the country as UTF8String instead of PrintableString."""
    name = _respelled(
        ("2.5.4.6", der.utf8("US")), ORGANIZATION, ("2.5.4.3", der.utf8(INSTANCE_NAME))
    )
    return enclave_case(at("leaf", lambda recipe: replace(recipe, issuer=name)))


@vector(
    expect="chain.subject",
    rule="V-56; RFC 5280 section 4.1.2.4",
    attacks="66",
    effect="Two certificates without a name are issuers of each other.",
)
def authority_without_a_name() -> Case:
    """The instance's subject is empty, and so is the leaf's issuer."""
    instance = replace(INSTANCE, subject=der.sequence())
    return enclave_case(hierarchy(instance=instance, leaf=under(instance, LEAF)))


COMMON_NAME: Final = "2.5.4.3"


@family(
    Row("empty", "has no part", der.sequence()),
    Row("no-common-name", "has no common name", _respelled(US, ORGANIZATION)),
    Row("two-common-names", "has two common names, the second of which fits", _respelled(US, (COMMON_NAME, der.utf8("i-other")), (COMMON_NAME, der.utf8(f"{ENCLAVE_ID}.us-east-1.aws")))),
    Row("second-common-name-of-another-type", "has a second common name, as TeletexString", _respelled(US, (COMMON_NAME, der.utf8(f"{ENCLAVE_ID}.us-east-1.aws")), (COMMON_NAME, der.element(0x14, b"i-other")))),
    Row("common-name-as-teletex-string", "has its common name as TeletexString", _respelled(US, (COMMON_NAME, der.element(0x14, f"{ENCLAVE_ID}.us-east-1.aws".encode())))),
    Row("common-name-as-bmp-string", "has its common name as BMPString", _respelled(US, (COMMON_NAME, der.element(0x1E, f"{ENCLAVE_ID}.us-east-1.aws".encode("utf-16-be"))))),
    Row("common-name-beyond-ascii", "goes on with letters beyond ASCII", der.name(f"{ENCLAVE_ID}.región.aws")),
    Row("two-fitting-common-names", "has the common name twice", _respelled(US, (COMMON_NAME, der.utf8(f"{ENCLAVE_ID}.us-east-1.aws")), (COMMON_NAME, der.utf8(f"{ENCLAVE_ID}.us-east-1.aws")))),
    Row("other-module", "is that of another enclave of the same instance", der.name("i-0fa4e0fa4e0fa4e0f-enc0000000000000001.us-east-1.aws")),
    Row("nitrotpm-module", "is that of the instance itself", der.name(f"{NITRO_TPM_ID}.us-east-1.aws")),
    Row("without-dot", "goes on without a dot", der.name(f"{ENCLAVE_ID}0.us-east-1.aws")),
    Row("ends-after-module", "is the module_id alone", der.name(ENCLAVE_ID)),
    Row("module-behind", "has the module_id at its end", der.name(f"x.{ENCLAVE_ID}.us-east-1.aws")),
    Row("upper-case", "is in upper case", der.name(f"{ENCLAVE_ID}.us-east-1.aws".upper())),
    Row("nul", "has a NUL after the module_id", der.name(f"{ENCLAVE_ID}\0.us-east-1.aws")),
    Row("module-in-organisation", "has the module_id as organisation", _respelled(US, ("2.5.4.10", der.utf8(f"{ENCLAVE_ID}.us-east-1.aws")), (COMMON_NAME, der.utf8("i-other")))),
    Row("empty-common-name", "has an empty common name", _respelled(US, (COMMON_NAME, der.utf8("")))),
    Row("common-name-not-utf8", "has a common name that is not UTF-8", _respelled(US, (COMMON_NAME, der.element(0x0C, ENCLAVE_ID.encode() + b".\xff")))),
    Row("common-name-as-integer", "has an integer as common name", _respelled(US, (COMMON_NAME, der.integer(1)))),
    expect="chain.subject",
    rule="V-56, V-72; AWS attestation process 3.2.3", attacks="47b, 66",
    effect=OTHER_MODULE,
)  # fmt: skip
def leaf_subject(name: bytes) -> Case:
    """The leaf's subject {}."""
    return enclave_case(at("leaf", lambda recipe: replace(recipe, subject=name)))


@vector(
    expect="chain.subject",
    rule="V-72; EC2 user guide, NitroTPM",
    attacks="47b",
    effect=OTHER_MODULE,
)
def nitrotpm_leaf_of_an_enclave() -> Case:
    """A NitroTPM document with the leaf of an enclave on the same instance."""
    return tpm_case(CHAIN)


@family(
    Row("other-partition", "ends as that of another partition would", der.name(f"{ENCLAVE_ID}.cn-north-1.aws.cn")),
    Row("common-name-first", "begins with the common name", _respelled((COMMON_NAME, der.utf8(f"{ENCLAVE_ID}.us-east-1.aws")), US)),
    Row("printable-string", "has its common name as PrintableString", _respelled(US, (COMMON_NAME, der.printable(f"{ENCLAVE_ID}.us-east-1.aws")))),
    Row("65-characters", "has a common name of more than the 64 characters of X.520", der.name(f"{ENCLAVE_ID}.an-exceptionally-long-region-1.aws")),
    expect=ACCEPT,
    rule="V-72; AWS attestation process 3.2.3", attacks="47b",
    effect=LOST,
)  # fmt: skip
def good_leaf_subject(name: bytes) -> Case:
    """The leaf's subject {}."""
    return enclave_case(at("leaf", lambda recipe: replace(recipe, subject=name)))


@family(
    Row("other", "names another instance", f"i-00000000000000000.{DOMAIN}"),
    Row("longer", "names an instance whose id begins with that of the module_id", f"i-0fa4e0fa4e0fa4e0f0.{DOMAIN}"),
    Row("without-dot", "is the instance id alone", "i-0fa4e0fa4e0fa4e0f"),
    Row("digits-missing", "begins with i- and a dot", f"i-.{DOMAIN}"),
    Row("other-partition", "ends as that of another partition would", "i-0fa4e0fa4e0fa4e0f.cn-north-1.aws.cn", ACCEPT),
    Row("no-instance", "names no instance at all", f"host-7.{DOMAIN}", ACCEPT),
    expect="chain.subject",
    rule="V-95; 161 of 161 captured documents", attacks="47b",
    effect="Whoever has stolen the key of one instance speaks for every other.",
)  # fmt: skip
def instance_subject(common_name: str) -> Case:
    """The common name of the instance's certificate, which issues the leaf of the module_id, {}."""
    instance = replace(INSTANCE, subject=der.name(common_name))
    return enclave_case(hierarchy(instance=instance, leaf=under(instance, LEAF)))


@vector(expect="chain.issuer", rule="V-69; RFC 5280 section 4.2.1.1", attacks="55", effect=SEARCH)
def other_authority_key_identifier() -> Case:
    """The zonal certificate names another key identifier than its issuer has; its signature is the issuer's."""
    return enclave_case(
        at("zonal", lambda recipe: with_extension(recipe, authority_key_identifier(bytes(20))))
    )

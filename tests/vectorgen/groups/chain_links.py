"""The chain as a whole: root, order, names, signatures, path lengths (RFC 5280 section 6, AWS attestation process 3.2.3)."""

from dataclasses import replace
from typing import Final

from vectorgen.forge import der
from vectorgen.forge.aws_roots import AWS_GOV_ROOT, AWS_ROOT, AWS_ROOT_NAME
from vectorgen.forge.certificates import (
    AUTHORITY_KEY_IDENTIFIER,
    DOMAIN,
    INSTANCE,
    LEAF,
    REGIONAL,
    ROOT,
    ZONAL,
    Recipe,
    at,
    certificate,
    hierarchy,
    issue,
    tbs,
    under,
    without_extensions,
)
from vectorgen.forge.documents import CHAIN, TPM_CHAIN
from vectorgen.forge.keys import NEVER_TRUST_STRANGER, ORDER
from vectorgen.kit import Case, Row, enclave_case, family, tpm_case, vector

ROOT_DER, REGIONAL_DER, ZONAL_DER, INSTANCE_DER = CHAIN.cabundle


STRANGER: Final = NEVER_TRUST_STRANGER


ANYONE = "Anybody makes a chain of their own, and documents under it that are accepted."


SEARCH = "Where paths are searched for, another path than the one AWS gave is found, or the search never ends."


def twin(recipe: Recipe) -> bytes:
    """Issue a certificate whose signature is (r, n - s)."""
    r, s = recipe.signer.sign(tbs(recipe))
    return certificate(recipe, der.signature(r, ORDER - s))


SELF_MADE_ROOT: Final = replace(ROOT, key=STRANGER, signer=STRANGER)


SELF_MADE: Final = hierarchy(root=SELF_MADE_ROOT, regional=replace(REGIONAL, signer=STRANGER))


@vector(
    expect="chain.unknown_root",
    rule="V-51; RFC 5280 section 6.1.1 (d)",
    attacks="49",
    effect=ANYONE,
)
def root_of_the_same_name() -> Case:
    """The whole chain hangs under a self-signed root with the name, the serial and the key identifier of the real one."""
    return replace(enclave_case(SELF_MADE), anchor=CHAIN.anchor)


@vector(
    expect="chain.unknown_root",
    rule="V-51; RFC 5280 section 6.1.1 (d)",
    attacks="49",
    effect=ANYONE,
)
def nitrotpm_root_of_the_same_name() -> Case:
    """The chain of a NitroTPM document hangs under a self-signed root with the name of the real one."""
    chain = replace(SELF_MADE, certificate=TPM_CHAIN.certificate)
    return replace(tpm_case(chain), anchor=CHAIN.anchor)


@vector(
    expect="chain.unknown_root",
    rule="V-51; AWS attestation process 3.2.3",
    attacks="51",
    effect="Two certificates stand for one root; lists and pins by digest disagree.",
)
def twin_of_the_root() -> Case:
    """The first certificate is the root with the twin (r, n - s) of its own signature."""
    return enclave_case(replace(CHAIN, cabundle=(twin(ROOT), *CHAIN.cabundle[1:])))


@vector(
    expect="chain.unknown_root",
    rule="V-51; AWS attestation process 3.2.3",
    attacks="50, 55",
    effect=SEARCH,
)
def without_the_root() -> Case:
    """The bundle begins with the regional certificate; the chain would end in the right root."""
    return enclave_case(replace(CHAIN, cabundle=CHAIN.cabundle[1:]))


@vector(
    expect="chain.unknown_root",
    rule="V-51; AWS attestation process 3.2.3",
    attacks="50",
    effect=SEARCH,
)
def other_root_first() -> Case:
    """The bundle begins with another root; the rest of the chain hangs under the right one."""
    return enclave_case(replace(CHAIN, cabundle=(issue(SELF_MADE_ROOT), *CHAIN.cabundle[1:])))


@vector(
    expect="chain.unknown_root",
    rule="V-51; AWS attestation process 3.2.3",
    attacks="55",
    effect=SEARCH,
)
def reversed_bundle() -> Case:
    """The bundle is in the order of TLS, the root last."""
    return enclave_case(replace(CHAIN, cabundle=CHAIN.cabundle[::-1]))


@family(
    Row(
        "kit-under-aws",
        "the kit's root, and AWS's commercial root is trusted",
        (ROOT_DER, AWS_ROOT),
    ),
    Row(
        "kit-under-gov",
        "the kit's root, and the GovCloud root is trusted",
        (ROOT_DER, AWS_GOV_ROOT),
    ),
    Row(
        "gov-under-aws",
        "the GovCloud root, and the commercial root is trusted",
        (AWS_GOV_ROOT, AWS_ROOT),
    ),
    Row(
        "aws-under-gov",
        "the commercial root, and the GovCloud root is trusted",
        (AWS_ROOT, AWS_GOV_ROOT),
    ),
    Row(
        "aws-under-kit",
        "AWS's commercial root, and the kit's root is trusted",
        (AWS_ROOT, ROOT_DER),
    ),
    expect="chain.unknown_root",
    rule="V-51; AWS GovCloud user guide",
    attacks="49, 52",
    effect="A document of another partition, or of a test, is trusted.",
)
def partition(roots: tuple[bytes, bytes]) -> Case:
    """The bundle begins with {}."""
    carried, trusted = roots
    return replace(
        enclave_case(replace(CHAIN, cabundle=(carried, *CHAIN.cabundle[1:]))), anchor=trusted
    )


@vector(expect="chain.issuer", rule="V-68", attacks="49, 55", effect=ANYONE)
def aws_root_before_a_foreign_chain() -> Case:
    """AWS's root, which is trusted, is followed by a chain under another root."""
    return replace(
        enclave_case(replace(CHAIN, cabundle=(AWS_ROOT, *CHAIN.cabundle[1:]))), anchor=AWS_ROOT
    )


@vector(
    expect="chain.signature",
    rule="V-75; RFC 5280 section 6.1.3 (a)(1)",
    attacks="49",
    effect=ANYONE,
)
def forged_under_the_aws_root() -> Case:
    """The regional certificate names AWS's root, which is trusted, as its issuer; AWS has not signed it."""
    regional = issue(
        without_extensions(replace(REGIONAL, issuer=AWS_ROOT_NAME), AUTHORITY_KEY_IDENTIFIER)
    )
    return replace(
        enclave_case(replace(CHAIN, cabundle=(AWS_ROOT, regional, *CHAIN.cabundle[2:]))),
        anchor=AWS_ROOT,
    )


EXTRA: Final = issue(
    under(ROOT, replace(REGIONAL, key=STRANGER, subject=der.name(f"0000000000000000.{DOMAIN}")))
)


@family(
    Row("regional-and-zonal-swapped", "has regional and zonal certificate in each other's place", (ROOT_DER, ZONAL_DER, REGIONAL_DER, INSTANCE_DER)),
    Row("zonal-and-instance-swapped", "has zonal and instance certificate in each other's place", (ROOT_DER, REGIONAL_DER, INSTANCE_DER, ZONAL_DER)),
    Row("without-regional", "lacks the regional certificate", (ROOT_DER, ZONAL_DER, INSTANCE_DER)),
    Row("without-zonal", "lacks the zonal certificate", (ROOT_DER, REGIONAL_DER, INSTANCE_DER)),
    Row("without-instance", "lacks the instance's certificate", (ROOT_DER, REGIONAL_DER, ZONAL_DER)),
    Row("root-twice", "begins with the root twice", (ROOT_DER, *CHAIN.cabundle)),
    Row("zonal-twice", "has the zonal certificate twice in a row", (ROOT_DER, REGIONAL_DER, ZONAL_DER, ZONAL_DER, INSTANCE_DER)),
    Row("instance-twice", "has the instance's certificate twice in a row", (*CHAIN.cabundle, INSTANCE_DER)),
    Row("extra-last", "ends with a good certificate that is not part of the path", (*CHAIN.cabundle, EXTRA)),
    Row("extra-between", "has a good certificate in its midst that is not part of the path", (ROOT_DER, EXTRA, *CHAIN.cabundle[1:])),
    Row("root-last-too", "begins and ends with the root", (*CHAIN.cabundle, ROOT_DER)),
    expect="chain.issuer",
    rule="V-68; AWS attestation process 3.2.3", attacks="55",
    effect=SEARCH,
)  # fmt: skip
def bundle_that(certificates: tuple[bytes, ...]) -> Case:
    """The bundle {}."""
    return enclave_case(replace(CHAIN, cabundle=certificates))


@vector(
    expect="chain.issuer",
    rule="V-68",
    attacks="55, 106",
    effect="A verifier that follows issuers runs in a circle for ever.",
)
def circle_of_issuers() -> Case:
    """Regional and zonal certificate name each other as issuer, and neither names the root."""
    regional = replace(REGIONAL, issuer=ZONAL.subject, signer=ZONAL.key)
    return enclave_case(hierarchy(regional=without_extensions(regional, AUTHORITY_KEY_IDENTIFIER)))


@vector(expect="chain.issuer", rule="V-70; RFC 5280 section 6.1", attacks="55", effect=SEARCH)
def subject_twice() -> Case:
    """Zonal and instance certificate have the same subject and different keys; every signature is good."""
    instance = replace(INSTANCE, subject=ZONAL.subject)
    return enclave_case(hierarchy(instance=instance, leaf=under(instance, LEAF)))


@family(
    Row("regional", "regional", "regional"),
    Row("zonal", "zonal", "zonal"),
    Row("instance", "instance's", "instance"),
    Row("leaf", "leaf's", "leaf"),
    expect="chain.signature",
    rule="V-75; RFC 5280 section 6.1.3 (a)(1)",
    attacks="19",
    effect=ANYONE,
)
def signed_by_a_stranger(place: str) -> Case:
    """The {} certificate has the right issuer by name, and is signed by a key that is not the issuer's."""
    return enclave_case(at(place, lambda recipe: replace(recipe, signer=STRANGER)))


@vector(
    expect="chain.signature",
    rule="V-75; RFC 5280 section 6.1.3 (a)(1)",
    attacks="19",
    effect=ANYONE,
)
def signed_by_itself() -> Case:
    """The leaf names the instance as its issuer, and is signed by its own key."""
    return enclave_case(at("leaf", lambda recipe: replace(recipe, signer=recipe.key)))


@vector(
    expect="chain.signature",
    rule="V-75; RFC 5280 section 6.1.3 (a)(1)",
    attacks="55",
    effect=SEARCH,
)
def signed_by_the_issuers_issuer() -> Case:
    """The leaf names the instance as its issuer, and is signed by the zonal key."""
    return enclave_case(at("leaf", lambda recipe: replace(recipe, signer=ZONAL.key)))


@vector(
    expect="chain.signature",
    rule="V-75; RFC 5280 section 6.1.3 (a)(1)",
    attacks="19",
    effect=ANYONE,
)
def changed_after_signing() -> Case:
    """The leaf's public key has been exchanged for a stranger's, who signs the document; the certificate's signature is the old one."""
    forged = replace(LEAF, key=STRANGER)
    signature = der.signature(*LEAF.signer.sign(tbs(LEAF)))
    return enclave_case(replace(CHAIN, certificate=certificate(forged, signature), key=STRANGER))


@vector(
    expect="chain.issuer",
    rule="V-68; RFC 5280 section 6.1.3 (a)(4)",
    attacks="49, 55",
    effect=ANYONE,
)
def leaf_self_issued() -> Case:
    """The leaf is self-signed under its own name."""
    return enclave_case(
        at("leaf", lambda recipe: replace(recipe, issuer=recipe.subject, signer=recipe.key))
    )

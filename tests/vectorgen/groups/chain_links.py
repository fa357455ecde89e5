"""The chain as a whole: root, order, names, signatures, path lengths (RFC 5280 section 6, AWS attestation process 3.2.3)."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from vectorgen.forge import der
from vectorgen.forge.aws_roots import AWS_GOV_ROOT, AWS_ROOT, AWS_ROOT_NAME
from vectorgen.forge.certificates import (
    AUTHORITY_KEY_IDENTIFIER,
    DOMAIN,
    ENCLAVE_ID,
    HOUR,
    INSTANCE,
    LEAF,
    NITRO_TPM_ID,
    REGIONAL,
    ROOT,
    ZONAL,
    Chain,
    Recipe,
    at,
    authority_key_identifier,
    basic_constraints,
    certificate,
    chain_of,
    hierarchy,
    issue,
    leaf_of,
    tbs,
    under,
    with_extension,
    without_extensions,
)
from vectorgen.forge.documents import CHAIN, TPM_CHAIN, milliseconds
from vectorgen.forge.keys import NEVER_TRUST_STRANGER, ORDER, Key, digest_number, named_key, point_x
from vectorgen.kit import ACCEPT, Case, Row, enclave_case, family, tpm_case, vector

ROOT_DER, REGIONAL_DER, ZONAL_DER, INSTANCE_DER = CHAIN.cabundle
STRANGER: Final = NEVER_TRUST_STRANGER

ANYONE = "Anybody makes a chain of their own, and documents under it that are believed."
SEARCH = "Where paths are searched for, another path than the one AWS gave is found, or the search never ends."
OTHER_MODULE = "A leaf of one module speaks for another one."
CA_FOR_ALL = "Whoever gets into one machine issues certificates for others."
LOST = "Refused, genuine documents are lost."


def _twin(recipe: Recipe) -> bytes:
    """Issue a certificate whose signature is (r, n - s)."""
    r, s = recipe.signer.sign(tbs(recipe))
    return certificate(recipe, der.signature(r, ORDER - s))


SELF_MADE_ROOT: Final = replace(ROOT, key=STRANGER, signer=STRANGER)
SELF_MADE: Final = hierarchy(root=SELF_MADE_ROOT, regional=replace(REGIONAL, signer=STRANGER))


@vector(expect="chain.unknown_root", rule="attacks 49; RFC 5280 section 6.1.1 (d)", effect=ANYONE)
def root_of_the_same_name() -> Case:
    """The whole chain hangs under a self-signed root with the name, the serial and the key identifier of the real one."""
    return replace(enclave_case(SELF_MADE), anchor=CHAIN.anchor)


@vector(expect="chain.unknown_root", rule="attacks 49; RFC 5280 section 6.1.1 (d)", effect=ANYONE)
def nitrotpm_root_of_the_same_name() -> Case:
    """The chain of a NitroTPM document hangs under a self-signed root with the name of the real one."""
    chain = replace(SELF_MADE, certificate=TPM_CHAIN.certificate)
    return replace(tpm_case(chain), anchor=CHAIN.anchor)


@vector(
    expect="chain.unknown_root",
    rule="attacks 51; AWS attestation process 3.2.3",
    effect="Two certificates stand for one root; lists and pins by digest disagree.",
)
def twin_of_the_root() -> Case:
    """The first certificate is the root with the twin (r, n - s) of its own signature."""
    return enclave_case(replace(CHAIN, cabundle=(_twin(ROOT), *CHAIN.cabundle[1:])))


@vector(expect="chain.unknown_root", rule="attacks 50, 55; AWS attestation process 3.2.3", effect=SEARCH)
def without_the_root() -> Case:
    """The bundle begins with the regional certificate; the chain would end in the right root."""
    return enclave_case(replace(CHAIN, cabundle=CHAIN.cabundle[1:]))


@vector(expect="chain.unknown_root", rule="attacks 50; AWS attestation process 3.2.3", effect=SEARCH)
def other_root_first() -> Case:
    """The bundle begins with another root; the rest of the chain hangs under the right one."""
    return enclave_case(replace(CHAIN, cabundle=(issue(SELF_MADE_ROOT), *CHAIN.cabundle[1:])))


@vector(expect="chain.unknown_root", rule="attacks 55; AWS attestation process 3.2.3", effect=SEARCH)
def reversed_bundle() -> Case:
    """The bundle is in the order of TLS, the root last."""
    return enclave_case(replace(CHAIN, cabundle=CHAIN.cabundle[::-1]))


@family(
    Row("kit-under-aws", "the kit's root, and AWS's commercial root is trusted", (ROOT_DER, AWS_ROOT)),
    Row("kit-under-gov", "the kit's root, and the GovCloud root is trusted", (ROOT_DER, AWS_GOV_ROOT)),
    Row("gov-under-aws", "the GovCloud root, and the commercial root is trusted", (AWS_GOV_ROOT, AWS_ROOT)),
    Row("aws-under-gov", "the commercial root, and the GovCloud root is trusted", (AWS_ROOT, AWS_GOV_ROOT)),
    Row("aws-under-kit", "AWS's commercial root, and the kit's root is trusted", (AWS_ROOT, ROOT_DER)),
    expect="chain.unknown_root",
    rule="attacks 49, 52; AWS GovCloud user guide",
    effect="A document of another partition, or of a test, is believed.",
)
def partition(roots: tuple[bytes, bytes]) -> Case:
    """The bundle begins with {}."""
    carried, trusted = roots
    return replace(enclave_case(replace(CHAIN, cabundle=(carried, *CHAIN.cabundle[1:]))), anchor=trusted)


@vector(expect="chain.issuer", rule="attacks 49, 55", effect=ANYONE)
def aws_root_before_a_foreign_chain() -> Case:
    """AWS's root, which is trusted, is followed by a chain that hangs under another one."""
    return replace(enclave_case(replace(CHAIN, cabundle=(AWS_ROOT, *CHAIN.cabundle[1:]))), anchor=AWS_ROOT)


@vector(expect="chain.signature", rule="attacks 49; RFC 5280 section 6.1.3 (a)(1)", effect=ANYONE)
def forged_under_the_aws_root() -> Case:
    """The regional certificate names AWS's root, which is trusted, as its issuer; AWS has not signed it."""
    regional = issue(without_extensions(replace(REGIONAL, issuer=AWS_ROOT_NAME), AUTHORITY_KEY_IDENTIFIER))
    return replace(enclave_case(replace(CHAIN, cabundle=(AWS_ROOT, regional, *CHAIN.cabundle[2:]))), anchor=AWS_ROOT)


EXTRA: Final = issue(under(ROOT, replace(REGIONAL, key=STRANGER, subject=der.name(f"0000000000000000.{DOMAIN}"))))


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
    rule="attacks 55; AWS attestation process 3.2.3",
    effect=SEARCH,
)  # fmt: skip
def bundle_that(certificates: tuple[bytes, ...]) -> Case:
    """The bundle {}."""
    return enclave_case(replace(CHAIN, cabundle=certificates))


@vector(expect="chain.issuer", rule="attacks 55, 106", effect="A verifier that follows issuers runs in a circle for ever.")
def circle_of_issuers() -> Case:
    """Regional and zonal certificate name each other as issuer, and neither names the root."""
    regional = replace(REGIONAL, issuer=ZONAL.subject, signer=ZONAL.key)
    return enclave_case(hierarchy(regional=without_extensions(regional, AUTHORITY_KEY_IDENTIFIER)))


@vector(expect="chain.issuer", rule="attacks 55; RFC 5280 section 6.1", effect=SEARCH)
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
    rule="attacks 19; RFC 5280 section 6.1.3 (a)(1)",
    effect=ANYONE,
)
def signed_by_a_stranger(place: str) -> Case:
    """The {} certificate has the right issuer by name, and is signed by a key that is not the issuer's."""
    return enclave_case(at(place, lambda recipe: replace(recipe, signer=STRANGER)))


@vector(expect="chain.signature", rule="attacks 19; RFC 5280 section 6.1.3 (a)(1)", effect=ANYONE)
def signed_by_itself() -> Case:
    """The leaf names the instance as its issuer, and is signed by its own key."""
    return enclave_case(at("leaf", lambda recipe: replace(recipe, signer=recipe.key)))


@vector(expect="chain.signature", rule="attacks 55; RFC 5280 section 6.1.3 (a)(1)", effect=SEARCH)
def signed_by_the_issuers_issuer() -> Case:
    """The leaf names the instance as its issuer, and is signed by the zonal key."""
    return enclave_case(at("leaf", lambda recipe: replace(recipe, signer=ZONAL.key)))


@vector(expect="chain.signature", rule="attacks 19; RFC 5280 section 6.1.3 (a)(1)", effect=ANYONE)
def changed_after_signing() -> Case:
    """The leaf's public key has been exchanged for a stranger's, who signs the document; the certificate's signature is the old one."""
    forged = replace(LEAF, key=STRANGER)
    signature = der.signature(*LEAF.signer.sign(tbs(LEAF)))
    return enclave_case(replace(CHAIN, certificate=certificate(forged, signature), key=STRANGER))


@vector(expect="chain.issuer", rule="attacks 49, 55; RFC 5280 section 6.1.3 (a)(4)", effect=ANYONE)
def leaf_self_issued() -> Case:
    """The leaf is self-signed under its own name."""
    return enclave_case(at("leaf", lambda recipe: replace(recipe, issuer=recipe.subject, signer=recipe.key)))


def _respelled(*parts: tuple[str, bytes]) -> bytes:
    return der.sequence(*(der.element(0x31, der.sequence(der.oid(kind), value)) for kind, value in parts))


US: Final = ("2.5.4.6", der.printable("US"))
ORGANIZATION: Final = ("2.5.4.10", der.utf8("NEVER_TRUST"))
INSTANCE_NAME: Final = f"i-0fa4e0fa4e0fa4e0f.{DOMAIN}"


@family(
    Row("case", "in another case", _respelled(US, ORGANIZATION, ("2.5.4.3", der.utf8(INSTANCE_NAME.upper())))),
    Row("blanks", "with a blank behind it", _respelled(US, ORGANIZATION, ("2.5.4.3", der.utf8(INSTANCE_NAME + " ")))),
    Row("order", "with its parts in another order", _respelled(ORGANIZATION, US, ("2.5.4.3", der.utf8(INSTANCE_NAME)))),
    Row("shorter", "without the organisation", _respelled(US, ("2.5.4.3", der.utf8(INSTANCE_NAME)))),
    Row("common-name-alone", "by its common name alone", _respelled(("2.5.4.3", der.utf8(INSTANCE_NAME)))),
    expect="chain.issuer",
    rule="attacks 66; RFC 5280 section 7.1",
    effect="Rules that make names equal differ between programs, and so do the paths they find.",
)  # fmt: skip
def issuer_name(name: bytes) -> Case:
    """The leaf names its issuer {}."""
    return enclave_case(at("leaf", lambda recipe: replace(recipe, issuer=name)))


@vector(
    expect="chain.issuer",
    rule="attacks 66; RFC 5280 section 7.1",
    effect="Rules that make names equal differ between programs.",
)
def issuer_name_printable_string() -> Case:
    """The leaf names its issuer with the same letters, the country as UTF8String instead of PrintableString."""
    name = _respelled(("2.5.4.6", der.utf8("US")), ORGANIZATION, ("2.5.4.3", der.utf8(INSTANCE_NAME)))
    return enclave_case(at("leaf", lambda recipe: replace(recipe, issuer=name)))


@vector(
    expect="chain.subject",
    rule="attacks 66; RFC 5280 section 4.1.2.4",
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
    Row("two-fitting-common-names", "has the common name twice", _respelled(US, (COMMON_NAME, der.utf8(f"{ENCLAVE_ID}.us-east-1.aws")), (COMMON_NAME, der.utf8(f"{ENCLAVE_ID}.us-east-1.aws")))),
    Row("other-module", "is that of another enclave of the same instance", der.name("i-0fa4e0fa4e0fa4e0f-enc0000000000000001.us-east-1.aws")),
    Row("nitrotpm-module", "is that of the instance itself", der.name(f"{NITRO_TPM_ID}.us-east-1.aws")),
    Row("without-dot", "goes on without a dot", der.name(f"{ENCLAVE_ID}0.us-east-1.aws")),
    Row("ends-after-module", "is the module_id alone", der.name(ENCLAVE_ID)),
    Row("module-behind", "has the module_id at its end", der.name(f"x.{ENCLAVE_ID}.us-east-1.aws")),
    Row("upper-case", "is in upper case", der.name(f"{ENCLAVE_ID}.us-east-1.aws".upper())),
    Row("nul", "has a NUL behind the module_id", der.name(f"{ENCLAVE_ID}\0.us-east-1.aws")),
    Row("module-in-organisation", "has the module_id as organisation", _respelled(US, ("2.5.4.10", der.utf8(f"{ENCLAVE_ID}.us-east-1.aws")), (COMMON_NAME, der.utf8("i-other")))),
    Row("empty-common-name", "has an empty common name", _respelled(US, (COMMON_NAME, der.utf8("")))),
    Row("common-name-not-utf8", "has a common name that is not UTF-8", _respelled(US, (COMMON_NAME, der.element(0x0C, ENCLAVE_ID.encode() + b".\xff")))),
    Row("common-name-as-integer", "has an integer as common name", _respelled(US, (COMMON_NAME, der.integer(1)))),
    expect="chain.subject",
    rule="attacks 47b, 66; AWS attestation process 3.2.3",
    effect=OTHER_MODULE,
)  # fmt: skip
def leaf_subject(name: bytes) -> Case:
    """The leaf's subject {}."""
    return enclave_case(at("leaf", lambda recipe: replace(recipe, subject=name)))


@vector(expect="chain.subject", rule="attacks 47b; EC2 user guide, NitroTPM", effect=OTHER_MODULE)
def nitrotpm_leaf_of_an_enclave() -> Case:
    """A NitroTPM document with the leaf of an enclave on the same instance."""
    return tpm_case(CHAIN)


@family(
    Row("other-partition", "ends as that of another partition would", der.name(f"{ENCLAVE_ID}.cn-north-1.aws.cn")),
    Row("common-name-first", "begins with the common name", _respelled((COMMON_NAME, der.utf8(f"{ENCLAVE_ID}.us-east-1.aws")), US)),
    Row("printable-string", "has its common name as PrintableString", _respelled(US, (COMMON_NAME, der.printable(f"{ENCLAVE_ID}.us-east-1.aws")))),
    Row("65-characters", "has a common name of more than the 64 characters of X.520", der.name(f"{ENCLAVE_ID}.an-exceptionally-long-region-1.aws")),
    expect=ACCEPT,
    rule="attacks 47b; AWS attestation process 3.2.3",
    effect=LOST,
)  # fmt: skip
def good_leaf_subject(name: bytes) -> Case:
    """The leaf's subject {}."""
    return enclave_case(at("leaf", lambda recipe: replace(recipe, subject=name)))


@vector(expect="chain.issuer", rule="attacks 55; RFC 5280 section 4.2.1.1", effect=SEARCH)
def other_authority_key_identifier() -> Case:
    """The zonal certificate names another key identifier than its issuer has; its signature is the issuer's."""
    return enclave_case(at("zonal", lambda recipe: with_extension(recipe, authority_key_identifier(bytes(20)))))


def _long_chain(length: int) -> Chain:
    """Issue a bundle of `length` certificates, root first, with path lengths that just suffice."""
    authorities = [ROOT]
    for index in range(1, length):
        key = named_key(f"NEVER_TRUST_AUTHORITY_{index}")
        below = length - 1 - index
        recipe = replace(INSTANCE, key=key, subject=der.name(f"authority-{index}.{DOMAIN}"))
        recipe = with_extension(recipe, basic_constraints(der.TRUE, der.integer(below)))
        authorities.append(under(authorities[-1], without_extensions(recipe, "2.5.29.14")))
    return chain_of(*authorities, leaf=under(authorities[-1], LEAF))


@family(
    *(Row(str(length), f"{length}", length) for length in (2, 3, 5, 8)),
    expect=ACCEPT,
    rule="attacks 44, 57; AWS attestation process 3.1",
    effect="Refused, documents are lost on the day AWS adds or drops a level.",
)
def bundle_of(length: int) -> Case:
    """The bundle has {} certificates, each with just the path length it needs."""
    return enclave_case(_long_chain(length))


@vector(
    expect="document.cabundle", rule="attacks 44; AWS attestation process 3.1", effect="Work grows with what a stranger sends."
)
def bundle_of_9() -> Case:
    """The bundle has 9 certificates, each with just the path length it needs: one more than this kit's limit."""
    return enclave_case(_long_chain(9))


def _with_path_length(place: str, *path_length: bytes) -> Chain:
    return at(place, lambda recipe: with_extension(recipe, basic_constraints(der.TRUE, *path_length)))


@family(
    Row("root", "root allows two authorities under it, and has three", ("root", 2)),
    Row("regional", "regional certificate allows one authority under it, and has two", ("regional", 1)),
    Row("zonal", "zonal certificate allows no authority under it, and has one", ("zonal", 0)),
    expect="chain.path_length",
    rule="attacks 56, 57; RFC 5280 section 4.2.1.9",
    effect=CA_FOR_ALL,
)
def path_length(given: tuple[str, int]) -> Case:
    """The {}."""
    place, value = given
    return enclave_case(_with_path_length(place, der.integer(value)))


@vector(expect="chain.path_length", rule="attacks 56; RFC 5280 section 4.2.1.9", effect=CA_FOR_ALL)
def authority_under_the_instance() -> Case:
    """The instance, whose path length is 0, has issued an authority of its own, which has issued the leaf."""
    own = replace(INSTANCE, key=STRANGER, subject=der.name(f"own.{DOMAIN}"))
    own = without_extensions(under(INSTANCE, own), "2.5.29.14")
    return enclave_case(chain_of(ROOT, REGIONAL, ZONAL, INSTANCE, own, leaf=under(own, LEAF)))


@vector(expect="chain.not_a_ca", rule="attacks 56; RFC 5280 section 6.1.4 (k)", effect=CA_FOR_ALL)
def authority_under_the_leaf() -> Case:
    """The leaf of another module stands in the bundle, in the place of the instance, and has issued the leaf."""
    issuer = replace(LEAF, key=STRANGER, subject=der.name("i-0fa4e0fa4e0fa4e0f-enc0000000000000001.us-east-1.aws"))
    issuer = under(ZONAL, issuer)
    return enclave_case(chain_of(ROOT, REGIONAL, ZONAL, issuer, leaf=under(issuer, LEAF)))


@family(
    Row("root-just-enough", "root allows the three authorities it has", ("root", (der.integer(3),))),
    Row("regional-more", "regional certificate allows 255 authorities", ("regional", (der.integer(255),))),
    Row("regional-none", "regional certificate has no path length", ("regional", ())),
    Row("instance-none", "instance's certificate has no path length", ("instance", ())),
    expect=ACCEPT,
    rule="attacks 57, 59; RFC 5280 section 4.2.1.9",
    effect=LOST,
)
def good_path_length(given: tuple[str, tuple[bytes, ...]]) -> Case:
    """The {}."""
    place, value = given
    return enclave_case(_with_path_length(place, *value))


@family(
    Row("regional", "regional", 1),
    Row("zonal", "zonal", 2),
    Row("instance", "instance's", 3),
    expect=ACCEPT,
    rule="attacks 67; RFC 5480 appendix A",
    effect="It is as good as the first one; whoever remembers certificates by their bytes takes it for a new one.",
)
def twin_of_an_authority(index: int) -> Case:
    """The {} certificate has the twin (r, n - s) of its signature."""
    recipes = (ROOT, REGIONAL, ZONAL, INSTANCE)
    bundle = list(CHAIN.cabundle)
    bundle[index] = _twin(recipes[index])
    return enclave_case(replace(CHAIN, cabundle=tuple(bundle)))


@vector(expect=ACCEPT, rule="attacks 67; RFC 5480 appendix A", effect="It is as good as the first one.")
def twin_of_the_leaf() -> Case:
    """The leaf's certificate has the twin (r, n - s) of its signature."""
    return enclave_case(replace(CHAIN, certificate=_twin(LEAF)))


def _instance_with_key(key: Key) -> Recipe:
    return without_extensions(replace(INSTANCE, key=key), "2.5.29.14")


def _tuned(s: int) -> tuple[Chain, int]:
    """Choose the instance's key so that its signature of the leaf has exactly the given s; return r too."""
    nonce_scalar = 3
    r = point_x(nonce_scalar) % ORDER
    key = Key(pow(r, -1, ORDER) * (s * nonce_scalar - digest_number(tbs(LEAF))) % ORDER)
    return hierarchy(instance=_instance_with_key(key)), r


@vector(
    expect=ACCEPT,
    rule="attacks 67; FIPS 186-5 section 6.4.2",
    effect="Refused, one of the values a signature can have is excluded.",
)
def leaf_signature_with_s_of_one() -> Case:
    """The issuer's signature of the leaf has s = 1, the least there is."""
    chain, r = _tuned(1)
    return enclave_case(replace(chain, certificate=certificate(LEAF, der.signature(r, 1))))


@vector(
    expect="chain.signature",
    rule="attacks 13, 67; FIPS 186-5 section 6.4.2 step 1",
    effect="Each signature has further forms; what is compared by bytes is no longer one thing.",
)
def leaf_signature_with_s_plus_order() -> Case:
    """The issuer's signature of the leaf is (r, n + 1) where (r, 1) is good: reduced modulo n it would verify."""
    chain, r = _tuned(1)
    return enclave_case(replace(chain, certificate=certificate(LEAF, der.signature(r, ORDER + 1))))


@family(
    Row("lifetime-of-3-hours", "lives for 10,800 seconds, as in 2021,", timedelta(seconds=10_800)),
    Row("lifetime-of-a-day", "lives for a day", timedelta(days=1)),
    expect=ACCEPT,
    rule="attacks 72",
    effect="Refused, documents are lost on the day AWS changes lifetimes.",
)
def leaf_with(lifetime: timedelta) -> Case:
    """The leaf {}."""
    return enclave_case(at("leaf", lambda recipe: replace(recipe, not_after=der.time(HOUR + lifetime))))


@vector(expect=ACCEPT, rule="attacks 72", effect="AWS reuses a leaf for its three hours; refused, most documents are lost.")
def leaf_reused_late() -> Case:
    """The document was made 8,523 seconds after the leaf."""
    made = HOUR + timedelta(seconds=8523)
    return enclave_case(now=made + timedelta(seconds=1), timestamp=milliseconds(made))


@vector(expect=ACCEPT, rule="attacks 47b", effect=LOST)
def nitrotpm_leaf_of_another_region() -> Case:
    """The leaf of a NitroTPM document names another region than the authorities do."""
    leaf = replace(leaf_of(NITRO_TPM_ID), subject=der.name(f"{NITRO_TPM_ID}.eu-central-1.aws"))
    return tpm_case(hierarchy(leaf=leaf))

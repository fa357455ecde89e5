"""The chain's length, path lengths, twins of its signatures, and the leaf's life (RFC 5280 section 4.2.1.9)."""

from dataclasses import replace
from datetime import timedelta

from vectorgen.forge import der
from vectorgen.forge.certificates import (
    DOMAIN,
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
    basic_constraints,
    certificate,
    chain_of,
    hierarchy,
    leaf_of,
    tbs,
    under,
    with_extension,
    without_extensions,
)
from vectorgen.forge.documents import CHAIN, milliseconds
from vectorgen.forge.keys import ORDER, Key, digest_number, named_key, point_x
from vectorgen.groups.chain_links import STRANGER, twin
from vectorgen.kit import ACCEPT, Case, Row, enclave_case, family, tpm_case, vector

CA_FOR_ALL = "Whoever gets into one machine issues certificates for others."
LOST = "If it is rejected, authentic documents are lost."


def _long_chain(length: int, first_signer: Key = ROOT.key) -> Chain:
    """Issue a bundle of `length` certificates, root first, with path lengths that just suffice."""
    authorities = [ROOT]
    for index in range(1, length):
        key = named_key(f"NEVER_TRUST_AUTHORITY_{index}")
        below = length - 1 - index
        recipe = replace(INSTANCE, key=key, subject=der.name(f"authority-{index}.{DOMAIN}"))
        recipe = with_extension(recipe, basic_constraints(der.TRUE, der.integer(below)))
        authorities.append(under(authorities[-1], without_extensions(recipe, "2.5.29.14")))
    authorities[1] = replace(authorities[1], signer=first_signer)
    return chain_of(*authorities, leaf=under(authorities[-1], LEAF))


@vector(
    expect="chain.signature",
    rule="V-75; RFC 5280 section 6.1.3 (a)(1)",
    attacks="121",
    effect="Every signature is checked though the first is bad: a stranger's documents cost the most.",
)
def seven_certificates_of_a_stranger() -> Case:
    """The root, and seven CA certificates and a leaf that a stranger has made; only the first signature is bad."""
    return enclave_case(_long_chain(8, STRANGER))


@family(
    *(Row(str(length), f"{length}", length) for length in (2, 3, 5, 8)),
    expect=ACCEPT,
    rule="V-44, V-71; AWS attestation process 3.1",
    attacks="44, 57",
    effect="If it is rejected, documents are lost on the day AWS adds or drops a level.",
)
def bundle_of(length: int) -> Case:
    """The bundle has {} certificates, each with just the path length it needs."""
    return enclave_case(_long_chain(length))


@vector(
    expect="document.cabundle",
    rule="V-44; AWS attestation process 3.1",
    attacks="44",
    effect="Work grows with what a stranger sends.",
)
def bundle_of_9() -> Case:
    """The bundle has 9 certificates, each with just the path length it needs: one more than this kit's limit."""
    return enclave_case(_long_chain(9))


def _with_path_length(place: str, *path_length: bytes) -> Chain:
    return at(
        place, lambda recipe: with_extension(recipe, basic_constraints(der.TRUE, *path_length))
    )


@family(
    Row("root", "root allows two CA certificates under it, and has three", ("root", 2)),
    Row(
        "regional",
        "regional certificate allows one CA certificate under it, and has two",
        ("regional", 1),
    ),
    Row("zonal", "zonal certificate allows no CA certificate under it, and has one", ("zonal", 0)),
    expect="chain.path_length",
    rule="V-71; RFC 5280 section 4.2.1.9",
    attacks="56, 57",
    effect=CA_FOR_ALL,
)
def path_length(given: tuple[str, int]) -> Case:
    """The {}."""
    place, value = given
    return enclave_case(_with_path_length(place, der.integer(value)))


@vector(
    expect="chain.path_length",
    rule="V-71; RFC 5280 section 4.2.1.9",
    attacks="56",
    effect=CA_FOR_ALL,
)
def authority_under_the_instance() -> Case:
    """The instance, whose path length is 0, has issued a CA certificate of its own, which has issued the leaf."""
    own = replace(INSTANCE, key=STRANGER, subject=der.name(f"own.{DOMAIN}"))
    own = without_extensions(under(INSTANCE, own), "2.5.29.14")
    return enclave_case(chain_of(ROOT, REGIONAL, ZONAL, INSTANCE, own, leaf=under(own, LEAF)))


@vector(
    expect="chain.not_a_ca",
    rule="V-63; RFC 5280 section 6.1.4 (k)",
    attacks="56",
    effect=CA_FOR_ALL,
)
def authority_under_the_leaf() -> Case:
    """The bundle has the leaf of another module instead of the instance, and that leaf has issued the leaf."""
    issuer = replace(
        LEAF,
        key=STRANGER,
        subject=der.name("i-0fa4e0fa4e0fa4e0f-enc0000000000000001.us-east-1.aws"),
    )
    issuer = under(ZONAL, issuer)
    return enclave_case(chain_of(ROOT, REGIONAL, ZONAL, issuer, leaf=under(issuer, LEAF)))


@family(
    Row(
        "root-just-enough",
        "root allows the three CA certificates it has",
        ("root", (der.integer(3),)),
    ),
    Row(
        "regional-more",
        "regional certificate allows 255 CA certificates",
        ("regional", (der.integer(255),)),
    ),
    Row("regional-none", "regional certificate has no path length", ("regional", ())),
    Row("instance-none", "instance's certificate has no path length", ("instance", ())),
    expect=ACCEPT,
    rule="V-71; RFC 5280 section 4.2.1.9",
    attacks="57, 59",
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
    rule="V-59, V-75; RFC 5480 appendix A",
    attacks="67",
    effect="It is as good as the first one; whoever remembers certificates by their bytes takes it for a new one.",
)
def twin_of_an_authority(index: int) -> Case:
    """The {} certificate has the twin (r, n - s) of its signature."""
    recipes = (ROOT, REGIONAL, ZONAL, INSTANCE)
    bundle = list(CHAIN.cabundle)
    bundle[index] = twin(recipes[index])
    return enclave_case(replace(CHAIN, cabundle=tuple(bundle)))


@vector(
    expect=ACCEPT,
    rule="V-59, V-75; RFC 5480 appendix A",
    attacks="67",
    effect="It is as good as the first one.",
)
def twin_of_the_leaf() -> Case:
    """The leaf's certificate has the twin (r, n - s) of its signature."""
    return enclave_case(replace(CHAIN, certificate=twin(LEAF)))


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
    rule="V-59; FIPS 186-5 section 6.4.2",
    attacks="67",
    effect="If it is rejected, one of the values a signature can have is excluded.",
)
def leaf_signature_with_s_of_one() -> Case:
    """The issuer's signature of the leaf has s = 1, the least there is."""
    chain, r = _tuned(1)
    return enclave_case(replace(chain, certificate=certificate(LEAF, der.signature(r, 1))))


@vector(
    expect="chain.signature",
    rule="V-59; FIPS 186-5 section 6.4.2 step 1",
    attacks="13, 67",
    effect="Each signature has further forms; comparing by bytes misses them.",
)
def leaf_signature_with_s_plus_order() -> Case:
    """The issuer's signature of the leaf is (r, n + 1) where (r, 1) is good: reduced modulo n it would verify."""
    chain, r = _tuned(1)
    return enclave_case(replace(chain, certificate=certificate(LEAF, der.signature(r, ORDER + 1))))


@family(
    Row("lifetime-of-3-hours", "lives for 10,800 seconds, as in 2021", timedelta(seconds=10_800)),
    Row("lifetime-of-a-day", "lives for a day", timedelta(days=1)),
    expect=ACCEPT,
    rule="V-74",
    attacks="72",
    effect="If it is rejected, documents are lost on the day AWS changes lifetimes.",
)
def leaf_with(lifetime: timedelta) -> Case:
    """The leaf {}."""
    return enclave_case(
        at("leaf", lambda recipe: replace(recipe, not_after=der.time(HOUR + lifetime)))
    )


@vector(
    expect=ACCEPT,
    rule="V-74",
    attacks="72",
    effect="AWS reuses a leaf for its three hours; if it is rejected, most documents are lost.",
)
def leaf_reused_late() -> Case:
    """The document was made 8,523 seconds after the leaf."""
    made = HOUR + timedelta(seconds=8523)
    return enclave_case(now=made + timedelta(seconds=1), timestamp=milliseconds(made))


@vector(expect=ACCEPT, rule="V-72", attacks="47b", effect=LOST)
def nitrotpm_leaf_of_another_region() -> Case:
    """The leaf of a NitroTPM document names another region than the CA certificates do."""
    leaf = replace(leaf_of(NITRO_TPM_ID), subject=der.name(f"{NITRO_TPM_ID}.eu-central-1.aws"))
    return tpm_case(hierarchy(leaf=leaf))

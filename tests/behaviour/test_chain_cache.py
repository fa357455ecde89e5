"""What is proven is not proven again, and a sender can push out little more than its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from nitro_attest import AWS_NITRO_ROOT_G1, Reason, TrustAnchor, VerificationError
from nitro_attest._core import es384
from nitro_attest._core.chain import (
    MAX_ANCHORS,
    MAX_CERTIFICATES,
    MAX_LEAVES,
    ChainCache,
    Fifo,
    check_chain,
)
from support import certificates as forge
from support.captured import GENUINE, Genuine
from support.certificates import CA, LEAF, MODULE_ID, NOW, Edit, basic_constraints, swap
from support.walks import NO_SKEW, check, document_of

ROOT, REGIONAL, ZONAL, INSTANCE = range(4)
GOOD = forge.chain()
ANCHOR = forge.anchor(GOOD[0])
OTHER_ID = "i-0fa4e0fa4e0fa4e0f-enc0fa4e0fa4e0fa4e1"
FORGER = forge.key("NEVER_TRUST forger")
NAMES = {
    forge.public(forge.key(f"NEVER_TRUST {place}")): name
    for place, name in enumerate(("root", "regional", "zonal", "instance"))
}


@pytest.fixture
def cache() -> ChainCache:
    """Begin with nothing remembered."""
    return ChainCache()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect whose key each signature check is made with."""
    keys: list[str] = []

    def counted(spki: bytes, signature: bytes, message: bytes) -> bool:
        keys.append(NAMES.get(spki, "another"))
        return bool(real(spki, signature, message))

    monkeypatch.setattr(es384, "_choice", None)
    backend = es384.signature_backend()
    real: Callable[[bytes, bytes, bytes], bool]
    _, real = getattr(es384, "_choice")  # noqa: B009 - the checks are counted where they are made
    monkeypatch.setattr(es384, "_choice", (backend, counted))
    return keys


def _reason(
    certificates: list[bytes],
    cache: ChainCache,
    *,
    anchor: TrustAnchor = ANCHOR,
    module_id: str = MODULE_ID,
    late: timedelta = NO_SKEW,
) -> Reason:
    with pytest.raises(VerificationError) as rejection:
        check(certificates, cache=cache, anchor=anchor, module_id=module_id, now=NOW + late)
    return rejection.value.reason


def _entries(cache: ChainCache, anchor: TrustAnchor = ANCHOR) -> tuple[int, int]:
    proven = cache.under(anchor.certificate)
    return len(proven.cas), len(proven.instances)


def _numbered(number: int, *places: int) -> list[bytes]:
    """Issue the certificates of these places anew, with other serial numbers and the same keys."""
    edit = swap(serial=forge.integer(1000 + number))
    return forge.chain(dict.fromkeys(places, edit))


def _new_leaf(number: int, *edits: Edit) -> list[bytes]:
    """Issue another leaf on the same host."""
    spec = replace(forge.specs()[LEAF], serial=forge.integer(1000 + number))
    for edit in edits:
        spec = edit(spec)
    return [*GOOD[:4], spec.encode()]


def _host(number: int, *, twin: bool = False) -> list[bytes]:
    """Issue a host with a key of its own in the same zone, and a leaf on it."""
    own = forge.key(f"NEVER_TRUST host {number}")
    parts: dict[str, object] = {"signature": forge.twin} if twin else {}
    edits = {
        INSTANCE: swap(public_key=forge.public(own), subject=forge.name(f"host {number}"), **parts),
        LEAF: swap(issuer=forge.name(f"host {number}"), signer=own),
    }
    return forge.chain(edits)


# --- how much work a chain is ---


def test_an_unknown_chain_is_checked_from_the_root_down(
    asked: list[str], cache: ChainCache
) -> None:
    """Four checks: three CA certificates below the root, and the leaf."""
    check(GOOD, cache=cache)
    assert asked == ["root", "regional", "zonal", "instance"]


def test_a_known_leaf_costs_no_check(asked: list[str], cache: ChainCache) -> None:
    """The second time there is nothing to prove, and the answer is the same."""
    first = check(GOOD, cache=cache)
    asked.clear()
    assert check(GOOD, cache=cache) == first
    assert not asked


def test_a_new_leaf_on_a_known_host_costs_one(asked: list[str], cache: ChainCache) -> None:
    """With the document's own signature that makes two."""
    check(GOOD, cache=cache)
    asked.clear()
    check(_new_leaf(1), cache=cache)
    assert asked == ["instance"]


def test_a_new_host_in_a_known_zone_costs_two(asked: list[str], cache: ChainCache) -> None:
    """With the document's own signature that makes three."""
    check(GOOD, cache=cache)
    asked.clear()
    check(_host(1), cache=cache)
    assert asked == ["zonal", "another"]


def test_a_region_that_is_issued_anew_keeps_what_its_key_has_signed(
    asked: list[str], cache: ChainCache
) -> None:
    """What was proven under the same key is known under the new certificate."""
    check(GOOD, cache=cache)
    asked.clear()
    check(_numbered(1, REGIONAL), cache=cache)
    assert asked == ["root"]


def test_the_first_bad_signature_ends_the_walk(asked: list[str], cache: ChainCache) -> None:
    """Seven CA certificates of the sender's own under the genuine root cost one check."""
    specs, keys = [forge.specs()[0]], [FORGER]
    for number in range(7):
        keys.append(forge.key(f"NEVER_TRUST own {number}"))
        spec = replace(
            forge.specs()[REGIONAL],
            issuer=specs[-1].subject,
            subject=forge.name(f"own {number}"),
            public_key=forge.public(keys[-1]),
            extensions=(basic_constraints(CA), forge.AUTHORITY_USAGE),
            signer=keys[-2],
        )
        specs.append(spec)
    leaf = replace(forge.specs()[LEAF], issuer=specs[-1].subject, signer=keys[-1])
    certificates = [spec.encode() for spec in (*specs, leaf)]
    for _ in range(2):
        assert _reason(certificates, cache) is Reason.CHAIN_SIGNATURE
    assert asked == ["root"] * 2


@pytest.mark.parametrize("place", [REGIONAL, ZONAL, INSTANCE, LEAF])
def test_a_bad_signature_costs_one_check_beyond_the_good_ones(
    place: int, asked: list[str], cache: ChainCache
) -> None:
    """Nothing below it is looked at."""
    assert _reason(forge.chain({place: swap(signer=FORGER)}), cache) is Reason.CHAIN_SIGNATURE
    assert asked == ["root", "regional", "zonal", "instance"][:place]


def _shortened(signature: bytes) -> bytes:
    return signature[:-1]


CHEAP: dict[str, Edit] = {
    "expired": swap(not_after=forge.time(NOW - timedelta(seconds=2))),
    "another name": swap(subject=forge.name("another")),
    "serial zero": swap(serial=forge.integer(0)),
    "no extensions": swap(extensions=()),
    "no signature": swap(signature=_shortened),
}


@pytest.mark.parametrize("place", [REGIONAL, ZONAL, INSTANCE, LEAF])
@pytest.mark.parametrize("fault", CHEAP)
def test_no_signature_is_checked_while_a_rule_is_broken(
    fault: str, place: int, asked: list[str], cache: ChainCache
) -> None:
    """Whatever can be seen without arithmetic is seen first."""
    with pytest.raises(VerificationError):
        check(forge.chain({place: CHEAP[fault]}), cache=cache)
    assert not asked


# --- what is never remembered, and what is asked on every call ---


@pytest.mark.parametrize("genuine", GENUINE, ids=lambda genuine: genuine.name)
def test_captured_chains_are_good_known_and_unknown(genuine: Genuine, cache: ChainCache) -> None:
    """Cold, with everything known, with the leaf unknown, and with nothing remembered."""
    certificates = [*genuine.payload["cabundle"], genuine.payload["certificate"]]
    document = document_of(certificates, genuine.payload["module_id"])
    walk = partial(
        check_chain, document, AWS_NITRO_ROOT_G1, now=genuine.time, max_clock_skew=NO_SKEW
    )
    unknown = walk(cache=cache)
    assert walk(cache=cache) == unknown
    without_leaves = ChainCache(leaves=0)
    nothing = ChainCache(certificates=0)
    for other in (without_leaves, without_leaves, nothing, nothing):
        assert walk(cache=other) == unknown


@pytest.mark.parametrize("place", range(5))
def test_dates_are_checked_on_every_call(place: int, cache: ChainCache) -> None:
    """Of every certificate, also where every signature is known to be good."""
    begin, end = (
        forge.time(NOW.replace(microsecond=0) + timedelta(minutes=minutes)) for minutes in (-1, 1)
    )
    certificates = forge.chain({place: swap(not_before=begin, not_after=end)})
    anchor = forge.anchor(certificates[0])
    reason = partial(_reason, certificates, cache, anchor=anchor)
    check(certificates, cache=cache)
    assert reason(late=timedelta(minutes=2)) is Reason.CHAIN_EXPIRED
    assert reason(late=-timedelta(minutes=2)) is Reason.CHAIN_NOT_YET_VALID
    check(certificates, cache=cache)


def test_names_are_compared_on_every_call(cache: ChainCache) -> None:
    """A known leaf is good for its own module only, a known instance for its own id only."""
    check(GOOD, cache=cache)
    assert _reason(GOOD, cache, module_id=OTHER_ID) is Reason.CHAIN_SUBJECT


def test_links_and_path_lengths_are_checked_on_every_call(cache: ChainCache) -> None:
    """Certificates that are all known, put together in another way."""
    free = (basic_constraints(CA), forge.AUTHORITY_USAGE)
    specs = forge.specs()
    other = replace(specs[ZONAL], extensions=free, subject=forge.name("other zone"))
    below = replace(specs[INSTANCE], issuer=other.subject, subject=forge.name("other instance"))
    leaf = replace(specs[LEAF], issuer=below.subject)
    others = [*GOOD[:2], *(spec.encode() for spec in (other, below, leaf))]
    for certificates in (GOOD, others):
        check(certificates, cache=cache)
    assert _reason([*GOOD[:3], *others[3:]], cache) is Reason.CHAIN_ISSUER
    assert _reason([*GOOD[:3], others[2], *others[3:]], cache) is Reason.CHAIN_ISSUER


def test_what_is_good_under_one_anchor_is_not_under_another(cache: ChainCache) -> None:
    """The root is compared before the cache is asked."""
    check(GOOD, cache=cache)
    assert _reason(GOOD, cache, anchor=AWS_NITRO_ROOT_G1) is Reason.CHAIN_UNKNOWN_ROOT
    assert _entries(cache, AWS_NITRO_ROOT_G1) == (0, 0)


def test_the_same_certificates_under_a_twin_of_the_root_are_proven_again(
    asked: list[str], cache: ChainCache
) -> None:
    """Another root, with the same name and key, is another anchor: nothing known carries over."""
    twin = replace(forge.specs()[0], serial=forge.integer(7)).encode()
    check(GOOD, cache=cache)
    asked.clear()
    check([twin, *GOOD[1:]], cache=cache)
    assert asked == ["root", "regional", "zonal", "instance"]


def test_a_leaf_of_one_host_is_not_good_on_another(cache: ChainCache) -> None:
    """A known leaf under another known instance with the same name, but another key."""
    stranger = forge.key("NEVER_TRUST stranger")
    other = forge.chain(
        {INSTANCE: swap(public_key=forge.public(stranger)), LEAF: swap(signer=stranger)}
    )
    check(GOOD, cache=cache)
    check(other, cache=cache)
    assert _reason([*other[:4], GOOD[4]], cache) is Reason.CHAIN_SIGNATURE
    assert _reason([*GOOD[:4], other[4]], cache) is Reason.CHAIN_SIGNATURE


@pytest.mark.parametrize("place", [REGIONAL, ZONAL, INSTANCE])
def test_a_forged_certificate_with_a_known_key_proves_nothing(
    place: int, asked: list[str], cache: ChainCache
) -> None:
    """What is below it is known under that key; it is not, and is rejected."""
    check(GOOD, cache=cache)
    asked.clear()
    forged = forge.chain({place: swap(signer=FORGER)})
    for _ in range(2):
        assert _reason(forged, cache) is Reason.CHAIN_SIGNATURE
    assert asked == [("root", "regional", "zonal")[place - 1]] * 2


@pytest.mark.parametrize("place", [REGIONAL, ZONAL, INSTANCE, LEAF])
def test_one_changed_byte_is_not_known(place: int, cache: ChainCache) -> None:
    """The last byte of one certificate's signature, after the good chain was remembered."""
    check(GOOD, cache=cache)
    changed = list(GOOD)
    changed[place] = changed[place][:-1] + bytes([changed[place][-1] ^ 1])
    for _ in range(2):
        assert _reason(changed, cache) is Reason.CHAIN_SIGNATURE


@pytest.mark.parametrize("place", [REGIONAL, ZONAL, INSTANCE, LEAF])
def test_nothing_rejected_is_remembered(place: int, cache: ChainCache) -> None:
    """A forged signature anywhere leaves no trace, so a flood of them pushes out nothing."""
    for number in range(3):
        forged = forge.chain({place: swap(signer=FORGER, serial=forge.integer(number + 1))})
        assert _reason(forged, cache) is Reason.CHAIN_SIGNATURE
    assert _entries(cache) == (0, 0)


@pytest.mark.parametrize("late", [timedelta(hours=3), -timedelta(hours=3)])
def test_a_chain_that_is_not_valid_now_is_not_remembered(
    late: timedelta, cache: ChainCache
) -> None:
    """Only what passed every check enters."""
    with pytest.raises(VerificationError):
        check(GOOD, cache=cache, now=NOW + late)
    assert _entries(cache) == (0, 0)


# --- the bounds ---


def test_a_host_with_many_leaves_pushes_out_its_own_only(
    asked: list[str], cache: ChainCache
) -> None:
    """Whoever has enclaves can have leaves without end, and harms nobody else by it."""
    neighbour = _host(1)
    check(neighbour, cache=cache)
    for number in range(MAX_LEAVES + 1):
        check(_new_leaf(number), cache=cache)
    asked.clear()
    check(neighbour, cache=cache)
    assert not asked
    check(_new_leaf(0), cache=cache)
    assert asked == ["instance"]


def test_an_owner_of_ten_hosts_adds_twenty_entries(asked: list[str]) -> None:
    """Each host's certificate and its twin with (r, n - s), again and again: never a zone."""
    cache = ChainCache(certificates=40)
    neighbours = [_host(number) for number in range(20)]
    for chain in neighbours:
        check(chain, cache=cache)
    flood = [_host(number, twin=twin) for number in range(100, 110) for twin in (False, True)]
    for _ in range(3):
        for chain in flood:
            check(chain, cache=cache)
    asked.clear()
    for chain in neighbours:
        check(chain, cache=cache)
    assert not asked
    assert _entries(cache) == (2, 40)


def test_a_neighbour_that_was_pushed_out_costs_two_checks(asked: list[str]) -> None:
    """The instance and the leaf; the region and the zone are still there."""
    cache = ChainCache(certificates=20)
    check(GOOD, cache=cache)
    for number in range(10):
        for twin in (False, True):
            check(_host(number, twin=twin), cache=cache)
    asked.clear()
    check(GOOD, cache=cache)
    assert asked == ["zonal", "instance"]
    assert _entries(cache) == (2, 20)


def test_the_number_of_ca_certificates_is_bounded(asked: list[str]) -> None:
    """The oldest is proven again."""
    cache = ChainCache(certificates=3)
    for number in range(4):
        check(_numbered(number, REGIONAL), cache=cache)
    assert _entries(cache) == (3, 1)
    asked.clear()
    check(_numbered(0, REGIONAL), cache=cache)
    assert asked == ["root", "regional"]


def test_the_number_of_anchors_is_bounded(asked: list[str], cache: ChainCache) -> None:
    """A fifth root pushes out the first."""
    chains = [_numbered(number, ROOT) for number in range(MAX_ANCHORS + 1)]
    for certificates in chains:
        check(certificates, cache=cache)
    asked.clear()
    check(chains[-1], cache=cache)
    assert not asked
    check(chains[0], cache=cache)
    assert len(asked) == 4


def test_the_bounds_are_those_that_are_documented() -> None:
    """1,024 certificates in each list, 8 leaves of an instance, 4 anchors."""
    assert (MAX_CERTIFICATES, MAX_LEAVES, MAX_ANCHORS) == (1024, 8, 4)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 8])
@pytest.mark.parametrize("count", range(12))
def test_the_last_entries_are_held_and_no_more(size: int, count: int) -> None:
    """Below, at and above the bound, also of zero; using an entry keeps it no longer."""
    entries: Fifo[int, str] = Fifo(size)
    for key in range(count):
        entries.add(key, "value")
        entries.get(0)
    held = [key for key in range(count) if entries.get(key) is not None]
    assert held == list(range(max(0, count - size), count))
    assert len(entries) == min(size, count)


def test_the_same_key_again_pushes_out_nothing() -> None:
    """A second value for a key takes the place of the first."""
    entries: Fifo[int, str] = Fifo(2)
    for key in (0, 1, 1, 1):
        entries.add(key, "value")
    entries.add(1, "newer")
    assert (entries.get(0), entries.get(1)) == ("value", "newer")


class Racing:
    """A key that another thread takes out just before it is taken out here: its hash does that."""

    overtake: Callable[[], None] | None = None

    def __hash__(self) -> int:
        """Let the other thread be first."""
        overtake, self.overtake = self.overtake, None
        if overtake is not None:
            overtake()
        return id(self)


def test_an_entry_that_is_gone_already_is_no_error() -> None:
    """Two threads may find the same oldest entry; only one of them takes it out."""
    entries: Fifo[Racing, str] = Fifo(1)
    oldest, newest = Racing(), Racing()
    entries.add(oldest, "value")
    oldest.overtake = lambda: entries.add(newest, "value")
    entries.add(Racing(), "value")
    assert entries.get(oldest) is None
    assert entries.get(newest) == "value"


def test_threads_keep_the_bound_and_the_values() -> None:
    """Many threads at once lose no bound and mix no values."""
    entries: Fifo[int, int] = Fifo(16)

    def work(start: int) -> bool:
        good = True
        for key in range(start, start + 2000):
            entries.add(key, -key)
            found = entries.get(key - 3)
            good = good and (found is None or found == 3 - key)
        return good

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(0, 80_000, 10_000)))
    assert len(entries) <= 16


def test_threads_agree() -> None:
    """Good and forged chains from eight threads at once, each with the verdict it has alone."""
    cache = ChainCache(certificates=3, leaves=2)
    good = [_host(number) for number in range(4)]
    forged = [[*chain[:4], chain[4][:-1] + bytes([chain[4][-1] ^ 1])] for chain in good]

    def verdict(number: int) -> bool:
        chain = (good if number % 2 else forged)[number // 2 % 4]
        try:
            check(chain, cache=cache)
        except VerificationError as rejection:
            return number % 2 == 0 and rejection.reason is Reason.CHAIN_SIGNATURE
        return number % 2 == 1

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(verdict, range(200)))

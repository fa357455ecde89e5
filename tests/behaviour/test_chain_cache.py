"""What is remembered of a chain: facts for ever, proven from the pinned root down, and nothing a document could harm."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from nitro_attest import AWS_NITRO_ROOT_G1, Reason, TrustAnchor, VerificationError
from nitro_attest._core import chain as _chain
from nitro_attest._core.chain import (
    MAX_KNOWN_HOSTS,
    MAX_KNOWN_LEAVES,
    KnownHost,
    TrustedLeaf,
    check_chain,
)
from nitro_attest._core.memo import Memo
from support import certificates as forge
from support.captured import GENUINE, Genuine
from support.certificates import LEAF, MODULE_ID, NOW, Edit, swap

Hosts: TypeAlias = Memo[tuple[bytes, ...], KnownHost]

REGIONAL, ZONAL, INSTANCE = 1, 2, 3
GOOD = forge.chain()
ANCHOR = forge.anchor(GOOD[0])
OTHER_ID = "i-0fa4e0fa4e0fa4e0f-enc0fa4e0fa4e0fa4e1"


@pytest.fixture(autouse=True)
def hosts(monkeypatch: pytest.MonkeyPatch) -> Hosts:
    """Begin every test with nothing remembered."""
    memo: Hosts = Memo(MAX_KNOWN_HOSTS)
    monkeypatch.setattr(_chain, "_KNOWN_HOSTS", memo)
    return memo


@pytest.fixture
def paths(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Collect what path validation is asked for: the anchor's name, and how many authorities may stand below it."""
    asked: list[tuple[str, int]] = []
    names: list[tuple[Store, str]] = []

    class Counted:
        """Note the depth, and pass everything on to the real builder."""

        def __init__(self) -> None:
            self.real = PolicyBuilder()

        def store(self, store: Store) -> "Counted":
            asked.extend((name, -1) for known, name in names if known is store)
            self.real = self.real.store(store)
            return self

        def time(self, at: datetime) -> "Counted":
            self.real = self.real.time(at)
            return self

        def max_chain_depth(self, depth: int) -> PolicyBuilder:
            asked[-1] = (asked[-1][0], depth)
            return self.real.max_chain_depth(depth)

    def store(anchors: list[x509.Certificate]) -> Store:
        names.append((Store(anchors), anchors[0].subject.rfc4514_string().removeprefix("CN=")))
        return names[-1][0]

    _chain.root_store.cache_clear()  # so that every anchor is made, and named, here
    monkeypatch.setattr(_chain, "PolicyBuilder", Counted)
    monkeypatch.setattr(_chain, "Store", store)
    return asked


def _check(
    certificates: list[bytes],
    *,
    anchor: TrustAnchor = ANCHOR,
    module_id: str = MODULE_ID,
    late: timedelta = timedelta(),
) -> TrustedLeaf:
    return check_chain(certificates[-1], tuple(certificates[:-1]), anchor, NOW + late, module_id)


def _reason(
    certificates: list[bytes],
    *,
    anchor: TrustAnchor = ANCHOR,
    module_id: str = MODULE_ID,
    late: timedelta = timedelta(),
) -> Reason:
    with pytest.raises(VerificationError) as caught:
        _check(certificates, anchor=anchor, module_id=module_id, late=late)
    return caught.value.reason


def _new_leaf(number: int, *edits: Edit) -> list[bytes]:
    """Issue another leaf on the same host."""
    spec = replace(forge.specs()[LEAF], serial=forge.integer(1000 + number))
    for edit in edits:
        spec = edit(spec)
    return [*GOOD[:4], spec.encode()]


def _other_host(number: int) -> list[bytes]:
    """Issue the bundle of another host under the same root, and a leaf on it."""
    serial = forge.integer(1000 + number)
    return forge.chain({INSTANCE: swap(serial=serial), LEAF: swap(serial=serial)})


def test_an_unknown_chain_is_one_path_from_the_root(paths: list[tuple[str, int]]) -> None:
    """Four signature checks: three authorities below the root, and the leaf."""
    _check(GOOD)
    assert paths == [("NEVER.TRUST root", 3)]


def test_a_known_leaf_costs_no_signature_check(paths: list[tuple[str, int]]) -> None:
    """The second time there is nothing to prove, and the answer is the same."""
    first = _check(GOOD)
    paths.clear()
    assert _check(GOOD) == first
    assert not paths


def test_a_new_leaf_on_a_known_host_costs_one(paths: list[tuple[str, int]]) -> None:
    """The host's own certificate is the anchor, and nothing may stand between."""
    _check(GOOD)
    paths.clear()
    _check(_new_leaf(1))
    assert paths == [("instance", 0)]


@pytest.mark.parametrize("genuine", GENUINE, ids=lambda genuine: genuine.name)
def test_genuine_chains_are_good_known_and_unknown(genuine: Genuine, hosts: Hosts) -> None:
    """Cold, with the leaf known, and with the host alone known."""
    leaf, bundle = genuine.payload["certificate"], tuple(genuine.payload["cabundle"])
    check = partial(
        check_chain, leaf, bundle, AWS_NITRO_ROOT_G1, genuine.time, genuine.payload["module_id"]
    )
    unknown = check()
    assert check() == unknown
    host = hosts.recall(bundle)
    assert host is not None
    hosts.remember(bundle, host._replace(leaves=Memo(1)))
    assert check() == unknown


@pytest.mark.parametrize("place", range(5))
def test_a_known_leaf_is_refused_before_and_after_any_certificate(place: int) -> None:
    """Validity is asked on every call, of every certificate, also where every signature is known to be good."""
    begin, end = (
        forge.time(NOW.replace(microsecond=0) + timedelta(minutes=minutes)) for minutes in (-1, 1)
    )
    certificates = forge.chain({place: swap(not_before=begin, not_after=end)})
    anchor = forge.anchor(certificates[0])
    _check(certificates, anchor=anchor)
    assert _reason(certificates, anchor=anchor, late=timedelta(minutes=2)) is Reason.CHAIN_EXPIRED
    assert (
        _reason(certificates, anchor=anchor, late=-timedelta(minutes=2))
        is Reason.CHAIN_NOT_YET_VALID
    )
    _check(certificates, anchor=anchor)


def test_a_known_leaf_is_good_for_its_own_module_only() -> None:
    """The leaf's name is held to the document's module_id on every call."""
    _check(GOOD)
    assert _reason(GOOD, module_id=OTHER_ID) is Reason.CHAIN_SUBJECT


def test_what_is_good_under_one_anchor_is_not_under_another() -> None:
    """The anchor is asked before the memo."""
    _check(GOOD)
    assert _reason(GOOD, anchor=AWS_NITRO_ROOT_G1) is Reason.CHAIN_UNKNOWN_ROOT


def test_the_same_authorities_under_a_twin_of_the_root_are_proven_again(
    paths: list[tuple[str, int]],
) -> None:
    """Another root, with the same name and key, is another anchor: nothing known carries over."""
    twin = replace(forge.specs()[0], serial=forge.integer(7)).encode()
    _check(GOOD)
    paths.clear()
    _check([twin, *GOOD[1:]], anchor=forge.anchor(twin))
    assert paths == [("NEVER.TRUST root", 3)]


def test_a_leaf_of_one_host_is_not_good_on_another() -> None:
    """Leaves are known under their own bundle only."""
    stranger = forge.key("NEVER_TRUST stranger")
    other = forge.chain(
        {INSTANCE: swap(public_key=forge.public(stranger)), LEAF: swap(signer=stranger)}
    )
    _check(GOOD)
    _check(other)
    assert _reason([*other[:4], GOOD[4]]) is Reason.CHAIN_SIGNATURE
    assert _reason([*GOOD[:4], other[4]]) is Reason.CHAIN_SIGNATURE


@pytest.mark.parametrize("place", [REGIONAL, ZONAL, INSTANCE, LEAF])
def test_one_changed_byte_is_not_known(place: int) -> None:
    """The last byte of one certificate's signature, after the good chain was remembered."""
    _check(GOOD)
    changed = list(GOOD)
    changed[place] = changed[place][:-1] + bytes([changed[place][-1] ^ 1])
    assert _reason(changed) is Reason.CHAIN_SIGNATURE
    assert _reason(changed) is Reason.CHAIN_SIGNATURE


@pytest.mark.parametrize("place", [REGIONAL, ZONAL, INSTANCE, LEAF])
def test_nothing_refused_is_remembered(place: int, hosts: Hosts) -> None:
    """A chain with a forged signature anywhere leaves no trace, so a flood of them pushes out nothing."""
    forger = forge.key("NEVER_TRUST forger")
    for number in range(3):
        forged = forge.chain({place: swap(signer=forger, serial=forge.integer(number + 1))})
        assert _reason(forged) is Reason.CHAIN_SIGNATURE
    assert not len(hosts)


def test_a_chain_under_a_false_root_is_never_remembered(hosts: Hosts) -> None:
    """Refused before anything else, however consistent it is."""
    assert _reason(GOOD, anchor=AWS_NITRO_ROOT_G1) is Reason.CHAIN_UNKNOWN_ROOT
    assert not len(hosts)


@pytest.mark.parametrize("late", [timedelta(hours=3), -timedelta(hours=3)])
def test_a_chain_that_is_not_valid_now_is_not_remembered(late: timedelta, hosts: Hosts) -> None:
    """Only what passed every check enters."""
    with pytest.raises(VerificationError):
        _check(GOOD, late=late)
    assert not len(hosts)


def test_a_refused_leaf_is_not_remembered_on_a_known_host(paths: list[tuple[str, int]]) -> None:
    """It costs its one signature check every time."""
    _check(GOOD)
    paths.clear()
    forged = _new_leaf(1, swap(signer=forge.key("NEVER_TRUST forger")))
    for _ in range(2):
        assert _reason(forged) is Reason.CHAIN_SIGNATURE
    assert paths == [("instance", 0)] * 2


def test_a_host_with_many_leaves_pushes_out_its_own_only(paths: list[tuple[str, int]]) -> None:
    """Whoever has genuine enclaves can make genuine leaves without end, and harms nobody else by it."""
    neighbour = _other_host(1)
    _check(neighbour)
    for number in range(MAX_KNOWN_LEAVES + 1):
        _check(_new_leaf(number))
    paths.clear()
    _check(neighbour)
    assert not paths
    _check(_new_leaf(0))
    assert paths == [("instance", 0)]


def test_the_number_of_hosts_is_bounded(
    monkeypatch: pytest.MonkeyPatch, paths: list[tuple[str, int]]
) -> None:
    """The oldest host is proven again, at the price of an unknown one."""
    memo: Hosts = Memo(3)
    monkeypatch.setattr(_chain, "_KNOWN_HOSTS", memo)
    for number in range(4):
        _check(_other_host(number))
    assert len(memo) == 3
    paths.clear()
    _check(_other_host(3))
    assert not paths
    _check(_other_host(0))
    assert paths == [("NEVER.TRUST root", 3)]


def test_threads_agree() -> None:
    """Good and forged chains from eight threads at once, each with the verdict it has alone."""
    good = [_other_host(number) for number in range(4)]
    forged = [[*chain[:4], chain[4][:-1] + bytes([chain[4][-1] ^ 1])] for chain in good]

    def verdict(number: int) -> bool:
        chain = (good if number % 2 else forged)[number // 2 % 4]
        try:
            _check(chain)
        except VerificationError as refusal:
            return number % 2 == 0 and refusal.reason is Reason.CHAIN_SIGNATURE
        return number % 2 == 1

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(verdict, range(200)))

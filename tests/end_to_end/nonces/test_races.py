"""Eight processes race for ten thousand nonces, and two for a thousand documents, on each store."""

import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import create_engine

from nitro_attest import FreshNonce, Reason, StaleDocumentError, VerificationError
from nitro_attest.nonces import MemoryNonces, NonceStore, NonceStoreUnavailableError, verify_once
from nitro_attest.nonces.sql import create_tables
from support.nonce_contract import FAKE, NOW, policy
from support.racing import TTL, open_store, race_for_nonces, race_with_documents
from support.servers import folder, postgresql_server, redis_server

pytestmark = pytest.mark.servers
NONCES = 10_000
DOCUMENTS = 1_000


@pytest.fixture(scope="module", params=["redis", "postgresql", "sqlite"])
def url(request: pytest.FixtureRequest) -> Generator[str]:
    """Return the URL of a store that several processes can use."""
    match request.param:
        case "redis":
            with redis_server() as server:
                yield server.url
        case "postgresql":
            with postgresql_server() as server:
                create_tables(create_engine(server.url()))
                yield server.url()
        case _:
            with folder() as directory:
                url = f"sqlite:///{directory}/nonces.db"
                create_tables(create_engine(url))
                yield url


def test_eight_processes_redeem_each_nonce_once(url: str) -> None:
    """80,000 presentations, 10,000 redemptions."""
    store = open_store(url)
    nonces = [store.issue() for _ in range(NONCES)]
    began = time.monotonic()
    assert race_for_nonces(url, nonces, processes=8) == [1] * NONCES
    print(f"\n{url.partition(':')[0]}: 80,000 presentations in {time.monotonic() - began:.0f} s")


def test_two_workers_with_a_copy_each_get_one_result(url: str) -> None:
    """A thousand documents, each given to two processes at once."""
    store = open_store(url)
    docs = [FAKE.enclave_document(nonce=store.issue()) for _ in range(DOCUMENTS)]
    assert race_with_documents(url, docs, FAKE.trust_anchor, processes=2) == [1] * DOCUMENTS


def test_a_flood_of_invalid_documents_uses_up_none_of_a_thousand_nonces(url: str) -> None:
    """Each with a live nonce in it; then the good documents are accepted."""
    _flood(open_store(url))


def test_a_flood_uses_up_no_nonce_in_memory_either() -> None:
    """Nor does a flood of issue(), which a full store refuses."""
    store = MemoryNonces(ttl=TTL, max_outstanding=DOCUMENTS)
    docs = _flood_of_invalid(store)
    for _ in range(10 * DOCUMENTS):
        with pytest.raises(NonceStoreUnavailableError):
            store.issue()
    _accept_all(store, docs)


def test_eight_threads_redeem_each_nonce_once_in_memory() -> None:
    """80,000 presentations, 10,000 redemptions."""
    store = MemoryNonces(ttl=timedelta(hours=1), max_outstanding=NONCES)
    nonces = [store.issue() for _ in range(NONCES)]
    start = Barrier(8)

    def worker(_: int) -> list[bool]:
        start.wait()
        return [_redeems(store, nonce) for nonce in nonces]

    with ThreadPoolExecutor(8) as threads:
        wins = [sum(won) for won in zip(*threads.map(worker, range(8)), strict=True)]
    assert wins == [1] * NONCES


def _redeems(store: NonceStore, nonce: bytes) -> bool:
    try:
        store.redeem(nonce)
    except StaleDocumentError as refused:
        assert refused.reason is Reason.FRESHNESS_NONCE_USED
        return False
    return True


def _flood(store: NonceStore) -> None:
    _accept_all(store, _flood_of_invalid(store))


def _flood_of_invalid(store: NonceStore) -> list[bytes]:
    docs = [FAKE.enclave_document(nonce=store.issue()) for _ in range(DOCUMENTS)]
    for doc in docs:
        for bad in (doc[:-1] + bytes([doc[-1] ^ 1]), doc[:-1], doc[:200] + doc[201:]):
            with pytest.raises(VerificationError):
                verify_once(bad, policy(FreshNonce()), nonces=store, now=NOW)
    return docs


def _accept_all(store: NonceStore, docs: list[bytes]) -> None:
    for doc in docs:
        verify_once(doc, policy(FreshNonce()), nonces=store, now=NOW)
        with pytest.raises(StaleDocumentError):
            verify_once(doc, policy(FreshNonce()), nonces=store, now=NOW)

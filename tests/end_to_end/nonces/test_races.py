"""Eight processes race for ten thousand nonces, and two for a thousand documents, on each store."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import create_engine

from nitro_attest import FreshNonce, StaleDocumentError, VerificationError
from nitro_attest.nonces import MemoryNonces, NonceStore, NonceStoreUnavailableError, verify_once
from nitro_attest.nonces.sql import create_tables
from support.nonce_contract import FAKE, NOW, policy, redeems
from support.racing import TTL, open_store, race_for_nonces, race_with_documents
from support.servers import folder, postgresql_server, redis_server

pytestmark = pytest.mark.servers
NONCES = 10_000
FEW = 400
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
                _create_tables(server.url())
                yield server.url()
        case _:
            with folder() as directory:
                url = f"sqlite:///{directory}/nonces.db"
                _create_tables(url)
                yield url


def _create_tables(url: str) -> None:
    engine = create_engine(url)
    create_tables(engine)
    engine.dispose()


@pytest.mark.parametrize("count", [FEW, pytest.param(NONCES, marks=pytest.mark.full)])
def test_eight_processes_redeem_each_nonce_once(url: str, count: int) -> None:
    """Each of 400 (in a full run 10,000) is presented eight times and redeemed once."""
    with open_store(url) as store:
        nonces = [store.issue() for _ in range(count)]
    assert race_for_nonces(url, nonces, processes=8) == [1] * count


@pytest.mark.parametrize("count", [FEW, pytest.param(DOCUMENTS, marks=pytest.mark.full)])
def test_two_workers_with_a_copy_each_get_one_result(url: str, count: int) -> None:
    """Each of 400 documents (in a full run 1,000) is given to two processes at once."""
    with open_store(url) as store:
        docs = [FAKE.enclave_document(nonce=store.issue()) for _ in range(count)]
    assert race_with_documents(url, docs, FAKE.trust_anchor, processes=2) == [1] * count


@pytest.mark.parametrize("count", [FEW, pytest.param(DOCUMENTS, marks=pytest.mark.full)])
def test_a_flood_of_invalid_documents_uses_up_no_nonce(url: str, count: int) -> None:
    """Each with a live nonce in it; then the good documents are accepted."""
    with open_store(url) as store:
        _accept_all(store, _flood_of_invalid(store, count))


def test_a_flood_uses_up_no_nonce_in_memory_either() -> None:
    """Nor does a flood of issue(), which a full store refuses."""
    store = MemoryNonces(ttl=TTL, max_outstanding=DOCUMENTS)
    docs = _flood_of_invalid(store, DOCUMENTS)
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
        return [redeems(store, nonce) for nonce in nonces]

    with ThreadPoolExecutor(8) as threads:
        wins = [sum(won) for won in zip(*threads.map(worker, range(8)), strict=True)]
    assert wins == [1] * NONCES


def _flood_of_invalid(store: NonceStore, count: int) -> list[bytes]:
    docs = [FAKE.enclave_document(nonce=store.issue()) for _ in range(count)]
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

"""Race processes for one store: each presents the same nonces, or documents, in the same order."""

import multiprocessing
from collections.abc import Callable, Generator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from multiprocessing.synchronize import Barrier
from typing import Final

import redis
from sqlalchemy import create_engine

from nitro_attest import FreshNonce, Reason, StaleDocumentError, TrustAnchor
from nitro_attest.nonces import NonceStore, verify_once
from nitro_attest.nonces.redis import RedisNonces
from nitro_attest.nonces.sql import SqlNonces
from support.nonce_contract import NOW, policy

TTL: Final = timedelta(hours=6)
_SECONDS: Final = 600.0  # to wait for a lock, or for the other processes
_barriers: Final[list[Barrier]] = []


@contextmanager
def open_store(url: str) -> Generator[NonceStore]:
    """Open the store at a URL, as a worker of a service does, and close its connections."""
    if url.startswith("redis:"):
        with redis.from_url(url) as client:
            yield RedisNonces(client, ttl=TTL)
        return
    arguments = {"timeout": _SECONDS} if url.startswith("sqlite:") else {}
    engine = create_engine(url, connect_args=arguments)
    yield SqlNonces(engine, ttl=TTL)
    engine.dispose()


def race_for_nonces(url: str, nonces: list[bytes], *, processes: int) -> list[int]:
    """Return how often each nonce was redeemed."""
    return _race(_redeemed, processes, url, nonces)


def race_with_documents(
    url: str, docs: list[bytes], anchor: TrustAnchor, *, processes: int
) -> list[int]:
    """Return how often each document was accepted."""
    return _race(_accepted, processes, url, docs, anchor)


def _race(worker: Callable[..., list[bool]], processes: int, *arguments: object) -> list[int]:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(processes)
    with ProcessPoolExecutor(
        processes, mp_context=context, initializer=_join, initargs=(barrier,)
    ) as pool:
        runs = [pool.submit(worker, *arguments) for _ in range(processes)]
        return [sum(wins) for wins in zip(*(run.result() for run in runs), strict=True)]


def _join(barrier: Barrier) -> None:
    """Keep what only an initializer can hand to a new process."""
    _barriers.append(barrier)


def _redeemed(url: str, nonces: list[bytes]) -> list[bool]:
    with open_store(url) as store:
        _barriers[0].wait(_SECONDS)
        return [_wins(partial(store.redeem, nonce)) for nonce in nonces]


def _accepted(url: str, docs: list[bytes], anchor: TrustAnchor) -> list[bool]:
    trusting = replace(policy(FreshNonce()), trust_anchor=anchor)
    wins: list[bool] = []
    with open_store(url) as store:
        for doc in docs:
            _barriers[0].wait(_SECONDS)
            wins.append(_wins(partial(verify_once, doc, trusting, nonces=store, now=NOW)))
    return wins


def _wins(use: Callable[[], object]) -> bool:
    """Say whether a use succeeds; the only other end is that the nonce is used."""
    try:
        use()
    except StaleDocumentError as refused:
        if refused.reason is not Reason.FRESHNESS_NONCE_USED:
            raise
        return False
    return True

"""Measure how many nonces a second each store issues and redeems, beside the floor of its medium.

The floor of a store is what its medium costs without any store: a dictionary, an HMAC, a round trip
to Redis, a commit of one row. Floor and store are measured in the same run, in turns, and the best
of the rounds counts, for what disturbs a run only ever makes it slower. Stores whose server is not
installed are not measured. Run it as `PYTHONPATH=src:tests python benchmarks/nonces.py`.
"""

import hmac
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, Column, Engine, MetaData, Table, create_engine, insert

from nitro_attest.nonces import MemoryNonces, MemoryOnce, NonceStore, SignedNonces, SigningKeys
from nitro_attest.nonces.redis import RedisNonces
from nitro_attest.nonces.sql import SqlNonces, create_tables
from support.servers import postgresql_server, redis_server

ROUNDS: Final = 5
TTL: Final = timedelta(minutes=5)
_TABLE: Final = Table("floor", MetaData(), Column("number", BigInteger, primary_key=True))


class Measured(NamedTuple):
    """A store, the least that its medium costs for one step, and how many pairs make a round."""

    name: str
    store: NonceStore
    floor_name: str
    floor: Callable[[], object]
    pairs: int


def main() -> int:
    """Print one line for each store."""
    print(f"{'store':<24}{'issue + redeem':>16}{'floor, twice':>16}   floor")
    with ExitStack() as stack:
        for measured in _stores(stack):
            store, floor = _best(measured)
            print(f"{measured.name:<24}{store:>14,.0f}/s{floor:>14,.0f}/s   {measured.floor_name}")
    return 0


def _best(measured: Measured) -> tuple[float, float]:
    """Return pairs a second, and twice the floor a second."""
    stores: list[float] = []
    floors: list[float] = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(measured.pairs):
            measured.store.redeem(measured.store.issue())
        between = time.perf_counter()
        for _ in range(2 * measured.pairs):
            measured.floor()
        floors.append(measured.pairs / (time.perf_counter() - between))
        stores.append(measured.pairs / (between - began))
    return max(stores), max(floors)


def _stores(stack: ExitStack) -> Generator[Measured]:
    kept: dict[bytes, float] = {}
    memory = MemoryNonces(ttl=TTL, max_outstanding=10_000)
    yield Measured(
        "MemoryNonces",
        memory,
        "32 random bytes into a dictionary",
        lambda: kept.update({secrets.token_bytes(32): 1.0}),
        10_000,
    )
    secret = secrets.token_bytes(32)
    signed = SignedNonces(
        SigningKeys(current=1, secrets={1: secret}),
        ttl=TTL,
        spent=MemoryOnce(max_remembered=1_000_000),
        max_clock_skew=timedelta(0),
    )
    yield Measured(
        "SignedNonces, in memory",
        signed,
        "HMAC-SHA256 of 60 bytes",
        lambda: hmac.digest(secret, bytes(60), "sha256"),
        10_000,
    )
    if shutil.which("redis-server"):
        client = stack.enter_context(redis_server()).client()
        yield Measured(
            "RedisNonces", RedisNonces(client, ttl=TTL), "GET", lambda: client.get("floor"), 1_000
        )
    if shutil.which("initdb"):
        server = stack.enter_context(postgresql_server())
        yield _sql("SqlNonces, PostgreSQL", stack, create_engine(server.url()))
    directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    engine = create_engine(f"sqlite:///{directory}/nonces.db")
    yield _sql("SqlNonces, SQLite", stack, engine)


def _sql(name: str, stack: ExitStack, engine: Engine) -> Measured:
    stack.callback(engine.dispose)
    create_tables(engine)
    _TABLE.create(engine)
    numbers = iter(range(1_000_000))

    def commit() -> None:
        with engine.begin() as connection:
            connection.execute(insert(_TABLE).values(number=next(numbers)))

    return Measured(name, SqlNonces(engine, ttl=TTL), "one row and a commit", commit, 200)


if __name__ == "__main__":
    sys.exit(main())

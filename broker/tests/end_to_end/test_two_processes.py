"""Two brokers on one database at once, each with connections of its own, as on two machines."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nitro_attest_broker._opening import open_ledger, verify_audit_log
from nitro_attest_broker._store import Store
from support.broker_kit import make_kit
from support.postgresql import postgresql


@contextmanager
def sqlite(folder: Path) -> Generator[str]:
    """Give the URL of a file."""
    yield f"sqlite:///{folder / 'broker.sqlite3'}"


def writes_one_chain(folder: Path, url: str) -> None:
    """Let both write lines and change keys, and read what the other has written."""
    kit = make_kit(folder, url=url)
    other = Store(url)
    ledgers = [kit.broker.ledger, open_ledger(other, kit.master, kit.head_file)]

    def write(number: int) -> None:
        for _ in range(20):
            ledgers[number].commit({"event": f"of {number}"})

    threads = [threading.Thread(target=write, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    arn = kit.create_key()
    assert kit.ok("DescribeKey", {"KeyId": arn})["KeyMetadata"]["Arn"] == arn
    for ledger in ledgers:
        ledger.check()
    assert ledgers[0].head == ledgers[1].head
    assert verify_audit_log(other, kit.master, kit.head_file) == ledgers[0].head
    assert ledgers[0].head.sequence > 40
    kit.store.close()
    other.close()


def test_on_sqlite(tmp_path: Path) -> None:
    with sqlite(tmp_path) as url:
        writes_one_chain(tmp_path, url)


@pytest.mark.servers
def test_on_postgresql(tmp_path: Path) -> None:
    with postgresql() as url:
        writes_one_chain(tmp_path, url)

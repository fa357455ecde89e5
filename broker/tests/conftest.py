"""Fixtures of all tests of the broker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("support")  # so that its asserts count under -O as well


from nitro_attest_broker.pytest_plugin import fake_kms  # noqa: E402 - as below
from support.broker_kit import Kit, make_kit  # noqa: E402 - once its asserts are rewritten

__all__ = ["fake_kms"]  # the fixture, from the source tree


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    """Return a broker in memory."""
    made = make_kit(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def kit_in_file(tmp_path: Path) -> Iterator[Kit]:
    """Return a broker on SQLite in a file."""
    made = make_kit(tmp_path, url=f"sqlite:///{tmp_path / 'broker.sqlite3'}")
    yield made
    made.store.close()

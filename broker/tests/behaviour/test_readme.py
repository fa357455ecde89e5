"""The example of the README and of the guide run as they are printed."""

import re
from pathlib import Path
from typing import Any

import pytest
from nitro_attest.testing import FakeNitro

from nitro_attest_broker.testing import FakeKms

BROKER = Path(__file__).resolve().parents[2]
PAGES = [BROKER / "README.md", BROKER.parent / "docs" / "guides" / "key-broker.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_example_runs(page: Path, fake_nitro: FakeNitro, fake_kms: FakeKms) -> None:
    if not page.exists():  # the source archive of the broker holds no docs
        pytest.skip(f"{page.name} is not here")
    (block,) = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(block, page.name, "exec"), names)  # noqa: S102 - our own page
    for name, value in names.items():
        if name.startswith("test_"):
            value(fake_nitro, fake_kms)

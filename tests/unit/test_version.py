"""The package says its version, and it is the one it is published under."""

import tomllib
from pathlib import Path

import nitro_attest


def test_the_version_is_that_of_the_project() -> None:
    """`importlib.metadata` would cost more than the import of the package itself."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    assert nitro_attest.__version__ == project["project"]["version"]

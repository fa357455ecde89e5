"""Run every Python example of the README, the documentation and the docstrings as it is."""

from sybil import Sybil
from sybil.document import PythonDocStringDocument
from sybil.parsers.markdown import PythonCodeBlockParser
from sybil.parsers.rest import DocTestParser

pytest_plugins = ["nitro_attest.testing.pytest_plugin"]

pages = Sybil(parsers=[PythonCodeBlockParser()], patterns=["*.md"])
docstrings = Sybil(
    parsers=[DocTestParser()],
    path="src",
    patterns=["**/*.py"],
    document_types={".py": PythonDocStringDocument},
)
pytest_collect_file = (pages + docstrings).pytest()

"""Check docs/spec against the code.

The table is the data's, every reason has a rule, and what a rule names exists.
"""

import re
import runpy
from collections import Counter
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import nitro_attest
import nitro_attest.testing
from nitro_attest import Reason

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SCRIPT = runpy.run_path(str(DOCS / "spec" / "make_table.py"))
BREAK = runpy.run_path(str(ROOT / "tests" / "project" / "rules.py"))
RULES: list[dict[str, Any]] = [rule for step in SCRIPT["read_steps"]() for rule in step["rule"]]
OF_NONCE_STORES = {  # `verify` never gives these reasons, nonce stores do
    f"freshness.nonce_{name}" for name in ("missing", "short", "unknown", "used", "expired")
}
EXCEPTIONS = {"PolicyError", "TypeError"}  # for rules that bind the relying party, not the document

# The rules are those of `verify`, which remembers nothing.
RAISED_BY_NONCE_STORES = {
    f"freshness.nonce_{fault}" for fault in ("missing", "short", "unknown", "used", "expired")
}


def test_the_table_is_up_to_date() -> None:
    """The page holds what the script would write."""
    assert SCRIPT["main"](["--check"]) == 0


def test_a_stale_table_is_noticed() -> None:
    """The check compares the whole table, not that there is one."""
    page = (DOCS / "spec" / "verification.md").read_text(encoding="utf-8")
    assert SCRIPT["rendered"](page.replace("cose.too_large", "cose.small", 1)) == page


def test_every_reason_has_a_rule() -> None:
    """The reasons of the rules are those of `verify`, and the exceptions that stand for none."""
    named = {reason for rule in RULES for reason in rule["reasons"]}
    assert named - EXCEPTIONS == {str(reason) for reason in Reason} - OF_NONCE_STORES


def test_ids_are_unique_and_well_formed() -> None:
    """An id is V- and a number, and stands for one rule."""
    ids = Counter(rule["id"] for rule in RULES)
    assert set(ids.values()) == {1}
    assert all(re.fullmatch(r"V-[0-9]{2,3}", name) for name in ids)


def test_every_rule_is_complete() -> None:
    """A rule has exactly the keys the table shows; a misspelt key is noticed."""
    for rule in RULES:
        assert set(rule) == {"id", "rule", "source", "module", "reasons", "tests"}
        assert all(rule.values())


def test_every_module_of_a_rule_exists() -> None:
    """The module a rule names can be imported."""
    for module in {rule["module"] for rule in RULES}:
        assert import_module(f"nitro_attest._core.{module}").__name__.endswith(module)


def test_every_rule_has_a_line_and_every_number_is_a_rule() -> None:
    """The numbers in the comments of `_core` are those of the rules, each in the rule's module."""
    lines = {(place.rule, place.path.stem) for place in BREAK["places"]()}
    assert {rule for rule, _ in lines} == {rule["id"] for rule in RULES}
    assert {(rule["id"], rule["module"]) for rule in RULES} <= lines


def test_every_numbered_line_can_be_broken() -> None:
    """`make rules` knows what to do at each; whether a test notices is for it to say."""
    for path, line in sorted({(place.path, place.line) for place in BREAK["places"]()}):
        text = path.read_text(encoding="utf-8")
        assert all(changed != text and done for changed, done in BREAK["changes"](text, line))


def test_every_test_of_a_rule_exists() -> None:
    """The functions named as tests of a rule are there, by file and name."""
    named = {test for rule in RULES for test in rule["tests"]}
    files = {test.partition("::")[0] for test in named}
    defined = {f"{path}::{name}" for path in files for name in _functions(ROOT / path)}
    assert named - defined == set()


def _functions(path: Path) -> list[str]:
    return re.findall(r"^def (test_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE)


def test_every_decision_of_a_rule_exists() -> None:
    """Where a rule's source is a decision of this project, its record is there."""
    numbers = {
        int(number) for rule in RULES for number in re.findall(r"ADR ([0-9]+)", rule["source"])
    }
    assert numbers <= {int(path.name[:4]) for path in (DOCS / "adr").glob("0*.md")}


def test_every_rule_a_page_names_exists() -> None:
    """No page refers to a rule that is not in the list."""
    ids = {rule["id"] for rule in RULES}
    for page in sorted(DOCS.rglob("*.md")):
        assert set(re.findall(r"\bV-[0-9]{2,3}\b", page.read_text(encoding="utf-8"))) <= ids, (
            page.name
        )


@pytest.mark.parametrize(
    ("page", "module"), [("nitro_attest", nitro_attest), ("testing", nitro_attest.testing)]
)
def test_the_reference_names_the_whole_api(page: str, module: ModuleType) -> None:
    """Every public name has its entry in the reference, and nothing else has one."""
    reference = (DOCS / "reference" / f"{page}.md").read_text(encoding="utf-8")
    named = re.findall(
        r"^\.\. (?:auto(?:class|function|exception|data)|py:data):: (\w+)$", reference, re.MULTILINE
    )
    assert sorted(named) == sorted(module.__all__)

"""Write the table of verification.md from rules.toml, or with --check say whether it is up to date.

The rules come in as data, Markdown between two markers goes out. Never: a rule that stands only in
the page.
"""

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
RULES: Final = HERE / "rules.toml"
PAGE: Final = HERE / "verification.md"
BEGIN: Final = "<!-- rules: written by make_table.py -->\n"
END: Final = "<!-- end of rules -->\n"


def read_steps() -> list[dict[str, Any]]:
    """Return the steps in their order, each with a title and its rules."""
    steps: list[dict[str, Any]] = tomllib.loads(RULES.read_text(encoding="utf-8"))["step"]
    return steps


def rendered(page: str) -> str:
    """Return `page` with the tables between the markers written anew."""
    before, found_begin, rest = page.partition(BEGIN)
    _, found_end, after = rest.partition(END)
    if not found_begin or not found_end:
        message = f"{PAGE.name} lacks a marker"
        raise ValueError(message)
    return "".join([before, BEGIN, *(f"{line}\n" for line in _tables()), "\n", END, after])


def _tables() -> Iterator[str]:
    for number, step in enumerate(read_steps()):
        yield f"\n### {number}. {step['title']}\n"
        yield "| | rule | source | module | reason | tests |"
        yield "|---|---|---|---|---|---|"
        for rule in step["rule"]:
            reasons = "<br>".join(f"`{reason}`" for reason in rule["reasons"])
            tests = "<br>".join(_test_in_words(test) for test in rule["tests"])
            yield f"| {rule['id']} | {rule['rule']} | {rule['source']} | `{rule['module']}` | {reasons} | {tests} |"


def _test_in_words(test: str) -> str:
    """Write `tests/unit/core/test_policy.py::test_kinds_do_not_mix` as `policy`: kinds do not mix."""
    path, _, name = test.partition("::")
    return (
        f"`{Path(path).stem.removeprefix('test_')}`: {name.removeprefix('test_').replace('_', ' ')}"
    )


def main(arguments: list[str]) -> int:
    """Write the page, or with --check leave it and return 1 if it is out of date."""
    page = PAGE.read_text(encoding="utf-8")
    new = rendered(page)
    if arguments == ["--check"]:
        if new != page:
            sys.stderr.write(f"{PAGE.name} is out of date: run python docs/spec/make_table.py\n")
        return int(new != page)
    PAGE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

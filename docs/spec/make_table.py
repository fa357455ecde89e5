"""Write the rules of verification.md from rules.toml; with --check, report if they are out of date.

Each rule becomes a section with an anchor of its own (`#v-54`), so that a review or an issue can
link to it. Sources are written as links, and tests as ids that pytest accepts.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
RULES: Final = HERE / "rules.toml"
PAGE: Final = HERE / "verification.md"
DECISIONS: Final = HERE.parent / "adr"
BEGIN: Final = "<!-- rules: written by make_table.py -->\n"
END: Final = "<!-- end of rules -->\n"

AWS: Final = (
    "https://github.com/aws/aws-nitro-enclaves-nsm-api/blob/main/docs/attestation_process.md"
)
AWS_GUIDE: Final = "https://docs.aws.amazon.com/enclaves/latest/user/set-up-attestation.html"
FIPS: Final = "https://doi.org/10.6028/NIST.FIPS.186-5"
# What a source names, and where it leads. An RFC leads to its first section that is named.
_ADR: Final = re.compile(r"ADR (?P<number>[0-9]+)")
_RFC: Final = re.compile(r"RFC (?P<number>[0-9]+)(?: (?P<section>[0-9]+(?:\.[0-9]+)*))?")
_ADVISORY: Final = re.compile(r"GHSA(?:-[0-9a-z]{4}){3}|CVE-[0-9]{4}-[0-9]+")
_NAMED: Final = re.compile(
    r"ADR [0-9]+|RFC [0-9]+(?: [0-9]+(?:\.[0-9]+)*)?|GHSA(?:-[0-9a-z]{4}){3}|CVE-[0-9]{4}-[0-9]+"
    r"|AWS user guide|AWS [0-9]+(?:\.[0-9]+)*|FIPS 186-5"
)


def read_steps() -> list[dict[str, Any]]:
    """Return the steps in their order, each with a title and its rules."""
    steps: list[dict[str, Any]] = tomllib.loads(RULES.read_text(encoding="utf-8"))["step"]
    return steps


def rendered(page: str) -> str:
    """Return `page` with the rules between the markers written anew."""
    before, found_begin, rest = page.partition(BEGIN)
    _, found_end, after = rest.partition(END)
    if not found_begin or not found_end:
        message = f"{PAGE.name} lacks a marker"
        raise ValueError(message)
    return "".join([before, BEGIN, *(f"{line}\n" for line in _steps()), "\n", END, after])


def _steps() -> Iterator[str]:
    for number, step in enumerate(read_steps()):
        yield f"\n### {number}. {step['title']}"
        for rule in step["rule"]:
            yield from _rule(rule)


def _rule(rule: dict[str, Any]) -> Iterator[str]:
    """Write one rule: a heading, which is its anchor, the rule, and what belongs to it."""
    rejects = " or ".join(f"`{reason}`" for reason in rule["reasons"])
    yield f"\n#### {rule['id']}\n"
    yield f"{rule['rule']}\n"
    yield f"Reason\n: {rejects}\n"
    yield f"Source\n: {_NAMED.sub(_link, rule['source'])}\n"
    yield f"Module\n: `{rule['module']}`\n"
    for position, test in enumerate(rule["tests"]):
        yield f"{'' if position else f'Tests{chr(10)}'}: `{test}`\n"


def _link(found: re.Match[str]) -> str:
    """Return a named source as a link to it."""
    name = found[0]
    if decision := _ADR.fullmatch(name):
        (page,) = DECISIONS.glob(f"{int(decision['number']):04}-*.md")
        target = f"../adr/{page.name}"
    elif rfc := _RFC.fullmatch(name):
        section = f"#section-{rfc['section']}" if rfc["section"] else ""
        target = f"https://www.rfc-editor.org/rfc/rfc{rfc['number']}{section}"
    elif _ADVISORY.fullmatch(name):
        place = "github.com/advisories" if name.startswith("GHSA") else "nvd.nist.gov/vuln/detail"
        target = f"https://{place}/{name}"
    elif name.startswith("FIPS"):
        target = FIPS
    else:
        target = AWS_GUIDE if name == "AWS user guide" else AWS
    return f"[{name}]({target})"


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

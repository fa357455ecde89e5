"""Show a policy in words, and the difference of two."""

from rich.text import Text

from nitro_attest import NotChecked, Policy, Sha384
from nitro_attest.cli._terminal import BAD, FAINT, GOOD, WARN, Digits, Page, Part, Row
from nitro_attest.policy_review import (
    PcrDescription,
    SetDescription,
    compare,
    describe,
    same_words,
)

_STYLES = {"same": FAINT, "stricter": GOOD, "looser": BAD}


def show(policy: Policy, page: Page) -> None:
    """Write the whole policy, what it does not check first."""
    description = describe(policy)
    if description.waivers:
        page.line(Text("This policy does NOT check", style=WARN))
        page.rows([((it.subject,), (it.because,)) for it in description.waivers], indent=2)
    else:
        page.line("This policy skips no check.")
    page.gap()
    page.line(Text(f"It accepts a document of a {description.kind} if", style="bold"))
    loud = not policy.trust_anchor.is_root_of_aws
    demands: list[Row] = []
    for place, demand in enumerate(description.demands):
        text = Text(demand.text, style=BAD if loud and place == 0 else "")
        digits = () if demand.digits is None else (Digits(demand.digits),)
        demands.append((("-",), (text, *digits)))
    page.rows(demands, indent=2)
    for found in description.sets:
        page.gap()
        _show_set(found, page)
    if description.remarks:
        page.gap()
        page.line(Text("Look twice", style=WARN))
        page.rows([(("-",), (remark,)) for remark in description.remarks], indent=2)
    page.gap()
    page.rows([(("SHA-256 of this policy",), (Digits(description.digest),))])


def _show_set(found: SetDescription, page: Page) -> None:
    page.line(Text(found.title, style="bold" if found.pcrs else BAD))
    if found.pcrs:
        page.rows([((f"PCR{it.index}", it.name), _pcr(it)) for it in found.pcrs], indent=2)


def _pcr(pcr: PcrDescription) -> list[Part]:
    if isinstance(pcr.rule, NotChecked):
        return [Text("not checked", style=WARN)]
    if pcr.rule == Sha384.ZERO:
        return [Text(f"zero: {pcr.meaning}" if pcr.meaning else "zero", style=FAINT)]
    digits = Digits(pcr.rule.hex())
    return [digits] if pcr.meaning is None else [digits, Text(pcr.meaning, style=WARN)]


def show_difference(old: Policy, new: Policy, page: Page) -> None:
    """Write which documents would change verdict, rule by rule."""
    rows: list[Row] = []
    changed = False
    for difference in compare(old, new):
        changes = [("stricter", text) for text in difference.stricter]
        changes += [("looser", text) for text in difference.looser]
        for word, text in changes or [("same", "")]:
            rows.append(((difference.rule, Text(word, style=_STYLES[word])), (text,)))
        changed = changed or bool(changes)
    page.rows(rows)
    page.gap()
    if changed:
        page.line(
            "stricter: such documents are rejected from now on; looser: they are accepted from "
            "now on, if they meet the other rules."
        )
    else:
        words = "" if same_words(old, new) else "; labels or reasons changed"
        page.line(f"No document changes verdict{words}.")

"""Say in words what a policy demands and what it leaves out, for people who read no Python.

A policy comes in, lines go out, waivers first. Never: a rule that is not mentioned.
"""

from typing import Final, assert_never

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nitro_attest import (
    AWS_NITRO_ROOT_G1,
    AWS_US_GOV_NITRO_ROOT_G1,
    Absent,
    AnyEnclave,
    AnyNitroTpm,
    DebugEnclave,
    EnclaveMeasurements,
    Equals,
    FieldRule,
    Freshness,
    FreshNonce,
    Measurements,
    NitroTpmMeasurements,
    NotChecked,
    Policy,
    Present,
    Sha384,
    TimestampOnly,
    TrustAnchor,
    Waiver,
)
from nitro_attest._core.measurements import KIND_OF_SET, pcr_rules
from nitro_attest.cli._inspect import KINDS, NAMES
from nitro_attest.cli._lines import digest_lines
from nitro_attest.cli._terminal import BAD, FAINT, WARN
from nitro_attest.policy_file import write_duration

_ZERO_MEANS: Final = {3: "zero: no IAM role", 8: "zero: not signed", 12: "zero: no command line"}


def waivers(policy: Policy) -> tuple[Waiver, ...]:
    """Return every check that the policy leaves out, of all its sets."""
    found: list[Waiver] = []
    if isinstance(policy.freshness, TimestampOnly):
        found.append(Waiver("freshness", policy.freshness.because))
    for measurements in policy.measurements:
        match measurements:
            case EnclaveMeasurements() | NitroTpmMeasurements():
                found.extend(
                    Waiver(
                        name if len(policy.measurements) == 1 else f"{name} ({measurements.label})",
                        rule.because,
                    )
                    for _, name, rule in pcr_rules(measurements)
                    if isinstance(rule, NotChecked)
                )
            case AnyEnclave(because) | DebugEnclave(because) | AnyNitroTpm(because):
                found.append(Waiver("measurements", because))
            case _:
                assert_never(measurements)
    rules = {
        "public_key": policy.public_key,
        "user_data": policy.user_data,
        "unknown_fields": policy.unknown_fields,
    }
    found.extend(
        Waiver(name, rule.because) for name, rule in rules.items() if isinstance(rule, NotChecked)
    )
    return tuple(found)


def name_of_set(measurements: Measurements) -> str:
    """Return the label of a set, or what a set without one is called."""
    match measurements:
        case EnclaveMeasurements() | NitroTpmMeasurements():
            return f'"{measurements.label}"'
        case AnyEnclave():
            return "any enclave that is not in debug mode"
        case DebugEnclave():
            return "any enclave IN DEBUG MODE"
        case AnyNitroTpm():
            return "any instance with NitroTPM"
    assert_never(measurements)


def show(policy: Policy, console: Console) -> None:
    """Write the whole policy in words."""
    left_out = waivers(policy)
    if left_out:
        console.print(Text("This policy does NOT check", style=WARN))
        table = Table.grid(padding=(0, 2))
        for waiver in left_out:
            table.add_row("  -", waiver.subject, waiver.because)
        console.print(table)
    else:
        console.print("This policy leaves nothing unchecked.")
    kind = KINDS[KIND_OF_SET[type(policy.measurements[0])]]
    console.print(Text(f"\nIt believes a document of a {kind} if", style="bold"))
    demands = Table.grid(padding=(0, 2))
    demands.add_row("  -", _anchor(policy.trust_anchor))
    demands.add_row("  -", f"it is fresh: {freshness(policy.freshness)}")
    demands.add_row("  -", f"its public_key {field_rule(policy.public_key)}")
    demands.add_row("  -", f"its user_data {field_rule(policy.user_data)}")
    unknown = "may have" if isinstance(policy.unknown_fields, NotChecked) else "has no"
    demands.add_row("  -", f"it {unknown} fields that AWS does not list")
    count = len(policy.measurements)
    demands.add_row(
        "  -",
        "its PCRs match this set"
        if count == 1
        else f"its PCRs match one whole set of these {count}",
    )
    console.print(demands)
    for measurements in policy.measurements:
        console.print()
        _show_set(measurements, console)


def freshness(rule: Freshness) -> str:
    """Say how fresh a document must be."""
    window = f"made at most {write_duration(rule.max_age)} ago, its clock at most {write_duration(rule.max_clock_skew)} ahead"
    match rule:
        case FreshNonce():
            return f"it carries the nonce that was issued, {window}"
        case TimestampOnly():
            return f"{window}; no nonce is asked for"
    assert_never(rule)


def field_rule(rule: FieldRule) -> str:
    """Say what a field must be."""
    match rule:
        case Present():
            return "is there, whatever it is"
        case Absent():
            return "is absent"
        case Equals(value):
            return f"is exactly {len(value)} bytes: {value[:16].hex()}{'...' if len(value) > 16 else ''}"
        case NotChecked():
            return "is anything, or absent"
    assert_never(rule)


def _anchor(anchor: TrustAnchor) -> Text:
    text = Text("its certificates lead to ")
    if anchor == AWS_NITRO_ROOT_G1:
        return text.append("the root of AWS (commercial regions)")
    if anchor == AWS_US_GOV_NITRO_ROOT_G1:
        return text.append("the root of AWS GovCloud (US)")
    text.append(f'"{anchor.name}", NOT A ROOT OF AWS', style=BAD)
    return text.append(f"\nSHA-256 {anchor.sha256}", style="default")


def _show_set(measurements: Measurements, console: Console) -> None:
    console.print(
        Text(
            name_of_set(measurements),
            style=BAD if isinstance(measurements, DebugEnclave) else "bold",
        )
    )
    if not isinstance(measurements, (EnclaveMeasurements, NitroTpmMeasurements)):
        return
    names = NAMES[KIND_OF_SET[type(measurements)]]
    table = Table.grid(padding=(0, 2))
    for index, _, rule in pcr_rules(measurements):
        table.add_row(f"  PCR{index}", names.get(index, ""), _pcr_rule(index, rule))
    console.print(table)


def _pcr_rule(index: int, rule: Sha384 | NotChecked) -> Text:
    if isinstance(rule, NotChecked):
        return Text("not checked", style=WARN)
    if rule == Sha384.ZERO:
        return Text(_ZERO_MEANS.get(index, "zero"), style=FAINT)
    return Text("\n".join(digest_lines(rule.hex())))

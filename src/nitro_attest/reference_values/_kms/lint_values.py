"""Rules on the values that attestation conditions demand.

The shared values are computed from public constants; captured documents of unrelated images carry
them (KMS developer guide, "Condition keys for attested platforms"; GHSA-xrv8-2pf5-f3q7 for PCR12).
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from itertools import islice, product
from typing import Final

from nitro_attest import DocumentKind
from nitro_attest.reference_values._kms.any_request import AnyContext, AnyRequest
from nitro_attest.reference_values._kms.conditions import holds
from nitro_attest.reference_values._kms.lint_grammar import Found
from nitro_attest.reference_values._kms.lint_paths import can_apply, guard_of
from nitro_attest.reference_values._kms.operations import TAKE_A_DOCUMENT, covers
from nitro_attest.reference_values._kms.patterns import Variables, ascii_lower
from nitro_attest.reference_values._kms.pins import Guards, Pins, pins_of
from nitro_attest.reference_values._kms.policy_document import (
    Effect,
    KeyPolicy,
    Statement,
)
from nitro_attest.reference_values._kms.repairs import (
    PREFIX,
    as_json,
    conditions_of,
    placeholder,
    with_conditions,
    with_pins,
    written,
)
from nitro_attest.reference_values._kms.request import (
    CONTEXT,
    CONTEXT_NAMES,
    read_pcr_key,
)

_ZERO: Final = "00" * 48
_DEBUG_PCRS: Final = frozenset({0, 1, 2})
_ENCLAVE_ONLY: Final = frozenset({0, 1, 2, 3, 8})
_TPM_PCRS: Final = frozenset({4, 7, 12})
_APPLICATION: Final = 2
_SIGNER: Final = 8
_BOOT_MANAGER: Final = 4
_SECURE_BOOT: Final = 7
_COMMAND_LINE: Final = 12
_NO_TEXT: Final = "a text that no policy names"
_TRIED: Final = 8  # combinations of listed values that are tried for one that is allowed
_TRIES: Final = 128  # in the whole policy; 32,768 bytes hold about 70 statements with three PCRs
# One event that says Secure Boot is off; the same without the variable
_SECURE_BOOT_OFF: Final = frozenset(
    {
        "98441c7f7625d10058c47683aec486ce311c633235eb555593a7ee791121e3578ae72d04ecef661f272d59058b77af35",
        "384a798e98b5369727295c5b2889e1e015c65b3add6d78dce4e457c164865ee2af7b6d53ac7cbcd092eaf5fa1a76ea18",
    }
)
# SHA-384(48 zero bytes, SHA-384 of nothing): an image without an application ramdisk
_EMPTY_APPLICATION: Final = (
    "21b9efbc184807662e966d34f390821309eeac6802309798"
    "826296bf3e8bec7c10edb30948c90ba67310f7b964fc500a"
)
# A bare separator; no boot application; never extended; zero
_SHARED_TPM_VALUES: Final = frozenset(
    {
        "518923b0f955d08da077c96aaba522b9decede61c599cea6c41889cfbea4ae4d50529d96fe4d1afdafb65e7f95bf23c4",
        "70bc457e087464760a8927d6312248dc117663410914ff8b1e42fd5dc91e16f5fe3f15ca64372d3e47af8b4c53b01df9",
        "ff" * 48,
        _ZERO,
    }
)
_SHARED_ENCLAVE_VALUES: Final = frozenset({_ZERO, "ff" * 48})


def value_findings(policy: KeyPolicy) -> Iterator[Found]:
    """Go through the attestation conditions and find values that do not do what they should."""
    guards, tries = Guards(policy), iter(range(_TRIES))
    for statement in policy.statements:
        if statement.effect is Effect.ALLOW and statement.resources is not None:
            pins = pins_of(statement, guards)
            if pins is not None:
                yield from _check_pins(statement, pins)
                yield from _dead(statement, pins, policy, tries)
                yield from _context(statement, policy.variables)


def _check_pins(statement: Statement, pins: Pins) -> Iterator[Found]:
    debug = [index for index in _debug_pcrs(pins) if _ZERO in pins.values[index]]
    if debug:
        why = (
            f"Zero in {_named(pins, debug)} is the value of an enclave in debug mode, "
            "whose console the parent instance reads and whose code is not measured."
        )
        yield "debug-value", statement.name, why, _replaced(statement, pins, debug, {_ZERO})
    elif found := _identity(statement, pins):
        yield found
    elif pins.kind is DocumentKind.ENCLAVE and not _debug_pcrs(pins):
        why = (
            "No condition on PCR0, PCR1 or PCR2: KMS also accepts an enclave in debug "
            "mode that is signed with this certificate."
        )
        yield "debug-allowed", statement.name, why, _added(statement, pins, (0, 1, 2))
    wide = [index for index, values in pins.values.items() if len(set(values)) > 1]
    if len(wide) > 1:
        why = (
            f"{_named(pins, wide)} have lists, and each PCR is compared by itself: values "
            "of different builds are accepted together. Write one statement for each "
            "build (the repair pairs the lists in their order)."
        )
        yield "mixed-builds", statement.name, why, _split(statement)


def _debug_pcrs(pins: Pins) -> list[int]:
    is_enclave = pins.kind is DocumentKind.ENCLAVE
    return [index for index in pins.values if is_enclave and index in _DEBUG_PCRS]


def _identity(statement: Statement, pins: Pins) -> Found | None:
    """Return the finding if the pinned PCRs do not tell one build from another, or only just."""
    name, indexes = statement.name, frozenset(pins.values)
    shared = {index for index in indexes if not _identifies(pins, index)}
    if pins.kind is DocumentKind.NITRO_TPM:
        return _tpm_identity(statement, pins, shared)
    if indexes.isdisjoint(_ENCLAVE_ONLY) and indexes & _TPM_PCRS:
        why = (
            f"{_named(pins, indexes)} without NitroTPM in the key is about enclaves: a "
            "document of NitroTPM never meets it."
        )
        return "wrong-platform", name, why, _renamed_for_tpm(statement)
    return _enclave_identity(statement, pins, shared)


def _enclave_identity(statement: Statement, pins: Pins, shared: AbstractSet[int]) -> Found | None:
    name, indexes = statement.name, frozenset(pins.values)
    code = {index for index in (0, 1, 2, 8) if index in indexes - shared}
    if code == {0}:
        why = (
            "Bytes can be moved between the sections of an image without changing PCR0: "
            "pin PCR1 and PCR2 as well."
        )
        return "pcr0-only", name, why, _added(statement, pins, (1, 2))
    if 0 in code or _SIGNER in code or {1, 2} <= code:
        return None
    if shared & {2, 8}:
        why = (
            f"The value of {_named(pins, shared & {2, 8})} is the same for unrelated "
            "images: pin PCR0, PCR1 and PCR2."
        )
        return "pins-nothing", name, why, _added(statement, pins, (0, 1))
    if code == {2}:
        why = (
            "PCR2 is only the application ramdisk: an attacker's kernel and init can "
            "start with it. Pin PCR0 and PCR1 as well."
        )
        return "pcr2-alone", name, why, _added(statement, pins, (0, 1))
    why = f"{_named(pins, indexes)} do not identify code: pin PCR0, PCR1 and PCR2."
    return "no-identity", name, why, _added(statement, pins, (0, 1, 2))


def _tpm_identity(statement: Statement, pins: Pins, shared: AbstractSet[int]) -> Found | None:
    name, indexes = statement.name, frozenset(pins.values)
    if indexes >= {_BOOT_MANAGER, _COMMAND_LINE} and _BOOT_MANAGER not in shared:
        return None
    if _SECURE_BOOT in shared and not _SECURE_BOOT_OFF.isdisjoint(pins.values[_SECURE_BOOT]):
        why = (
            "This value of NitroTPMPCR7 says that Secure Boot is off, and every image "
            "has it then: pin NitroTPMPCR4 and NitroTPMPCR12."
        )
        return "secure-boot-off", name, why, _added(statement, pins, (4, 12))
    if _SECURE_BOOT in indexes - shared:
        return None
    if shared & {4, 7}:
        why = f"The value of {_named(pins, shared & {4, 7})} is the same for unrelated images."
        return (
            "pins-nothing",
            name,
            why,
            _replaced(statement, pins, shared & {4, 7}, _SHARED_TPM_VALUES),
        )
    why = (
        f"{_named(pins, indexes)} do not identify an image: pin NitroTPMPCR4 together "
        "with NitroTPMPCR12, or NitroTPMPCR7."
    )
    return "no-identity", name, why, _added(statement, pins, (4, 12))


def _identifies(pins: Pins, index: int) -> bool:
    """Return whether no listed value of a PCR is shared by unrelated images."""
    nothing = _SHARED_ENCLAVE_VALUES
    if pins.kind is DocumentKind.NITRO_TPM:
        nothing = _SHARED_TPM_VALUES
        if index == _SECURE_BOOT:
            nothing |= _SECURE_BOOT_OFF
    elif index == _APPLICATION:
        nothing |= {_EMPTY_APPLICATION}
    return nothing.isdisjoint(pins.values[index])


def _named(pins: Pins, indexes: AbstractSet[int] | list[int]) -> str:
    return " and ".join(pins.name(index) for index in sorted(indexes))


def _added(statement: Statement, pins: Pins, wanted: tuple[int, ...]) -> tuple[str, ...]:
    """Return the statement with placeholders for these PCRs, in place of their values."""
    dropped = _without_pcrs(statement, pins.kind, wanted)
    new = {pins.key(index): placeholder(pins.name(index)) for index in wanted}
    return as_json(with_pins(dropped, new))


def _without_pcrs(
    statement: Statement, kind: DocumentKind, indexes: tuple[int, ...]
) -> dict[str, object]:
    def change(operator: str, key: str, values: list[str]) -> tuple[str, str, list[str]] | None:
        found = read_pcr_key(ascii_lower(key))
        is_dropped = found is not None and found[0] is kind and found[1] in indexes
        return None if is_dropped else (operator, key, values)

    return with_conditions(written(statement), change)


def _replaced(
    statement: Statement, pins: Pins, indexes: AbstractSet[int] | list[int], bad: AbstractSet[str]
) -> tuple[str, ...]:
    """Return the statement without some values; a PCR that has no other gets a placeholder."""

    def change(operator: str, key: str, values: list[str]) -> tuple[str, str, list[str]]:
        found = read_pcr_key(ascii_lower(key))
        if found is None or found[0] is not pins.kind or found[1] not in indexes:
            return operator, key, values
        kept = [value for value in values if ascii_lower(str(value)) not in bad]
        return operator, key, kept or [placeholder(pins.name(found[1]))]

    return as_json(with_conditions(written(statement), change))


def _renamed_for_tpm(statement: Statement) -> tuple[str, ...]:
    def change(operator: str, key: str, values: list[str]) -> tuple[str, str, list[str]]:
        found = read_pcr_key(ascii_lower(key))
        return operator, key if found is None else f"{PREFIX}NitroTPMPCR{found[1]}", values

    return as_json(with_conditions(written(statement), change))


def _split(statement: Statement) -> tuple[str, ...]:
    """Return one statement for each place in the lists, placeholders for shorter lists."""
    lists = [
        condition.values
        for condition in statement.conditions
        if read_pcr_key(ascii_lower(condition.key)) and len(condition.values) > 1
    ]
    count = max(map(len, lists), default=1)

    def one(number: int) -> dict[str, object]:
        def change(operator: str, key: str, values: list[str]) -> tuple[str, str, list[str]]:
            found = read_pcr_key(ascii_lower(key))
            if found is None or len(values) == 1:
                return operator, key, values
            kept = values[number] if len(values) == count else placeholder(f"PCR{found[1]}")
            return operator, key, [kept]

        copy = with_conditions(written(statement), change)
        sid = statement.name.sid
        return copy if sid is None else {**copy, "Sid": f"{sid} {number + 1}"}

    return as_json(*map(one, range(count)))


def _dead(
    statement: Statement, pins: Pins, policy: KeyPolicy, tries: Iterator[int]
) -> Iterator[Found]:
    """Find an Allow of which no document is left, because a Deny denies all that it names.

    Each try looks at the whole policy, so `tries` bounds them for all statements together.
    """
    actions = statement.actions
    operations = [
        found for found in TAKE_A_DOCUMENT if actions is not None and covers(actions, found)
    ]
    requests = [
        AnyRequest(pins.kind, dict(zip(pins.values, values, strict=True)))
        for values in islice(product(*pins.values.values()), _TRIED)
    ]
    for request in requests:
        for operation in operations:
            if next(tries, None) is None:
                why = "Too many statements to try whether a Deny leaves anything of it."
                yield "undecidable", statement.name, why, None
                return
            guard = guard_of(policy, operation, request)
            if not guard.covers(statement.principals):
                return
    deny = next(
        found
        for found in policy.statements
        if found.effect is Effect.DENY
        and can_apply(found, operations[0], requests[0], policy.variables) is True
    )
    why = f"It denies every document that {statement.name} allows: both must list the same values."
    yield "never-allows", deny.name, why, _let_pass(deny, pins)


def _let_pass(deny: Statement, pins: Pins) -> tuple[str, ...]:
    """Return a Deny that also lists the values of an Allow; nothing if it has no lists."""
    if not any(read_pcr_key(ascii_lower(found.key)) for found in deny.conditions):
        return ()

    def change(operator: str, key: str, values: list[str]) -> tuple[str, str, list[str]]:
        found = read_pcr_key(ascii_lower(key))
        index = -1 if found is None or found[0] is not pins.kind else found[1]
        more = [value for value in pins.values.get(index, ()) if value not in values]
        return operator, key, [*values, *more]

    return as_json(with_conditions(written(deny), change))


def _context(statement: Statement, variables: Variables) -> Iterator[Found]:
    of_contexts = [
        condition
        for condition in statement.conditions
        if (name := ascii_lower(condition.key)) == CONTEXT_NAMES or name.startswith(CONTEXT)
    ]
    if not any(
        all(holds(condition, context, variables) is True for condition in of_contexts)
        for context in (AnyContext(()), AnyContext((_NO_TEXT,)))
    ):
        return
    if statement.actions is not None and covers(statement.actions, "Decrypt"):
        why = (
            "No condition on kms:EncryptionContext"
            + (" that demands a value" if of_contexts else "")
            + ": the enclave can be handed any ciphertext under the key. Bind the context that "
            "the application encrypts with."
        )
        changed = written(statement)
        conditions = conditions_of(changed)
        bound = {
            **conditions.get("StringEquals", {}),
            "kms:EncryptionContext:<name>": "<value>",
        }
        fixed = {**changed, "Condition": {**conditions, "StringEquals": bound}}
        yield "context-not-bound", statement.name, why, as_json(fixed)

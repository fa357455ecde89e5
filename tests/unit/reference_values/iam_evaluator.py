"""A second evaluator of key policies, written from AWS's text and without the library's code.

It works on the JSON as it is, keeps the set of answers that each part can have ({True}, {False} or
both), and tries every combination of what is not known. Sentences in quotation marks are those of
the IAM user guide and of the KMS developer guide.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from itertools import product
from typing import Any, cast

YES, NO, OPEN = frozenset({True}), frozenset({False}), frozenset({True, False})
Answers = frozenset[bool]

RECIPIENT = {"decrypt", "derivesharedsecret", "generatedatakey", "generatedatakeypair"}


@dataclass
class Asked:
    """One request in IAM's words; `keys` maps lower-case names to values, None if unknown."""

    operation: str
    principal: str
    role_arn: str | None = None
    key_arn: str | None = None
    not_given: tuple[str, ...] = ()  # PCRs that the document may have
    keys: dict[str, list[str] | None] = field(default_factory=dict[str, list[str] | None])

    @property
    def account(self) -> str:
        """Return the account in the principal's ARN."""
        return self.principal.split(":")[4] if self.principal.startswith("arn:") else ""


def outcome(policy: dict[str, Any], asked: Asked) -> str:
    """Return "allow", "deny" or "undecided"; what is not given never makes an "allow"."""
    found = outcome_of(policy, asked)
    if found != "allow" or not asked.not_given:
        return found
    unknown: dict[str, list[str] | None] = dict.fromkeys(asked.not_given)
    return outcome_of(policy, replace(asked, keys={**asked.keys, **unknown}))


def outcome_of(policy: dict[str, Any], asked: Asked) -> str:
    """Return the outcome for one request."""
    statements: list[dict[str, Any]] = listed(policy["Statement"])
    version = policy.get("Version", "2008-10-17")
    answers = [(one["Effect"], statement_applies(one, asked, version)) for one in statements]
    known = [(effect, min(found)) for effect, found in answers if len(found) == 1]
    unknown = [effect for effect, found in answers if len(found) == 2]
    verdicts: set[str] = set()
    for guesses in product((True, False), repeat=min(len(unknown), 12)):
        applying = {effect for effect, holds in known if holds}
        applying |= {effect for effect, holds in zip(unknown, guesses, strict=True) if holds}
        # "An explicit deny in any policy overrides any allows."
        verdicts.add("allow" if applying == {"Allow"} else "deny")
    return verdicts.pop() if len(verdicts) == 1 else "undecided"


def both(*answers: Answers) -> Answers:
    """Return what a conjunction of independent parts can be."""
    return frozenset(all(guess) for guess in product(*answers))


def either(*answers: Answers) -> Answers:
    """Return what a disjunction of independent parts can be."""
    return frozenset(any(guess) for guess in product(*answers))


def opposite(answers: Answers) -> Answers:
    """Return what a negation can be."""
    return frozenset(not answer for answer in answers)


def listed(value: Any) -> list[Any]:
    """Return a value as a list: "the brackets are optional"."""
    return cast("list[object]", value) if isinstance(value, list) else [value]


def statement_applies(one: dict[str, Any], asked: Asked, version: str) -> Answers:
    """Return whether a statement applies."""
    if "Resource" not in one and "NotResource" not in one:
        return NO  # "the policy statement has no effect"
    result = both(action(one, asked), principal(one, asked), resource(one, asked, version))
    for operator, keys in one.get("Condition", {}).items():
        for key, values in keys.items():
            result = both(result, condition(operator, key, listed(values), asked, version))
    return result


def action(one: dict[str, Any], asked: Asked) -> Answers:
    """Match "kms:" and the operation, ignoring case, with * and ?."""
    wanted = ("kms:" + asked.operation).lower()
    for name in ("Action", "NotAction"):
        if name in one:
            hit = any(glob(text.lower(), wanted) for text in listed(one[name]))
            return frozenset({hit if name == "Action" else not hit})
    raise AssertionError(one)


def principal(one: dict[str, Any], asked: Asked) -> Answers:
    """Match the Principal; an account in an Allow delegates and is no permission by itself."""
    if "NotPrincipal" in one:
        return OPEN
    names = one["Principal"]
    if names == "*":
        return YES
    pairs = [(kind, name) for kind, found in names.items() for name in listed(found)]
    result = NO
    for kind, name in pairs:
        result = either(result, one_principal(one["Effect"], kind, name, asked))
    return result


def one_principal(  # noqa: C901, PLR0911, PLR0912 - one way through for each form of AWS's list
    effect: str, kind: str, name: str, asked: Asked
) -> Answers:
    """Match one name."""
    if (kind, name) == ("AWS", "*"):
        return YES
    if kind in ("Federated", "CanonicalUser"):
        return OPEN
    if kind == "Service":
        if not name.endswith(("amazonaws.com", "amazonaws.com.cn")):
            return OPEN
        label = name[: name.index(".") + 1]
        if name != asked.principal and asked.principal.startswith(label):
            return OPEN  # the same service under another name
        return frozenset({name == asked.principal})
    caller = asked.principal
    if len(name) == 12 and name.isdecimal():
        name = ":".join(
            ["arn", caller.split(":")[1] if ":" in caller else "", "iam", "", name, "root"]
        )
    parts = name.split(":", 5)
    if len(parts) != 6:
        return OPEN
    resource_part = parts[5]
    if resource_part == "root":
        mine = [*caller.split(":")[:2], "iam", "", asked.account, "root"]
        if name != ":".join(mine):
            return NO
        return frozenset({effect == "Deny" or caller == name})
    if name in (caller, asked.role_arn):
        return YES
    kinds = (resource_part.split("/")[0], caller.split(":", 5)[-1].split("/")[0])
    if parts[1] != caller.split(":")[1:2][0] if ":" in caller else True:
        return NO
    if parts[4] != asked.account:
        return NO
    if kinds == ("role", "assumed-role") and asked.role_arn is None:
        return frozenset({name.split("/")[-1] == caller.split("/")[1]})
    if kinds == ("assumed-role", "role"):
        return OPEN if name.split("/")[1] == caller.split("/")[-1] else NO
    if kinds == ("user", "federated-user"):
        return OPEN
    return NO


def resource(one: dict[str, Any], asked: Asked, version: str) -> Answers:
    """Match the Resource: "*" is "this KMS key"."""
    name = "Resource" if "Resource" in one else "NotResource"
    result = NO
    for text in listed(one[name]):
        if text == "*":
            result = YES
        elif asked.key_arn is None:
            result = either(result, OPEN)
        else:
            pattern = marked(text, version)
            result = either(result, OPEN if pattern is None else arn_like(pattern, asked.key_arn))
    return result if name == "Resource" else opposite(result)


KNOWN = {
    "aws:principalarn": "arn",
    "aws:securetransport": "bool",
    "kms:calleraccount": "string",
    "kms:viaservice": "string",
    "kms:encryptioncontextkeys": "list",
}


def key_type(name: str) -> str | None:
    """Return the type of a condition key, None if this evaluator does not know it."""
    if name.startswith("kms:encryptioncontext:"):
        return "string"
    for prefix, count in (("nitrotpmpcr", 24), ("pcr", 32)):
        stem = "kms:recipientattestation:" + prefix
        digits = name.removeprefix(stem)
        if name.startswith(stem) and digits in {str(index) for index in range(count)}:
            return "string"
    return "string" if name == "kms:recipientattestation:imagesha384" else KNOWN.get(name)


def condition(operator: str, key: str, values: list[Any], asked: Asked, version: str) -> Answers:
    """Evaluate one operator on one key; "an empty string" is a value, or is "a null data set"."""
    found = asked.keys.get(lower(key), [])
    readings = [found] if found is None else [found, [value for value in found if value]]
    if version == "2012-10-17" and "${" in key:
        return OPEN  # variables are documented for values
    return frozenset[bool]().union(
        *(read_condition(operator, key, values, reading, version) for reading in readings)
    )


def lower(text: str) -> str:
    """Return the text with its ASCII letters in lower case."""
    return "".join(c.lower() if c.isascii() else c for c in text)


def read_condition(  # noqa: C901, PLR0911 - one return for each sentence of the text
    operator: str, key: str, values: list[Any], found: list[str] | None, version: str
) -> Answers:
    """Evaluate one operator on the values of one key."""
    kind = key_type(lower(key))
    quantifier, _, bare = operator.rpartition(":")
    if_exists = bare.endswith("IfExists")
    bare = bare.removesuffix("IfExists")
    negated = "Not" in bare
    bare = bare.replace("Not", "").replace("ArnEquals", "ArnLike")
    if bare not in (
        "StringEquals",
        "StringEqualsIgnoreCase",
        "StringLike",
        "ArnLike",
        "Bool",
        "Null",
    ):
        return OPEN
    if kind is None or found is None:
        return OPEN
    texts = [str(value).lower() if isinstance(value, bool) else str(value) for value in values]
    if bare == "Null":
        if quantifier or if_exists:
            return OPEN
        wanted = {"true": frozenset({not found}), "false": frozenset({bool(found)})}
        return either(NO, *(wanted.get(text, OPEN) for text in texts))
    if (bare == "Bool") is not (kind == "bool") or (bare == "ArnLike" and kind != "arn"):
        return OPEN
    if kind == "list" and not quantifier:
        return OPEN
    if not found:
        if quantifier == "ForAllValues":
            return YES  # "It also returns true if there are no context keys in the request"
        if quantifier == "ForAnyValue":
            return OPEN if if_exists else NO
        return frozenset({if_exists or negated})
    each: list[Answers] = []
    for value in found:
        hit = either(NO, *(one_value(bare, text, value, version) for text in texts))
        each.append(opposite(hit) if negated else hit)
    return both(*each) if quantifier == "ForAllValues" else either(*each)


def one_value(  # noqa: PLR0911 - one return for each operator
    bare: str, text: str, value: str, version: str
) -> Answers:
    """Compare one value of the policy with one of the request."""
    stars = marked(text, version)
    if stars is None:
        return OPEN
    text = "".join(STAND_INS.get(c, c) for c in stars)
    if bare == "StringEquals":
        return frozenset({text == value})
    if bare == "StringEqualsIgnoreCase":
        if any(ord(c) > 127 for c in text + value):
            return OPEN
        return frozenset({text.upper() == value.upper()})
    if bare == "StringLike":
        return frozenset({glob(stars, value)})
    if bare == "Bool":
        return frozenset({text == value}) if text in ("true", "false") else OPEN
    return arn_like(stars, value)


STAND_INS = {"\ue000": "*", "\ue001": "?", "\ue002": "$"}


def marked(text: str, version: str) -> str | None:
    """Return the text with stand-ins for `${*}`, `${?}` and `${$}`, None if it has a variable."""
    if version != "2012-10-17":
        return text
    for stand_in, special in STAND_INS.items():
        text = text.replace("${" + special + "}", stand_in)
    return None if "${" in text else text


def arn_like(pattern: str, value: str) -> Answers:
    """Check "each of the six colon-delimited components" by itself."""
    wanted, found = pattern.split(":", 5), value.split(":", 5)
    if len(wanted) != 6 or len(found) != 6 or wanted[0] != "arn" or found[0] != "arn":
        return OPEN
    return frozenset({all(glob(one, other) for one, other in zip(wanted, found, strict=True))})


def glob(pattern: str, text: str) -> bool:
    """Match * and ? by the definition; U+E000 to U+E002 stand for escaped characters."""

    @cache
    def rest(at: int, position: int) -> bool:
        if at == len(pattern):
            return position == len(text)
        character = pattern[at]
        if character == "*":
            return rest(at + 1, position) or (position < len(text) and rest(at, position + 1))
        if position == len(text):
            return False
        is_same = character == "?" or STAND_INS.get(character, character) == text[position]
        return is_same and rest(at + 1, position + 1)

    return rest(0, 0)

"""Random key policies and requests, with some parts that nobody can decide."""

import random
from typing import Any

from unit.reference_values.iam_evaluator import Asked

PREFIX = "kms:RecipientAttestation:"
ACCOUNT, OTHER = "111122223333", "444455556666"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd"
DIGESTS = ["a1" * 48, "b2" * 48, "0" * 96]
ROLE = f"arn:aws:iam::{ACCOUNT}:role/app/payments"
CALLERS = [
    ROLE,
    f"arn:aws:sts::{ACCOUNT}:assumed-role/payments/session",
    f"arn:aws:sts::{ACCOUNT}:assumed-role/payments/other",
    f"arn:aws:iam::{ACCOUNT}:user/admin",
    f"arn:aws:iam::{ACCOUNT}:root",
    f"arn:aws:sts::{ACCOUNT}:federated-user/admin",
    f"arn:aws:iam::{OTHER}:role/payments",
    f"arn:aws-us-gov:iam::{ACCOUNT}:role/app/payments",
    "ec2.amazonaws.com",
]
NAMES: list[tuple[str, str]] = [
    ("AWS", "*"),
    *(("AWS", caller) for caller in CALLERS[:-1]),
    ("AWS", ACCOUNT),
    ("AWS", OTHER),
    ("AWS", f"arn:aws:iam::{OTHER}:root"),
    ("AWS", f"arn:aws:iam::{ACCOUNT}:role/payments"),
    ("AWS", "AROAEXAMPLEID"),
    ("Service", "ec2.amazonaws.com"),
    ("Service", "lambda.amazonaws.com"),
    ("Federated", "accounts.google.com"),
]
ACTIONS = [
    "*",
    "kms:*",
    "kms:Decrypt",
    "KMS:decrypt",
    "kms:Generate*",
    "kms:?ecrypt",
    "s3:*",
    "kms:GenerateDataKey",
    "kms:CreateGrant",
    "kms:Sign",
    "kms:De*y*",
]
OPERATIONS = ["Decrypt", "Decrypt", "Decrypt", "GenerateDataKey", "CreateGrant", "Sign", "Encrypt"]
RESOURCES = [
    "*",
    "*",
    "*",
    "*",
    KEY,
    KEY[:-2] + "*",
    "arn:aws:kms:*:*:key/?234abcd",
    "arn:aws:kms:*",
]
STRINGS = ["StringEquals", "StringEqualsIgnoreCase", "StringLike"]
NEGATED = ["StringNotEquals", "StringNotEqualsIgnoreCase", "StringNotLike"]
ARNS = ["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"]
CONTEXTS = [
    {},
    {},
    {"app": "payments"},
    {"App": "pay*", "tenant": "7"},
    {"app": "a", "APP": "b"},
    {"größe": "1"},
    {"tenant": "PAYMENTS"},
]


def policy(rng: random.Random) -> dict[str, Any]:
    """Return a policy of one to four statements."""
    statements = [statement(rng) for _ in range(rng.randint(1, 4))]
    found: dict[str, Any] = {"Statement": statements if rng.random() < 0.9 else statements[0]}
    version = rng.choice(["2012-10-17", "2012-10-17", "2008-10-17", None])
    return found if version is None else {"Version": version, **found}


def statement(rng: random.Random) -> dict[str, Any]:
    """Return a statement; most apply to most requests, so that conditions decide."""
    found: dict[str, Any] = {"Effect": rng.choice(["Allow", "Allow", "Deny"])}
    kind = rng.random()
    if kind < 0.3:
        found["Principal"] = "*"
    elif kind < 0.97:
        names: dict[str, list[str]] = {}
        for of_type, name in rng.sample(NAMES, rng.randint(1, 2)):
            names.setdefault(of_type, []).append(name)
        if rng.random() < 0.5:
            names.setdefault("AWS", []).append(ROLE)
        found["Principal"] = {key: few(rng, values) for key, values in names.items()}
    else:
        found["NotPrincipal"] = {"AWS": ROLE}
    found[pick(rng, "Action", "NotAction")] = few(rng, rng.sample(ACTIONS, rng.randint(1, 3)))
    if rng.random() < 0.97:
        element = pick(rng, "Resource", "NotResource")
        found[element] = few(rng, rng.sample(RESOURCES, rng.randint(1, 2)))
    if rng.random() < 0.85:
        found["Condition"] = conditions(rng)
    return found


def pick(rng: random.Random, usual: str, rare: str) -> str:
    """Return the usual element nine times of ten."""
    return usual if rng.random() < 0.9 else rare


def few(rng: random.Random, values: list[Any]) -> Any:
    """Return a list, or its only value without brackets."""
    return values[0] if len(values) == 1 and rng.random() < 0.7 else values


def conditions(rng: random.Random) -> dict[str, dict[str, Any]]:
    """Return one to three operators on keys."""
    found: dict[str, dict[str, Any]] = {}
    for _ in range(rng.randint(1, 3)):
        operator, key, values = rng.choice(MAKERS)(rng)
        kept = found.setdefault(operator, {})
        if key.lower() not in {other.lower() for other in kept}:
            kept[key] = few(rng, values)
    return found


def modified(rng: random.Random, operator: str) -> str:
    """Return an operator, now and then with a set operator or IfExists."""
    chance = rng.random()
    if chance < 0.08:
        operator = f"ForAllValues:{operator}"
    elif chance < 0.16:
        operator = f"ForAnyValue:{operator}"
    return operator + ("IfExists" if rng.random() < 0.1 else "")


def attestation(rng: random.Random) -> tuple[str, str, list[Any]]:
    """Return a condition on a PCR."""
    name = rng.choice(
        ["PCR0", "pcr0", "ImageSha384", "PCR8", "NitroTPMPCR4", "PCR31", "PCR32", "PCR00"]
    )
    digests = [*DIGESTS, DIGESTS[0].upper(), "a1*", "?1" * 48, "ß", "${aws:username}"]
    operator = rng.choice([*STRINGS, *STRINGS, *NEGATED, *NEGATED, "Bool", "ArnLike"])
    return modified(rng, operator), PREFIX + name, rng.choices(digests, k=rng.randint(1, 2))


def presence(rng: random.Random) -> tuple[str, str, list[Any]]:
    """Return a Null condition."""
    keys = ["PCR0", "NitroTPMPCR7", "PCR9"]
    key = rng.choice(
        [*(PREFIX + name for name in keys), "kms:ViaService", "kms:EncryptionContextKeys"]
    )
    values = [rng.choice([True, "true", "false", False, "TRUE"])]
    return rng.choice(["Null", "Null", "Null", "NullIfExists"]), key, values


def transport(rng: random.Random) -> tuple[str, str, list[Any]]:
    """Return a condition on TLS."""
    operator = modified(rng, rng.choice(["Bool", "Bool", "Bool", "StringEquals"]))
    return (
        operator,
        rng.choice(["aws:SecureTransport", "AWS:securetransport"]),
        [rng.choice(["true", "false", True, False, "yes"])],
    )


def caller(rng: random.Random) -> tuple[str, str, list[Any]]:
    """Return a condition on the caller."""
    if rng.random() < 0.3:
        operator = rng.choice([*STRINGS, *NEGATED])
        return operator, "kms:CallerAccount", [rng.choice([ACCOUNT, OTHER, "1111*", int(ACCOUNT)])]
    patterns = [
        ROLE,
        f"arn:aws:iam::{ACCOUNT}:role/*",
        "arn:*:iam::*:user/adm?n",
        "*",
        "arn:aws:iam::*",
    ]
    operator = modified(rng, rng.choice([*ARNS, *ARNS, *STRINGS, *NEGATED]))
    return operator, "aws:PrincipalArn", rng.sample(patterns, rng.randint(1, 2))


def context(rng: random.Random) -> tuple[str, str, list[Any]]:
    """Return a condition on the encryption context."""
    texts = [
        "payments",
        "pay*",
        "pay${*}",
        "pay${?}",
        "p?y*",
        "PAYMENTS",
        7,
        "größe",
        "a",
        "app",
        "tenant",
        "App",
    ]
    values = rng.sample(texts, rng.randint(1, 2))
    operator = rng.choice([*STRINGS, *NEGATED])
    if rng.random() < 0.5:
        key = rng.choice(["app", "APP", "tenant", "größe"])
        return modified(rng, operator), f"kms:EncryptionContext:{key}", values
    quantifier = rng.choice(["ForAnyValue:", "ForAllValues:", ""])
    return quantifier + operator, "kms:EncryptionContextKeys", values


def others(rng: random.Random) -> tuple[str, str, list[Any]]:
    """Return a condition on a service, or one that nobody can decide here."""
    service = "ec2.us-east-1.amazonaws.com"
    if rng.random() < 0.6:
        operator = modified(rng, rng.choice([*STRINGS, *NEGATED]))
        return operator, "kms:ViaService", [rng.choice([service, "*.amazonaws.com", "s3"])]
    undecidable: list[tuple[str, str, list[Any]]] = [
        ("IpAddress", "aws:SourceIp", ["10.0.0.0/8"]),
        ("NumericLessThan", "aws:MultiFactorAuthAge", [3600]),
        ("stringequals", PREFIX + "PCR0", [DIGESTS[0]]),
        ("StringEquals", "aws:PrincipalOrgID", ["o-1"]),
    ]
    return rng.choice(undecidable)


MAKERS = [
    attestation,
    attestation,
    attestation,
    attestation,
    presence,
    transport,
    caller,
    context,
    others,
]


def request(rng: random.Random) -> tuple[dict[str, Any], Asked]:
    """Return the arguments of `simulate` and the same request for the second evaluator."""
    operation, principal = rng.choice(OPERATIONS), rng.choice([*CALLERS, ROLE, ROLE, ROLE])
    arguments: dict[str, Any] = {"operation": operation, "principal": principal}
    asked = Asked(operation, principal)
    if ":assumed-role/payments/" in principal and rng.random() < 0.5:
        arguments["role_arn"] = asked.role_arn = ROLE
    if rng.random() < 0.8:
        arguments["key_arn"] = asked.key_arn = KEY
    keys = asked.keys
    keys["aws:securetransport"] = ["true"]
    if rng.random() < 0.1:
        arguments["transport"], keys["aws:securetransport"] = "false", ["false"]
    if rng.random() < 0.2:
        arguments["via_service"] = "ec2.us-east-1.amazonaws.com"
        keys["kms:viaservice"] = ["ec2.us-east-1.amazonaws.com"]
    is_session = ":assumed-role/" in principal
    role = asked.role_arn if is_session else principal
    is_service = not principal.startswith("arn:")
    keys["aws:principalarn"] = None if is_service or role is None else [role]
    keys["kms:calleraccount"] = None if is_service else [asked.account]
    _document(rng, arguments, keys)
    _context(rng, arguments, keys)
    return arguments, asked


def _document(
    rng: random.Random, arguments: dict[str, Any], keys: dict[str, list[str] | None]
) -> None:
    if arguments["operation"] not in ("Decrypt", "GenerateDataKey") or rng.random() < 0.2:
        return
    kind = rng.choice(["enclave", "enclave", "enclave", "nitrotpm"])
    indexes = [0, 8] if kind == "enclave" else [0, 4, 7]
    pcrs = {index: rng.choice(DIGESTS) for index in indexes}
    if rng.random() < 0.3:
        pcrs[31] = DIGESTS[0]
    arguments["pcrs"] = {index: bytes.fromhex(digits) for index, digits in pcrs.items()}
    arguments["kind"] = kind
    for index, digits in pcrs.items():
        stem = "pcr" if kind == "enclave" else "nitrotpmpcr"
        keys[f"kms:recipientattestation:{stem}{index}"] = [digits]
    if kind == "enclave":
        keys["kms:recipientattestation:imagesha384"] = [pcrs[0]]


def _context(
    rng: random.Random, arguments: dict[str, Any], keys: dict[str, list[str] | None]
) -> None:
    names = ["app", "tenant", "größe"]
    if arguments["operation"] == "CreateGrant":
        keys.update({f"kms:encryptioncontext:{name}": None for name in names})
        keys["kms:encryptioncontextkeys"] = None
        return
    pairs: dict[str, str] = {} if arguments["operation"] == "Sign" else rng.choice(CONTEXTS)
    arguments["encryption_context"] = pairs
    keys["kms:encryptioncontextkeys"] = list(pairs)
    keys["kms:encryptioncontext:größe"] = None  # "not case sensitive" says nothing of ö
    for name in names[:2]:
        values = [value for key, value in pairs.items() if key.lower() == name]
        is_certain = len(values) < 2 and all(key.isascii() for key in pairs)
        keys[f"kms:encryptioncontext:{name}"] = values if is_certain else None

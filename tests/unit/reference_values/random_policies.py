"""Random key policies and requests, with some parts that nobody can decide."""

import random
from typing import Any

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
SERVICES = ["ec2.amazonaws.com", "ec2.us-east-1.amazonaws.com", "ec2.amazonaws.com.cn"]
NAMES: list[tuple[str, str]] = [
    ("AWS", "*"),
    *(("AWS", caller) for caller in CALLERS[:-1]),
    ("AWS", ACCOUNT),
    ("AWS", OTHER),
    ("AWS", f"arn:aws:iam::{OTHER}:root"),
    ("AWS", f"arn:aws:iam::{ACCOUNT}:role/payments"),
    ("AWS", "AROAEXAMPLEID"),
    *(("Service", service) for service in SERVICES),
    ("Service", "lambda.amazonaws.com"),
    ("Federated", "accounts.google.com"),
    ("CanonicalUser", "79a59df900b949e5"),
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
    "kms:ReEncrypt*",
    "*:?e*",
]
OPERATIONS = [
    *("Decrypt", "Decrypt", "Decrypt", "Decrypt", "GenerateDataKey", "DeriveSharedSecret"),
    *("CreateGrant", "Sign", "Encrypt", "ReEncryptFrom"),
]
TAKE_A_DOCUMENT = ("Decrypt", "GenerateDataKey", "DeriveSharedSecret")
TAKE_NO_CONTEXT = ("CreateGrant", "Sign", "DeriveSharedSecret")
RESOURCES = [
    "*",
    "*",
    "*",
    "*",
    KEY,
    KEY[:-2] + "*",
    "arn:aws:kms:*:*:key/?234abcd",
    "arn:aws:kms:*",
    "arn:*:kms:us-*:1111?2223333:key/*",
    KEY.replace("key/", "key/${*}"),
    KEY.replace("1234abcd", "${aws:username}"),
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
    {"app": ""},
    {"app": "", "tenant": "7"},
    {"": "payments"},
    {"": "a", "app": "payments"},
    {"${aws:username}": "a"},
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
        found["NotPrincipal"] = rng.choice(["*", {"AWS": ROLE}, {"AWS": [ROLE, ACCOUNT]}])
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
    """Return one to three operators on keys, now and then with Null for one of the keys."""
    found: dict[str, dict[str, Any]] = {}
    for _ in range(rng.randint(1, 3)):
        operator, key, values = rng.choice(MAKERS)(rng)
        add(rng, found, operator, key, values)
        if rng.random() < 0.15:  # as AWS's text wants it beside ForAllValues
            add(rng, found, "Null", key, [rng.choice(["true", "false", "false"])])
    return found


def add(
    rng: random.Random, found: dict[str, dict[str, Any]], operator: str, key: str, values: list[Any]
) -> None:
    """Add a condition, unless the operator has the key already."""
    kept = found.setdefault(operator, {})
    if key.lower() not in {other.lower() for other in kept}:
        kept[key] = few(rng, values)


def modified(rng: random.Random, operator: str) -> str:
    """Return an operator, now and then with a set operator or IfExists."""
    chance = rng.random()
    if chance < 0.1:
        operator = f"ForAllValues:{operator}"
    elif chance < 0.2:
        operator = f"ForAnyValue:{operator}"
    return operator + ("IfExists" if rng.random() < 0.15 else "")


def attestation(rng: random.Random) -> tuple[str, str, list[Any]]:
    """Return a condition on a PCR."""
    name = rng.choice(
        [
            *("PCR0", "PCR0", "pcr0", "ImageSha384", "imagesha384", "PCR8", "PCR31", "PCR9"),
            *("NitroTPMPCR4", "nitrotpmpcr4", "NitroTPMPCR7", "NitroTPMPCR23"),
            *("PCR32", "PCR00", "NitroTPMPCR24", "NitroTPMPCR04"),
        ]
    )
    digests = [*DIGESTS, DIGESTS[0].upper(), "a1*", "?1" * 48, "ß", "${aws:username}", "*", "", 0]
    operator = rng.choice([*STRINGS, *STRINGS, *NEGATED, *NEGATED, "Bool", "ArnLike"])
    return modified(rng, operator), PREFIX + name, rng.choices(digests, k=rng.randint(1, 2))


def presence(rng: random.Random) -> tuple[str, str, list[Any]]:
    """Return a Null condition."""
    keys = [
        *(PREFIX + name for name in ("PCR0", "ImageSha384", "NitroTPMPCR7", "PCR9", "PCR40")),
        *("kms:ViaService", "kms:EncryptionContextKeys", "kms:EncryptionContext:app"),
        *("aws:PrincipalArn", "aws:SecureTransport", "kms:CallerAccount", "aws:SourceVpc"),
    ]
    values = rng.sample([True, "true", "false", False, "TRUE"], rng.choice([1, 1, 1, 2]))
    operators = ["Null", "Null", "Null", "Null", "NullIfExists", "ForAllValues:Null"]
    return rng.choice(operators), rng.choice(keys), values


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
        operator = modified(rng, rng.choice([*STRINGS, *NEGATED]))
        return operator, "kms:CallerAccount", [rng.choice([ACCOUNT, OTHER, "1111*", int(ACCOUNT)])]
    patterns = [
        ROLE,
        f"arn:aws:iam::{ACCOUNT}:role/*",
        "arn:*:iam::*:user/adm?n",
        "*",
        "arn:aws:iam::*",
        CALLERS[1],
        "arn:aws:sts::*:assumed-role/payments/*",
        f"arn:aws:iam::{ACCOUNT}:root",
        "arn:aws*:*::1111????????:*",
        "arn:aws:iam::${*}:role/app/payments",
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
        "",
        "*",
    ]
    values = rng.sample(texts, rng.randint(1, 2))
    operator = rng.choice([*STRINGS, *NEGATED])
    if rng.random() < 0.5:
        key = rng.choice(["app", "app", "APP", "tenant", "größe", "${aws:username}"])
        return modified(rng, operator), f"kms:EncryptionContext:{key}", values
    quantifier = rng.choice(["ForAnyValue:", "ForAllValues:", "ForAllValues:", ""])
    suffix = rng.choice(["", "", "", "IfExists"])
    return quantifier + operator + suffix, "kms:EncryptionContextKeys", values


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


def request(rng: random.Random) -> dict[str, Any]:
    """Return the arguments of `simulate`; kind and transport as their values."""
    principal = rng.choice([*CALLERS, *SERVICES, ROLE, ROLE, ROLE, ROLE])
    arguments: dict[str, Any] = {"operation": rng.choice(OPERATIONS), "principal": principal}
    if ":assumed-role/payments/" in principal and rng.random() < 0.5:
        arguments["role_arn"] = ROLE
    if rng.random() < 0.8:
        arguments["key_arn"] = KEY
    if rng.random() < 0.1:
        arguments["transport"] = "false"
    if rng.random() < 0.2:
        arguments["via_service"] = "ec2.us-east-1.amazonaws.com"
    if arguments["operation"] in TAKE_A_DOCUMENT and rng.random() < 0.8:
        arguments.update(document(rng))
    if arguments["operation"] not in TAKE_NO_CONTEXT:
        arguments["encryption_context"] = rng.choice(CONTEXTS)
    return arguments


def document(rng: random.Random) -> dict[str, Any]:
    """Return a kind of document and some of its PCRs."""
    kind = rng.choice(["enclave", "enclave", "enclave", "nitrotpm"])
    indexes = [0, 8] if kind == "enclave" else [0, 4, 7]
    pcrs = {index: bytes.fromhex(rng.choice(DIGESTS)) for index in indexes}
    if rng.random() < 0.3:
        pcrs[31] = bytes.fromhex(DIGESTS[0])
    return {"pcrs": pcrs, "kind": kind}

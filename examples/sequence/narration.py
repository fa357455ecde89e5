"""The fourteen steps in words, and how they and the table are printed in 80 columns."""

import textwrap
from typing import Final

_PARTY_COLUMNS: Final = 20
_TEXT_COLUMNS: Final = 54
STEPS: Final = (
    (
        "developer",
        (
            "asks the KMS for a data key pair. The public key comes plain, the private key "
            "wrapped under a key of the KMS; the developer never has it."
        ),
    ),
    (
        "OpenSSL CMS",
        "encrypts the file to the public key: AES-256-GCM, and RSA-OAEP for the content's key.",
    ),
    ("developer", "puts the CMS envelope and the wrapped private key into the storage."),
    ("storage", "gives both to the parent instance."),
    ("parent instance", "gets a nonce from the KMS: every document is good for one answer."),
    ("vsock", "carries envelope, wrapped key and nonce into the enclave."),
    (
        "enclave",
        (
            "makes an RSA key in memory, and asks its security module for a document with the "
            "public key and the nonce."
        ),
    ),
    (
        "attestation service",
        "signs the document: the PCRs of the image that runs, the public key, the nonce, the time.",
    ),
    (
        "enclave",
        (
            "calls Decrypt with the document as Recipient. The bytes pass the parent instance "
            "inside TLS, whose CA is part of the image."
        ),
    ),
    (
        "KMS",
        (
            "verifies: who signed the call, which key wrapped the private key, and the "
            "document's chain, signature, age and mode."
        ),
    ),
    (
        "KMS",
        (
            "decides: the key policy on the PCRs, the nonce used up, the audit line written. "
            "It answers for the attested key alone."
        ),
    ),
    ("enclave", "opens the answer: the private key of the data key pair."),
    ("OpenSSL CMS", "opens the CMS envelope inside the enclave, from pipe to pipe."),
    ("parent instance", "receives the result, and nothing else of the file."),
)


def party_of(number: int) -> str:
    """Return who does a step."""
    return STEPS[number - 1][0]


def step_lines(number: int) -> str:
    """Return a step as it is printed."""
    party, text = STEPS[number - 1]
    lines = textwrap.wrap(text, _TEXT_COLUMNS, break_on_hyphens=False)
    indent = "\n" + " " * (4 + _PARTY_COLUMNS)
    return f"{number:>2}  {party:<{_PARTY_COLUMNS}}" + indent.join(lines)


def table_line(what: str, where: str, reason: str, released: str) -> str:
    """Return a line of the table of faults."""
    return f"{what:<29}{where:<16}{reason:<31}{released}".rstrip()

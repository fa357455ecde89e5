"""KMS key policies: decided, reviewed, carried to measurement sets and back.

`simulate` answers one request as IAM documents it, `lint` finds what a reviewer would object to,
`read_key_policy` and `to_kms` carry reference values. What cannot be decided or carried exactly is
an error, never a guess.
"""

from nitro_attest.reference_values._kms.evaluation import Decision, Strictness, simulate
from nitro_attest.reference_values._kms.findings import CODES as FINDING_CODES
from nitro_attest.reference_values._kms.findings import Finding, Severity
from nitro_attest.reference_values._kms.lint import lint
from nitro_attest.reference_values._kms.measurement_sets import (
    UNNAMED,
    KeyPolicyReading,
    read_key_policy,
)
from nitro_attest.reference_values._kms.policy_document import KeyPolicy, StatementName
from nitro_attest.reference_values._kms.policy_statements import KmsStatements, to_kms
from nitro_attest.reference_values._kms.request import Transport

__all__ = [
    "FINDING_CODES",
    "UNNAMED",
    "Decision",
    "Finding",
    "KeyPolicy",
    "KeyPolicyReading",
    "KmsStatements",
    "Severity",
    "StatementName",
    "Strictness",
    "Transport",
    "lint",
    "read_key_policy",
    "simulate",
    "to_kms",
]

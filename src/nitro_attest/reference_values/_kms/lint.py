"""A key policy reviewed: every objection, with the statement that would answer it.

A clean policy releases plaintext only to code that it names, whoever asks. The rules look at the
key policy alone: IAM policies and grants can give no more than it delegates.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from nitro_attest.reference_values._kms.findings import CODES, Finding, Severity
from nitro_attest.reference_values._kms.lint_digits import digit_findings
from nitro_attest.reference_values._kms.lint_documents import document_findings
from nitro_attest.reference_values._kms.lint_grammar import grammar_findings
from nitro_attest.reference_values._kms.lint_paths import path_findings
from nitro_attest.reference_values._kms.lint_values import value_findings
from nitro_attest.reference_values._kms.policy_document import KeyPolicy

_RULES: Final = (
    grammar_findings,
    path_findings,
    document_findings,
    digit_findings,
    value_findings,
)


def lint(policy: KeyPolicy | str | bytes | Mapping[str, object]) -> tuple[Finding, ...]:
    """Return what a reviewer would object to, statement by statement, the worst first in each.

    Raises:
        PolicyError: It is not a key policy that KMS would store.

    """
    if not isinstance(policy, KeyPolicy):
        policy = KeyPolicy.read(policy)
    order = list(Severity)
    return tuple(
        sorted(
            _find(policy), key=lambda found: (found.statement.index, order.index(found.severity))
        )
    )


def _find(policy: KeyPolicy) -> Iterator[Finding]:
    for rules in _RULES:
        for code, name, why, repaired in rules(policy):
            yield Finding(code, CODES[code][0], name, why, repaired)

"""A policy in words, what deserves a second look in it, and how two policies differ.

For reviewers, and for programs that show a policy to one; `nitro-attest policy show` and `policy
diff` print what is here. Every rule of a policy is described, and a difference is only what can
change a verdict.
"""

from nitro_attest.policy_review._comparison import Difference, compare, same_words
from nitro_attest.policy_review._description import (
    BOOT_LOADER_NOTE,
    Demand,
    PcrDescription,
    PolicyDescription,
    SetDescription,
    describe,
    remarks,
)
from nitro_attest.policy_review._words import KIND_NAMES, PCR_NAMES, anchor_in_words, name_of_set

__all__ = [
    "BOOT_LOADER_NOTE",
    "KIND_NAMES",
    "PCR_NAMES",
    "Demand",
    "Difference",
    "PcrDescription",
    "PolicyDescription",
    "SetDescription",
    "anchor_in_words",
    "compare",
    "describe",
    "name_of_set",
    "remarks",
    "same_words",
]

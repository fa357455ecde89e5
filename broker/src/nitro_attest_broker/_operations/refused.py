"""Operations of KMS that this broker does not have, and says so."""

from nitro_attest_broker._call import Call, Outcome
from nitro_attest_broker._errors import unsupported


def no_grants(_: Call) -> Outcome:
    """Refuse grants: they would be a second way to a key, beside its policy.

    Raises:
        KmsError: UnsupportedOperationException, always.

    """
    raise unsupported("This key broker has no grants: write the permission into the key policy.")

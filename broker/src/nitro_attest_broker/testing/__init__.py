"""A KMS for tests that enforces attestation, unlike every other that runs locally.

`FakeKms` is the broker itself, in memory and on a free loopback port, trusting the root of a
`FakeNitro`: what it releases in a test is decided by the code that decides in production.
"""

from nitro_attest_broker.testing._fake_kms import ClientOptions, FakeKms
from nitro_attest_broker.testing._faults import SeenRequest

__all__ = ["ClientOptions", "FakeKms", "SeenRequest"]

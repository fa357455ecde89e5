"""A key broker that speaks AWS KMS's protocol and releases secrets to attested code alone.

Run it with `nitro-attest-broker serve`; use `nitro_attest_broker.testing.FakeKms` in tests.
Experimental: nobody independent of its authors has reviewed it yet.
"""

__all__: list[str] = []

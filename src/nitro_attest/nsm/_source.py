"""What code inside an enclave or instance may rely on, whichever source it is given."""

from typing import Protocol

from nitro_attest.nsm._results import NsmDescription, PcrDescription


class AttestationSource(Protocol):
    """Whatever can attest this machine: `Nsm`, `NitroTpm`, or `FakeNsm` in tests."""

    def attestation_document(
        self,
        *,
        public_key: bytes | None = None,
        user_data: bytes | None = None,
        nonce: bytes | None = None,
    ) -> bytes:
        """Return a new attestation document that carries the given fields, each up to 1,024 bytes.

        Raises:
            AttestationSourceError: No document could be had.

        """
        ...


class SecureModule(AttestationSource, Protocol):
    """The seven requests of the Nitro Secure Module: what `Nsm` and `FakeNsm` have in common."""

    def describe(self) -> NsmDescription:
        """Return the module's version, id and PCR bank."""
        ...

    def describe_pcr(self, index: int) -> PcrDescription:
        """Return the value of one PCR, and whether it is locked."""
        ...

    def extend_pcr(self, index: int, data: bytes) -> bytes:
        """Extend one PCR and return its new value: SHA-384 of the old value, then `data`."""
        ...

    def lock_pcr(self, index: int) -> None:
        """Lock one PCR until the enclave ends."""
        ...

    def lock_pcrs(self, count: int) -> None:
        """Lock the PCRs from 0 up to, but without, `count`."""
        ...

    def get_random(self) -> bytes:
        """Return random bytes of the device, up to 256."""
        ...

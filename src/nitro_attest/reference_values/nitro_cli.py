"""Reference values of an enclave image, from the JSON of nitro-cli.

The commands are `build-enclave`, `describe-eif` and `pcr`. No build knows PCR3 and PCR4, and only a
signed image has PCR8 in the JSON: the caller gives or waives what is missing.
"""

from typing import Final

from nitro_attest import EnclaveMeasurements, NotChecked, Sha384
from nitro_attest.reference_values._measured import FromBuild, choose
from nitro_attest.reference_values._measured import read_pcrs as _read_pcrs

__all__ = ["FROM_BUILD", "FromBuild", "enclave_measurements", "read_pcrs"]

FROM_BUILD: Final = FromBuild.FROM_BUILD
_MEASURED: Final = (0, 1, 2, 8)


def read_pcrs(build: bytes | str, *, source: str = "build") -> dict[int, Sha384]:
    """Return the PCRs in the JSON of nitro-cli by index: 0, 1, 2 and, for a signed image, 8.

    Raises:
        PolicyError: `build` is not the JSON of nitro-cli. `field` names `source` and the key.

    """
    return _read_pcrs(build, source, _MEASURED)


def enclave_measurements(  # noqa: PLR0913 - the six PCRs that a set decides on
    build: bytes | str,
    *,
    label: str,
    pcr3_iam_role: Sha384 | NotChecked,
    pcr4_instance_id: Sha384 | NotChecked,
    pcr0_image: Sha384 | NotChecked | FromBuild = FROM_BUILD,
    pcr1_kernel: Sha384 | NotChecked | FromBuild = FROM_BUILD,
    pcr2_application: Sha384 | NotChecked | FromBuild = FROM_BUILD,
    pcr8_signing_certificate: Sha384 | NotChecked | FromBuild = FROM_BUILD,
    source: str = "build",
) -> EnclaveMeasurements:
    """Return the set that enclaves of this build match.

    `FROM_BUILD` takes the value from the JSON. It is an error if the JSON does not have it: PCR8 of
    an unsigned image is `Sha384.ZERO`, and the caller must say so.

    Raises:
        PolicyError: `build` is not the JSON of nitro-cli, a PCR is neither in it nor given, or
            another value was given than it has.

    """
    pcrs = read_pcrs(build, source=source)
    return EnclaveMeasurements(
        label=label,
        pcr0_image=choose(pcrs, 0, "pcr0_image", pcr0_image),
        pcr1_kernel=choose(pcrs, 1, "pcr1_kernel", pcr1_kernel),
        pcr2_application=choose(pcrs, 2, "pcr2_application", pcr2_application),
        pcr3_iam_role=pcr3_iam_role,
        pcr4_instance_id=pcr4_instance_id,
        pcr8_signing_certificate=choose(
            pcrs, 8, "pcr8_signing_certificate", pcr8_signing_certificate
        ),
    )

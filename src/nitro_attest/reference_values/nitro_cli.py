"""Read what nitro-cli measured of an enclave image: the JSON of `build-enclave`, `describe-eif` and `pcr`.

JSON comes in, an `EnclaveMeasurements` goes out. Never: a value for PCR3 and PCR4, which no build
knows, or for PCR8 of an image whose signature the tool did not show; those are given or waived by
the caller.
"""

from typing import Final

from nitro_attest import EnclaveMeasurements, NotChecked, Sha384
from nitro_attest.reference_values._measured import FromBuild, choose
from nitro_attest.reference_values._measured import read_pcrs as _read_pcrs

__all__ = ["FROM_BUILD", "FromBuild", "enclave_measurements", "read_pcrs"]

FROM_BUILD: Final = FromBuild.FROM_BUILD
_MEASURED: Final = (0, 1, 2, 8)


def read_pcrs(build: bytes | str, *, source: str = "build") -> dict[int, Sha384]:
    """Return the PCRs in the JSON of nitro-cli by index: 0, 1, 2 and, of a signed image, 8.

    Raises:
        PolicyError: It is not the JSON of nitro-cli; `source` and the key are named.

    """
    return _read_pcrs(build, source, _MEASURED)


def enclave_measurements(
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

    `FROM_BUILD` takes the value from the JSON and is an error if it isn't there: of an unsigned
    image PCR8 is `Sha384.ZERO`, and the caller must say so.

    Raises:
        PolicyError: The JSON is not nitro-cli's, a PCR is neither in it nor given, or another value
            was given than is in it.

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

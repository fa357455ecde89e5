"""Reference values of an attestable AMI, from the JSON of nitro-tpm-pcr-compute.

The tool prints PCR12 since 1.1.0. A kernel command line that nobody pins can start anything
(GHSA-xrv8-2pf5-f3q7), so the caller gives or waives PCR12 if the JSON does not have it.
"""

from typing import Final

from nitro_attest import NitroTpmMeasurements, NotChecked, Sha384
from nitro_attest.reference_values._measured import FromBuild, choose
from nitro_attest.reference_values._measured import read_pcrs as _read_pcrs

__all__ = ["FROM_BUILD", "FromBuild", "nitro_tpm_measurements", "read_pcrs"]

FROM_BUILD: Final = FromBuild.FROM_BUILD
_MEASURED: Final = (4, 7, 12)


def read_pcrs(build: bytes | str, *, source: str = "build") -> dict[int, Sha384]:
    """Return the PCRs in the JSON of nitro-tpm-pcr-compute by index: 4, 7 and, since 1.1.0, 12.

    Raises:
        PolicyError: `build` is not the JSON of the tool. `field` names `source` and the key.

    """
    return _read_pcrs(build, source, _MEASURED)


def nitro_tpm_measurements(  # noqa: PLR0913 - the three PCRs that a set decides on
    build: bytes | str,
    *,
    label: str,
    pcr4_boot_manager: Sha384 | NotChecked | FromBuild = FROM_BUILD,
    pcr7_secure_boot: Sha384 | NotChecked | FromBuild = FROM_BUILD,
    pcr12_command_line: Sha384 | NotChecked | FromBuild = FROM_BUILD,
    source: str = "build",
) -> NitroTpmMeasurements:
    """Return the set that instances of this image match.

    `FROM_BUILD` takes the value from the JSON. It is an error if the JSON does not have it.

    Raises:
        PolicyError: `build` is not the JSON of the tool, a PCR is neither in it nor given, or
            another value was given than it has.

    """
    pcrs = read_pcrs(build, source=source)
    return NitroTpmMeasurements(
        label=label,
        pcr4_boot_manager=choose(pcrs, 4, "pcr4_boot_manager", pcr4_boot_manager),
        pcr7_secure_boot=choose(pcrs, 7, "pcr7_secure_boot", pcr7_secure_boot),
        pcr12_command_line=choose(pcrs, 12, "pcr12_command_line", pcr12_command_line),
    )

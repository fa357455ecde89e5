"""Read the JSON of AWS's measuring tools: `{"Measurements": {"HashAlgorithm": ..., "PCR0": ...}}`.

The inner object alone is accepted too. A PCR that the tool does not measure is an error, and so is
any digest but SHA-384.
"""

import re
from collections.abc import Mapping
from enum import Enum
from typing import Final, final

from nitro_attest import NotChecked, PolicyError, Sha384, _strict_json

_ALGORITHMS: Final = (
    "Sha384 { ... }",
    "SHA384",
)  # nitro-cli prints the first, literally; nitro-tpm-pcr-compute the second
_PCR: Final = re.compile(r"PCR(0|[1-9][0-9]?)")


@final
class FromBuild(Enum):
    """The choice of the value that the tool printed; it is an error if there is none."""

    FROM_BUILD = "from the build"


def read_pcrs(data: bytes | str, source: str, measured: tuple[int, ...]) -> dict[int, Sha384]:
    """Return the PCRs by index; `measured` are the ones this tool can print.

    Raises:
        PolicyError: `data` is not the JSON of the tool. `field` names the key.

    """
    outer = _strict_json.expect_object(_strict_json.parse(data, source), source)
    place, inner = source, outer
    if "Measurements" in outer:
        place = f"{source}: Measurements"
        inner = _strict_json.expect_object(outer["Measurements"], place)
        beyond = [name for name in outer if name.upper().startswith("PCR")]
        if beyond:
            shown = _strict_json.shown(beyond[0])
            raise PolicyError(source, f"expected PCRs inside Measurements only; found {shown}")
    pcrs: dict[int, Sha384] = {}
    for name, value in inner.items():
        if name == "HashAlgorithm":
            _check_algorithm(value, f"{place}.HashAlgorithm")
            continue
        found = _PCR.fullmatch(name)
        if found is None or int(found[1]) not in measured:
            names = ", ".join(f"PCR{index}" for index in measured)
            raise PolicyError(
                place, f"expected HashAlgorithm, {names}; found {_strict_json.shown(name)}"
            )
        pcrs[int(found[1])] = _read_digest(value, f"{place}.{name}")
    if not pcrs:
        raise PolicyError(place, "expected at least one PCR")
    return pcrs


def choose(
    pcrs: Mapping[int, Sha384], index: int, field: str, given: Sha384 | NotChecked | FromBuild
) -> Sha384 | NotChecked:
    """Return the rule for one PCR: what was given, or what the build measured.

    Raises:
        PolicyError: The build does not have it and it was not given, or another value was given
            than the build has.

    """
    if not isinstance(given, FromBuild):
        if isinstance(given, Sha384) and pcrs.get(index, given) != given:
            raise PolicyError(
                field,
                f"the build measured PCR{index} as {pcrs[index].hex()}, another value was given",
            )
        return given
    if index not in pcrs:
        raise PolicyError(
            field,
            f"the build does not measure PCR{index}: give its value, or NotChecked with the reason",
        )
    return pcrs[index]


def _check_algorithm(value: object, place: str) -> None:
    if value not in _ALGORITHMS:
        raise PolicyError(place, "expected " + " or ".join(f'"{name}"' for name in _ALGORITHMS))


def _read_digest(value: object, place: str) -> Sha384:
    if type(value) is not str:
        raise PolicyError(place, f"expected 96 hex digits, found {_strict_json.name_of(value)}")
    try:
        return Sha384.fromhex(value)
    except PolicyError as exc:
        raise PolicyError(place, exc.problem) from exc

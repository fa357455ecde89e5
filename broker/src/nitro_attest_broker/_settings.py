"""The settings of a broker, and the TOML file they are read from."""

import re
import tomllib
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final, cast, final

from nitro_attest import AWS_NITRO_ROOT_G1, TrustAnchor

_ACCOUNT: Final = re.compile(r"[0-9]{12}")
_REGION: Final = re.compile(r"([a-z]+-){2,3}[0-9]+")
_MAX_FILE_BYTES: Final = 65_536


class SettingsError(ValueError):
    """A setting is not what it must be."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a broker is told about its surroundings.

    `administrators` may create keys, and list keys and aliases, which no key policy decides;
    `random_principals` may call GenerateRandom. Both are ARNs. `max_age` is how old an attestation
    document may be: ours, for AWS documents no window.
    """

    account: str = "000000000000"
    region: str = "us-east-1"
    administrators: tuple[str, ...] = ()
    random_principals: tuple[str, ...] = ()
    trust_anchor: TrustAnchor = field(default=AWS_NITRO_ROOT_G1)
    max_age: timedelta = timedelta(minutes=5)

    def __post_init__(self) -> None:
        """Refuse an account or a region that no ARN can hold."""
        if not _ACCOUNT.fullmatch(self.account):
            raise SettingsError("account: expected 12 digits")
        if not _REGION.fullmatch(self.region):
            raise SettingsError("region: expected a name such as us-east-1")
        if not timedelta(0) < self.max_age <= timedelta(hours=1):
            raise SettingsError("max_age_seconds: expected more than 0 and at most 3600")

    @property
    def administrator(self) -> str:
        """The ARN of the administrator whose access key the first start prints."""
        return f"arn:aws:iam::{self.account}:user/administrator"

    def key_arn(self, key_id: str) -> str:
        """Return the ARN of a key."""
        return f"arn:aws:kms:{self.region}:{self.account}:key/{key_id}"

    def alias_arn(self, alias: str) -> str:
        """Return the ARN of an alias, whose name begins with alias/."""
        return f"arn:aws:kms:{self.region}:{self.account}:{alias}"


def read_settings(path: Path, trust_anchor: TrustAnchor = AWS_NITRO_ROOT_G1) -> Settings:
    """Return the settings of a TOML file; what it does not name has its default.

    Raises:
        SettingsError: The file cannot be read, has an unknown name or a value of another type.

    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
    except OSError as exc:
        raise SettingsError(f"{path}: {exc.strerror}") from None
    if len(data) > _MAX_FILE_BYTES:
        raise SettingsError(f"{path}: expected at most {_MAX_FILE_BYTES} bytes")
    try:
        values = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise SettingsError(f"{path}: not a TOML file") from None
    known = {"account", "region", "administrators", "random_principals", "max_age_seconds"}
    if unknown := values.keys() - known:
        raise SettingsError(f"{path}: unknown setting {min(unknown)[:64]!r}")
    account = _text(values.get("account", "000000000000"), "account")
    administrators = _texts(
        values.get("administrators", [f"arn:aws:iam::{account}:user/administrator"]),
        "administrators",
    )
    seconds = values.get("max_age_seconds", 300)
    if type(seconds) is not int:
        raise SettingsError("max_age_seconds: expected a number of seconds")
    return Settings(
        account=account,
        region=_text(values.get("region", "us-east-1"), "region"),
        administrators=administrators,
        random_principals=_texts(values.get("random_principals", []), "random_principals"),
        trust_anchor=trust_anchor,
        max_age=timedelta(seconds=seconds),
    )


def write_default_settings(path: Path) -> None:
    """Write a file with every setting at its default, unless there is a file."""
    if path.exists():
        return
    defaults = Settings()
    path.write_text(
        f'account = "{defaults.account}"\n'
        f'region = "{defaults.region}"\n'
        "# Principals that may create keys, and list keys and aliases.\n"
        f'administrators = ["{defaults.administrator}"]\n'
        "# Principals that may call GenerateRandom.\n"
        "random_principals = []\n"
        "# How old an attestation document may be.\n"
        f"max_age_seconds = {int(defaults.max_age.total_seconds())}\n",
        encoding="utf-8",
    )


def _text(value: object, name: str) -> str:
    if type(value) is not str:
        raise SettingsError(f"{name}: expected text")
    return value


def _texts(value: object, name: str) -> tuple[str, ...]:
    if type(value) is not list:
        raise SettingsError(f"{name}: expected a list of texts")
    return tuple(_text(entry, name) for entry in cast("list[object]", value))

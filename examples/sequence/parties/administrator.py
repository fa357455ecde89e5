"""The administrator of the keys: makes them before the image is built, then lets the image in."""

import json
import sys
from typing import TYPE_CHECKING, Final

from parties import wire
from parties.kms_client import kms_client

if TYPE_CHECKING:
    from mypy_boto3_kms.type_defs import TagTypeDef

_TAGS: Final = {"nitro-attest:attested": "true", "nitro-attest:fresh-nonce": "true"}


def main() -> int:
    """Make two keys with the first policy of standard input, and give them the second one."""
    settings = wire.read_message(sys.stdin.readline())
    kms = kms_client(settings)
    first = settings["policy"]
    tags: list[TagTypeDef] = [{"TagKey": name, "TagValue": value} for name, value in _TAGS.items()]
    arns = [
        kms.create_key(Policy=first, Tags=tags, Description=name)["KeyMetadata"].get("Arn", "")
        for name in ("payments", "another key")
    ]
    wire.tell("keys made", arns=json.dumps(arns))
    second = wire.read_message(sys.stdin.readline())["policy"]
    for arn in arns:
        kms.put_key_policy(KeyId=arn, Policy=second)
    wire.tell("policy put")
    return 0


if __name__ == "__main__":
    sys.exit(main())

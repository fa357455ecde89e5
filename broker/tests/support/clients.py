"""boto3 clients for tests; untyped, since a test also sends what the types forbid."""

from typing import Any, cast

import boto3
from botocore.exceptions import ClientError


def kms_client(**options: object) -> Any:
    """Return a client for KMS."""
    return cast("Any", boto3).client("kms", **options)


def response(error: ClientError) -> dict[str, Any]:
    """Return what KMS answered."""
    return cast("dict[str, Any]", error.response)

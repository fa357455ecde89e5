"""A boto3 client of the KMS for those who have a network of their own."""

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient


def kms_client(settings: dict[str, str]) -> "KMSClient":
    """Return a client with the URL, CA and access key of `settings`."""
    return boto3.client(  # pyright: ignore[reportUnknownMemberType] - boto3's stubs type only the services that are installed
        "kms",
        endpoint_url=settings["url"],
        region_name="us-east-1",
        verify=settings["ca"],
        aws_access_key_id=settings["access_key_id"],
        aws_secret_access_key=settings["secret_access_key"],
        config=Config(connect_timeout=10, read_timeout=20),
    )

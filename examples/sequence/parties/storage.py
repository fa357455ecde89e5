"""The storage between developer and parent instance: S3 over HTTP, or a directory.

Nobody has to trust it: what lies here is encrypted, and a changed byte is noticed in the enclave.
"""

from pathlib import Path
from typing import Any, Final, Protocol, final

_BUCKET: Final = "encrypted-files"


class Storage(Protocol):
    """Bytes under names."""

    def put(self, name: str, data: bytes) -> None:
        """Store bytes."""
        ...

    def get(self, name: str) -> bytes:
        """Return what was stored."""
        ...


@final
class Directory:
    """A storage that is a directory."""

    def __init__(self, folder: Path) -> None:
        """Take the folder."""
        self._folder: Final = folder

    def put(self, name: str, data: bytes) -> None:
        """Store bytes."""
        (self._folder / name).write_bytes(data)

    def get(self, name: str) -> bytes:
        """Return what was stored."""
        return (self._folder / name).read_bytes()


@final
class S3:
    """A bucket of an S3 that anybody may use."""

    def __init__(self, url: str) -> None:
        """Connect, and make the bucket, which does nothing if there is one."""
        import boto3  # noqa: PLC0415 - half a second that a directory doesn't need

        self._client: Final[Any] = boto3.client(  # pyright: ignore[reportUnknownMemberType] - boto3's stubs type only the services that are installed
            "s3",  # type: ignore[call-overload] - as above
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="anybody",
            aws_secret_access_key="anybody",  # noqa: S106 - not a secret
        )
        self._client.create_bucket(Bucket=_BUCKET)

    def put(self, name: str, data: bytes) -> None:
        """Store bytes."""
        self._client.put_object(Bucket=_BUCKET, Key=name, Body=data)

    def get(self, name: str) -> bytes:
        """Return what was stored."""
        data: bytes = self._client.get_object(Bucket=_BUCKET, Key=name)["Body"].read()
        return data


def open_storage(place: str) -> Storage:
    """Return the storage at a URL, or in a directory."""
    return S3(place) if place.startswith("http:") else Directory(Path(place))

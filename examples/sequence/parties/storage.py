"""The storage between developer and parent instance: S3 over HTTP, or a directory.

Nobody has to trust it: what lies here is encrypted, and a changed byte is noticed in the enclave.
"""

from pathlib import Path
from typing import IO, Final, Protocol, TypedDict, cast, final

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
        from botocore.session import (  # noqa: PLC0415 - half a second that a directory saves
            get_session,
        )

        client: object = get_session().create_client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="anybody",
            aws_secret_access_key="anybody",  # noqa: S106 - not a secret
        )
        self._client: Final = cast("_S3Client", client)
        self._client.create_bucket(Bucket=_BUCKET)

    def put(self, name: str, data: bytes) -> None:
        """Store bytes."""
        self._client.put_object(Bucket=_BUCKET, Key=name, Body=data)

    def get(self, name: str) -> bytes:
        """Return what was stored."""
        return self._client.get_object(Bucket=_BUCKET, Key=name)["Body"].read()


def open_storage(place: str) -> Storage:
    """Return the storage at a URL, or in a directory."""
    return S3(place) if place.startswith("http:") else Directory(Path(place))


class _S3Object(TypedDict):
    Body: IO[bytes]


class _S3Client(Protocol):
    """What is used of botocore's client, which has no types here."""

    def create_bucket(self, *, Bucket: str) -> object: ...  # noqa: N803 - S3's names
    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> object: ...  # noqa: N803 - as above
    def get_object(self, *, Bucket: str, Key: str) -> _S3Object: ...  # noqa: N803 - as above

"""Where pictures are kept, under their names, and where the world finds them."""

import importlib
from typing import Protocol, Self, cast

from pydantic import SecretStr

from graph.pictures.directory import DirectoryStore
from graph.pictures.errors import ExtraMissing
from graph.pictures.location import DirectoryLocation, S3Location


class PictureStore(Protocol):
    """Keeps files that never change. Names that `require_name` refuses raise `ValueError`.

    An async context manager; leaving it waits some seconds for calls that have begun, and no longer.
    """

    async def put(self, name: str, data: bytes) -> None:
        """Stores a JPEG whole or not at all. Raises `StoreUnavailable`, `StoreMisconfigured`."""

    async def delete(self, name: str) -> None:
        """Returns once there is no such file, also where there was none. Raises as `put` does."""

    def url(self, name: str) -> str:
        """Where the world finds it."""

    async def check(self) -> None:
        """Stores a file and deletes it. Raises as `put` does."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...


def open_store(
    location: DirectoryLocation | S3Location,
    *,
    public_url: str,
    access_key: SecretStr | None = None,
    secret_key: SecretStr | None = None,
) -> PictureStore:
    """The store at a location; the keys are for a bucket. Raises `ExtraMissing`, `StoreMisconfigured` without keys."""
    if isinstance(location, DirectoryLocation):
        return DirectoryStore(location.path, public_url=public_url)
    try:
        s3 = importlib.import_module("graph.pictures.s3")
    except ImportError:
        extra = "s3"
        raise ExtraMissing(extra) from None
    return cast(
        "PictureStore", s3.S3Store(location, public_url=public_url, access_key=access_key, secret_key=secret_key)
    )

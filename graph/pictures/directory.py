"""Pictures in a directory of the file system."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(eq=False, repr=False)
class DirectoryStore:
    path: Path
    public_url: str

    async def put(self, name: str, data: bytes) -> None:
        raise NotImplementedError

    async def delete(self, name: str) -> None:
        raise NotImplementedError

    def url(self, name: str) -> str:
        return f"{self.public_url}/{name}"

    async def check(self) -> None:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...

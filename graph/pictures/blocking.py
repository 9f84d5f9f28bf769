"""What stores have in common whose calls block: threads, a time limit, and names that are checked."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Final, Self, TypeVar

from graph.pictures.errors import StoreUnavailable
from graph.pictures.names import probe_name, require_name
from graph.pictures.threads import QueueFull, Threads

_T = TypeVar("_T")

_BACKLOG: Final = 24

_PROBE: Final = b"wxgate checks whether pictures can be stored here"


class BlockingStore(ABC):
    """A `PictureStore` whose subclass makes its calls in threads.

    A store that hangs holds them all, until it answers or its own time limits end: then calls fail at once.
    """

    calls_at_once: ClassVar[int] = 8
    seconds: ClassVar[float] = 12.0
    """That a call may take, with its wait for a turn. An upload has 30 in all."""

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url
        self._threads = Threads("picture store", self.calls_at_once, _BACKLOG)

    async def put(self, name: str, data: bytes) -> None:
        """Stores a JPEG whole or not at all, and so that it survives a crash.

        Raises `StoreUnavailable`, after which it may still be stored, and `StoreMisconfigured`.
        """
        require_name(name)
        await self.call(lambda: self._put(name, data))

    async def delete(self, name: str) -> None:
        """Returns once there is no such file, also where there was none. Raises as `put` does."""
        require_name(name)
        await self.call(lambda: self._delete(name))

    def url(self, name: str) -> str:
        """Where the world finds it."""
        require_name(name)
        return f"{self._public_url}/{name}"

    async def check(self) -> None:
        """Stores a file and deletes it. Raises as `put` does."""
        name = probe_name()
        await self.put(name, _PROBE)
        await self.delete(name)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._threads.close()

    async def call(self, call: Callable[[], _T], threads: Threads | None = None) -> _T:
        """Makes a call in one of the threads, or of others. Raises what it does, and `StoreUnavailable`."""
        reason = "too many calls wait"
        try:
            async with asyncio.timeout(self.seconds):
                return await (threads or self._threads).run(call)
        except QueueFull:
            pass
        except TimeoutError:
            reason = "no answer in time"
        raise StoreUnavailable(reason)

    @abstractmethod
    def _put(self, name: str, data: bytes) -> None:
        """Raises `StoreUnavailable`, `StoreMisconfigured`."""

    @abstractmethod
    def _delete(self, name: str) -> None:
        """Raises `StoreUnavailable`, `StoreMisconfigured`."""

"""Makes one kind of picture of whatever clients upload: in threads, a few at a time."""

from dataclasses import dataclass, field
from functools import partial
from typing import Final, Self

from graph.pictures.errors import PicturesBusy
from graph.pictures.raster import NormalPicture, redraw
from graph.pictures.threads import QueueFull, Threads

_AT_ONCE: Final = 2
# As many as there are places for uploads.
_BACKLOG: Final = 14


@dataclass(eq=False, repr=False)
class Normalizer:
    """An async context manager; leaving it waits some seconds for pictures that have begun, and no longer."""

    _threads: Threads = field(default_factory=lambda: Threads("pictures", _AT_ONCE, _BACKLOG), init=False)

    async def normalize(self, data: bytes) -> NormalPicture:
        """The picture in these bytes, redrawn: see `redraw`.

        Raises `PictureUnusable`, and `PicturesBusy` when too many wait. A caller that is cancelled takes a picture with
        it that still waits; one that is being redrawn keeps its thread until it is done.
        """
        try:
            return await self._threads.run(partial(redraw, data))
        except QueueFull:
            raise PicturesBusy from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._threads.close()

"""Makes one kind of picture of whatever clients upload: in threads, two at a time at most."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Self

from graph.pictures.apart import redraw_apart
from graph.pictures.errors import PicturesBusy
from graph.pictures.raster import NormalPicture, redraw
from graph.pictures.scan import scan
from graph.pictures.threads import QueueFull, Threads

# As many as there are places for uploads.
_PLACES: Final = 16
# Each decoder takes a processor: on a small host one must be left for requests.
_AT_ONCE: Final = 2 if (os.cpu_count() or 1) > 2 else 1
# Requests come first: where others use the processors too, they take half as long so (tests/benchmarks/README.md).
_NICENESS: Final = 10

MEMORY_BYTES: Final = 256 * 1024 * 1024
"""For decoded pictures in all. The largest WebP takes 244 MiB alone: its decoder keeps four copies."""


@dataclass(eq=False, repr=False)
class _Memory:
    """Bytes, of which threads take some for a while. In turn: a large picture is not overtaken for ever."""

    free: int
    _turn: threading.Lock = field(default_factory=threading.Lock, init=False)
    _changed: threading.Condition = field(default_factory=threading.Condition, init=False)

    @contextmanager
    def taken(self, size: int) -> Iterator[None]:
        """Waits until there are so many."""
        with self._turn, self._changed:
            self._changed.wait_for(lambda: self.free >= size)
            self.free -= size
        try:
            yield
        finally:
            with self._changed:
                self.free += size
                self._changed.notify()


class Normalizer:
    """An async context manager; leaving it waits some seconds for pictures that have begun, and no longer."""

    def __init__(self, *, at_once: int = _AT_ONCE) -> None:
        self._threads = Threads("pictures", at_once, _PLACES - at_once, niceness=_NICENESS)
        self._memory = _Memory(MEMORY_BYTES)

    async def normalize(self, data: bytes) -> NormalPicture:
        """The picture in these bytes, redrawn: see `redraw`.

        Raises `PictureUnusable`, and `PicturesBusy` when too many wait. A caller that is cancelled takes a picture with
        it that still waits; one that has begun keeps its place until it is done.
        """
        try:
            return await self._threads.run(partial(self._redraw, data))
        except QueueFull:
            raise PicturesBusy from None

    def _redraw(self, data: bytes) -> NormalPicture:
        scanned = scan(data)
        del data
        with self._memory.taken(scanned.memory):
            return redraw_apart(scanned) if scanned.format == "WEBP" else redraw(scanned)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._threads.close()

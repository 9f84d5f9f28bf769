"""One core for the server that is measured, another for everything else: load, database, WeChat."""

import contextlib
import os
from collections.abc import Iterator
from typing import Final

ALL: Final = frozenset(os.sched_getaffinity(0))
LOAD: Final = frozenset(sorted(ALL)[:1])
SERVER: Final = frozenset(sorted(ALL)[1:2])


@contextlib.contextmanager
def on(cores: frozenset[int]) -> Iterator[None]:
    """What the block does and starts runs there; what it starts stays there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)

"""A transaction as a generator: it yields its statements, is sent their rows, and knows no driver.

So the same one runs on PostgreSQL, where each statement is awaited, and on SQLite, where one thread runs them all.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")

Row: TypeAlias = Mapping[str, Any]
# A statement with placeholders `$1`, `$2`, ..., and their values.
Statement: TypeAlias = tuple[str, Sequence[object]]
Steps: TypeAlias = Generator[Statement, Sequence[Row], T]
# Begins the transaction anew: it may be run again, after a conflict or a connection that broke.
Transaction: TypeAlias = Callable[[], Steps[T]]

"""Pictures in a directory of the file system, which a volume of several hosts may be."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from graph.pictures.blocking import BlockingStore
from graph.pictures.errors import StoreMisconfigured, StoreUnavailable
from graph.pictures.names import require_name
from graph.pictures.threads import Threads

# For the server, and for a web server of its group that serves the files.
_FILE_MODE: Final = 0o640
_DIRECTORY_MODE: Final = 0o750
# Requests that read a file: a page shows many pictures, and what writes must not wait for them, nor they for it.
_READS_AT_ONCE: Final = 4
_READS_WAITING: Final = 1000
# No link, and no wait for what writes into a pipe.
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# What no repetition mends.
_LASTING: Final = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR}

# The latter of a link.
_NOT_THERE: Final = {errno.ENOENT, errno.ELOOP}


class DirectoryStore(BlockingStore):
    """The directory is made with the first picture; what it lies in is not, for it may be a volume that is missing.

    A file is complete under its name: until then it is called `.<name>.part`, and that alone can be left by a crash.
    `delete` removes it as well.
    """

    def __init__(self, directory: Path, *, public_url: str) -> None:
        super().__init__(public_url)
        self._directory = directory
        self._reading = Threads("picture files", _READS_AT_ONCE, _READS_WAITING)

    async def __aexit__(self, *error: object) -> None:
        await super().__aexit__(*error)
        await self._reading.close()

    async def read(self, name: str) -> bytes | None:
        """The file, or None where there is no plain one. Raises `StoreUnavailable`, `StoreMisconfigured`."""
        require_name(name)
        return await self.call(lambda: self._read(name), self._reading)

    def _put(self, name: str, data: bytes) -> None:
        part = self._part(name)
        with _translated():
            try:
                descriptor = os.open(part, _NEW_FILE, _FILE_MODE)
            except FileNotFoundError:
                self._directory.mkdir(_DIRECTORY_MODE, exist_ok=True)
                descriptor = os.open(part, _NEW_FILE, _FILE_MODE)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                part.rename(self._directory / name)
            except BaseException:
                with contextlib.suppress(OSError):
                    part.unlink()
                raise
            self._sync()

    def _delete(self, name: str) -> None:
        with _translated():
            self._part(name).unlink(missing_ok=True)
            (self._directory / name).unlink(missing_ok=True)
            # Fails without the directory: a volume that is missing would look as if it held none of its files.
            self._sync()

    def _read(self, name: str) -> bytes | None:
        with _translated():
            try:
                descriptor = os.open(self._directory / name, _READ)
            except OSError as error:
                if error.errno in _NOT_THERE:
                    return None
                raise
            try:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    return None
                with os.fdopen(descriptor, "rb", closefd=False) as file:
                    return file.read()
            finally:
                os.close(descriptor)

    def _part(self, name: str) -> Path:
        return self._directory / f".{name}.part"

    def _sync(self) -> None:
        """What a directory lists survives a crash only after this."""
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """The message of an `OSError` holds the path."""
    try:
        yield
    except OSError as error:
        reason = errno.errorcode.get(error.errno or 0, type(error).__name__)
        raise (StoreMisconfigured if error.errno in _LASTING else StoreUnavailable)(reason) from None

"""A small disk of a test's own, which can be filled and made read-only: mounted where that may be, or else played."""

import contextlib
import os
import resource
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Enough for a database of either kind.
_MEGABYTES: Final = 16
_NOBODY: Final = 65534


@dataclass(frozen=True)
class Disk:
    """What is stored in `directory`. Where nothing could be mounted, only this process meets its faults."""

    directory: Path
    is_mounted: bool

    @contextmanager
    def full(self) -> Iterator[None]:
        """Nothing can grow any more."""
        if not self.is_mounted:
            soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
            try:
                yield
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            return
        ballast = self.directory / "ballast"
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        try:
            yield
        finally:
            ballast.unlink()

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """As after an error that made the system mount it so; it must not be in use."""
        if not self.is_mounted:
            with self.of_somebody_else():
                yield
            return
        self._remount("ro")
        try:
            yield
        finally:
            self._remount("rw")

    @contextmanager
    def of_somebody_else(self) -> Iterator[None]:
        """This process may read its files, and write none of them. (Root could: it becomes nobody.)"""
        files = [*self.directory.iterdir()]
        for file in files:
            file.chmod(0o444)
        user = os.geteuid()
        if user == 0:
            os.seteuid(_NOBODY)
        try:
            yield
        finally:
            os.seteuid(user)
            for file in files:
                file.chmod(0o666)

    def _remount(self, mode: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{mode}", self.directory], check=True)


@contextmanager
def small_disk() -> Iterator[Disk]:
    """A tmpfs that is gone when the block ends; a plain directory where none may be mounted, as in many containers."""
    with tempfile.TemporaryDirectory(prefix="wxgate-disk-") as directory:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={_MEGABYTES}m", "tmpfs", directory]
        try:
            is_mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
        except FileNotFoundError:
            is_mounted = False
        Path(directory).chmod(0o777)
        try:
            yield Disk(Path(directory), is_mounted)
        finally:
            if is_mounted:
                subprocess.run(["umount", "--lazy", directory], check=True)

"""Tells systemd that the server has started and is well, as a unit with `Type=notify` and `WatchdogSec=` expects."""

import contextlib
import socket
import time
from dataclasses import dataclass
from typing import Final

# A unit restarts what has been silent for its `WatchdogSec=`, of which this should be a small part.
_EVERY_SECONDS: Final = 1.0


@dataclass(slots=True)
class Watchdog:
    """`address` is what `$NOTIFY_SOCKET` holds: a path, or an abstract name behind an `@`; None without systemd."""

    address: str | None
    _due: float = 0.0

    def ping(self) -> bool:
        """Called as often as it likes by what knows that the server responds; returns True, as `keep_running` does."""
        if self.address is not None and time.monotonic() >= self._due:
            self._due = time.monotonic() + _EVERY_SECONDS
            address = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                sender.sendto(b"READY=1\nWATCHDOG=1", address)  # that it is ready counts the first time
        return True

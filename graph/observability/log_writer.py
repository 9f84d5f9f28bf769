"""Writes log lines to standard error from a thread: a reader of the log that stops reading must not stop the server."""

import functools
import io
import logging
import os
import select
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from multiprocessing.util import Finalize
from typing import Final

_log = logging.getLogger(__name__)

# Bytes that wait to be written, and as many again that are being written: a second of a busy server.
_BUFFER_BYTES: Final = 2 << 20
# Lines of so many seconds are written together; a crash may lose them.
_GATHER_SECONDS: Final = 0.01
# How long the end of a process, or a fork, waits for a reader that has stopped.
_FLUSH_SECONDS: Final = 2.0


@functools.cache
def log_writer() -> "LogWriter":
    """The one of this process."""
    return LogWriter()


class LogHandler(logging.Handler):
    """Gives lines of Python's logging to the writer."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            log_writer().write((self.format(record) + "\n").encode("utf-8", "backslashreplace"))
        except Exception:  # as every handler does, and by logging's own means
            self.handleError(record)


class LogWriter:
    """Lines for standard error, in the order of `write`, which any thread may call.

    When the buffer is full, lines are dropped; how many is logged as soon as lines can be written again. The thread
    does not survive a fork: it ends before, and begins again, on both sides, with the next line.
    """

    def __init__(self) -> None:
        self._begin()
        os.register_at_fork(before=self._stop, after_in_child=self._begin)

    def _begin(self) -> None:
        # With a lock that is reentrant: a signal handler may log while its thread is in here.
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._lines: list[bytes] = []
        self._bytes = 0
        self._dropped = 0
        self._is_writing = False

    def write(self, line: bytes) -> None:
        """One line with its line feed, or several that belong together."""
        try:
            self._descriptor = sys.stderr.fileno()
        except io.UnsupportedOperation:  # in memory, where nothing blocks
            sys.stderr.write(line.decode())
            return
        with self._changed:
            # What its own thread logs is how many were dropped.
            if self._bytes + len(line) > _BUFFER_BYTES and threading.current_thread() is not self._thread:
                self._dropped += 1
                return
            self._bytes += len(line)
            self._lines.append(line)
            if len(self._lines) == 1:
                self._changed.notify_all()
            if self._thread is None:
                self._start()

    def flush(self) -> None:
        """Returns when all is written, or after `_FLUSH_SECONDS`."""
        with self._changed:
            if self._thread is not None:
                self._changed.wait_for(lambda: not self._lines and not self._is_writing, _FLUSH_SECONDS)

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # the interpreter is about to end
            self._thread = None
            self._write_pending()
        else:
            # Unlike those of atexit, it is called at the end of multiprocessing's processes too.
            Finalize(None, self.flush, exitpriority=0)

    def _stop(self) -> None:
        with self._changed:
            thread, self._thread = self._thread, None
            self._changed.notify_all()
        if thread is not None:
            thread.join(_FLUSH_SECONDS)
            if thread.is_alive():
                self._thread = thread

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines or self._thread is None)
                if not self._lines:
                    return
            time.sleep(_GATHER_SECONDS)
            dropped = self._write_pending()
            if dropped:
                _log.warning("log lines were dropped", extra={"count": dropped})

    def _write_pending(self) -> int:
        """How many lines were dropped until now; 0 while none can be written, for then they still are."""
        with self._changed:
            lines, self._lines, self._bytes = self._lines, [], 0
            self._is_writing = True
        failed = 0
        for chunk in _chunks(lines):
            try:
                _write(self._descriptor, b"".join(chunk))
            except OSError:  # a full disk, a reader that has gone
                failed += len(chunk)
        with self._changed:
            self._is_writing = False
            self._dropped += failed
            dropped = 0 if failed == len(lines) else self._dropped
            self._dropped -= dropped
            self._changed.notify_all()
        return dropped


def _write(descriptor: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:  # another process has made what they share non-blocking
            select.select([], [descriptor], [])


def _chunks(lines: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Whole lines, as many as several processes can write to one pipe without tearing each other's apart (POSIX)."""
    first = size = 0
    for index, line in enumerate(lines):
        if size + len(line) > select.PIPE_BUF and index > first:
            yield lines[first:index]
            first, size = index, 0
        size += len(line)
    if lines:
        yield lines[first:]

"""What log lines look like, and which libraries may not write any below WARNING.

A message reads alone, in fixed words; what varies is a field beside it (`extra=`), and no field is a secret.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, Literal

import orjson
from pythonjsonlogger.json import JsonFormatter

from graph.observability.log_writer import log_writer

Fields = Mapping[str, object]
Style = Literal["text", "json"]

# What a LogRecord has of itself; anything else on it is a field.
_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}

# At DEBUG or INFO these write statements with their values, URLs with their secrets, or headers.
_VERBOSE_LIBRARIES: Final = ("aiosqlite", "asyncio", "asyncpg", "httpcore", "httpx", "tortoise", "uvicorn.access")

_TEXT: Final = "%(asctime)s %(levelname)-7s %(message)s"


class _TextFormatter(logging.Formatter):
    """`2026-03-01T12:00:00.000+08:00 INFO    message  key=value ...`, in local time."""

    def __init__(self) -> None:
        super().__init__(_TEXT)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        return _local_time(record.created)

    def format(self, record: logging.LogRecord) -> str:
        fields = {name: value for name, value in vars(record).items() if name not in _OWN}
        return _with_fields(super().format(record), fields)


def _local_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().isoformat(timespec="milliseconds")


def _with_fields(text: str, fields: Fields) -> str:
    return "  ".join([text, *(f"{name}={value}" for name, value in fields.items())]).replace("\n", "\n    ")


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            log_writer().write(_bytes(self.format(record) + "\n"))
        except Exception:  # as every handler does, and by logging's own means
            self.handleError(record)


def configure_logging(*, level: str, style: Style) -> None:
    """Sends everything of `level` and above to standard error, in JSON one line an event, in text with
    what belongs to it indented below.

    The libraries that would print secrets stay at WARNING whatever the level.
    """
    handler = _Handler()
    handler.setFormatter(
        JsonFormatter(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger"},
            reserved_attrs=sorted(_OWN),
            timestamp=True,
            json_ensure_ascii=False,
        )
        if style == "json"
        else _TextFormatter()
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    silence_verbose_libraries()


def silence_verbose_libraries() -> None:
    """Holds back the loggers that print values; an application that embeds the server calls this itself."""
    level = max(logging.WARNING, logging.getLogger().level)
    for name in _VERBOSE_LIBRARIES:
        logging.getLogger(name).setLevel(level)


def logged(logger: str, message: str) -> Callable[[Fields], None]:
    """Writes fields under a fixed message, at INFO, wherever this process's logging sends it."""
    log = logging.getLogger(logger)
    return lambda fields: log.info(message, extra=fields)


class AccessLogWriter:
    """Writes what `logged` writes after `configure_logging`, at a tenth of its cost; for the one line of each request.

    Lines of one millisecond have one time.
    """

    def __init__(self, logger: str, message: str, *, style: Style) -> None:
        self._logger = logger
        self._message = message
        self._is_json = style == "json"
        self._millisecond = 0
        self._start = b""
        self._write = log_writer().write

    def __call__(self, fields: Fields) -> None:
        """One line."""
        millisecond = time.time_ns() // 1_000_000
        if millisecond != self._millisecond:
            self._millisecond = millisecond
            self._start = self._start_of_line(millisecond / 1000)
        rest = b"," * bool(fields) + _json(fields)[1:] if self._is_json else _bytes(_with_fields("", fields))
        self._write(self._start + rest + b"\n")

    def _start_of_line(self, seconds: float) -> bytes:
        if self._is_json:
            own = {"level": "INFO", "logger": self._logger, "message": self._message}
            return orjson.dumps({"timestamp": datetime.fromtimestamp(seconds, UTC), **own})[:-1]
        return (_TEXT % {"asctime": _local_time(seconds), "levelname": "INFO", "message": self._message}).encode()


def _json(fields: Fields) -> bytes:
    try:
        return orjson.dumps(fields)
    except TypeError:  # halves of surrogate pairs; a request must not fail because of its line
        return _bytes(json.dumps(fields, ensure_ascii=False, separators=(",", ":")))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")

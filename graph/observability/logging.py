"""Where log lines go and what they look like; and which libraries may not speak at all.

A message reads alone, in fixed words; what varies is a field beside it (`extra=`), and no field is a secret.
"""

import asyncio
import json
import logging
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, Literal

import orjson
from pythonjsonlogger.json import JsonFormatter

Fields = Mapping[str, object]
Style = Literal["text", "json"]

# What a LogRecord has of itself; anything else on it is a field.
_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}

# At DEBUG or INFO these write statements with their values, URLs with their secrets, or headers.
_INDISCREET: Final = ("aiosqlite", "asyncio", "asyncpg", "httpcore", "httpx", "tortoise", "uvicorn.access")


_TEXT: Final = "%(asctime)s %(levelname)-7s %(message)s"
_CLOCK: Final = "%H:%M:%S"


class _TextFormatter(logging.Formatter):
    """`12:00:00 INFO  message  key=value ...` for people at a terminal."""

    def __init__(self) -> None:
        super().__init__(_TEXT, _CLOCK)

    def format(self, record: logging.LogRecord) -> str:
        fields = {name: value for name, value in vars(record).items() if name not in _OWN}
        return _with_fields(super().format(record), fields)


def _with_fields(text: str, fields: Fields) -> str:
    return "  ".join([text, *(f"{name}={value}" for name, value in fields.items())]).replace("\n", "\n    ")


def configure_logging(*, level: str, style: Style) -> None:
    """Sends everything of `level` and above to standard error, in JSON one line an event, in text with
    what belongs to it indented below.

    The libraries that would print secrets stay at WARNING whatever the level.
    """
    handler = logging.StreamHandler(sys.stderr)
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
    silence_indiscreet_libraries()


def silence_indiscreet_libraries() -> None:
    """Holds back the loggers that print values; an application that embeds the server calls this itself."""
    level = max(logging.WARNING, logging.getLogger().level)
    for name in _INDISCREET:
        logging.getLogger(name).setLevel(level)


def logged(logger: str, message: str) -> Callable[[Fields], None]:
    """Writes fields under a fixed message, at INFO, wherever this process's logging sends it."""
    log = logging.getLogger(logger)
    return lambda fields: log.info(message, extra=fields)


class QuickLines:
    """Writes what `logged` writes after `configure_logging`, at a tenth of its cost; for the one line of each request.

    What is written in one turn of the event loop has one time, and goes out together at its end.
    """

    def __init__(self, logger: str, message: str, *, style: Style) -> None:
        self._logger = logger
        self._message = message
        self._is_json = style == "json"
        self._beginning = b""
        self._waiting: list[bytes] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def __call__(self, fields: Fields) -> None:
        """One line; called from the event loop."""
        if not self._waiting:
            loop = self._loop = self._loop or asyncio.get_running_loop()
            loop.call_soon(self._flush)
            self._beginning = self._begun()
        ending = b"," * bool(fields) + _json(fields)[1:] if self._is_json else _bytes(_with_fields("", fields))
        self._waiting.append(self._beginning + ending)

    def _begun(self) -> bytes:
        if self._is_json:
            own = {"level": "INFO", "logger": self._logger, "message": self._message}
            return orjson.dumps({"timestamp": datetime.now(UTC), **own})[:-1]
        return (_TEXT % {"asctime": time.strftime(_CLOCK), "levelname": "INFO", "message": self._message}).encode()

    def _flush(self) -> None:
        lines, self._waiting = self._waiting, []
        sys.stderr.flush()  # what others wrote comes first
        sys.stderr.buffer.write(b"\n".join([*lines, b""]))
        sys.stderr.buffer.flush()


def _json(fields: Fields) -> bytes:
    try:
        return orjson.dumps(fields)
    except TypeError:  # halves of surrogate pairs; a request must not fail because of its line
        return _bytes(json.dumps(fields, ensure_ascii=False, separators=(",", ":")))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")

"""What log lines look like, and which libraries may not write any below WARNING.

A message reads alone, in fixed words; what varies is a field beside it (`extra=`), and no field is a secret.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal

from pythonjsonlogger.json import JsonFormatter

from graph.observability.log_writer import LogHandler

Style = Literal["text", "json"]

# What a LogRecord has of itself; anything else on it is a field.
_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}

# At DEBUG or INFO these write statements with their values, URLs with their secrets, or headers.
_VERBOSE_LIBRARIES: Final = (
    "aiosqlite",
    "asyncio",
    "asyncpg",
    "httpcore",
    "httpx",
    "tortoise",
    "urllib3",
    "uvicorn.access",
)
# Below ERROR it writes what of a form it does not like, which a client can repeat at will.
_QUIETER_LIBRARY: Final = "python_multipart"


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = {name: value for name, value in vars(record).items() if name not in _OWN}
        message = super().format(record)  # with the traceback, if any
        return text_line(record.created, record.levelname, message, fields).removesuffix("\n")


def text_line(seconds: float, level: str, message: str, fields: Mapping[str, object]) -> str:
    """`2026-03-01T12:00:00.000+08:00 INFO    message  key=value ...`, in local time, with what follows indented."""
    second, milliseconds = divmod(int(seconds * 1000), 1000)
    moment, offset = _local_time(second)
    values = [f"{name}={value}" for name, value in fields.items()]
    head = f"{moment}.{milliseconds:03}{offset} {level:<7} {message}"
    return "  ".join([head, *values]).replace("\n", "\n    ") + "\n"


# The lines of one second share it: to make it takes longer than all the rest of a line.
@lru_cache(maxsize=2)
def _local_time(second: int) -> tuple[str, str]:
    """Date and time, and the offset from UTC."""
    written = datetime.fromtimestamp(second, UTC).astimezone().isoformat(timespec="seconds")
    return written[:19], written[19:]


def configure_logging(*, level: str, style: Style) -> None:
    """Sends all of `level` and above to standard error; libraries that would print secrets stay at WARNING.

    In JSON an event is one line; in text, what belongs to it is indented below.
    """
    handler = LogHandler()
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
    logging.getLogger(_QUIETER_LIBRARY).setLevel(max(logging.ERROR, level))

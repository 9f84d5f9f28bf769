"""What a log line looks like, by Python's logging and by the access log, and which libraries may not write any."""

import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from graph.observability.logging import Style, configure_logging

LIBRARIES: Final = ["aiosqlite", "asyncio", "asyncpg", "httpcore", "httpx", "tortoise", "uvicorn.access"]
LEVELS: Final = ["DEBUG", "INFO", "WARNING", "ERROR"]
TIME: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+[+-]\d\d:\d\d"
FIELDS: Final[dict[str, Mapping[str, object]]] = {
    "a request": {"request_id": "0123456789abcdef", "method": "POST", "path": "/graphql", "status": 200, "ms": 1.5},
    "nothing": {},
    "numbers": {"none": None, "zero": 0, "large": 2**53, "float": 1e-7, "whole": 2.0, "truth": True},
    "texts": {"empty": "", "chinese": "熊猫 🐼", "quoted": 'a "b" \\ c', "lines": "a\nb\r\n\tc\u2028d\x00\x1b[0m"},
    "several": {"list": [1, "a", None], "object": {"a": {"b": 1}}},
    "what no UTF-8 is": {"half": "a\ud83d", "byte": "\udcff"},
}
_log = logging.getLogger("graph.example")

pytestmark = pytest.mark.usefixtures("root_logger_as_before")
styles = pytest.mark.parametrize("style", ["text", "json"])


def test_a_text_line_is_date_and_time_level_message_and_fields(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="INFO", style="text")
    _log.info("request", extra={"path": "/graphql", "status": 200})
    line = capsys.readouterr().err
    assert re.fullmatch(rf"{TIME} INFO    request  path=/graphql  status=200\n", line)
    written_at = datetime.fromisoformat(line.split()[0])
    assert written_at.utcoffset() == datetime.now(UTC).astimezone().utcoffset()
    assert abs((datetime.now(UTC) - written_at).total_seconds()) < 60


@pytest.mark.parametrize("fields", FIELDS.values(), ids=FIELDS)
@styles
def test_a_line_holds_any_field(style: Style, fields: Mapping[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="INFO", style=style)
    _log.info("request", extra=dict(fields))
    line = capsys.readouterr().err
    if style == "text":
        assert re.match(rf"{TIME} INFO    request", line)
        return
    assert line.count("\n") == 1
    parsed: dict[str, Any] = json.loads(line)
    assert re.fullmatch(TIME, parsed["timestamp"])
    assert parsed.pop("timestamp").endswith("+00:00")
    assert parsed == {"level": "INFO", "logger": "graph.example", "message": "request", **fields}


@styles
def test_colours_of_uvicorn_stay_out_and_an_exception_has_its_traceback(
    style: Style, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(level="INFO", style=style)
    try:
        json.loads("{")
    except ValueError:
        _log.exception("Started %d", 7, extra={"color_message": "Started \x1b[36m%d\x1b[0m"})
    written = capsys.readouterr().err
    assert "Started 7" in written
    assert "color_message" not in written
    assert "JSONDecodeError" in written
    assert style == "text" or written.count("\n") == 1


def test_in_text_what_belongs_to_a_line_is_indented_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="INFO", style="text")
    _log.error("it failed\nin two lines", extra={"frames": "  File one\n  File two"})
    first, *below = capsys.readouterr().err.splitlines()
    assert first.endswith(" ERROR   it failed")
    assert below == ["    in two lines  frames=  File one", "      File two"]


@pytest.mark.parametrize("level", LEVELS)
def test_nothing_below_the_level_is_written_and_nothing_twice(level: str, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        configure_logging(level=level, style="text")
    for name in LEVELS:
        _log.log(logging.getLevelNamesMapping()[name], "an event")
    written = [line.split()[1] for line in capsys.readouterr().err.splitlines()]
    assert written == LEVELS[LEVELS.index(level) :]


@pytest.mark.parametrize("name", LIBRARIES)
@pytest.mark.parametrize("level", LEVELS)
def test_libraries_that_print_secrets_write_no_less_than_warnings(
    name: str, level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logging.getLogger(name).setLevel(logging.NOTSET)
    configure_logging(level=level, style="text")
    for logger in (logging.getLogger(name), logging.getLogger(f"{name}.part")):
        logger.debug("GET /sns/jscode2session?secret=...")
        logger.info("GET /sns/jscode2session?secret=...")
    assert capsys.readouterr().err == ""
    logging.getLogger(name).warning("a connection was lost")
    assert ("a connection was lost" in capsys.readouterr().err) == (level != "ERROR")

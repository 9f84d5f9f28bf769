"""What a log line looks like, and which libraries may not write any."""

import logging
import re

import orjson
import pytest

from graph.observability.logging import configure_logging

INDISCREET = ["aiosqlite", "asyncio", "asyncpg", "httpcore", "httpx", "tortoise", "uvicorn.access"]
_log = logging.getLogger("graph.example")

pytestmark = pytest.mark.usefixtures("root_logger_as_before")


def test_a_text_line_is_time_level_message_and_fields(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="INFO", style="text")
    _log.info("request", extra={"path": "/graphql", "status": 200})
    assert re.fullmatch(r"\d\d:\d\d:\d\d INFO    request  path=/graphql  status=200\n", capsys.readouterr().err)


def test_a_json_line_is_an_object_with_its_fields_beside_the_message(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="INFO", style="json")
    _log.warning("slow", extra={"path": "/graphql", "ms": 1.5, "reason": "熊猫\n2"})
    written = capsys.readouterr().err
    assert written.count("\n") == 1
    assert "熊猫" in written
    line = orjson.loads(written)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\+00:00", line.pop("timestamp"))
    assert line == {
        "level": "WARNING",
        "logger": "graph.example",
        "message": "slow",
        "path": "/graphql",
        "ms": 1.5,
        "reason": "熊猫\n2",
    }


@pytest.mark.parametrize("style", ["text", "json"])
def test_uvicorn_s_colours_stay_out_of_the_log(style: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="INFO", style="json" if style == "json" else "text")
    _log.info("Started %d", 7, extra={"color_message": "Started \x1b[36m%d\x1b[0m"})
    written = capsys.readouterr().err
    assert "Started 7" in written
    assert "color_message" not in written


@pytest.mark.parametrize("style", ["text", "json"])
def test_an_exception_is_written_with_its_traceback(style: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="INFO", style="json" if style == "json" else "text")
    try:
        orjson.loads("{")
    except ValueError:
        _log.exception("it failed")
    written = capsys.readouterr().err
    assert "it failed" in written
    assert "JSONDecodeError" in written
    assert style == "text" or written.count("\n") == 1


def test_in_text_whatever_belongs_to_a_line_is_indented_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="INFO", style="text")
    _log.error("it failed\nin two lines", extra={"frames": "  File one\n  File two"})
    first, *below = capsys.readouterr().err.splitlines()
    assert first.endswith(" ERROR   it failed")
    assert below == ["    in two lines  frames=  File one", "      File two"]


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR"])
def test_nothing_below_the_level_is_written(level: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level=level, style="text")
    names = ["DEBUG", "INFO", "WARNING", "ERROR"]
    for name in names:
        _log.log(logging.getLevelNamesMapping()[name], "an event")
    written = [line.split()[1] for line in capsys.readouterr().err.splitlines()]
    assert written == names[names.index(level) :]


def test_it_may_be_configured_again_without_writing_lines_twice(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        configure_logging(level="INFO", style="text")
    _log.info("once")
    assert capsys.readouterr().err.count("once") == 1


@pytest.mark.parametrize("name", INDISCREET)
@pytest.mark.parametrize("level", ["DEBUG", "INFO"])
def test_libraries_that_print_secrets_are_held_back_at_any_level(
    name: str, level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logging.getLogger(name).setLevel(logging.NOTSET)
    configure_logging(level=level, style="text")
    for logger in (logging.getLogger(name), logging.getLogger(f"{name}.part")):
        logger.debug("GET /sns/jscode2session?secret=...")
        logger.info("GET /sns/jscode2session?secret=...")
    assert capsys.readouterr().err == ""
    logging.getLogger(name).warning("a connection was lost")
    assert "a connection was lost" in capsys.readouterr().err


@pytest.mark.parametrize("name", INDISCREET)
def test_where_only_errors_count_libraries_have_no_warnings_either(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(level="ERROR", style="text")
    logging.getLogger(name).warning("a connection was lost")
    logging.getLogger(name).error("it is gone")
    assert re.fullmatch(r"\S+ ERROR   it is gone\n", capsys.readouterr().err)

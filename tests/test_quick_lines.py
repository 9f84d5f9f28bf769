"""The cheap line of each request: the same as through Python's logging, and all of a turn by one write."""

import asyncio
import io
import json
import logging
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from graph.observability.logging import Fields, QuickLines, Style, configure_logging, logged

pytestmark = pytest.mark.usefixtures("root_logger_as_before")

LOGGER: Final = "graph.http.request"
MESSAGE: Final = "request"
FIELDS: Final[dict[str, Fields]] = {
    "a request": {"request_id": "0123456789abcdef", "method": "POST", "path": "/graphql", "status": 200, "ms": 1.5},
    "nothing": {},
    "numbers": {"none": None, "zero": 0, "large": 2**53, "float": 1e-7, "whole": 2.0, "truth": True},
    "texts": {"empty": "", "chinese": "熊猫 🐼", "quoted": 'a "b" \\ c', "lines": "a\nb\r\n\tc\u2028d\x00\x1b[0m"},
    "several": {"list": [1, "a", None], "object": {"a": {"b": 1}}},
    "what no UTF-8 is": {"half": "a\ud83d", "byte": "\udcff"},
}


class Written(io.BytesIO):
    """Where standard error leads; it notes each write by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []

    def write(self, data: Any) -> int:
        self.writes.append(bytes(data))
        return super().write(data)


@contextmanager
def standard_error(written: Written | None = None) -> Iterator[Written]:
    """Standard error as Python makes it, leading elsewhere; no fixture, for pytest sets its own after those."""
    written = written or Written()
    with pytest.MonkeyPatch.context() as patch:
        buffered = io.BufferedWriter(written)
        patch.setattr(sys, "stderr", io.TextIOWrapper(buffered, "utf-8", "backslashreplace", line_buffering=True))
        yield written


async def both(style: Style, fields: Fields) -> list[str]:
    """The line that goes through logging, and the quick one."""
    lines = []
    for write in (logged(LOGGER, MESSAGE), QuickLines(LOGGER, MESSAGE, style=style)):
        with standard_error() as stderr:
            configure_logging(level="INFO", style=style)
            write(fields)
            await asyncio.sleep(0)
            lines.append(stderr.getvalue().decode())
    return lines


@pytest.mark.parametrize("name", FIELDS)
async def test_a_quick_line_in_json_says_what_the_usual_one_says(name: str) -> None:
    usual, quick = await both("json", FIELDS[name])
    assert quick.endswith("}\n")
    assert quick.count("\n") == 1
    lines = [json.loads(line) for line in (usual, quick)]
    for line in lines:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00", line.pop("timestamp"))
    assert lines[0] == lines[1] == {"level": "INFO", "logger": LOGGER, "message": MESSAGE, **FIELDS[name]}


@pytest.mark.parametrize("name", FIELDS)
async def test_a_quick_line_in_text_is_the_usual_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.localtime()
    monkeypatch.setattr("graph.observability.logging._CLOCK", time.strftime("%H:%M:%S", now))
    usual, quick = await both("text", FIELDS[name])
    assert re.match(r"\d\d:\d\d:\d\d INFO    request", quick)
    assert quick == usual


@pytest.mark.parametrize("style", ["text", "json"])
async def test_the_lines_of_a_turn_are_one_write_in_their_order(style: Style) -> None:
    write = QuickLines(LOGGER, MESSAGE, style=style)
    with standard_error() as stderr:
        for turn in range(2):
            for number in range(100):
                write({"number": number})
            assert len(stderr.writes) == turn
            await asyncio.sleep(0)
        assert len(stderr.writes) == 2
        numbers = [int(number) for number in re.findall(r'number"?[:=](\d+)', stderr.getvalue().decode())]
    assert numbers == [*range(100)] * 2


async def test_a_line_stands_behind_what_was_said_before_it_and_before_what_is_said_after_it() -> None:
    with standard_error() as stderr:
        configure_logging(level="INFO", style="text")
        quick, log = QuickLines(LOGGER, MESSAGE, style="text"), logging.getLogger("graph.example")
        log.info("one")
        sys.stderr.write("two, which nobody has flushed\n")
        quick({"number": "three"})
        await asyncio.sleep(0)
        log.info("four")
        quick({"number": "five"})
        await asyncio.sleep(0)
        text = stderr.getvalue().decode()
    places = [text.index(word) for word in ("one", "two", "three", "four", "five")]
    assert places == sorted(places)


class Disk(Written):
    """Takes nothing while it is full."""

    full = True

    def write(self, data: Any) -> int:
        if self.full:
            raise OSError
        return super().write(data)


async def test_a_line_that_cannot_be_written_keeps_no_later_one_back() -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context))
    write, disk = QuickLines(LOGGER, MESSAGE, style="text"), Disk()
    with standard_error(disk):
        write({"number": "one"})
        await asyncio.sleep(0)
        assert [type(context["exception"]) for context in told] == [OSError]
        disk.full = False
        write({"number": "two"})
        await asyncio.sleep(0)
        assert "number=two" in disk.getvalue().decode()
    assert len(told) == 1

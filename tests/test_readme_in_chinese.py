"""A README in Chinese is that README, section by section: headings, commands, tables, lists, names and links."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import pytest

_BLOCK: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# In a block of shell, the words for the reader.
_COMMENT: Final = re.compile(r"\s+# .*$", re.MULTILINE)


class Readme(NamedTuple):
    """One in both languages."""

    english: str
    chinese: str


@pytest.fixture(params=[".", "examples/miniprogram"])
def readme(request: pytest.FixtureRequest) -> Readme:
    directory = Path(__file__).parents[1] / request.param
    return Readme(*((directory / name).read_text("utf-8") for name in ("README.md", "README.zh-CN.md")))


def sections(text: str) -> list[tuple[str, str]]:
    """The headings' level, and what stands below each."""
    shell_hidden = _BLOCK.sub(lambda block: block[0].replace("\n#", "\n #"), text)
    parts = re.split(r"^(#+) .*$\n", shell_hidden, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def commands(text: str) -> list[tuple[str, str]]:
    return [(language, _COMMENT.sub("", content)) for language, content in _BLOCK.findall(text)]


def rows(text: str) -> list[str]:
    """The first cell of each row of a table, where it is a name; the others are words."""
    found = re.findall(r"^\| ([^|]+?) \|", _BLOCK.sub("", text), re.MULTILINE)
    return [cell for cell in found if cell.startswith("`") and cell.endswith(("`", "†"))]


def items(text: str) -> list[str]:
    return re.findall(r"^- ", _BLOCK.sub("", text), re.MULTILINE)


def names(text: str) -> list[str]:
    """What stands in backticks: settings, commands, paths, operations."""
    return sorted(re.findall(r"`([^`]+)`", _BLOCK.sub("", text)))


def links(text: str) -> list[str]:
    return sorted(set(re.findall(r"\]\(([^)]+)\)", text)) - {"README.md", "README.zh-CN.md"})


def test_there_are_as_many_headings_of_the_same_levels(readme: Readme) -> None:
    english, chinese = ([level for level, _ in sections(text)] for text in readme)
    assert english == chinese
    assert len(english) > 5


@pytest.mark.parametrize("part", [commands, rows, items, names, links])
def test_each_section_has_the_same(part: Callable[[str], Sequence[object]], readme: Readme) -> None:
    english, chinese = ([part(text) for _, text in sections(document)] for document in readme)
    assert english == chinese
    assert any(english)


def test_it_is_written_in_chinese(readme: Readme) -> None:
    for _, text in sections(readme.chinese):
        assert len(re.findall(r"[\u4e00-\u9fff]", text)) > 5


def test_each_of_the_two_names_the_other(readme: Readme) -> None:
    assert "](README.zh-CN.md)" in readme.english
    assert "](README.md)" in readme.chinese

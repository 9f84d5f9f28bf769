"""README in Chinese is README: the same headings, commands, tables, names and links, section by section."""

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
ENGLISH: Final = (ROOT / "README.md").read_text("utf-8")
CHINESE: Final = (ROOT / "README.zh-CN.md").read_text("utf-8")
_BLOCK: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# In a block of shell, the words for the reader.
_COMMENT: Final = re.compile(r"\s+# .*$", re.MULTILINE)


def sections(text: str) -> list[tuple[str, str]]:
    """The headings with their level, and what stands below each."""
    shell_hidden = _BLOCK.sub(lambda block: block[0].replace("\n#", "\n #"), text)
    parts = re.split(r"^(#+) .*$\n", shell_hidden, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def pairs() -> list[tuple[tuple[str, str], tuple[str, str]]]:
    return list(zip(sections(ENGLISH), sections(CHINESE), strict=True))


def commands(text: str) -> list[tuple[str, str]]:
    return [(language, _COMMENT.sub("", content)) for language, content in _BLOCK.findall(text)]


def rows(text: str) -> list[str]:
    """The first cell of each row of a table; headings of columns are words."""
    found = re.findall(r"^\| ([^|]+?) \|", _BLOCK.sub("", text), re.MULTILINE)
    return [cell for cell in found if cell.startswith("`")]


def names(text: str) -> list[str]:
    """What stands in backticks: settings, commands, paths, operations."""
    return sorted(re.findall(r"`([^`]+)`", _BLOCK.sub("", text)))


def links(text: str) -> list[str]:
    return sorted(set(re.findall(r"\]\(([^)]+)\)", text)) - {"README.md", "README.zh-CN.md"})


def test_there_are_as_many_headings_of_the_same_levels() -> None:
    assert [level for level, _ in sections(ENGLISH)] == [level for level, _ in sections(CHINESE)]
    assert len(sections(ENGLISH)) > 5


@pytest.mark.parametrize("part", [commands, rows, names, links])
def test_each_section_has_the_same(part: object) -> None:
    assert callable(part)
    assert any(part(text) for (_, text), _ in pairs())
    for (_, english), (_, chinese) in pairs():
        assert part(chinese) == part(english)


def test_it_is_written_in_chinese() -> None:
    for _, text in sections(CHINESE):
        assert len(re.findall(r"[\u4e00-\u9fff]", text)) > 5


def test_each_of_the_two_names_the_other() -> None:
    assert "](README.zh-CN.md)" in ENGLISH
    assert "](README.md)" in CHINESE

"""What the examples' own documents say is so."""

import re
from pathlib import Path
from typing import Final

import pytest
from graphql import GraphQLEnumType, build_schema

from tests.examples.phone import EXAMPLE, ROOT

README: Final = (EXAMPLE / "README.md").read_text("utf-8")


def rows(heading: str) -> list[list[str]]:
    """What each row of the table under a heading names in its first column."""
    [section] = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    firsts = [line.split("|")[1] for line in str(section).splitlines() if line.startswith("| `")]
    return [re.findall(r"`([^`]+)`", first) for first in firsts]


def test_the_files_to_read_are_there_and_are_all_that_has_code(project: Path) -> None:
    named = [name for row in rows("Read it in this order") for name in row]
    assert [name for name in named if not (EXAMPLE / "miniprogram" / name).exists()] == []
    sources = {path.relative_to(project / "miniprogram") for path in (project / "miniprogram").rglob("*.ts")}
    unnamed = {
        source.as_posix()
        for source in sources
        if not any(name in {source.as_posix(), f"{source.parent.as_posix()}/"} for name in named)
    }
    assert {name for name in unnamed if not name.startswith("generated/")} == {"app.ts", "config.ts"}


def test_every_action_of_the_schema_s_is_explained() -> None:
    actions = build_schema((ROOT / "schema.graphql").read_text("utf-8")).type_map["ErrorAction"]
    assert isinstance(actions, GraphQLEnumType)
    explained = [name for row in rows("What it does about an error") for name in row]
    assert sorted(explained) == sorted(actions.values)


def test_it_is_built_with_the_commands_that_the_tests_use() -> None:
    assert "```sh\nnpm ci && npm run build\n```" in README


@pytest.mark.parametrize(
    "document", sorted(ROOT.glob("examples/*/README*.md")), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text("utf-8"))
    assert [target for target in targets if not (document.parent / target).exists()] == []

"""graphql-eslint finds nothing to say about the schema and the example's operations."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.examples.phone import EXAMPLE, HERE, ROOT
from tests.npm import PATIENCE, install

CONFIG: Final = {"schema": "schema.graphql", "documents": "operations.graphql"}


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """The schema and the operations beside eslint's configuration."""
    (tmp_path / "node_modules").symlink_to(install(HERE))
    shutil.copy(HERE / "eslint.config.mjs", tmp_path)
    shutil.copy(ROOT / "schema.graphql", tmp_path)
    shutil.copy(EXAMPLE / "miniprogram" / "graphql" / "operations.graphql", tmp_path)
    (tmp_path / ".graphqlrc.json").write_text(json.dumps(CONFIG), "utf-8")
    return tmp_path


def findings(directory: Path) -> set[tuple[str, str]]:
    """By file, the rules that are broken."""
    program = directory / "node_modules" / ".bin" / "eslint"
    done = subprocess.run(
        [program, ".", "--format", "json"], cwd=directory, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.stderr == ""
    files = json.loads(done.stdout)
    assert {Path(file["filePath"]).name for file in files} >= {"schema.graphql", "operations.graphql"}
    found = {
        (Path(file["filePath"]).name, str(message["ruleId"]).removeprefix("@graphql-eslint/"))
        for file in files
        for message in file["messages"]
    }
    assert done.returncode == (1 if found else 0)
    return found


def test_the_linter_finds_nothing(documents: Path) -> None:
    assert findings(documents) == set()


@pytest.mark.parametrize(
    ("name", "before", "after", "rule"),
    [
        ("schema.graphql", '  """City; null where none is given."""\n', "", "require-description"),
        ("schema.graphql", "city: String", "userCity: String", "no-typename-prefix"),
        ("schema.graphql", "  id: ID!", "  number: ID!", "strict-id-in-types"),
        ("operations.graphql", "  createdAt\n", "  createdAt\n  openid\n", "fields-on-correct-type"),
        ("operations.graphql", "query Me {", "query {", "no-anonymous-operations"),
        ("operations.graphql", "($code: String!)", "($code: String!, $spare: ID)", "no-unused-variables"),
    ],
)
def test_the_linter_finds_what_is_wrong(documents: Path, name: str, before: str, after: str, rule: str) -> None:
    text = (documents / name).read_text("utf-8")
    assert before in text
    (documents / name).write_text(text.replace(before, after), "utf-8")
    assert (name, rule) in findings(documents)

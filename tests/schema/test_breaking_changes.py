"""No client of an earlier schema breaks, unless the changelog says so and the version allows it."""

import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.schema.breaking_changes import Earlier, breaking_changes, earlier_schema, may_break, unaccepted

ROOT: Final = Path(__file__).parents[2]
SDL: Final = (ROOT / "schema.graphql").read_text("utf-8")
CHANGELOG: Final = (ROOT / "CHANGELOG.md").read_text("utf-8")
VERSION: Final = str(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"])

OLD, NEWER, NEWEST = (f"type Query {{ {fields} }}" for fields in ("me: ID", "me: ID us: ID", "me: ID us: ID we: ID"))


def test_no_client_breaks_unless_the_changelog_says_so() -> None:
    earlier = earlier_schema(ROOT)
    if earlier is None:
        pytest.skip("this is no clone with a history: git fetch --unshallow --tags")
    changes = breaking_changes(earlier.sdl, SDL)
    assert unaccepted(changes, CHANGELOG, VERSION) == [], f"mend the schema, or say so under {VERSION} in CHANGELOG.md"
    assert not changes or earlier.release is None or may_break(earlier.release, VERSION), "this needs a greater version"


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("  city: String\n", "  town: String\n", "Field User.city was removed."),
        ("id: ID!", "id: ID", "Field User.id changed type from ID! to ID."),
        ("  me: User\n", "  me(of: ID!): User\n", "A required argument Query.me(of:) was added."),
        ("    code: String!\n", "    jsCode: String!\n", "Argument Mutation.login(code:) was removed."),
        ("  FEMALE\n", "  WOMAN\n", "Enum value Gender.FEMALE was removed."),
        ("  COLLECT_AGAIN\n", "  AGAIN\n", "Enum value ErrorAction.COLLECT_AGAIN was removed."),
        ("LoginPayload", "Login", "LoginPayload was removed."),
    ],
)
def test_what_a_client_loses_is_found(before: str, after: str, sentence: str) -> None:
    assert before in SDL
    now = SDL.replace(before, after)
    assert sentence in breaking_changes(SDL, now)
    assert f"- breaking: {sentence}" in unaccepted(breaking_changes(SDL, now), CHANGELOG, VERSION)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  city: String\n", "  city: String\n  county: String\n"),
        ("  city: String\n", '  city: String @deprecated(reason: "WeChat gives none.")\n'),
        ("  me: User\n", "  me(of: ID): User\n"),
        ("avatarUrl: String\n", "avatarUrl: String!\n"),
        ('"""Not given."""', '"""Unknown."""'),
    ],
)
def test_what_a_client_does_not_notice_breaks_nothing(before: str, after: str) -> None:
    assert before in SDL
    assert breaking_changes(SDL, SDL.replace(before, after)) == []


def test_a_change_is_accepted_by_its_own_sentence_under_the_current_version() -> None:
    changes = ["User.city was removed.", "User.id changed type from ID! to ID."]
    current = "## 0.2.0 - unreleased\n\n- breaking: User.city was\n  removed. It was always null.\n- More speed.\n\n"
    before = "## 0.1.0\n\n- breaking: User.id changed type from ID! to ID.\n"
    assert unaccepted(changes, current + before, "0.2.0") == ["- breaking: User.id changed type from ID! to ID."]
    assert unaccepted(changes[:1], current, "0.2.0") == []
    assert unaccepted(changes[:1], current.replace("breaking: ", ""), "0.2.0") != []


@pytest.mark.parametrize(
    ("release", "version"), [("0.1.0", "0.2.0"), ("0.9.3", "0.10.0"), ("0.2.0", "1.0.0"), ("1.9.9", "2.0.0")]
)
def test_a_new_major_version_or_a_minor_one_before_1_may_break_clients(release: str, version: str) -> None:
    assert may_break(release, version)


@pytest.mark.parametrize(("release", "version"), [("0.1.0", "0.1.1"), ("1.0.0", "1.1.0")])
def test_no_other_version_may_break_clients(release: str, version: str) -> None:
    assert not may_break(release, version)


@dataclass
class Clone:
    """A repository of a test's own, with a schema in it."""

    path: Path

    def git(self, *arguments: str) -> None:
        author = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *author, *arguments], cwd=self.path, check=True, capture_output=True)

    def write(self, sdl: str) -> None:
        (self.path / "schema.graphql").write_text(sdl, "utf-8")

    def commit(self, sdl: str) -> None:
        self.write(sdl)
        self.git("add", ".")
        self.git("commit", "--quiet", "--allow-empty", "-m", "A change")


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    clone = Clone(tmp_path / "clone")
    clone.path.mkdir()
    clone.git("init", "--quiet")
    return clone


def test_a_change_answers_for_the_schema_before_it(clone: Clone) -> None:
    clone.commit(OLD)
    clone.commit(NEWER)
    clone.write(NEWEST)
    assert earlier_schema(clone.path) == Earlier(NEWER)
    clone.commit(NEWEST)
    assert earlier_schema(clone.path) == Earlier(NEWER)
    (clone.path / "README.md").write_text("Words.", "utf-8")
    clone.commit(NEWEST)
    assert earlier_schema(clone.path) == Earlier(NEWER)


def test_after_a_release_every_change_answers_for_the_newest_one(clone: Clone) -> None:
    clone.commit(OLD)
    clone.git("tag", "v0.1.0")
    clone.commit(NEWER)
    clone.git("tag", "-a", "v0.2.0", "-m", "A release")
    clone.git("tag", "verified")
    assert earlier_schema(clone.path) == Earlier(NEWER, "0.2.0")
    clone.commit("type Query { nothing: ID }")
    clone.write(NEWEST)
    assert earlier_schema(clone.path) == Earlier(NEWER, "0.2.0")


def test_a_release_without_a_schema_does_not_count(clone: Clone) -> None:
    clone.git("commit", "--quiet", "--allow-empty", "-m", "Begin")
    clone.git("tag", "v0.0.1")
    clone.commit(OLD)
    clone.commit(NEWER)
    assert earlier_schema(clone.path) == Earlier(OLD)


def test_without_a_history_there_is_nothing_to_answer_for(clone: Clone, tmp_path: Path) -> None:
    clone.commit(OLD)
    assert earlier_schema(clone.path) is None
    clone.commit(NEWER)
    shallow = tmp_path / "shallow"
    clone.git("clone", "--quiet", "--depth", "1", f"file://{clone.path}", str(shallow))
    assert earlier_schema(shallow) is None
    copied = tmp_path / "copied"
    copied.mkdir()
    (copied / "schema.graphql").write_text(OLD, "utf-8")
    assert earlier_schema(copied) is None

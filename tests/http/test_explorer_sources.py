"""The explorer's own project: its types, its lock file, and the documents that it opens with."""

import json

import graphql
import pytest

from graph.schema.build import build_schema, graphql_core_schema
from tests.http.browsing import ROOT
from tests.npm import install, npm

EXPLORER = ROOT / "graph" / "http" / "explorer"


def test_the_types_are_right() -> None:
    install(EXPLORER)
    checked = npm("run", "check", cwd=EXPLORER)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_lock_file_pins_contents_and_names_no_place_to_load_them_from() -> None:
    packages = json.loads((EXPLORER / "package-lock.json").read_text("utf-8"))["packages"]
    assert len(packages) > 50
    for name, package in packages.items():
        assert not name or package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, name


@pytest.mark.parametrize(
    ("document", "operations"),
    [
        ("opening", ["Login", "SubmitUserInfo", "Me"]),
        ("profile", ["UpdateProfile", "Picture"]),
        ("devices", ["Sessions", "RevokeSession", "RevokeOtherSessions", "Logout"]),
        (
            "data",
            ["SubmitPhoneNumber", "SubmitEncryptedPhoneNumber", "RemovePhoneNumber", "ExportMe", "DeleteMe"],
        ),
    ],
)
def test_the_documents_of_the_first_tabs_fit_the_schema_and_the_limits(document: str, operations: list[str]) -> None:
    parsed = graphql.parse((EXPLORER / "src" / f"{document}.graphql").read_text("utf-8"), max_tokens=400)
    assert graphql.validate(graphql_core_schema(build_schema()), parsed) == []
    names = [
        node.name.value
        for node in parsed.definitions
        if isinstance(node, graphql.OperationDefinitionNode) and node.name
    ]
    assert names == operations
    assert len(names) <= 5

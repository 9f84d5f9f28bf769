"""The explorer's own project: its types, its lock file, and the document that it opens with."""

import json

import graphql

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


def test_the_document_of_the_first_tab_fits_the_schema_and_the_limits() -> None:
    document = graphql.parse((EXPLORER / "src" / "opening.graphql").read_text("utf-8"), max_tokens=400)
    assert graphql.validate(graphql_core_schema(build_schema()), document) == []
    names = [
        node.name.value
        for node in document.definitions
        if isinstance(node, graphql.OperationDefinitionNode) and node.name
    ]
    assert names == ["Login", "SubmitUserInfo", "Me"]

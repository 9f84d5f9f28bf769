"""The built example, a server for it, and phones to try it on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.processes import Process, serving
from tests.examples.phone import SwitchOn, build, checkout, phone


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, built as its README says."""
    project = checkout(tmp_path_factory.mktemp("example"))
    build(project)
    return project


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server keeps its data."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[Process]:
    with serving("dev", cwd=data) as server:
        yield server


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """What the mini-program keeps on the phone."""
    return tmp_path / "storage.json"


@pytest.fixture
def switch_on(project: Path, server: Process, storage: Path, request: pytest.FixtureRequest) -> SwitchOn:
    """Switches the phone of this test's own user on; after it was off, it has the same storage."""
    return lambda: phone(project, server, request.node.name[-60:], storage)

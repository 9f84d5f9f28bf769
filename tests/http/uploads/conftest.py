"""A server that keeps pictures in a directory, and a user who is signed in."""

from pathlib import Path

import pytest

from graph.settings import Settings
from tests.http.uploading import with_store
from tests.server import TestServer


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "avatars"


@pytest.fixture
def settings(settings: Settings, directory: Path) -> Settings:
    return with_store(settings, directory)


@pytest.fixture
async def token(server: TestServer) -> str:
    return str((await server.login("alice"))["token"])

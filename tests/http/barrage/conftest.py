"""One server for the whole barrage."""

from collections.abc import Iterator

import pytest

from tests.http.barrage.target import Target, open_target


@pytest.fixture(scope="package")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with open_target(tmp_path_factory.mktemp("barrage")) as opened:
        yield opened

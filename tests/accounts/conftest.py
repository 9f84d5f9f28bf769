"""Users of the tests of accounts."""

import pytest

from graph.settings import Settings
from tests.accounts.full_user import FullUser, store_full_user
from tests.server import TestServer


@pytest.fixture
async def alice(server: TestServer, settings: Settings) -> FullUser:
    """On a server of two mini-programs, as `settings_of_two_apps` sets it up."""
    return await store_full_user(server, settings)

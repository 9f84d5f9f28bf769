"""What every test shares: asyncio, and nothing else."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"

"""What one request may cost in functions of ours: a short way is what keeps it fast and readable."""

from pathlib import Path
from typing import Final

import pytest

from graph.simulator.serving import WeChatSimulator
from tests.benchmarks.calls import count
from tests.databases import give_tables

pytestmark = pytest.mark.anyio

MOST_CALLS: Final = {"me": 80, "login": 200}
MOST_FILES: Final = {"me": 18, "login": 34}


async def test_a_request_stays_within_its_budget_of_calls_and_files(
    wechat_simulator: WeChatSimulator, database_url: str, tmp_path: Path
) -> None:
    await give_tables(database_url)
    counted = count(wechat_simulator, database_url, tmp_path / "output")
    assert {operation for operation, calls in counted.items() if len(calls.calls) > MOST_CALLS[operation]} == set()
    assert {operation for operation, calls in counted.items() if calls.files > MOST_FILES[operation]} == set()

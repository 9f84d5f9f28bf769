"""Long work tells how far it is."""

import logging

import pytest

from graph.accounts import progress
from graph.accounts.cleanup import cleanup_jobs
from graph.accounts.jobs import Jobs
from graph.accounts.key_rotation import rotate
from graph.security.encryption import KeyRing
from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from models.database import Database
from tests.server import ENCRYPTION_KEYS, K2, Clock, open_server


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """The log of work that takes no time, as if each page of it took long."""
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.0)
    caplog.set_level(logging.INFO, "graph.accounts.progress")
    return caplog


async def test_a_rotation_and_a_cleanup_tell_how_far_they_are(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, lines: pytest.LogCaptureFixture
) -> None:
    async with open_server(settings, wechat_simulator, clock) as server:
        await server.login("alice")
    async with Database(settings.database.url.get_secret_value()) as database:
        await rotate(database, KeyRing.parse(f"{K2},{ENCRYPTION_KEYS}"))
        job, *_ = cleanup_jobs(database, idle_days=7, audit_days=180)
        assert await Jobs(database=database, now=clock, jobs=[job]).run(job) == 0
    logged = [vars(record) for record in lines.records if record.name == "graph.accounts.progress"]
    assert [(line["msg"], line.get("resealed"), line.get("signed"), line.get("count")) for line in logged] == [
        ("rotating encryption keys", 1, 0, None),
        ("rotating encryption keys", 1, 1, None),
        ("removing sessions that have ended", None, None, 0),
    ]

"""A server whose figures are served on a free port."""

import pytest

from graph.settings import MetricsSettings, Settings
from graph.simulator.serving import WeChatSimulator
from tests.processes import free_port
from tests.server import settings_for


@pytest.fixture
def metrics_settings() -> MetricsSettings:
    return MetricsSettings(port=free_port())


@pytest.fixture
def settings(wechat_simulator: WeChatSimulator, database_url: str, metrics_settings: MetricsSettings) -> Settings:
    return settings_for(wechat_simulator, database_url, metrics=metrics_settings)

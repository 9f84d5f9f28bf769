"""An environment without any of the server's variables."""

import os

import pytest

from tests.settings.environment import SetVariables


@pytest.fixture(autouse=True)
def env(monkeypatch: pytest.MonkeyPatch) -> SetVariables:
    """Sets variables in an environment that had none of ours."""
    for name in [name for name in os.environ if name.startswith("WXGATE_")]:
        monkeypatch.delenv(name)

    def set_variables(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return set_variables

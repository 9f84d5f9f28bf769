"""A running simulator as a pytest fixture, for any suite that needs a WeChat.

In the `conftest.py` at the root of the tests:

    pytest_plugins = ["graph.simulator.pytest_plugin"]

and then, with a server under test whose WeChat address is `wechat_simulator.base_url`:

    def test_a_login(wechat_simulator):
        code = wechat_simulator.login("alice", nickName="Alice")
        ...
        wechat_simulator.fail("errcode", path="/sns/jscode2session", errcode=45011)
        wechat_simulator.advance(301)  # the code is now too old

Redefine the fixture `wechat_simulator_state` for another app, seed or policy.
For a fixture of another scope, use `serve` from `graph.simulator.serving`.
"""

from collections.abc import Iterator

import pytest

from graph.simulator.serving import WeChatSimulator, serve
from graph.simulator.state import SimulatorState


@pytest.fixture
def wechat_simulator_state() -> SimulatorState:
    """The fake app; the same users, codes and keys in every run."""
    return SimulatorState("wx0123456789abcdef", "0123456789abcdef0123456789abcdef", seed=0)


@pytest.fixture
def wechat_simulator(wechat_simulator_state: SimulatorState) -> Iterator[WeChatSimulator]:
    with serve(wechat_simulator_state) as simulator:
        yield simulator

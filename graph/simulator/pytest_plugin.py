"""A running simulator as a pytest fixture, for any suite that needs a WeChat.

In the `conftest.py` at the root of the tests:

    pytest_plugins = ["graph.simulator.pytest_plugin"]

and then, with a server under test whose WeChat address is `wechat_simulator.base_url`:

    def test_a_login(wechat_simulator):
        code = wechat_simulator.login("alice", nickName="Alice")
        ...
        wechat_simulator.fail("errcode", path="/sns/jscode2session", errcode=45011)
        wechat_simulator.advance(301)  # the code is now too old
        wechat_simulator.expire_access_tokens()
        wechat_simulator.block("alice")  # her next code gets 40226
        assert wechat_simulator.calls()[-1]["errcode"] == 45011  # the journal, without secrets

Another mini-program of the same server, in which the same user has another openid, and with a `group` the unionid that
all apps of this Open Platform account see:

    def test_two_apps(wechat_simulator):
        shop = wechat_simulator.app("wx1111111111111111", group="us")  # shop.app_id, shop.app_secret
        code = shop.login("alice")
        shop.fail("errcode", errcode=45011)  # in this app only
        wechat_simulator.bind_open_platform("us")  # from now on alice's logins in the first app bring her unionid

The check of a picture, by what its centre shows or by order; its event goes to `wechat_simulator.push.url`:

    def test_a_picture(wechat_simulator):
        picture = wechat_simulator.choose_avatar("alice", face="red")  # a PNG, which WeChat will find risky as a JPEG
        wechat_simulator.push.check_delay = 3600  # seconds
        ...
        wechat_simulator.picture_verdict("alice", suggest="review")  # or errcode=-1008

What else a user does on the phone, as `graph.simulator.open_abilities` lists it:

    def test_a_message(wechat_simulator):
        wechat_simulator.device("POST", "subscribe", user="alice")  # to one message of the app's template
        ...
        assert wechat_simulator.device("GET", "messages")["messages"]

`wechat_simulator.state.calls[path]` counts the calls of an endpoint, and `shop.access_tokens.forced_refreshes` the
access tokens that were replaced by force.

Redefine the fixture `wechat_simulator_state` for another app, seed or policy.
For a fixture of another scope, use `serve` from `graph.simulator.serving`. For wxgate itself in front of this WeChat,
there is `graph.pytest_plugin`.
"""

from collections.abc import Iterator
from typing import Final

import pytest

from graph.simulator.serving import WeChatSimulator, serve
from graph.simulator.state import SimulatorState

APP_ID: Final = "wx0123456789abcdef"
# Made up; random enough for servers that refuse weak ones, as wxgate does.
APP_SECRET: Final = "4d7e91c05ab83f26e0c49a7d158b62f3"  # noqa: S105 - of no use anywhere else


@pytest.fixture
def wechat_simulator_state() -> SimulatorState:
    """The fake app; the same users, codes and keys in every run."""
    return SimulatorState(APP_ID, APP_SECRET, seed=0)


@pytest.fixture
def wechat_simulator(wechat_simulator_state: SimulatorState) -> Iterator[WeChatSimulator]:
    with serve(wechat_simulator_state) as simulator:
        yield simulator

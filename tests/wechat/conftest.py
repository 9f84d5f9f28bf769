"""A certificate for a fake WeChat at 127.0.0.1, the CA that issued it, and a WeChat that gives access tokens."""

import ssl
from pathlib import Path

import pytest
import trustme

from graph.wechat.client import WeChatClient
from tests.wechat.fake_tokens import Stopwatch, TokenWeChat, forcing


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certified(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    authority.cert_pem.write_to_path(path := str(tmp_path / "ca.pem"))
    return Path(path)


@pytest.fixture
def tokens() -> TokenWeChat:
    return TokenWeChat()


@pytest.fixture
def stopwatch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def wechat(tokens: TokenWeChat, stopwatch: Stopwatch) -> WeChatClient:
    return forcing(tokens, stopwatch, allowed=True)

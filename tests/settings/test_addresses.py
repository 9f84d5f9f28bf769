"""Where WeChat may be, which sees the AppSecret."""

import pytest

from graph.settings import Settings, SettingsError
from graph.settings.values import is_loopback


@pytest.mark.parametrize(
    "url",
    [
        "https://api.weixin.qq.com",
        "https://wechat.internal:8443/proxy",
        "https://wechat.internal:65535",
        "http://localhost",
        "http://LOCALHOST:9000",
        "http://127.0.0.1:9000",
        "http://127.9.9.9",
        "http://[::1]:9000",
    ],
)
def test_wechat_is_reached_by_https_or_on_this_machine(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WXGATE_WECHAT_BASE_URL", url)
    assert Settings.load().wechat.base_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://api.weixin.qq.com",
        "HTTP://api.weixin.qq.com",
        "http://127.0.0.1.evil.com",
        "http://localhost.evil.com",
        "http://evil.com.localhost",
        "http://127.0.0.1@evil.com",
        "http://evil.com#@127.0.0.1",
        "http://evil.com\\@127.0.0.1",
        "http://2130706433",
        "http://0.0.0.0",
        "http://10.0.0.1",
        "http://[::ffff:10.0.0.1]",
        "https://Qx7@api.weixin.qq.com",
        "https://:Qx7@api.weixin.qq.com",
        "https://api.weixin.qq.com?",
        "https://api.weixin.qq.com?secret=Qx7",
        "https://api.weixin.qq.com#",
        "https://api.weixin.qq.com /",
        "https://api.weixin.qq.com:0x50",
        "https://api.weixin.qq.com:65536",
        "https://api.weixin.qq.com:99999",
        "https://[::1",
        "https://xn--",
        "https://☃☃☃",
        "https://",
        "ftp://localhost",
        "api.weixin.qq.com",
    ],
)
def test_no_other_address_gets_to_see_the_app_secret(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WXGATE_WECHAT_BASE_URL", url)
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    sentence = str(caught.value)
    assert "Qx7" not in repr(caught.value.__context__)
    assert sentence.startswith("WXGATE_WECHAT_BASE_URL must ")
    assert url not in sentence


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False), ("", False)],  # noqa: S104
)
def test_loopback_is_what_only_this_machine_can_be(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback

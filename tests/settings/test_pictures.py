"""Pictures: which settings must be set together, and where their addresses may lead."""

import pytest

from graph.settings import Settings, SettingsError
from graph.settings.pictures import picture_check, require_public_url
from tests.server import APP_ID, APP_SECRET
from tests.settings.environment import APPS, EVENTS_AES_KEY, EVENTS_TOKEN, SetVariables

APP = {"WXGATE_WECHAT_APP_ID": APP_ID, "WXGATE_WECHAT_APP_SECRET": APP_SECRET}
PUSH = {"WXGATE_WECHAT_EVENTS_TOKEN": EVENTS_TOKEN, "WXGATE_WECHAT_EVENTS_AES_KEY": EVENTS_AES_KEY}
SEVERAL = {"WXGATE_WECHAT_APPS": APPS}


@pytest.mark.parametrize(
    ("variables", "chosen", "found"),
    [
        (APP, "", "off"),
        (APP | PUSH, "", "after"),
        (APP | PUSH | SEVERAL, "", "after"),
        (APP | SEVERAL, "off", "off"),
        (APP | PUSH, "after", "after"),
        (APP | PUSH, "before", "before"),
        (APP | PUSH | SEVERAL, "off", "off"),
    ],
)
def test_pictures_are_checked_where_a_result_can_come(
    variables: dict[str, str], chosen: str, found: str, env: SetVariables
) -> None:
    env(**variables, WXGATE_CHECK_PICTURE=chosen)
    settings = Settings.load()
    assert picture_check(settings, settings.wechat.mini_programs()) == found


@pytest.mark.parametrize("variables", [APP, APP | SEVERAL, APP | PUSH | SEVERAL])
@pytest.mark.parametrize("chosen", ["after", "before"])
def test_a_check_without_message_push_is_refused_in_one_sentence(
    variables: dict[str, str], chosen: str, env: SetVariables
) -> None:
    env(**variables, WXGATE_CHECK_PICTURE=chosen)
    settings = Settings.load()
    with pytest.raises(SettingsError, match=r"^WXGATE_CHECK_PICTURE needs message push for every mini-program.*\.$"):
        picture_check(settings, settings.wechat.mini_programs())


@pytest.mark.parametrize(
    "url", ["https://cdn.example.com", "https://cdn.example.com:8443/avatars/", "https://8.8.8.8/avatars"]
)
def test_an_address_that_wechat_can_download_is_taken(url: str, env: SetVariables) -> None:
    env(WXGATE_AVATARS_STORE="file:///var/lib/wxgate/avatars", WXGATE_AVATARS_PUBLIC_URL=url)
    require_public_url(Settings.load())


@pytest.mark.parametrize(
    "url",
    [
        "http://cdn.example.com",
        *(f"https://{host}/avatars" for host in ("localhost", "127.0.0.1", "[::1]", "10.0.0.8", "wxgate", "wxgate.")),
        *(f"https://{host}" for host in ("192.168.1.2", "169.254.0.1", "100.64.0.1", "[fd00::1]", "a.localhost")),
    ],
)
def test_an_address_that_wechat_cannot_download_is_refused_in_one_sentence(url: str, env: SetVariables) -> None:
    env(WXGATE_AVATARS_STORE="file:///var/lib/wxgate/avatars", WXGATE_AVATARS_PUBLIC_URL=url)
    with pytest.raises(SettingsError, match=r"^WXGATE_AVATARS_PUBLIC_URL must be https and name a public host.*\.$"):
        require_public_url(Settings.load())


def test_a_store_needs_an_address_and_an_address_no_store(env: SetVariables) -> None:
    env(WXGATE_AVATARS_PUBLIC_URL="http://localhost")
    require_public_url(Settings.load())
    env(WXGATE_AVATARS_STORE="file:///var/lib/wxgate/avatars", WXGATE_AVATARS_PUBLIC_URL="")
    with pytest.raises(SettingsError, match=r"^WXGATE_AVATARS_PUBLIC_URL is missing: .*\.$"):
        require_public_url(Settings.load())

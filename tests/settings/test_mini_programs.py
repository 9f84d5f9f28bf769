"""Several mini-programs in one server: how they are set, and how one that is wrong is named."""

import json
from typing import Any

import pytest
from pydantic import SecretStr

from graph.settings import Settings, SettingsError, require_secrets
from graph.wechat.mini_programs import PushKeys
from tests.server import APP_ID, APP_SECRET, ENCRYPTION_KEYS
from tests.settings.environment import ANOTHER_SECRET, EVENTS_AES_KEY, EVENTS_TOKEN, SetVariables, refusal

SHOP: dict[str, Any] = {"app_id": "wx00c1f0c9be2d3784", "app_secret": ANOTHER_SECRET, "name": "shop"}
KEYS = PushKeys(SecretStr(EVENTS_TOKEN), SecretStr(EVENTS_AES_KEY))
CAFE: dict[str, Any] = {"app_id": "wx11c1f0c9be2d3784", "app_secret": ANOTHER_SECRET[::-1]}


def served(settings: Settings) -> list[tuple[str, str, str]]:
    apps, _ = require_secrets(settings)
    return [(app.app_id, app.app_secret.get_secret_value(), app.name) for app in apps]


def test_the_first_mini_program_is_the_one_that_has_variables_of_its_own(env: SetVariables) -> None:
    env(WXGATE_ENCRYPTION_KEYS=ENCRYPTION_KEYS, WXGATE_WECHAT_APPS=json.dumps([SHOP, CAFE]))
    shop, cafe = (SHOP["app_id"], ANOTHER_SECRET, "shop"), (CAFE["app_id"], ANOTHER_SECRET[::-1], "")
    assert served(Settings.load(serving=True)) == [shop, cafe]
    env(WXGATE_WECHAT_APP_ID=APP_ID, WXGATE_WECHAT_APP_SECRET=APP_SECRET)
    assert served(Settings.load(serving=True)) == [(APP_ID, APP_SECRET, ""), shop, cafe]


@pytest.mark.parametrize("half", ["APP_ID", "APP_SECRET"])
def test_half_of_a_first_mini_program_is_not_served_without_the_other(half: str, env: SetVariables) -> None:
    halves = {"APP_ID": APP_ID, "APP_SECRET": APP_SECRET}
    given = {f"WXGATE_WECHAT_{half}": halves.pop(half)}
    env(WXGATE_ENCRYPTION_KEYS=ENCRYPTION_KEYS, WXGATE_WECHAT_APPS=json.dumps([SHOP]), **given)
    with pytest.raises(SettingsError, match=f"^WXGATE_WECHAT_{next(iter(halves))} is missing: [^\n]*$"):
        Settings.load(serving=True)
    with pytest.raises(SettingsError, match=f"^WXGATE_WECHAT_{next(iter(halves))} is missing: [^\n]*$"):
        require_secrets(Settings.load())


@pytest.mark.parametrize(
    ("apps", "fault"),
    [
        ("Qx7", "must be a JSON array like"),
        ("[]", "must be a JSON array like"),
        (json.dumps(SHOP), "must be a JSON array like"),
        (json.dumps(["Qx7"]), "has no JSON object as entry 1"),
        ("[" * 100_000, "must be a JSON array like"),
        (json.dumps([SHOP, {**CAFE, "app_id": "Qx7"}]), "entry 2: app_id must be 'wx' and 16 hexadecimal digits"),
        (json.dumps([SHOP, {**CAFE, "app_secret": "Qx7"}]), "entry 2: app_secret must be 32 hexadecimal digits"),
        (json.dumps([{**SHOP, "app_secret": "0" * 32}]), "entry 1: app_secret is weak"),
        (json.dumps([{"app_id": SHOP["app_id"]}]), "entry 1: app_secret Field required"),
        (json.dumps([{**SHOP, "Qx7": "Qx7"}]), "entry 1: Extra inputs are not permitted"),
        (json.dumps([{**SHOP, "name": "Qx7" * 30}]), "entry 1: name String should have at most 32 characters"),
        (json.dumps([{**SHOP, "events_token": "Qx"}]), "entry 1: events_token must be 3 to 32 letters and digits"),
        (json.dumps([{**SHOP, "events_token": EVENTS_TOKEN}]), "entry 1: events_aes_key must be set together with"),
        (json.dumps([{**SHOP, "events_aes_key": EVENTS_AES_KEY}]), "entry 1: events_aes_key must be set together with"),
        (json.dumps([SHOP, CAFE, SHOP]), "the AppID of entry 3 twice"),
    ],
)
def test_an_entry_that_is_wrong_is_named_by_its_position(apps: str, fault: str, env: SetVariables) -> None:
    env(WXGATE_WECHAT_APPS=apps)
    sentence = refusal()
    assert sentence.startswith("WXGATE_WECHAT_APPS ")
    assert fault in sentence


def test_each_mini_program_may_have_keys_of_its_own_for_events(env: SetVariables) -> None:
    pushed = {"events_token": EVENTS_TOKEN, "events_aes_key": EVENTS_AES_KEY}
    env(WXGATE_ENCRYPTION_KEYS=ENCRYPTION_KEYS, WXGATE_WECHAT_APPS=json.dumps([SHOP | pushed, CAFE]))
    env(WXGATE_WECHAT_APP_ID=APP_ID, WXGATE_WECHAT_APP_SECRET=APP_SECRET)
    assert [app.push for app in Settings.load(serving=True).wechat.mini_programs()] == [None, KEYS, None]
    env(WXGATE_WECHAT_EVENTS_TOKEN=EVENTS_TOKEN, WXGATE_WECHAT_EVENTS_AES_KEY=EVENTS_AES_KEY)
    assert [app.push for app in Settings.load(serving=True).wechat.mini_programs()] == [KEYS, KEYS, None]


@pytest.mark.parametrize("half", ["TOKEN", "AES_KEY"])
def test_the_token_and_the_key_of_events_are_set_together(half: str, env: SetVariables) -> None:
    halves = {"TOKEN": EVENTS_TOKEN, "AES_KEY": EVENTS_AES_KEY}
    env(WXGATE_ENCRYPTION_KEYS=ENCRYPTION_KEYS, WXGATE_WECHAT_APP_ID=APP_ID, WXGATE_WECHAT_APP_SECRET=APP_SECRET)
    env(**{f"WXGATE_WECHAT_EVENTS_{half}": halves.pop(half)})
    missing = f"^WXGATE_WECHAT_EVENTS_{next(iter(halves))} is missing: [^\n]*$"
    with pytest.raises(SettingsError, match=missing):
        Settings.load(serving=True)
    with pytest.raises(SettingsError, match=missing):
        require_secrets(Settings.load())


def test_keys_for_events_alone_are_of_no_mini_program(env: SetVariables) -> None:
    env(WXGATE_ENCRYPTION_KEYS=ENCRYPTION_KEYS, WXGATE_WECHAT_APPS=json.dumps([SHOP]))
    env(WXGATE_WECHAT_EVENTS_TOKEN=EVENTS_TOKEN, WXGATE_WECHAT_EVENTS_AES_KEY=EVENTS_AES_KEY)
    with pytest.raises(SettingsError, match=r"^WXGATE_WECHAT_APP_ID is missing: .*\nWXGATE_WECHAT_APP_SECRET is "):
        Settings.load(serving=True)


def test_a_mini_program_is_not_served_twice(env: SetVariables) -> None:
    env(WXGATE_WECHAT_APP_ID=APP_ID, WXGATE_WECHAT_APP_SECRET=APP_SECRET)
    env(WXGATE_WECHAT_APPS=json.dumps([SHOP, {**CAFE, "app_id": APP_ID}]))
    assert refusal() == "WXGATE_WECHAT_APPS must not repeat the mini-program of WXGATE_WECHAT_APP_ID."

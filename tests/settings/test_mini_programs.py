"""Several mini-programs in one server: how they are set, and how one that is wrong is named."""

import json
from typing import Any

import pytest

from graph.settings import Settings, SettingsError, require_secrets
from tests.server import APP_ID, APP_SECRET, ENCRYPTION_KEYS
from tests.settings.environment import ANOTHER_SECRET, SetVariables, refusal

SHOP: dict[str, Any] = {"app_id": "wx00c1f0c9be2d3784", "app_secret": ANOTHER_SECRET, "name": "shop"}
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
        (json.dumps([SHOP, CAFE, SHOP]), "the AppID of entry 3 twice"),
    ],
)
def test_an_entry_that_is_wrong_is_named_by_its_position(apps: str, fault: str, env: SetVariables) -> None:
    env(WXGATE_WECHAT_APPS=apps)
    sentence = refusal()
    assert sentence.startswith("WXGATE_WECHAT_APPS ")
    assert fault in sentence


def test_a_mini_program_is_not_served_twice(env: SetVariables) -> None:
    env(WXGATE_WECHAT_APP_ID=APP_ID, WXGATE_WECHAT_APP_SECRET=APP_SECRET)
    env(WXGATE_WECHAT_APPS=json.dumps([SHOP, {**CAFE, "app_id": APP_ID}]))
    assert refusal() == "WXGATE_WECHAT_APPS must not repeat the mini-program of WXGATE_WECHAT_APP_ID."

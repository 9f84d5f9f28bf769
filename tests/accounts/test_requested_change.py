"""What users type, in all the world's writing: what is kept of it, in which form, and what cannot be right."""

from pathlib import Path
from typing import Final

import pytest

from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.profiles import CHECK_TEXT, profile, refusal, settings_with_pictures, update, upload
from tests.accounts.stored import run_sql
from tests.server import TestServer

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

REFUSALS: Final = {
    "nickName must have 1 to 32 characters.",
    "nickName must have a character that can be seen.",
    "nickName is WeChat's placeholder: have the user type a name.",
    *(
        f"{name} has a character that a profile cannot have."
        for name in ("nickName", "city", "province", "country", "language")
    ),
    *(f"{name} must have at most 64 characters." for name in ("city", "province", "country")),
    "language must be a tag like zh_CN.",
}


@pytest.fixture
def settings(wechat_simulator: WeChatSimulator, database_url: str, tmp_path: Path) -> Settings:
    return settings_with_pictures(wechat_simulator, database_url, tmp_path, events=False)


@pytest.fixture
async def token(server: TestServer) -> str:
    return str((await server.login("alice"))["token"])


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"nickName": "  Zoe\u0308 \u3000"}, "Zo\u00eb"),
        ({"nickName": "👩\u200d👩\u200d👧"}, "👩\u200d👩\u200d👧"),
        # Of 2022 and of 2024: Python's tables may be older.
        ({"nickName": "\U0001fae8\U0001fadf"}, "\U0001fae8\U0001fadf"),
        ({"nickName": "\U00020000" * 32}, "\U00020000" * 32),
        ({"nickName": "שלום עליכם"}, "שלום עליכם"),
        ({"city": "x" * 64}, "x" * 64),
        ({"city": " "}, None),
        ({"language": "zh-Hans-CN"}, "zh-Hans-CN"),
    ],
)
async def test_texts_of_all_the_world_are_kept_in_one_form(
    server: TestServer, token: str, sent: dict[str, str], kept: str | None
) -> None:
    [name] = sent
    assert (await update(server, token, **sent))[name] == kept


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("nickName", value) for value in ("", " \n", "x" * 33, "微信用户", "微信\u200b用户", "\u200b", "a\u0000b")),
        *(("nickName", f"Alice{sign}x") for sign in "\n\u202e\u2066\ue000\ufffe\u2028\u0378"),
        ("city", "x" * 65),
        ("province", "Guang\u0007dong"),
        ("country", "\U000f0000"),
        *(("language", value) for value in ("", "chinese", "zh_", "zh CN", "z")),
    ],
)
async def test_what_cannot_be_right_is_refused_before_anything_is_done(
    server: TestServer, settings: Settings, token: str, name: str, value: str
) -> None:
    before, picture = await profile(server, token), await upload(server, token)
    sent = {"city": "Shenzhen", "avatar": picture, name: value}
    refused = await refusal(server, token, **sent)
    assert (refused["code"], refused["action"]) == ("BAD_USER_INPUT", "FIX_REQUEST")
    assert refused["message"] in REFUSALS
    assert refused["message"].startswith(f"{name} ")
    assert await profile(server, token) == before
    assert server.wechat.state.calls[CHECK_TEXT] == 0
    assert len(await run_sql(settings, "SELECT * FROM uploads")) == 1


async def test_half_a_character_is_refused(server: TestServer, token: str) -> None:
    # As an escape of JSON's, for UTF-8 has none.
    body = b'{"query": "mutation ($v: String) { updateProfile(city: $v) { id } }", "variables": {"v": "Z\\ud800z"}}'
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    answer = await server.http.post("/graphql", content=body, headers=headers)
    [error] = answer.json()["errors"]
    assert error["extensions"]["code"] in {"BAD_REQUEST", "BAD_USER_INPUT"}
    assert error["extensions"]["action"] == "FIX_REQUEST"
    answer = await server.http.post(
        "/graphql", json={"query": 'mutation { updateProfile(city: "Z\\ud800z") { id } }'}, headers=headers
    )
    [error] = answer.json()["errors"]
    assert error["extensions"]["action"] == "FIX_REQUEST"
    assert server.wechat.state.calls[CHECK_TEXT] == 0

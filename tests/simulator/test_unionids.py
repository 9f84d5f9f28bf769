"""The unionid: one for all apps of an Open Platform account, another in the next, none outside of any."""

import json
from typing import Any

import pytest

from graph.simulator import SimulatorState
from tests.simulator.conftest import APP_ID, APP_SECRET, Clock, Simulator
from tests.simulator.test_phone_data import opened

SECRET = "11111111111111111111111111111111"
SHOP, CAFE, OTHER, ALONE = (f"wx{digit * 16}" for digit in "1234")


@pytest.fixture
def state(clock: Clock) -> SimulatorState:
    """Two apps of one Open Platform account, one of another, and two of none, the first among them."""
    state = SimulatorState(APP_ID, APP_SECRET, seed=1, now=clock)
    for app_id, group in ((SHOP, "us"), (CAFE, "us"), (OTHER, "them"), (ALONE, None)):
        state.add_app(app_id, SECRET, group=group)
    return state


async def sign_in(simulator: Simulator, app_id: str, **fields: Any) -> dict[str, Any]:
    code = await simulator.login(app=app_id, **fields)
    return await simulator.code2session(code, appid=app_id, secret=APP_SECRET if app_id == APP_ID else SECRET)


async def unionid(simulator: Simulator, app_id: str, **fields: Any) -> str | None:
    return (await sign_in(simulator, app_id, **fields)).get("unionid")


async def test_apps_of_one_group_see_a_user_with_the_same_unionid(simulator: Simulator) -> None:
    shop, cafe, other = [await unionid(simulator, app_id) for app_id in (SHOP, CAFE, OTHER)]

    assert None not in {shop, cafe, other}
    assert shop == cafe != other
    assert await unionid(simulator, SHOP, user="bob") not in {None, shop}
    assert [await unionid(simulator, app_id) for app_id in (APP_ID, ALONE)] == [None, None]


async def test_a_user_is_listed_with_the_unionid_of_each_app(simulator: Simulator) -> None:
    shop, other = await sign_in(simulator, SHOP), await sign_in(simulator, OTHER)

    [user] = (await simulator.http.get("/device/users")).json()["users"]

    seen = {APP_ID: None, SHOP: shop["unionid"], CAFE: shop["unionid"], OTHER: other["unionid"], ALONE: None}
    assert user["unionIds"] == seen
    assert user["unionId"] is None


async def test_an_app_that_joins_a_group_late_brings_its_unionid(simulator: Simulator) -> None:
    code, before = await simulator.login(app=ALONE), await sign_in(simulator, ALONE)
    answer = await simulator.phone("bind-open-platform", app=ALONE, group="us")
    after = await sign_in(simulator, ALONE)
    data = await simulator.phone("user-info", user="alice", app=ALONE)

    assert answer["errMsg"] == "bindOpenPlatform:ok"
    assert {"app": ALONE, "group": "us"} in answer["apps"]
    assert before.keys() == {"openid", "session_key"}
    assert after["openid"] == before["openid"]
    assert after["unionid"] == await unionid(simulator, SHOP)
    assert json.loads(opened(data, after["session_key"]))["unionId"] == after["unionid"]
    # WeChat looks when the code is exchanged, and not when it was fetched.
    assert (await simulator.code2session(code, appid=ALONE, secret=SECRET))["unionid"] == after["unionid"]
    assert await unionid(simulator, APP_ID) is None


async def test_without_app_and_group_the_first_app_joins_the_default_group(simulator: Simulator) -> None:
    fake = await unionid(simulator, ALONE, unionId=True)
    await simulator.phone("bind-open-platform")

    assert fake is not None
    assert await unionid(simulator, APP_ID) == fake


async def test_an_app_that_changes_its_group_changes_the_unionid(simulator: Simulator) -> None:
    before = await unionid(simulator, SHOP)
    await simulator.phone("bind-open-platform", app=SHOP, group="them")

    assert before == await unionid(simulator, CAFE)
    assert await unionid(simulator, SHOP) == await unionid(simulator, OTHER) != before


async def test_a_fake_unionid_is_the_same_in_every_app_outside_of_groups(simulator: Simulator) -> None:
    first, alone = [await unionid(simulator, app_id, unionId=True) for app_id in (APP_ID, ALONE)]

    assert first == alone is not None
    assert await unionid(simulator, SHOP, unionId=True) == await unionid(simulator, CAFE) != first


async def test_a_unionid_that_is_set_counts_in_its_group_only(simulator: Simulator) -> None:
    assert await unionid(simulator, SHOP, unionId="o-chosen") == "o-chosen"
    assert await unionid(simulator, CAFE) == "o-chosen"
    assert await unionid(simulator, OTHER) not in {None, "o-chosen"}
    assert await unionid(simulator, CAFE, unionId=False) is None
    assert await unionid(simulator, SHOP) is None


async def test_a_unionid_that_is_set_outside_of_groups_counts_until_the_app_joins_one(simulator: Simulator) -> None:
    assert await unionid(simulator, ALONE, unionId="o-chosen") == "o-chosen"
    assert await unionid(simulator, APP_ID) is None
    await simulator.phone("bind-open-platform", app=ALONE, group="us")
    assert await unionid(simulator, ALONE) == await unionid(simulator, SHOP) != "o-chosen"

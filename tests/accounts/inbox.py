"""A server that WeChat pushes events to, and what is in its inbox."""

import asyncio
from typing import Any, Final

from pydantic import SecretStr

from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.stored import run_sql
from tests.server import TestServer, settings_for, wechat_settings
from tests.wechat.pushes import AES_KEY, TOKEN, event, push, send

PATIENCE: Final = 30
PROFILE: Final = {"gender": 2, "city": "Guangzhou", "province": "Guangdong", "country": "China", "language": "en"}


def settings_with_events(
    wechat: WeChatSimulator, database_url: str, *others: WeChatSimulator, plain: bool = False, **groups: Any
) -> Settings:
    """Settings of a server whose first mini-program takes events; `others` as the simulator's `app` gives them."""
    changes = {"events_token": SecretStr(TOKEN), "events_aes_key": SecretStr(AES_KEY), "events_plain": plain}
    settings = settings_for(wechat, database_url, **groups)
    return settings.model_copy(update={"wechat": wechat_settings(wechat, *others).model_copy(update=changes)})


async def openid_of(settings: Settings, user_id: str, app_id: str) -> str:
    """WeChat's id of a user in a mini-program."""
    where = f"user_id = '{user_id}' AND app_id = '{app_id}'"
    [row] = await run_sql(settings, f"SELECT openid FROM accounts WHERE {where}")  # noqa: S608 - ids
    return str(row["openid"])


async def user_with_profile(server: TestServer, settings: Settings, name: str = "alice") -> tuple[str, str]:
    """The token of a user who has given a profile, and their openid."""
    login = await server.login(name)
    profile = {"nickName": name.title(), "avatarUrl": f"https://thirdwx.qlogo.cn/{name}/132", **PROFILE}
    await server.submit(login["token"], server.wechat.user_info(name, policy="old", **profile))
    assert not (await server.me(login["token"]))["isAnonymous"]
    return login["token"], await openid_of(settings, login["user"]["id"], server.wechat.app_id)


async def happens(
    server: TestServer,
    settings: Settings,
    name: str,
    openid: str,
    *,
    seconds: int = 0,
    style: str = "json",
    **more: Any,
) -> None:
    """Pushes an event that WeChat made so many seconds from now, and returns when it is applied."""
    app_id, at = server.wechat.app_id, server.clock.ms // 1000
    message = event(name, openid, app_id=app_id, at=at + seconds, **more)
    answer = await send(server.http, push(message, app_id=app_id, at=at, style=style))
    assert (answer.status_code, answer.text) == (200, "success")
    await applied(settings)


async def applied(settings: Settings, *, but: int = 0) -> None:
    """Returns when all events but so many are applied, or given up."""
    async with asyncio.timeout(PATIENCE):
        while len(await rows(settings, "state = 0")) > but:  # noqa: ASYNC110 - the database sends no event
            await asyncio.sleep(0.02)


async def tried(settings: Settings, times: int) -> dict[str, Any]:
    """The row of the only event, once it has been tried so often."""
    async with asyncio.timeout(PATIENCE):
        while not (found := await rows(settings, f"tries = {times}")):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.02)
    [row] = found
    return row


async def rows(settings: Settings, where: str = "1 = 1") -> list[dict[str, Any]]:
    """The inbox, as it is stored."""
    return await run_sql(settings, f"SELECT * FROM events WHERE {where} ORDER BY received_at, id")  # noqa: S608 - of tests


async def audited(settings: Settings) -> list[dict[str, Any]]:
    """What the audit log has of events, in no order."""
    where = "action LIKE 'event%' OR actor = 'wechat'"
    return await run_sql(settings, f"SELECT * FROM audit_log WHERE {where}")  # noqa: S608 - of this file

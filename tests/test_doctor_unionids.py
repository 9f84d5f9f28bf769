"""`wxgate doctor` on unionids: which apps still lack them, by counts alone."""

import asyncio
from dataclasses import replace

import pytest

from graph.simulator.serving import WeChatSimulator
from models.database import Database
from models.logins import sign_in
from tests.cli.processes import invoke
from tests.models.rows import a_login
from tests.processes import serve_environment

pytestmark = pytest.mark.usefixtures("root_logger_as_before")


def test_apps_whose_newest_accounts_have_no_unionid_are_to_be_bound(
    wechat_simulator: WeChatSimulator, database_url: str
) -> None:
    environment = serve_environment(wechat_simulator, database_url)
    assert invoke("migrate", **environment).exit_code == 0

    async def store(app_id: str, number: int, unionid: str | None) -> None:
        async with Database(database_url) as database:
            for of_app in range(number):
                login = a_login(app_id=app_id, openid=f"openid-{of_app}", unionid=unionid and f"{unionid}-{of_app}")
                name = f"{app_id}-{of_app}-{unionid}"[:22]
                await sign_in(database, replace(login, user_id=name, token_hash=name))

    assert "unionids" not in invoke("doctor", **environment).output
    asyncio.run(store("wx-one", 3, None))
    assert "ok     unionids of wx-one: 0 of the newest 3 accounts have one\n" in invoke("doctor", **environment).output
    asyncio.run(store("wx-two", 130, None))
    asyncio.run(store("wx-two", 40, "union"))
    output = invoke("doctor", **environment).output
    advice = ", bind it to the Open Platform account of the others"
    assert f"WARN   unionids of wx-one  0 of the newest 3 accounts have one{advice}\n" in output
    assert "ok     unionids of wx-two: 10 of the newest 100 accounts have one\n" in output
    assert "union-" not in output

"""WeChat asked to check a picture, and the event that it pushes."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

from graph.simulator import SimulatorState
from tests.simulator.conftest import Simulator
from tests.simulator.receiver import Pushed, Receiver, opened

PATH: Final = "/wxa/media_check_async"


async def check(simulator: Simulator, url: str, **changes: Any) -> dict[str, Any]:
    openid = (await simulator.sign_in())["openid"]
    return await check_only(simulator, url, **{"openid": openid, **changes})


async def check_only(simulator: Simulator, url: object, **fields: Any) -> dict[str, Any]:
    token = (await simulator.stable_token())["access_token"]
    body = {"version": 2, "scene": 1, "media_type": 2, "media_url": url} | fields
    return await simulator.post(PATH, body, access_token=token)


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.005)


async def event(state: SimulatorState, receiver: Receiver, number: int = 1) -> dict[str, Any]:
    """The last one of so many."""
    await until(lambda: len(receiver.pushed) >= number)
    assert len(receiver.pushed) == number
    return read(state, receiver.pushed[-1])


def read(state: SimulatorState, pushed: Pushed) -> dict[str, Any]:
    push = state.apps[pushed.app_id].push
    encrypted = pushed.fields["Encrypt"]
    assert pushed.signed("msg_signature", push.token, encrypted)
    message, sealed_for = opened(encrypted, push.aes_key)
    assert sealed_for == pushed.app_id
    event: dict[str, Any] = json.loads(message)
    return event


async def shown(simulator: Simulator) -> list[dict[str, Any]]:
    checks: list[dict[str, Any]] = (await simulator.get("/device/picture-checks"))["checks"]
    return checks

"""One simulated app, a clock that tests set, and a client for both sides of it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from graph.simulator import SimulatorState, create_simulator
from tests.simulator.pictures import Pictures, offering
from tests.simulator.receiver import Receiver, receiving

APP_ID = "wx0123456789abcdef"
APP_SECRET = "0123456789abcdef0123456789abcdef"
START = 1_700_000_000.0


@dataclass
class Clock:
    time: float = START

    def __call__(self) -> float:
        return self.time


@dataclass
class Simulator:
    """`phone(...)` is a user's device, the rest is WeChat's server."""

    state: SimulatorState
    http: httpx.AsyncClient

    async def phone(self, action: str, **fields: Any) -> dict[str, Any]:
        response = await self.http.post(f"/device/{action}", json=fields)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def login(self, user: str = "alice", **fields: Any) -> str:
        code: str = (await self.phone("login", user=user, **fields))["code"]
        return code

    async def code2session(self, code: str, **changes: str | None) -> dict[str, Any]:
        query: dict[str, str | None] = {
            "appid": APP_ID,
            "secret": APP_SECRET,
            "js_code": code,
            "grant_type": "authorization_code",
        }
        return await self.get("/sns/jscode2session", **(query | changes))

    async def sign_in(self, user: str = "alice", **fields: Any) -> dict[str, Any]:
        return await self.code2session(await self.login(user, **fields))

    async def token(self, **changes: str | None) -> dict[str, Any]:
        query: dict[str, str | None] = {"grant_type": "client_credential", "appid": APP_ID, "secret": APP_SECRET}
        return await self.get("/cgi-bin/token", **(query | changes))

    async def stable_token(self, **changes: Any) -> dict[str, Any]:
        body = {"grant_type": "client_credential", "appid": APP_ID, "secret": APP_SECRET} | changes
        return await self.post("/cgi-bin/stable_token", body)

    async def get(self, path: str, **query: str | None) -> dict[str, Any]:
        """WeChat's answer; a parameter of None is left out."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._answer(await self.http.get(path, params=given))

    async def post(self, path: str, body: object, **query: str) -> dict[str, Any]:
        return self._answer(await self.http.post(path, params=query, json=body))

    @staticmethod
    def _answer(response: httpx.Response) -> dict[str, Any]:
        assert response.status_code == 200, response.status_code
        answer: dict[str, Any] = response.json()
        return answer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(clock: Clock) -> SimulatorState:
    return SimulatorState(APP_ID, APP_SECRET, seed=1, now=clock)


@asynccontextmanager
async def playing(state: SimulatorState) -> AsyncIterator[Simulator]:
    transport = httpx.ASGITransport(app=create_simulator(state))
    async with httpx.AsyncClient(transport=transport, base_url="http://wechat.test") as http:
        yield Simulator(state, http)


@pytest.fixture
def receiver(state: SimulatorState) -> Iterator[Receiver]:
    """The server of the app, to which its events go."""
    with receiving() as receiver:
        state.apps[APP_ID].push.url = f"{receiver.url}/{APP_ID}"
        yield receiver


@pytest.fixture
def host() -> Iterator[Pictures]:
    """The server that keeps the app's pictures."""
    with offering() as host:
        yield host


@pytest.fixture
async def simulator(state: SimulatorState) -> AsyncIterator[Simulator]:
    async with playing(state) as simulator:
        yield simulator

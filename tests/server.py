"""The server as a client meets it: GraphQL over HTTP, in this process, with a real WeChat simulator behind it."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from pydantic import SecretStr

from graph.app import create_app
from graph.settings import (
    DatabaseSettings,
    EncryptionSettings,
    HttpSettings,
    RateLimitSettings,
    Settings,
    WeChatSettings,
)
from graph.simulator.serving import WeChatSimulator
from tests.databases import give_tables
from tests.secret_patterns import secrets_in

# Made up for the tests; random enough to pass for real ones.
APP_ID: Final = "wx5a1f0c9be2d37846"
SHOP: Final = "wx00c1f0c9be2d3784"
APP_SECRET: Final = "9f3b6d0c47e85a12b8d9e6f1037c4a25"
ENCRYPTION_KEYS: Final = "k1:h8Zq2mVd7xYt0LrKpWbN4sGjUeQcTfAo1iH9vXyD3kE"
ANOTHER_K1: Final = ENCRYPTION_KEYS.replace("h8Zq", "h8Zr")
K2: Final = "k2:pV3mXw8sTz0qLbYcRfHd5nJkUaEgOi7tKx9rZvBhNyM"

USER: Final = "id nickName avatarUrl gender city province country language isAnonymous createdAt updatedAt"
LOGIN: Final = f"mutation ($code: String!) {{ login(code: $code) {{ token expiresAt isNewUser user {{ {USER} }} }} }}"
SUBMIT: Final = f"""
mutation ($rawData: String!, $signature: String!, $encryptedData: String!, $iv: String!) {{
  submitUserInfo(rawData: $rawData, signature: $signature, encryptedData: $encryptedData, iv: $iv) {{ {USER} }}
}}"""
ME: Final = f"{{ me {{ {USER} }} }}"


@dataclass
class Clock:
    """A clock that starts now and moves on only when told to (epoch milliseconds)."""

    ms: int
    slept: list[float] = field(default_factory=list)
    gone_by: float = 0.0

    def __call__(self) -> int:
        return self.ms

    def seconds(self) -> float:
        """As a clock that never goes back."""
        return self.gone_by

    def advance(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        """Lets time pass for the server; less than none sets its clock back."""
        passed = seconds + 60 * minutes + 3600 * hours + 86400 * days
        self.ms += int(1000 * passed)
        self.gone_by += max(0.0, passed)

    async def sleep(self, seconds: float) -> None:
        """The server's `sleep`: time passes at once."""
        self.slept.append(seconds)
        self.advance(seconds=seconds)


@dataclass
class TestServer:
    """One open server, its clock and the phones of its users."""

    __test__ = False  # it is no class of tests

    http: httpx.AsyncClient
    wechat: WeChatSimulator
    clock: Clock

    async def post(
        self, query: str, variables: Mapping[str, Any] | None = None, *, token: str | None = None, **more: str
    ) -> Any:
        """The decoded answer to a well-formed request; no error in it may hold a secret. `more` are other headers."""
        headers = {name.replace("_", "-"): value for name, value in more.items()}
        headers |= {} if token is None else {"Authorization": f"Bearer {token}"}
        response = await self.http.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
        assert response.status_code == 200, response.text
        answer = response.json()
        assert secrets_in(str(answer.get("errors", ""))) == []
        return answer

    async def code_of_error(
        self, query: str, variables: Mapping[str, Any] | None = None, *, token: str | None = None, **more: str
    ) -> str:
        """The one error code that a request is answered with."""
        [error] = (await self.post(query, variables, token=token, **more))["errors"]
        return str(error["extensions"]["code"])

    async def wechat_is_asked(self) -> None:
        """Returns when the ordered fault has been met: WeChat has a request, and holds up its answer."""
        async with asyncio.timeout(5):
            while self.wechat.state.faults.active():  # noqa: ASYNC110 - its thread has no event for this loop
                await asyncio.sleep(0.002)

    async def login(
        self, person: str = "alice", *, token: str | None = None, app: WeChatSimulator | None = None, **fields: object
    ) -> Any:
        """The payload of a login with a fresh code; `fields` as for the simulator's `/device/login`.

        `app` is another mini-program than the first, as `WeChatSimulator.app` gives it.
        """
        code = (app or self.wechat).login(person, **fields)
        named = {} if app is None else {"X_Wxgate_App": app.app_id}
        answer = await self.post(LOGIN, {"code": code}, token=token, **named)
        assert "errors" not in answer, answer
        self.clock.slept.clear()  # on a busy machine, a first try may have taken too long
        return answer["data"]["login"]

    async def submit(self, token: str, submission: Mapping[str, Any]) -> Any:
        """The person after a submission, which is whatever the simulator's `/device/user-info` gave."""
        answer = await self.post(SUBMIT, submission, token=token)
        assert "errors" not in answer, answer
        return answer["data"]["submitUserInfo"]

    async def me(self, token: str | None) -> Any:
        """Who is signed in."""
        answer = await self.post(ME, token=token)
        assert "errors" not in answer, answer
        return answer["data"]["me"]


def settings_for(wechat: WeChatSimulator, database_url: str, **groups: Any) -> Settings:
    """Settings as `serve` would read them; `groups` replace whole groups or single knobs."""
    values: dict[str, Any] = {
        "wechat": wechat_settings(wechat),
        "database": DatabaseSettings(url=SecretStr(database_url)),
        "encryption": EncryptionSettings(keys=SecretStr(ENCRYPTION_KEYS)),
        **groups,
    }
    return Settings(**values)


def wechat_settings(wechat: WeChatSimulator, *others: WeChatSimulator) -> WeChatSettings:
    """The first mini-program of a simulator and `others`, as its `app` gives them."""
    entries = [{"app_id": other.app_id, "app_secret": other.app_secret} for other in others]
    return WeChatSettings(
        app_id=wechat.app_id,
        app_secret=SecretStr(wechat.app_secret),
        apps=SecretStr(json.dumps(entries)) if entries else None,
        base_url=wechat.base_url,
    )


def settings_behind_proxy(wechat: WeChatSimulator, database_url: str, **rates: str) -> Settings:
    """Settings with these rate limits, of a server whose clients name their addresses in `X-Forwarded-For`."""
    http = HttpSettings(trusted_proxies=("127.0.0.1",))
    return settings_for(wechat, database_url, http=http, rate_limit=RateLimitSettings(**rates))


def with_keys(settings: Settings, keys: str) -> Settings:
    """The same server with another key ring."""
    return settings.model_copy(update={"encryption": EncryptionSettings(keys=SecretStr(keys))})


@asynccontextmanager
async def open_server(
    settings: Settings, wechat: WeChatSimulator, clock: Clock, *, plans: bool = True
) -> AsyncIterator[TestServer]:
    """A migrated, running server until the block ends; call it twice in a test to restart the server."""
    await give_tables(settings.database.url.get_secret_value())
    async with open_server_unmigrated(settings, wechat, clock, plans=plans) as server:
        yield server


@asynccontextmanager
async def open_server_unmigrated(
    settings: Settings, wechat: WeChatSimulator, clock: Clock, *, plans: bool = True
) -> AsyncIterator[TestServer]:
    """As `open_server`, but the database is as it is: empty, or not there."""
    app = create_app(settings, plans=plans, now=clock, monotonic=clock.seconds, sleep=clock.sleep)
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://server") as http,
    ):
        yield TestServer(http, wechat, clock)

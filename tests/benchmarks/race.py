"""The race that every WeChat back end has, through the whole server: submissions that overlap a login.

    python -m tests.benchmarks.race [--people 10] [--rounds 100]

Each person, round after round, calls wx.login (which makes WeChat replace the session_key at once) and sends the code
to the server, while two other pages of theirs collect user info a little earlier or later and submit it. Networks are
slow by random amounts, WeChat takes 100 ms. A submission fails when the server does not have the key that signed it.
"""

import argparse
import asyncio
import logging
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from graph.accounts import session_keys
from graph.accounts.sessions import epoch_ms
from graph.app import create_app
from graph.simulator import SimulatorState
from graph.simulator.serving import WeChatSimulator, serve
from models.migrate import migrate
from tests.server import APP_ID, APP_SECRET, LOGIN, SUBMIT, settings_for

NETWORK_SECONDS: Final = 0.15
COLLECT_WITHIN_SECONDS: Final = 0.15
WECHAT_SECONDS: Final = 0.1
SUBMISSIONS_PER_LOGIN: Final = 2

# Policy: how long the previous key is accepted (ms), and when to look again for a key in flight (s).
POLICIES: Final = {
    "one key": (-1, ()),
    "previous key too": (session_keys.PREVIOUS_KEY_FOR_MS, ()),
    "previous key, waiting up to 1 s (wxgate)": (session_keys.PREVIOUS_KEY_FOR_MS, session_keys.LOOK_AGAIN_AFTER),
}


@contextmanager
def policy(previous_for_ms: int, look_again_after: tuple[float, ...]) -> Iterator[None]:
    """The server with another policy for a while."""
    kept = session_keys.PREVIOUS_KEY_FOR_MS, session_keys.LOOK_AGAIN_AFTER
    vars(session_keys).update(PREVIOUS_KEY_FOR_MS=previous_for_ms, LOOK_AGAIN_AFTER=look_again_after)
    try:
        yield
    finally:
        vars(session_keys).update(PREVIOUS_KEY_FOR_MS=kept[0], LOOK_AGAIN_AFTER=kept[1])


class Person:
    """A phone with several pages open, on a slow network."""

    def __init__(self, name: str, server: httpx.AsyncClient, phone: httpx.AsyncClient, chance: random.Random) -> None:
        self.name = name
        self.server = server
        self.phone = phone
        self.chance = chance
        self.token = ""
        self.outcomes: Counter[str] = Counter()

    async def log_in(self) -> None:
        """wx.login, a slow network, `login`."""
        answer = await self._device("login", renewSessionKey=True)
        await self._network()
        login = await self._graphql(LOGIN, {"code": answer["code"]})
        if "errors" in login:
            self.outcomes[f"login: {login['errors'][0]['extensions']['code']}"] += 1
        else:
            self.token = login["data"]["login"]["token"]

    async def submit(self, token: str, after: float) -> None:
        """wx.getUserInfo at a moment around the login, a slow network, `submitUserInfo`."""
        await asyncio.sleep(after)
        submission = await self._device("user-info", policy="old")
        await self._network()
        answer = await self._graphql(SUBMIT, submission, token=token)
        errors = answer.get("errors")
        self.outcomes[errors[0]["extensions"]["code"] if errors else "ok"] += 1

    async def round(self) -> None:
        """One login with the submissions that overlap it."""
        token = self.token

        async def login_in_the_middle() -> None:
            await asyncio.sleep(COLLECT_WITHIN_SECONDS)
            await self.log_in()

        moments = [self.chance.uniform(0, 2 * COLLECT_WITHIN_SECONDS) for _ in range(SUBMISSIONS_PER_LOGIN)]
        await asyncio.gather(login_in_the_middle(), *(self.submit(token, moment) for moment in moments))

    async def _network(self) -> None:
        await asyncio.sleep(self.chance.uniform(0, NETWORK_SECONDS))

    async def _device(self, action: str, **fields: object) -> Any:
        return (await self.phone.post(f"/device/{action}", json={"user": self.name, **fields})).json()

    async def _graphql(self, query: str, variables: object, *, token: str = "") -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        body = {"query": query, "variables": variables}
        return (await self.server.post("/graphql", json=body, headers=headers)).json()


async def play(wechat: WeChatSimulator, directory: Path, *, people: int, rounds: int) -> Counter[str]:
    """How the submissions of everybody ended, by code."""
    settings = settings_for(wechat, f"sqlite://{directory / 'race.db'}")
    await migrate(settings.database.url.get_secret_value())
    app = create_app(settings, now=epoch_ms)
    server = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://server")
    phone = httpx.AsyncClient(base_url=wechat.base_url, timeout=30)
    async with app.router.lifespan_context(app), server, phone:
        crowd = [Person(f"p{number}", server, phone, random.Random(number)) for number in range(people)]  # noqa: S311
        for person in crowd:
            await person.log_in()

        async def live(person: Person) -> None:
            for _ in range(rounds):
                await person.round()

        await asyncio.gather(*(live(person) for person in crowd))
    return sum((person.outcomes for person in crowd), Counter())


def main() -> None:
    """Prints a line for each policy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=100)
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    print(f"{'policy':42} {'submitted':>9} {'failed':>7} {'share':>8}  seconds  codes")  # noqa: T201
    for name, (previous_for_ms, look_again_after) in POLICIES.items():
        state = SimulatorState(APP_ID, APP_SECRET, seed=1)
        with tempfile.TemporaryDirectory() as directory, serve(state) as wechat:
            wechat.fail("delay", path="/sns/jscode2session", seconds=WECHAT_SECONDS, times=None)
            started = time.perf_counter()
            with policy(previous_for_ms, look_again_after):
                played = play(wechat, Path(directory), people=arguments.people, rounds=arguments.rounds)
                outcomes = asyncio.run(played)
            seconds = time.perf_counter() - started
        failed = outcomes.total() - outcomes["ok"]
        share = failed / outcomes.total()
        print(f"{name:42} {outcomes.total():9} {failed:7} {share:8.2%}  {seconds:7.1f}  {dict(outcomes)}")  # noqa: T201


if __name__ == "__main__":
    main()

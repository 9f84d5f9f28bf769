"""The version before and this one serve one database side by side while it is upgraded, and lose nothing."""

import asyncio
import itertools
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from graph.simulator.serving import WeChatSimulator
from models.migrate import migrate
from tests.processes import serve_environment, server_process
from tests.server import LOGIN, ME, SUBMIT

REPOSITORY: Final = Path(__file__).parents[2]
# The first of this version's migrations: the commit before the one that added it is the version before.
FIRST_MIGRATION: Final = "models/migrations/0004_audit_log.py"
WORKERS: Final = 4
USERS_OF_EACH: Final = 5
_TRIES: Final = 50


def git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=REPOSITORY, check=True, capture_output=True).stdout


@pytest.fixture(scope="module")
def version_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the code of the version before lies."""
    directory = tmp_path_factory.mktemp("version-before")
    [added] = git("log", "--diff-filter=A", "--format=%H", "--", FIRST_MIGRATION).decode().split()
    archive = git("archive", f"{added}^", "graph", "models")
    subprocess.run(["tar", "-x", "-C", directory], input=archive, check=True)
    return directory


@dataclass
class Load:
    """Users who log in, look at themselves and submit their user info, on whichever servers there are."""

    wechat: WeChatSimulator
    urls: list[str]
    # By name: the tokens that they hold, and what each answer called them.
    tokens: dict[str, list[str]] = field(default_factory=dict)
    ids: dict[str, set[str]] = field(default_factory=dict)
    rounds: int = 0
    ended: bool = False

    async def ask(self, http: httpx.AsyncClient, query: str, variables: Any = None, token: str | None = None) -> Any:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        url = self.urls[self.rounds % len(self.urls)]
        for _ in range(_TRIES):
            response = await http.post(f"{url}/graphql", json={"query": query, "variables": variables}, headers=headers)
            answer = response.json()
            if "errors" not in answer or answer["errors"][0]["extensions"]["action"] != "WAIT":
                break
            # As clients are to: while a migration writes, SQLite's other writers wait, and what would wait long is sent
            # away before a code is spent.
            await asyncio.sleep(0.1)
        assert "errors" not in answer, answer
        return answer["data"]

    async def work(self, worker: int) -> None:
        async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
            for number in itertools.count():
                if self.ended:
                    break
                user = f"user-{worker}-{number % USERS_OF_EACH}"
                code = self.wechat.login(user, unionId=number % 2 == 0)
                login = (await self.ask(http, LOGIN, {"code": code}))["login"]
                submission = self.wechat.user_info(user, policy="old")
                submitted = (await self.ask(http, SUBMIT, submission, login["token"]))["submitUserInfo"]
                # Of a user's ten sessions the last logins stay.
                self.tokens[user] = [*self.tokens.get(user, []), login["token"]][-10:]
                oldest = (await self.ask(http, ME, token=self.tokens[user][0]))["me"]
                assert (submitted["nickName"], oldest["nickName"]) == (user, user)
                self.ids.setdefault(user, set()).update({login["user"]["id"], submitted["id"], oldest["id"]})
                self.rounds += 1

    async def go_on(self, rounds: int) -> None:
        """Returns after so many more rounds of all workers together."""
        until = self.rounds + rounds
        while self.rounds < until:  # noqa: ASYNC110 - a count, which no event tells of
            await asyncio.sleep(0.01)


@pytest.mark.slow
async def test_nothing_is_lost_while_old_and_new_servers_run_on_one_database(
    version_before: Path, wechat_simulator: WeChatSimulator, database_url: str, tmp_path: Path
) -> None:
    environment = serve_environment(wechat_simulator, database_url)
    migrate_before = [sys.executable, "-m", "graph", "migrate"]
    await asyncio.to_thread(subprocess.run, migrate_before, cwd=version_before, env=environment, check=True)
    load = Load(wechat_simulator, [])
    with ExitStack() as new, ExitStack() as old:
        before = old.enter_context(server_process(environment, tmp_path / "old", directory=version_before))
        load.urls = [before.url]
        async with asyncio.timeout(120), asyncio.TaskGroup() as workers:
            for worker in range(WORKERS):
                workers.create_task(load.work(worker))
            await load.go_on(40)
            applied = await asyncio.to_thread(lambda: asyncio.run(migrate(database_url)))
            await load.go_on(40)
            after = await asyncio.to_thread(new.enter_context, server_process(environment, tmp_path / "new"))
            load.urls = [before.url, after.url]
            await load.go_on(80)
            load.urls = [after.url]
            await load.go_on(WORKERS)  # none is still on its way to the old one
            await asyncio.to_thread(old.close)
            await load.go_on(40)
            load.ended = True
        async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
            for user, tokens in load.tokens.items():
                for token in tokens:
                    load.ids[user].add((await load.ask(http, ME, token=token))["me"]["id"])
    assert applied[0] == Path(FIRST_MIGRATION).stem
    assert len(load.ids) == WORKERS * USERS_OF_EACH
    assert [user for user, ids in load.ids.items() if len(ids) != 1] == []
    for output in ("old", "new"):
        printed = (tmp_path / output).read_text("utf-8")
        assert [line for line in printed.splitlines() if "ERROR" in line or "Traceback" in line] == []

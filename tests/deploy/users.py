"""Users of the mini-program, all at once, and the outcome of each of their requests."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from graph.simulator.serving import WeChatSimulator
from tests.deploy.proxy import Proxy
from tests.deploy.replicas import Replica
from tests.server import LOGIN, ME, SUBMIT

PATIENCE: Final = 60.0
# Between two requests of a user. Ten of them make some two hundred requests a second.
_BREATH_SECONDS: Final = 0.04


@dataclass(frozen=True)
class Outcome:
    """One request: what was asked, when (monotonic seconds), and what came of it, "ok" or why not."""

    what: str
    began_at: float
    ended_at: float
    result: str


@dataclass
class Crowd:
    """Threads that log in, submit and ask who they are, over and over, each with a connection to the proxy."""

    proxy: Proxy
    wechat: WeChatSimulator
    outcomes: list[Outcome] = field(default_factory=list)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def counts(self) -> dict[str, int]:
        """How many requests came to what."""
        return dict(Counter(f"{outcome.what} {outcome.result}" for outcome in self.outcomes))

    def lost(self) -> list[Outcome]:
        """What was not answered as it should be."""
        return [outcome for outcome in self.outcomes if outcome.result != "ok"]

    def await_more(self, number: int) -> None:
        """Returns when so many more requests have been answered."""
        deadline, enough = time.monotonic() + PATIENCE, len(self.outcomes) + number
        while len(self.outcomes) < enough:
            assert time.monotonic() < deadline, self.counts()
            time.sleep(0.02)

    @contextmanager
    def at_work(self, size: int) -> Iterator[None]:
        """So many users, until the block ends; each finishes what it has begun."""
        threads = [threading.Thread(target=self._live, args=(f"user-{number}",)) for number in range(size)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            for thread in threads:
                thread.join()

    def _live(self, name: str) -> None:
        with self.proxy.client() as http:
            while not self._stopped.is_set():
                login = self._ask(http, "login", LOGIN, {"code": self.wechat.login(name)})
                token = login and login["login"]["token"]
                if token is None:
                    continue
                for _ in range(3):
                    submission = self.wechat.user_info(name, policy="old", nickName=name)
                    self._ask(http, "submit", SUBMIT, submission, token, _named(name))
                    for _ in range(2):
                        self._ask(http, "me", ME, {}, token, _named(name))

    def _ask(
        self,
        http: httpx.Client,
        what: str,
        query: str,
        variables: Mapping[str, Any],
        token: str | None = None,
        is_right: Callable[[Any], bool] = bool,
    ) -> Any:
        """The data of the answer, or None."""
        began_at = time.monotonic()
        data = None
        try:
            answer = http.post(
                "/graphql",
                json={"query": query, "variables": variables},
                headers={} if token is None else {"Authorization": f"Bearer {token}"},
            ).json()
            if "errors" in answer:
                result = str(answer["errors"][0]["extensions"]["code"])
            else:
                data = answer["data"]
                result = "ok" if is_right(data) else "wrong"
        except (httpx.TransportError, ValueError) as error:
            result = type(error).__name__
        self.outcomes.append(Outcome(what, began_at, time.monotonic(), result))
        self._stopped.wait(_BREATH_SECONDS)
        return data


def roll(replicas: Sequence[Replica], crowd: Crowd, **variables: str) -> None:
    """A rolling restart of a proxy's replicas while the crowd is at work; `variables` are new from here on."""
    for replica in replicas:
        replica.stop()
        crowd.await_more(100)
        replica.start(**variables)
        crowd.await_more(100)


def _named(name: str) -> Callable[[Any], bool]:
    def is_theirs(data: Any) -> bool:
        [user] = data.values()
        return bool(user) and user["nickName"] == name

    return is_theirs

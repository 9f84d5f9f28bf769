"""One socket of WeChat's for the whole run, on which each test meets a WeChat that has never met anybody."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from graph.simulator import SimulatorState, create_simulator
from graph.simulator.serving import WeChatSimulator, listening

_NOBODY = Starlette()


@dataclass
class SharedSimulator:
    """An ASGI application that passes requests on to whoever plays WeChat just now; between tests it answers 404."""

    base_url: str = ""
    _player: ASGIApp = field(default=_NOBODY)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, to the end with the player that it began with."""
        await self._player(scope, receive, send)

    @contextmanager
    def played_by(self, state: SimulatorState) -> Iterator[WeChatSimulator]:
        """Puts a simulator on shared_simulator until the block ends."""
        self._player = create_simulator(state)
        try:
            yield WeChatSimulator(self.base_url, state)
        finally:
            state.faults.clear()
            self._player = _NOBODY


@contextmanager
def open_shared_simulator() -> Iterator[SharedSimulator]:
    """A shared_simulator on a free port."""
    shared_simulator = SharedSimulator()
    with listening(shared_simulator) as shared_simulator.base_url:
        yield shared_simulator

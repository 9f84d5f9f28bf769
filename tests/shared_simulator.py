"""One socket of WeChat's for the whole run, on which each test has a fresh WeChat."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from graph.simulator import SimulatorState, create_simulator
from graph.simulator.serving import WeChatSimulator, listening

_NONE = Starlette()


@dataclass
class SharedSimulator:
    """Passes requests on to the simulator of the running test; between tests it responds 404."""

    base_url: str = ""
    _player: ASGIApp = field(default=_NONE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._player(scope, receive, send)

    @contextmanager
    def played_by(self, state: SimulatorState) -> Iterator[WeChatSimulator]:
        """Serves this simulator until the block ends."""
        self._player = create_simulator(state)
        try:
            yield WeChatSimulator(self.base_url, state)
        finally:
            state.faults.clear()
            self._player = _NONE


@contextmanager
def open_shared_simulator() -> Iterator[SharedSimulator]:
    """Serves on a free port until the block ends."""
    shared_simulator = SharedSimulator()
    with listening(shared_simulator) as shared_simulator.base_url:
        yield shared_simulator

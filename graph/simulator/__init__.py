"""WeChat, played offline: its server API and the phone in a made-up person's hand.

`app` joins the two sides: `wechat_side` (HTTP manners and `endpoints`, with `mishaps` where a fault stands) and
`device` (what `phone` gives to a mini-program; `fault_desk` orders the faults). Behind them `state` puts together what
WeChat remembers: `people`, `codes`, `session_keys`, `access_tokens`, `faults`, `text_check`, with every made-up value
from `chance` and all cryptography in `sealing`. `serving` puts it on a socket, and `pytest_plugin` makes that a fixture
for other people's tests. It shares no code with the client in `graph.wechat`: the two cannot agree on a mistake.
"""

from graph.simulator.app import create_simulator
from graph.simulator.state import SimulatorState

__all__ = ["SimulatorState", "create_simulator"]

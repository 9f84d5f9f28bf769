"""WeChat, simulated offline: its server API and the phone of a fake user.

`app` routes both sides: WeChat's `endpoints` (or their `faults`) and the `device`, which is the phone. Behind them
`state` holds what WeChat remembers: users and their `credentials`. `serving` puts it on a socket, and `pytest_plugin`
makes that a fixture. It shares no code with the client in `graph.wechat`: the two cannot agree on a mistake.
"""

from graph.simulator.app import create_simulator
from graph.simulator.state import SimulatorState

__all__ = ["SimulatorState", "create_simulator"]

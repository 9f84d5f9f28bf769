"""WeChat, simulated offline: its server API and the phone of a fake user.

`app` routes both sides: WeChat's `endpoints` (or their `faults`) and the `device`, which is the phone, with made-up
`faces` to choose from and `open_abilities` beyond signing in. `state` is what WeChat remembers, of each of its `apps`
and of their `users`: `credentials`, `user_keys`, `payments`, `subscriptions`, `quotas`; `serving` is the socket. What
users take back are `events`, which reach the server under test by `push`, as does the end of the `picture_checks`. They
look at `pictures`, with the help of `images` where Pillow is there. Whatever goes between WeChat and the server is kept
in the `journal`, which `calls` shows: `callers` knows for whom a server asks, `masking` cuts the secrets out. `control`
lets time pass and users be blocked; `page` and `openapi` show all that there is, as `descriptions` words it;
`certificates` is for `--tls`, `fake_values` makes codes and keys up. No code is shared with `graph.wechat`: the two
cannot agree on a mistake.
"""

from graph.simulator.app import create_simulator
from graph.simulator.state import SimulatorState

__all__ = ["SimulatorState", "create_simulator"]

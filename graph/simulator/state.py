"""Everything WeChat remembers, in memory, without HTTP."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field

from graph.simulator.apps import SimulatedApp
from graph.simulator.credentials import Renewal
from graph.simulator.fake_values import FakeValues
from graph.simulator.faults import Faults
from graph.simulator.journal import Journal
from graph.simulator.users import Accounts, Users


@dataclass(eq=False)
class SimulatorState:
    """All parts of the simulator, and its first app; `add_app` adds others.

    With a `seed`, a user's openids, unionids and other lasting fields depend on seed, app, group and name alone, and
    so survive a restart; codes, keys and tokens repeat in the order in which they are asked for.
    """

    app_id: str
    app_secret: str = field(repr=False)
    _: KW_ONLY
    seed: int | None = None
    now: Callable[[], float] = field(default=time.time, repr=False)
    renew: Renewal = "after"
    max_users: int = 100_000

    def __post_init__(self) -> None:
        # Seconds, by `advance`.
        self.advanced = 0.0
        self.fakes = FakeValues(self.seed)
        self.faults = Faults()
        self.accounts = Accounts(self.fakes, limit=self.max_users)
        # How often each of WeChat's endpoints was called, by path, faults included.
        self.calls: Counter[str] = Counter()
        self.journal = Journal(self.now)
        # By AppID, the first app first.
        self.apps: dict[str, SimulatedApp] = {}
        first = self.add_app(self.app_id, self.app_secret)
        # Those of the first app, for the many tests that know no other.
        self.users = first.users
        self.login_codes = first.login_codes
        self.phone_codes = first.phone_codes
        self.access_tokens = first.access_tokens
        self.session_keys = first.session_keys

    def add_app(self, app_id: str, app_secret: str, *, group: str | None = None) -> SimulatedApp:
        """One more mini-program, held by the Open Platform account `group` or by none.

        Raises ValueError if there is one with this AppID.
        """
        if app_id in self.apps:
            message = f"this simulator already plays {app_id}"
            raise ValueError(message)
        users = Users(app_id, self.fakes, self.accounts, group=group)
        app = SimulatedApp(app_id, app_secret, users=users, fakes=self.fakes, clock=self.clock, renew=self.renew)
        # In a dictionary of its own: the server's thread may be iterating over the one before.
        self.apps = {**self.apps, app_id: app}
        return app

    def app_of_token(self, access_token: str | None) -> SimulatedApp | None:
        return next((app for app in self.apps.values() if access_token in app.access_tokens), None)

    def clock(self) -> float:
        """Unix time: `now` plus what `advance` has added."""
        return self.now() + self.advanced

    def advance(self, seconds: float) -> None:
        """Let time pass in this simulator only, so that codes, keys and tokens expire without waiting."""
        self.advanced += seconds

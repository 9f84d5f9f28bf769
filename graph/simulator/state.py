"""Everything WeChat remembers about one mini-program, in memory, without HTTP."""

import time
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field

from graph.simulator.access_tokens import AccessTokens
from graph.simulator.codes import Codes
from graph.simulator.fake_values import FakeValues
from graph.simulator.faults import Faults
from graph.simulator.session_keys import RENEW_AFTER, SESSION_KEY_LIFE, Renewal, SessionKeys
from graph.simulator.text_check import RISKY_WORDS, Verdict
from graph.simulator.users import User, Users


@dataclass(eq=False)
class SimulatorState:
    """All parts of the simulator.

    With a `seed`, a user's openid, unionid and other lasting fields depend on seed, app and name alone, and so
    survive a restart; codes, keys and tokens repeat in the order in which they are asked for. All time is `now` plus
    what `advance` has added.
    """

    app_id: str
    app_secret: str = field(repr=False)
    _: KW_ONLY
    seed: int | None = None
    now: Callable[[], float] = field(default=time.time, repr=False)
    renew: Renewal = "after"
    renew_after: float = RENEW_AFTER
    session_key_life: float = SESSION_KEY_LIFE
    risky_words: Mapping[str, Verdict] = field(default_factory=lambda: RISKY_WORDS, repr=False)
    max_users: int = 100_000

    def __post_init__(self) -> None:
        self._advanced = 0.0
        self.fakes = FakeValues(self.seed)
        self.faults = Faults()
        self.users = Users(self.app_id, self.fakes, limit=self.max_users)
        self.login_codes: Codes[str] = Codes(self.fakes.code, self.clock)
        # The user who tapped, and WeChat's `phone_info`.
        self.phone_codes: Codes[tuple[User, dict[str, object]]] = Codes(self.fakes.phone_code, self.clock)
        self.access_tokens = AccessTokens(self.fakes.access_token, self.clock)
        self.session_keys = SessionKeys(
            self.fakes.session_key, self.clock, self.renew, self.renew_after, self.session_key_life
        )

    def clock(self) -> float:
        """Unix time in this simulator."""
        return self.now() + self._advanced

    def advance(self, seconds: float) -> None:
        """Let time pass in this simulator only, so that codes, keys and tokens expire without waiting."""
        self._advanced += seconds

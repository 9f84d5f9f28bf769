"""One mini-program: all that WeChat keeps apart from every other one's."""

from collections.abc import Callable

from graph.simulator.credentials import AccessTokens, Codes, Renewal, SessionKeys
from graph.simulator.fake_values import FakeValues
from graph.simulator.protocol import Errcode
from graph.simulator.users import User, Users


class SimulatedApp:
    """`SimulatorState.add_app` makes these. A code, token, openid or session_key of one is worth nothing in another."""

    def __init__(
        self,
        app_id: str,
        app_secret: str,
        *,
        users: Users,
        fakes: FakeValues,
        clock: Callable[[], float],
        renew: Renewal,
    ) -> None:
        self.app_id = app_id
        self.app_secret = app_secret
        self.users = users
        self.login_codes: Codes[str] = Codes(fakes.code, clock, used=Errcode.CODE_USED)
        # The user who tapped, and WeChat's `phone_info`.
        self.phone_codes: Codes[tuple[User, dict[str, object]]] = Codes(
            fakes.phone_code, clock, used=Errcode.INVALID_CODE
        )
        self.access_tokens = AccessTokens(fakes.access_token, clock)
        self.session_keys = SessionKeys(fakes.session_key, clock, renew)

"""One mini-program: all that WeChat keeps apart from every other one's."""

from collections.abc import Callable

from graph.simulator.credentials import AccessTokens, Codes, Renewal, SessionKeys
from graph.simulator.fake_values import FakeValues
from graph.simulator.pictures import PictureCheck
from graph.simulator.protocol import Errcode
from graph.simulator.push import Event, MessagePush
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
        self.push = MessagePush(
            app_id,
            user_name=f"gh_{fakes.derived('user name', app_id)[:6].hex()}",
            platform=f"o{fakes.derived_text('platform', app_id)[:27]}",
            token=fakes.derived_key("push token", app_id)[:32],
            aes_key=fakes.derived_key("push key", app_id),
        )
        # Events that have happened and are not sent before they are released.
        self.held_events: list[Event] = []
        # By trace_id, the oldest first.
        self.picture_checks = dict[str, PictureCheck]()

    def close_account(self, name: str) -> None:
        """The user's openid is gone, with the codes and the session_key of it; the next login has another one."""
        gone = self.users.close(name)
        self.session_keys.forget(name)
        self.login_codes.withdraw(lambda holder: holder == name)
        self.phone_codes.withdraw(lambda grant: grant[0] is gone)

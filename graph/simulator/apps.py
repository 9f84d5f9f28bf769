"""One mini-program: all that WeChat keeps apart from every other one's."""

import hashlib
from collections.abc import Callable
from typing import Final

from graph.simulator.credentials import AccessTokens, Codes, Renewal, SessionKeys
from graph.simulator.fake_values import FakeValues
from graph.simulator.payments import Payments
from graph.simulator.pictures import PictureCheck
from graph.simulator.protocol import Errcode
from graph.simulator.push import Event, MessagePush
from graph.simulator.quotas import Quotas
from graph.simulator.subscriptions import with_one_template
from graph.simulator.user_keys import UserKeys
from graph.simulator.users import User, Users

_REMEMBERED: Final = 1000


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
        # Those of wx.pluginLogin, which look like phone codes.
        self.plugin_codes: Codes[str] = Codes(fakes.phone_code, clock, used=Errcode.OPENPID_UNKNOWN)
        # By the SHA-256 of its base64 text, in hex: when a phone number was encrypted. The oldest first.
        self.encrypted_numbers = dict[str, float]()
        self.user_keys = UserKeys(fakes, clock)
        self.payments = Payments(
            fakes, clock, mch_id=f"19{int.from_bytes(fakes.derived('merchant', app_id)[:4]):010}"[:10]
        )
        self.subscriptions = with_one_template(fakes, app_id)
        self.quotas = Quotas(clock)
        # The pages that the published version has; None for whatever a request names.
        self.pages: frozenset[str] | None = None
        # Events that have happened and are not sent before they are released.
        self.held_events: list[Event] = []
        # By trace_id, the oldest first.
        self.picture_checks = dict[str, PictureCheck]()

    def remember_number(self, encrypted: str, now: float) -> None:
        """That WeChat has encrypted a phone number as this base64 text. The newest thousand are enough for tests."""
        self.encrypted_numbers[hashlib.sha256(encrypted.encode()).hexdigest()] = now
        while len(self.encrypted_numbers) > _REMEMBERED:
            del self.encrypted_numbers[next(iter(self.encrypted_numbers))]

    def has_page(self, page: str) -> bool:
        """Whether a page of that path may be opened: it begins with no slash and has no query."""
        return not page.startswith("/") and "?" not in page and (self.pages is None or page in self.pages)

    def close_account(self, name: str) -> None:
        """The user's openid is gone, with the codes and the session_key of it; the next login has another one."""
        gone = self.users.close(name)
        self.session_keys.forget(name)
        self.user_keys.forget(name)
        self.plugin_codes.withdraw(lambda holder: holder == name)
        self.login_codes.withdraw(lambda holder: holder == name)
        self.phone_codes.withdraw(lambda grant: grant[0] is gone)

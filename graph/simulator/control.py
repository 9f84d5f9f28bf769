"""What WeChat does by itself sooner or later, by order: time passes, tokens expire, users are blocked.

    POST /device/advance               seconds        -> advanced, in all; now, as WeChat's clock has it (epoch seconds)
    POST /device/expire-access-tokens  app            -> every access token of the app is refused with 42001
    POST /device/block                 user, blocked  -> code2Session refuses the user with 40226, until blocked: false

Time passes for WeChat alone: the server under test has a clock of its own. A user is blocked in every app, as one of
high risk is; the code is not used up by the refusal.
"""

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Field

from graph.simulator.device import Action, AppFields, Result, UserFields, app_and_user, app_in_hand
from graph.simulator.protocol import Fields
from graph.simulator.state import SimulatorState

TEN_YEARS: Final = 10 * 366 * 86400


class AdvanceFields(Fields):
    seconds: Annotated[float, Field(ge=0, le=TEN_YEARS)] = 0.0


class BlockFields(UserFields):
    blocked: bool = True


def advance(state: SimulatorState, fields: AdvanceFields) -> Result:
    state.advance(fields.seconds)
    return {"errMsg": "advance:ok", "advanced": state.advanced, "now": state.clock()}


def expire_access_tokens(state: SimulatorState, fields: AppFields) -> Result:
    app_in_hand(state, fields.app).access_tokens.expire_all()
    return {"errMsg": "expireAccessTokens:ok"}


def block(state: SimulatorState, fields: BlockFields) -> Result:
    _, user = app_and_user(state, fields)
    user.account.is_blocked = fields.blocked
    return {"errMsg": "block:ok", "blocked": [account.name for account in state.accounts if account.is_blocked]}


ACTIONS: Final[Mapping[tuple[str, str], Action]] = {
    ("POST", "/device/advance"): ("advance", AdvanceFields, advance),
    ("POST", "/device/expire-access-tokens"): ("expireAccessTokens", AppFields, expire_access_tokens),
    ("POST", "/device/block"): ("block", BlockFields, block),
}

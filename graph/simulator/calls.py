"""The journal on the phone's side: what it holds, and what is written of the phone's own acts.

    GET    /device/calls?after=ID  -> calls, those with a higher id, the oldest first; last, the highest id so far
    DELETE /device/calls           -> none of them is left

A call is one exchange: `id`, `at` (epoch ms), `app`, `method` (of what WeChat pushes, PUSH), `path`, `query`, `body`,
`status` (null: the server did not wait for the answer), `errcode` (null where the answer has none to read), `answer`,
`fault` (its kind), `user`. Secrets are cut, and `body` is what was pushed before it was sealed.
"""

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Field

from graph.simulator.device import Action, Result, UserFields
from graph.simulator.protocol import Fields
from graph.simulator.state import SimulatorState

# Of the acts of the phone, those that a mini-program calls by this name behind "wx.".
_OF_WX: Final = {"login", "checkSession", "getUserInfo", "getUserProfile"}


class CallsFields(Fields):
    # From a query, where it is text.
    after: Annotated[int, Field(ge=0, strict=False)] = 0


def calls(state: SimulatorState, fields: CallsFields) -> Result:
    return {"errMsg": "calls:ok", "calls": state.journal.after(fields.after), "last": state.journal.last}


def clear_calls(state: SimulatorState, _fields: Fields) -> Result:
    state.journal.clear()
    return calls(state, CallsFields())


def record_act(state: SimulatorState, name: str, fields: Fields, result: Result) -> None:
    """Writes it in words: `wx.login Li Lei`, and how it ended unless it went well."""
    name = getattr(fields, "api", name)
    user = fields.user if isinstance(fields, UserFields) else None
    words = [f"wx.{name}" if name in _OF_WX else name, *([user] if user else [])]
    outcome = str(result["errMsg"]).partition(":")[2]
    if outcome != "ok":
        words.append(f"-> {outcome}")
    state.journal.acted(" ".join(words), app=getattr(fields, "app", None))


ACTIONS: Final[Mapping[tuple[str, str], Action]] = {
    ("GET", "/device/calls"): ("calls", CallsFields, calls),
    ("DELETE", "/device/calls"): ("calls", Fields, clear_calls),
}

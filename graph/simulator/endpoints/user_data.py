"""What WeChat knows of a user and gives to the server, against a code, a payment or a signature."""

from starlette.requests import Request

from graph.simulator.endpoints.requests import OK, Answer, authorised_post
from graph.simulator.protocol import Errcode, require
from graph.simulator.state import SimulatorState


def getuserphonenumber(state: SimulatorState, request: Request, body: bytes) -> Answer:
    app, fields = authorised_post(state, request, body, Errcode.REQUIRE_POST)
    require(fields.get("code"), Errcode.CODE_MISSING)
    code, openid = str(fields["code"]), fields.get("openid")
    user, phone_info = app.phone_codes.look_up(code)
    # Given, the openid must be the one that the code was made for; a wrong one does not use the code up.
    require(openid in (None, user.openid), Errcode.INVALID_CODE)
    app.phone_codes.use(code)
    return {**OK, "phone_info": phone_info}

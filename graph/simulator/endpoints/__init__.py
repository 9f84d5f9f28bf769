"""WeChat's endpoints: one function for each, from a request to the JSON of success, in a module for each family.

`requests` is what most of them ask of a request first. `sign_in` has sessions and access tokens, `user_data` what
WeChat gives of a user, `content` the checks of texts, pictures and users, `links` the ways into a mini-program,
`messages` those that users subscribe to, `platform` addresses and quotas.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from starlette.requests import Request

from graph.simulator.endpoints import content, links, messages, platform, sign_in, user_data
from graph.simulator.endpoints.requests import Answer
from graph.simulator.state import SimulatorState

Endpoint = Callable[[SimulatorState, Request, bytes], Answer | Awaitable[Answer]]
ENDPOINTS: Mapping[str, Endpoint] = {
    "/sns/jscode2session": sign_in.jscode2session,
    "/cgi-bin/token": sign_in.token,
    "/cgi-bin/stable_token": sign_in.stable_token,
    "/wxa/checksession": sign_in.checksession,
    "/wxa/resetusersessionkey": sign_in.resetusersessionkey,
    "/wxa/business/getuserphonenumber": user_data.getuserphonenumber,
    "/wxa/msg_sec_check": content.msg_sec_check,
    "/wxa/media_check_async": content.media_check_async,
    "/wxa/img_sec_check": content.img_sec_check,
    "/wxa/getuserriskrank": content.getuserriskrank,
    "/wxa/business/checkencryptedmsg": user_data.checkencryptedmsg,
    "/wxa/business/getuserencryptkey": user_data.getuserencryptkey,
    "/wxa/getpluginopenpid": user_data.getpluginopenpid,
    "/wxa/getpaidunionid": user_data.getpaidunionid,
    "/wxa/getwxacodeunlimit": links.getwxacodeunlimit,
    "/wxa/generatescheme": links.generatescheme,
    "/wxa/generate_urllink": links.generate_urllink,
    "/cgi-bin/message/subscribe/send": messages.send,
    "/wxaapi/newtmpl/gettemplate": messages.gettemplate,
    "/cgi-bin/getcallbackip": platform.getcallbackip,
    "/cgi-bin/clear_quota": platform.clear_quota,
    "/cgi-bin/openapi/quota/get": lambda state, request, body: platform.quota_get(state, request, body, ENDPOINTS),
}
# Those that take the AppSecret are not counted here, and two are possible when the day's calls are used up, or there
# would be no way out.
WITHOUT_QUOTA: Final = frozenset(
    {
        *("/sns/jscode2session", "/cgi-bin/token", "/cgi-bin/stable_token"),
        *("/cgi-bin/clear_quota", "/cgi-bin/openapi/quota/get"),
    }
)


async def answer(state: SimulatorState, path: str, request: Request, body: bytes) -> Answer:
    """What the endpoint answers, within the app's quota of it. Raises `ErrcodeError`."""
    access_token = request.query_params.get("access_token")
    app = state.app_of_token(access_token)
    if app is not None and app.access_tokens.is_alive(access_token) and path not in WITHOUT_QUOTA:
        app.quotas.spend(path)
    answered = ENDPOINTS[path](state, request, body)
    return await answered if isinstance(answered, Awaitable) else answered

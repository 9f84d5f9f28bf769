"""What WeChat's server answers: one function for each endpoint, from a question to the JSON of success."""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson

from graph.simulator import errors
from graph.simulator.crypto import sign_for_server
from graph.simulator.errors import Refused
from graph.simulator.people import Person
from graph.simulator.state import SimulatorState

SEEN_WITHIN = 2 * 3600.0
CONTENT_LIMIT = 2500
CONTENT_TOO_LONG = 45002
SCENES = (1, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class Question:
    """One request, read to its end."""

    method: str
    query: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        """Raises Refused with 44002 or 47001."""
        if not self.body.strip():
            raise Refused(errors.EMPTY_POST)
        try:
            value = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise Refused(errors.MALFORMED_POST) from None
        if not isinstance(value, dict):
            raise Refused(errors.MALFORMED_POST)
        return value


def jscode2session(state: SimulatorState, question: Question) -> dict[str, object]:
    query = question.query
    # Before the method: a POST with its parameters in the body is told that the appid is missing.
    _check_present(query, "appid")
    _check_method(question, "GET")
    _check_grant_type(query, "authorization_code")
    _check_app(state, query, wrong_secret=errors.INVALID_APPSECRET)
    code = query.get("js_code")
    if not code:
        raise Refused(errors.CODE_MISSING)
    person = state.people.meet(state.login_codes.use(code))
    answer: dict[str, object] = {"session_key": state.session_keys.hand_over(person.name), "openid": person.openid}
    if person.unionid is not None:
        answer["unionid"] = person.unionid
    # No errcode: success is told by its absence.
    return answer


def token(state: SimulatorState, question: Question) -> dict[str, object]:
    _check_present(question.query, "appid")
    _check_method(question, "GET")
    _check_grant_type(question.query, "client_credential")
    _check_app(state, question.query, wrong_secret=errors.INVALID_CREDENTIAL)
    text, expires_in = state.access_tokens.fetch()
    return {"access_token": text, "expires_in": expires_in}


def stable_token(state: SimulatorState, question: Question) -> dict[str, object]:
    _check_method(question, "POST")
    body = question.json()
    _check_present(body, "appid")
    _check_grant_type(body, "client_credential")
    _check_app(state, body, wrong_secret=errors.INVALID_APPSECRET)
    force_refresh = body.get("force_refresh", False)
    if not isinstance(force_refresh, bool):
        raise Refused(errors.MALFORMED_POST)
    text, expires_in = state.access_tokens.fetch_stable(force_refresh=force_refresh)
    return {"access_token": text, "expires_in": expires_in}


def checksession(state: SimulatorState, question: Question) -> dict[str, object]:
    _signed_person(state, question)
    return {"errcode": 0, "errmsg": "ok"}


def resetusersessionkey(state: SimulatorState, question: Question) -> dict[str, object]:
    person = _signed_person(state, question)
    session_key = state.session_keys.reset(person.name)
    return {"errcode": 0, "errmsg": "ok", "openid": person.openid, "session_key": session_key}


def getuserphonenumber(state: SimulatorState, question: Question) -> dict[str, object]:
    body = _authorised_post(state, question)
    code, openid = body.get("code"), body.get("openid")
    if not code:
        raise Refused(errors.CODE_MISSING)
    grant = state.phone_codes.look_up(str(code))
    # Given, the openid must be the one that the code was made for; a wrong one does not use the code up.
    if openid is not None and state.people.meet(grant.person).openid != openid:
        raise Refused(errors.INVALID_CODE)
    state.phone_codes.use(str(code))
    return {
        "errcode": 0,
        "errmsg": "ok",
        "phone_info": {
            "phoneNumber": grant.number.shown,
            "purePhoneNumber": grant.number.pure,
            "countryCode": grant.number.country_code,
            "watermark": {"timestamp": grant.at, "appid": state.app_id},
        },
    }


def msg_sec_check(state: SimulatorState, question: Question) -> dict[str, object]:
    body = _authorised_post(state, question, wrong_method=errors.WRONG_METHOD)
    content = body.get("content")
    if not content:
        raise Refused(errors.EMPTY_POST)
    if body.get("version") not in (2, "2") or not isinstance(content, str):
        raise Refused(errors.MALFORMED_POST)
    if len(content) > CONTENT_LIMIT:
        raise Refused(CONTENT_TOO_LONG)
    if body.get("scene") not in SCENES:
        raise Refused(errors.INVALID_SCENE)
    person = _person(state, body.get("openid"))
    if person.last_seen is None or state.clock() - person.last_seen > SEEN_WITHIN:
        raise Refused(errors.USER_UNSEEN)
    texts = [content, *(str(body.get(name, "")) for name in ("nickname", "title", "signature"))]
    verdict, word = state.text_check.judge(texts, question.body)
    result = {"suggest": verdict.suggest, "label": verdict.label}
    detail: list[dict[str, object]] = [{"strategy": "content_model", "errcode": 0, **result, "prob": 90}]
    if word is not None:
        detail.append({"strategy": "keyword", "errcode": 0, **result, "level": 90, "keyword": word})
    return {
        "errcode": 0,
        "errmsg": "ok",
        "result": result,
        "detail": detail,
        "trace_id": state.chance.rid(state.clock()),
    }


Endpoint = Callable[[SimulatorState, Question], dict[str, object]]

ENDPOINTS: Mapping[str, Endpoint] = {
    "/sns/jscode2session": jscode2session,
    "/cgi-bin/token": token,
    "/cgi-bin/stable_token": stable_token,
    "/wxa/checksession": checksession,
    "/wxa/resetusersessionkey": resetusersessionkey,
    "/wxa/business/getuserphonenumber": getuserphonenumber,
    "/wxa/msg_sec_check": msg_sec_check,
}


def _check_method(question: Question, method: str, errcode: int | None = None) -> None:
    if question.method != method:
        raise Refused(errcode or (errors.REQUIRE_GET if method == "GET" else errors.REQUIRE_POST))


def _check_present(parameters: Mapping[str, object], name: str) -> None:
    if not parameters.get(name):
        raise Refused(errors.APPID_MISSING if name == "appid" else errors.APPSECRET_MISSING)


def _check_grant_type(parameters: Mapping[str, object], grant_type: str) -> None:
    if parameters.get("grant_type") != grant_type:
        raise Refused(errors.INVALID_GRANT_TYPE)


def _check_app(state: SimulatorState, parameters: Mapping[str, object], *, wrong_secret: int) -> None:
    if parameters.get("appid") != state.app_id:
        raise Refused(errors.INVALID_APPID)
    _check_present(parameters, "secret")
    if not state.is_secret(str(parameters["secret"])):
        # The long wording of 40001 speaks of access tokens; where the secret is wrong, it ends earlier.
        raise Refused(wrong_secret, "invalid credential" if wrong_secret == errors.INVALID_CREDENTIAL else None)


def _person(state: SimulatorState, openid: object) -> Person:
    person = state.people.by_openid(openid) if isinstance(openid, str) else None
    if person is None:
        raise Refused(errors.INVALID_OPENID)
    return person


def _signed_person(state: SimulatorState, question: Question) -> Person:
    _check_method(question, "GET")
    state.access_tokens.check(question.query.get("access_token"))
    person = _person(state, question.query.get("openid"))
    if question.query.get("sig_method") != "hmac_sha256":
        raise Refused(errors.INVALID_SIG_METHOD)
    expected = sign_for_server(state.session_keys.current(person.name))
    if not hmac.compare_digest(question.query.get("signature", "").encode(), expected.encode()):
        raise Refused(errors.INVALID_SIGNATURE)
    return person


def _authorised_post(
    state: SimulatorState, question: Question, *, wrong_method: int = errors.REQUIRE_POST
) -> dict[str, object]:
    _check_method(question, "POST", wrong_method)
    access_token = question.query.get("access_token")
    if not access_token and b'"access_token"' in question.body:
        # WeChat reads a token from the query only, and this is how it speaks of one in the body.
        raise Refused(errors.MALFORMED_POST)
    state.access_tokens.check(access_token)
    return question.json()

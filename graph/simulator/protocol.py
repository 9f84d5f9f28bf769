"""JSON objects in requests, and what refuses them: WeChat's errcodes, and sentences on the phone's side."""

from contextlib import suppress
from enum import IntEnum
from typing import Self

import orjson
from pydantic import BaseModel, ValidationError
from pydantic.alias_generators import to_camel


class Errcode(IntEnum):
    """WeChat's own wordings, spelling mistakes included. Those of 40066, 43302, 45002, 76003, 85401, 85402, 89002
    and of 43104 about an openid are not recorded."""

    errmsg: str

    def __new__(cls, code: int, errmsg: str) -> "Errcode":
        member = int.__new__(cls, code)
        member._value_ = code
        member.errmsg = errmsg
        return member

    SYSTEM_ERROR = -1, "system error"
    DATA_UNKNOWN = 1, "data not exit"
    INVALID_REQUEST = 1001, "invalid param"
    WRONG_PLUGIN = 1005, "plugin appid does not match"
    # No words at all.
    OPENPID_UNKNOWN = 1007, ""
    INVALID_JSON = 1022, "invalid json"
    INVALID_CREDENTIAL = (
        40001,
        "invalid credential, access_token is invalid or not latest, could get access_token by getStableAccessToken, "
        "more details at https://mmbizurl.cn/s/JtxxFh33r",
    )
    INVALID_GRANT_TYPE = 40002, "invalid grant_type"
    INVALID_OPENID = 40003, "invalid openid"
    INVALID_FILE_TYPE = 40005, "invalid file type"
    INVALID_MEDIA_SIZE = 40006, "invalid media size"
    INVALID_APPID = 40013, "invalid appid"
    INVALID_ACCESS_TOKEN = 40014, "invalid access_token"
    INVALID_CODE = 40029, "invalid code"
    INVALID_TEMPLATE = 40037, "invalid template_id"
    INVALID_URL = 40066, "invalid url"
    INVALID_ARGUMENTS = 40097, "invalid args"
    INVALID_APPSECRET = 40125, "invalid appsecret"
    INVALID_SCENE = 40129, "invalid scene"
    CODE_USED = 40163, "code been used"
    INVALID_IP = 40164, "invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist"
    INVALID_PAGE_PATH = 40165, "invalid weapp pagepath"
    INVALID_CODE_SCENE = 40169, "invalid length for scene, or the data is not json string"
    INVALID_QUERY = 40212, "invalid query"
    CODE_BLOCKED = 40226, "code blocked"
    APPSECRET_FROZEN = 40243, "appsecret is frozen"
    TOKEN_MISSING = 41001, "access_token missing"
    APPID_MISSING = 41002, "appid missing"
    APPSECRET_MISSING = 41004, "appsecret missing"
    MEDIA_MISSING = 41005, "media data missing"
    CODE_MISSING = 41008, "missing code"
    INVALID_PAGE = 41030, "invalid page"
    TOKEN_EXPIRED = 42001, "access_token expired"
    REQUIRE_GET = 43001, "require GET method"
    REQUIRE_POST = 43002, "require POST method"
    REQUIRE_HTTPS = 43003, "require https"
    NOT_SUBSCRIBED = 43101, "user refuse to accept the msg"
    OPENID_OF_ANOTHER_APP = 43104, "appid does not match openid"
    WRONG_METHOD = 43302, "wrong http method"
    EMPTY_POST = 44002, "empty post data"
    CONTENT_TOO_LONG = 45002, "simulated error 45002"
    DAILY_QUOTA = 45009, "reach max api daily quota limit"
    MINUTE_QUOTA = 45011, "api minute-quota reach limit mustslower retry next minute"
    MALFORMED_POST = 47001, "data format error"
    INVALID_DATA = 47003, "argument invalid!"
    UNAUTHORIZED = 48001, "api unauthorized"
    CLEARED_TOO_OFTEN = 48006, "forbid to clear quota because of reaching the limit"
    USER_LIMITED = 50002, "user limited"
    USER_UNSEEN = 61010, "code is expired"
    MALFORMED_CGI_PATH = 76003, "simulated error 76003"
    UNKNOWN_CGI_PATH = 76021, "cgi_path not found, please check"
    FORBIDDEN_CGI_PATH = 76022, "could not use this cgi_path，no permission"
    INVALID_EXPIRY = 85401, "simulated error 85401"
    INVALID_VERSION = 85402, "simulated error 85402"
    RISKY_CONTENT = 87014, "risky content"
    INVALID_SIG_METHOD = 87008, "invalid sig_method"
    INVALID_SIGNATURE = 87009, "invalid signature"
    NO_OPEN_PLATFORM = 89002, "simulated error 89002"
    INVALID_TRADE = 89300, "invalid trade"


class ErrcodeError(Exception):
    """WeChat's server responds with an errcode (still HTTP 200); `errmsg` is for a code that has two wordings."""

    def __init__(self, errcode: int, errmsg: str | None = None) -> None:
        super().__init__(errcode)
        self.errcode = errcode
        known = (wording.errmsg for wording in Errcode if wording == errcode)
        self.errmsg = errmsg or next(known, f"simulated error {errcode}")


class BadRequest(Exception):
    """A request to the phone, or for a fault, that makes no sense (HTTP 400). The client reads it: it has no secret."""


def require(condition: object, errcode: Errcode) -> None:
    """Raises `ErrcodeError` unless the condition holds."""
    if not condition:
        raise ErrcodeError(errcode)


class Fields(BaseModel, strict=True, extra="forbid", frozen=True, alias_generator=to_camel, validate_by_name=True):
    """The fields of a JSON object in WeChat's spelling; an unknown one is refused, for most are misspelt."""

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """An empty body is an empty object; null is an absent field, but for `times`. Raises `BadRequest`."""
        value = None
        with suppress(orjson.JSONDecodeError):
            value = orjson.loads(body) if body.strip() else {}
        if not isinstance(value, dict):
            message = "the body must be a JSON object, or empty"
            raise BadRequest(message)
        try:
            return cls.model_validate({name: v for name, v in value.items() if v is not None or name == "times"})
        except ValidationError as error:
            [first, *_] = error.errors(include_url=False, include_input=False)
            message = f"{str(first['loc'][0])[:64]}: {first['msg']}"
            raise BadRequest(message) from None

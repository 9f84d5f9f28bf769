"""The simulator's errors, on either side of the wire.

SimulatorError
├── ErrcodeError   WeChat's server responds with an errcode (still HTTP 200)
└── BadRequest     a request to the phone, or for a fault, that makes no sense (HTTP 400)
"""

SYSTEM_ERROR = -1
INVALID_CREDENTIAL = 40001
INVALID_GRANT_TYPE = 40002
INVALID_OPENID = 40003
INVALID_APPID = 40013
INVALID_CODE = 40029
INVALID_APPSECRET = 40125
INVALID_SCENE = 40129
CODE_USED = 40163
TOKEN_MISSING = 41001
APPID_MISSING = 41002
APPSECRET_MISSING = 41004
CODE_MISSING = 41008
TOKEN_EXPIRED = 42001
REQUIRE_GET = 43001
REQUIRE_POST = 43002
WRONG_METHOD = 43302
EMPTY_POST = 44002
MALFORMED_POST = 47001
USER_UNSEEN = 61010
INVALID_SIG_METHOD = 87008
INVALID_SIGNATURE = 87009

# WeChat's own wordings, spelling mistakes included. 43302's words are not recorded anywhere we know.
ERRMSG = {
    SYSTEM_ERROR: "system error",
    INVALID_CREDENTIAL: (
        "invalid credential, access_token is invalid or not latest, could get access_token by getStableAccessToken, "
        "more details at https://mmbizurl.cn/s/JtxxFh33r"
    ),
    INVALID_GRANT_TYPE: "invalid grant_type",
    INVALID_OPENID: "invalid openid",
    INVALID_APPID: "invalid appid",
    40014: "invalid access_token",
    INVALID_CODE: "invalid code",
    INVALID_APPSECRET: "invalid appsecret",
    INVALID_SCENE: "invalid scene",
    CODE_USED: "code been used",
    40164: "invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist",
    40226: "code blocked",
    40243: "appsecret is frozen",
    TOKEN_MISSING: "access_token missing",
    APPID_MISSING: "appid missing",
    APPSECRET_MISSING: "appsecret missing",
    CODE_MISSING: "missing code",
    TOKEN_EXPIRED: "access_token expired",
    REQUIRE_GET: "require GET method",
    REQUIRE_POST: "require POST method",
    43003: "require https",
    WRONG_METHOD: "wrong http method",
    EMPTY_POST: "empty post data",
    45009: "reach max api daily quota limit",
    45011: "api minute-quota reach limit mustslower retry next minute",
    MALFORMED_POST: "data format error",
    48001: "api unauthorized",
    50002: "user limited",
    USER_UNSEEN: "code is expired",
    INVALID_SIG_METHOD: "invalid sig_method",
    INVALID_SIGNATURE: "invalid signature",
}


class SimulatorError(Exception):
    """Head of the family."""


class ErrcodeError(SimulatorError):
    """`errmsg` replaces the table's wording where one code has two."""

    def __init__(self, errcode: int, errmsg: str | None = None) -> None:
        super().__init__(errcode)
        self.errcode = errcode
        self.errmsg = errmsg if errmsg is not None else ERRMSG.get(errcode, f"simulated error {errcode}")


class BadRequest(SimulatorError):
    """The client reads the message, so it repeats no secret."""

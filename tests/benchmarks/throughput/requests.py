"""The requests that are sent, made beforehand: `me`, `login`, `submitUserInfo`."""

import itertools
import json
import random
import time
from collections.abc import Iterator, Sequence
from typing import Final

from tests.benchmarks.throughput.databases import SeededUser
from tests.benchmarks.throughput.wechat import code
from tests.server import APP_ID
from tests.wechat.submissions import submit

ME: Final = "{ me { id nickName avatarUrl gender city province country language } }"
LOGIN: Final = "mutation ($code: String!) { login(code: $code) { token expiresAt isNewUser user { id nickName } } }"
SUBMIT: Final = """\
mutation ($rawData: String!, $signature: String!, $encryptedData: String!, $iv: String!) {
  submitUserInfo(rawData: $rawData, signature: $signature, encryptedData: $encryptedData, iv: $iv) { id nickName }
}"""
# How many users log in while logins are measured: most of the time they come back.
LOGIN_USERS: Final = 5_000

Request = tuple[str, str]
"""A token, empty for none, and a body."""

_serial: Final = itertools.count(time.time_ns())


def me(users: Sequence[SeededUser]) -> list[Request]:
    """One request for each user."""
    body = json.dumps({"query": ME})
    return [(user.token, body) for user in users]


def login(*, wechat_ms: int) -> Iterator[Request]:
    """Logins without end, with a code each that WeChat takes so long for."""
    chance = random.Random(0)  # noqa: S311 - who logs in, nothing secret
    while True:
        js_code = code(wechat_ms, chance.randrange(LOGIN_USERS), next(_serial))
        yield "", json.dumps({"query": LOGIN, "variables": {"code": js_code}})


def submit_user_info(users: Sequence[SeededUser], count: int) -> list[Request]:
    """Submissions as WeChat signs and encrypts them, each newer than the one before, so that each is stored."""
    rounds = -(-count // len(users))
    # Never ahead of the clock, and newer than those of any earlier call while one call makes less than it takes.
    newest = int(time.time())
    made = ((user.token, _submission(user, newest - rounds + turn + 1)) for turn in range(rounds) for user in users)
    return list(itertools.islice(made, count))


def _submission(user: SeededUser, stamp: int) -> str:
    profile: dict[str, object] = {
        "nickName": user.nick_name,
        "gender": 1,
        "language": "zh_CN",
        "city": "Shenzhen",
        "province": "Guangdong",
        "country": "China",
        "avatarUrl": "https://thirdwx.qlogo.cn/mmopen/vi_32/Q0j4TwGTfTJ/132",
    }
    plain = {"openId": user.openid, **profile, "watermark": {"timestamp": stamp, "appid": APP_ID}}
    parts = submit(plain, profile, key=user.session_key)
    variables = {
        "rawData": parts.raw_data,
        "signature": parts.signature,
        "encryptedData": parts.encrypted_data,
        "iv": parts.iv,
    }
    return json.dumps({"query": SUBMIT, "variables": variables})

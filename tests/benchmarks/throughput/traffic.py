"""The requests that are sent, made beforehand: `me`, `login`, `submitUserInfo`."""

import itertools
import json
import random
import time
from collections.abc import Sequence
from typing import Final

from tests.benchmarks.throughput.seed import Seeded
from tests.benchmarks.throughput.wechat import code
from tests.server import APP_ID
from tests.wechat.submissions import submit

ME: Final = "{ me { id nickName avatarUrl gender city province country language } }"
LOGIN: Final = "mutation ($code: String!) { login(code: $code) { token expiresAt isNewUser user { id nickName } } }"
SUBMIT: Final = """\
mutation ($rawData: String!, $signature: String!, $encryptedData: String!, $iv: String!) {
  submitUserInfo(rawData: $rawData, signature: $signature, encryptedData: $encryptedData, iv: $iv) { id nickName }
}"""
# How many people sign in while logins are measured: most of the time they come back.
PASSERS_BY: Final = 5_000

Request = tuple[str, str]
"""A token, empty for none, and a body."""

_serial: Final = itertools.count(time.time_ns())


def me(people: Sequence[Seeded]) -> list[Request]:
    """One request for each person, in no order."""
    body = json.dumps({"query": ME})
    return [(person.token, body) for person in people]


def login(count: int, *, wechat_ms: int) -> list[Request]:
    """Logins with a code each, which WeChat takes so long to answer."""
    chance = random.Random(0)  # noqa: S311 - who comes, nothing secret
    codes = (code(wechat_ms, chance.randrange(PASSERS_BY), next(_serial)) for _ in range(count))
    return [("", json.dumps({"query": LOGIN, "variables": {"code": js_code}})) for js_code in codes]


def submit_user_info(people: Sequence[Seeded], count: int) -> list[Request]:
    """Submissions as WeChat signs and encrypts them, each newer than the one before, so that each is written down."""
    rounds = -(-count // len(people))
    # Never ahead of the clock, and newer than those of any earlier call while one call makes less than it takes.
    newest = int(time.time())
    made = (
        (person.token, _submission(person, newest - rounds + turn + 1)) for turn in range(rounds) for person in people
    )
    return list(itertools.islice(made, count))


def _submission(person: Seeded, stamp: int) -> str:
    profile: dict[str, object] = {
        "nickName": person.nick_name,
        "gender": 1,
        "language": "zh_CN",
        "city": "Shenzhen",
        "province": "Guangdong",
        "country": "China",
        "avatarUrl": "https://thirdwx.qlogo.cn/mmopen/vi_32/Q0j4TwGTfTJ/132",
    }
    plain = {"openId": person.openid, **profile, "watermark": {"timestamp": stamp, "appid": APP_ID}}
    parts = submit(plain, profile, key=person.session_key)
    variables = {
        "rawData": parts.raw_data,
        "signature": parts.signature,
        "encryptedData": parts.encrypted_data,
        "iv": parts.iv,
    }
    return json.dumps({"query": SUBMIT, "variables": variables})

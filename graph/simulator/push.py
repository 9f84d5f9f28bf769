"""What WeChat pushes to the server of a mini-program: the bytes of an event, sealed and signed, and its delivery."""

import asyncio
import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import httpx
import orjson
from Crypto.Cipher import AES
from Crypto.Util.Padding import pad

from graph.simulator.fake_values import FakeValues
from graph.simulator.journal import PUSH, Journal

Mode = Literal["safe", "compatible", "plain"]
Format = Literal["json", "xml"]
EventFault = Literal["wrong-signature", "wrong-app"]

MAX_TRIES: Final = 3
# Of PKCS#7: twice the cipher's own block.
PADDING_BLOCK: Final = 32
ANOTHER_APP: Final = "wxffffffffffffffff"
_ANSWER_SHOWN = 200
_HEADERS: Final = {"user-agent": "Mozilla/4.0", "accept": "*/*"}
_CONTENT_TYPES: Final = {"json": "application/json", "xml": "text/xml"}


@dataclass(slots=True)
class MessagePush:
    """An app's message push, as its owner sets it in WeChat's console. Without a `url` nothing is pushed.

    `aes_key` is the EncodingAESKey: 43 letters and digits. WeChat waits `timeout` seconds for a response, and starts a
    try `interval` seconds after the one before. The check of a picture ends `check_delay` seconds after its download.
    """

    app_id: str
    # The app's own "user name", and that of the platform which speaks in these events.
    user_name: str
    platform: str
    token: str = field(repr=False)
    aes_key: str = field(repr=False)
    url: str | None = None
    mode: Mode = "safe"
    format: Format = "json"
    timeout: float = 5.0
    interval: float = 5.0
    check_delay: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event, and how it arrives: `repeat` times, `delay` seconds late, or with a `fault`.

    `more` are the fields behind OpenID and AppID, or without an `openid` behind "appid", and may be nested. "wrong-app"
    is the event of another app with the same token and key. `user` is for the journal.
    """

    name: str
    created_at: int
    openid: str | None
    more: Mapping[str, object]
    fault: EventFault | None = None
    repeat: int = 1
    delay: float = 0.0
    user: str | None = None


def url_check(push: MessagePush, url: str, fakes: FakeValues, now: float) -> tuple[httpx.Request, str]:
    """What WeChat asks before it takes a URL, in every mode, and the text that the response must be."""
    timestamp, nonce, echo = str(int(now)), fakes.nonce(), fakes.echo()
    query = {"signature": sign(push.token, timestamp, nonce), "timestamp": timestamp, "nonce": nonce, "echostr": echo}
    return httpx.Request("GET", httpx.URL(url).copy_merge_params(query), headers=_HEADERS), echo


def event_request(push: MessagePush, url: str, event: Event, fakes: FakeValues, now: float) -> httpx.Request:
    """One try to deliver the event: each is sealed and signed anew, and of the same message."""
    app_id, fields = _sealed_for(push, event), event_fields(push, event)
    token = f"not {push.token}" if event.fault == "wrong-signature" else push.token
    timestamp, nonce = str(int(now)), fakes.nonce()
    query = {"timestamp": timestamp, "nonce": nonce, "openid": push.platform}
    if push.mode == "plain":
        query["signature"] = sign(token, timestamp, nonce)
    else:
        encrypted = seal(push.aes_key, fakes.sealing_salt(), write(fields, push.format), app_id)
        # Right even where the other one is wrong: a server that checks this one alone is fooled.
        query["signature"] = sign(push.token, timestamp, nonce)
        query |= {"encrypt_type": "aes", "msg_signature": sign(token, timestamp, nonce, encrypted)}
        beside = fields if push.mode == "compatible" else {"ToUserName": push.user_name}
        fields = {**beside, "Encrypt": encrypted}
    headers = _HEADERS | {"content-type": _CONTENT_TYPES[push.format]}
    target = httpx.URL(url).copy_merge_params(query)
    return httpx.Request("POST", target, headers=headers, content=write(fields, push.format))


def event_fields(push: MessagePush, event: Event) -> Mapping[str, object]:
    """The event before it is sealed."""
    app_id = _sealed_for(push, event)
    head: dict[str, object] = {
        "ToUserName": push.user_name,
        "FromUserName": push.platform,
        "CreateTime": event.created_at,
        "MsgType": "event",
        "Event": event.name,
    }
    own = {"OpenID": event.openid, "AppID": app_id, **event.more}
    if event.openid is None:
        own = {"appid": app_id, **event.more}
    elif push.format == "json":
        # The blank is in WeChat's own samples of JSON, and cannot be in XML.
        own = {f" {name}": value for name, value in own.items()}
    return head | own


async def deliver(
    push: MessagePush, event: Event, fakes: FakeValues, clock: Callable[[], float], journal: Journal
) -> list[object]:
    """Sends the event as often as it is repeated: whether it was accepted, and the response to each try.

    WeChat accepts 200 with `success` or nothing, in time.
    """
    body = orjson.dumps(dict(event_fields(push, event)))
    url, deliveries = push.url, list[object]()
    if url is None:
        return deliveries
    await asyncio.sleep(event.delay)
    now = asyncio.get_running_loop().time
    for _ in range(event.repeat):
        tries: list[dict[str, object]] = []
        try_at = now()
        while len(tries) < MAX_TRIES and not _accepted(tries):
            await asyncio.sleep(try_at - now())
            try_at = now() + push.interval
            request = event_request(push, url, event, fakes, clock())
            tries.append(await send_recorded(request, push, journal, body, event.user))
        deliveries.append({"event": event.name, "accepted": _accepted(tries), "tries": tries})
    return deliveries


async def send_recorded(
    request: httpx.Request, push: MessagePush, journal: Journal, body: bytes = b"", user: str | None = None
) -> dict[str, object]:
    """As `send`, with a line in the journal, whose `body` is what was sealed."""
    at = journal.now()
    answered = await send(request, push.timeout)
    status, answer = answered["status"], answered["answer"]
    journal.record(
        at=at,
        app=push.app_id,
        method=PUSH,
        path=request.url.path,
        query=dict(request.url.params),
        body=body,
        status=status if isinstance(status, int) else None,
        answer=str(answer).encode(),
        fault=None,
        user=user,
    )
    return answered


async def send(request: httpx.Request, timeout: float) -> dict[str, object]:  # noqa: ASYNC109 - of the whole exchange
    """The status and the text of the response; null, and what went wrong, where there is none."""
    try:
        # A proxy of the environment is not the way to a server under test.
        async with asyncio.timeout(timeout), httpx.AsyncClient(trust_env=False, timeout=None) as client:  # noqa: S113
            response = await client.send(request)
    except TimeoutError:
        return {"status": None, "answer": f"no response within {timeout:g} s"}
    except httpx.HTTPError as error:
        return {"status": None, "answer": type(error).__name__}
    return {"status": response.status_code, "answer": response.text[:_ANSWER_SHOWN]}


def _sealed_for(push: MessagePush, event: Event) -> str:
    return ANOTHER_APP if event.fault == "wrong-app" else push.app_id


def sign(*parts: str) -> str:
    """The parts sorted and joined: token, timestamp and nonce, and for msg_signature what is encrypted."""
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()  # noqa: S324 - WeChat's choice


def seal(aes_key: str, salt: bytes, message: bytes, app_id: str) -> str:
    """AES-256-CBC over 16 bytes of salt, the message's length in 4 bytes, the message and the AppID; as base64.

    The iv is the start of the key, and the padding goes up to 32 bytes.
    """
    # Of the 43rd character two bits are spare, and set in most keys: Python drops them.
    key = base64.b64decode(aes_key + "=")
    plain = salt + len(message).to_bytes(4) + message + app_id.encode()
    return base64.b64encode(AES.new(key, AES.MODE_CBC, key[:16]).encrypt(pad(plain, PADDING_BLOCK))).decode()


def write(fields: Mapping[str, object], written_as: Format) -> bytes:
    """An object of JSON without blanks between its tokens, or XML with its texts as CDATA and no element for a list."""
    if written_as == "json":
        return orjson.dumps(dict(fields))
    return _element("xml", fields).encode()


def _element(name: str, value: object) -> str:
    match value:
        case Mapping():
            return f"<{name}>{''.join(_element(*field) for field in value.items())}</{name}>"
        case str():
            return f"<{name}><![CDATA[{value}]]></{name}>"
        case Sequence():
            return "".join(_element(name, each) for each in value)
    return f"<{name}>{value}</{name}>"


def _accepted(tries: list[dict[str, object]]) -> bool:
    return bool(tries) and tries[-1]["status"] == httpx.codes.OK and tries[-1]["answer"] in {"success", ""}

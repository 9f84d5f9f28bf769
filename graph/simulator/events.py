"""What users take back, on the phone or in WeChat's settings, and the events that WeChat sends to the server.

EVENT stands for `user` and `app`, as everywhere on the phone's side, and for how the event arrives: `repeat` (times),
`delay` (seconds), `fault` ("wrong-signature" or "wrong-app"), `hold` (true: it is sent by `release-events`, after what
happens meanwhile).

    POST /device/revoke          EVENT, info (numbers as in RevokeInfo) -> deliveries
    POST /device/close-account   EVENT                                  -> deliveries; the openid is gone at once
    POST /device/modified        EVENT, and what may be set of a user   -> deliveries
    POST /device/release-events  app                                    -> deliveries of all held events, oldest first
    POST /device/message-push    app, mode ("safe", "compatible" or "plain"), format ("json" or "xml"), checkDelay
                                 (seconds that a picture is checked)    -> whether WeChat takes the URL
    POST /device/picture-verdict EVENT, traceId (without it, that of the user's last picture), suggest ("pass", "review"
                                 or "risky") and label, or errcode      -> deliveries
    GET  /device/picture-checks                                         -> the checks of all apps, the oldest first

A response waits until the server has accepted each event or has failed three times; `deliveries` has the status and the
body of its responses to every try, and is empty where no URL is set. The URL, the token and the EncodingAESKey are
those of `SimulatedApp.push`: no request sets them, lest the simulator call whatever a stranger names.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Final

from pydantic import Field

from graph.simulator import picture_checks
from graph.simulator.apps import SimulatedApp
from graph.simulator.device import Action, AppFields, ProfileFields, Result, UserFields, app_and_user, app_in_hand
from graph.simulator.pictures import DOWNLOADED, PictureCheck, Suggestion, failed, suggested
from graph.simulator.protocol import BadRequest, Fields
from graph.simulator.push import Event, EventFault, Format, Mode, deliver, send_recorded, url_check
from graph.simulator.state import SimulatorState
from graph.simulator.users import Text, User

# Of RevokeInfo, that of phone numbers.
PHONE: Final = 8


class EventFields(UserFields):
    repeat: Annotated[int, Field(ge=1, le=100)] = 1
    delay: Annotated[float, Field(ge=0, le=3600)] = 0.0
    fault: EventFault | None = None
    hold: bool = False


class RevokeFields(EventFields):
    info: list[Annotated[int, Field(ge=1, le=999)]] = Field(
        default_factory=lambda: [PHONE], min_length=1, max_length=20
    )


class ModifiedFields(ProfileFields, EventFields):
    pass


class MessagePushFields(AppFields):
    mode: Mode | None = None
    format: Format | None = None
    check_delay: Annotated[float, Field(ge=0, le=3600)] | None = None


class VerdictFields(EventFields):
    trace_id: Text | None = None
    suggest: Suggestion = "risky"
    label: Annotated[int, Field(ge=0, le=99_999)] | None = None
    errcode: int = DOWNLOADED


async def revoke(state: SimulatorState, fields: RevokeFields) -> Result:
    """The user withdraws permissions. The phone may give each of them again."""
    app, user = app_and_user(state, fields)
    info = ",".join(map(str, fields.info))
    deliveries = await _push(state, app, user, fields, "user_authorization_revoke", RevokeInfo=info)
    return {"errMsg": "revoke:ok", "deliveries": deliveries}


async def close_account(state: SimulatorState, fields: EventFields) -> Result:
    """The user's account ends, as this app knows it: the next login is that of another openid."""
    app, user = app_and_user(state, fields)
    app.close_account(fields.user)
    deliveries = await _push(state, app, user, fields, "user_authorization_cancellation")
    return {"errMsg": "closeAccount:ok", "deliveries": deliveries}


async def modified(state: SimulatorState, fields: ModifiedFields) -> Result:
    """WeChat has cleared the user's name and picture, for they broke its rules."""
    app, user = app_and_user(state, fields)
    deliveries = await _push(state, app, user, fields, "user_info_modified")
    return {"errMsg": "modified:ok", "deliveries": deliveries}


async def release_events(state: SimulatorState, fields: AppFields) -> Result:
    app = app_in_hand(state, fields.app)
    held, app.held_events = app.held_events, []
    deliveries = [each for event in held for each in await _send(state, app, event, is_held=False)]
    return {"errMsg": "releaseEvents:ok", "deliveries": deliveries}


async def message_push(state: SimulatorState, fields: MessagePushFields) -> Result:
    """Saves the settings as WeChat's console does: not unless the server responds to the check of its URL."""
    push = app_in_hand(state, fields.app).push
    if push.url is None:
        return {"errMsg": "messagePush:fail no URL is set"}
    request, echo = url_check(push, push.url, state.fakes, state.clock())
    checked = await send_recorded(request, push, state.journal)
    if checked != {"status": 200, "answer": echo}:
        return {"errMsg": "messagePush:fail token verification failed", **checked}
    push.mode, push.format = fields.mode or push.mode, fields.format or push.format
    push.check_delay = push.check_delay if fields.check_delay is None else fields.check_delay
    return {"errMsg": "messagePush:ok", "url": push.url, "mode": push.mode, "format": push.format}


async def picture_verdict(state: SimulatorState, fields: VerdictFields) -> Result:
    """WeChat decides about a picture, whatever it shows: now, or once more."""
    app = app_in_hand(state, fields.app)
    check = _check_of(app, fields)
    verdict = failed(fields.errcode) if fields.errcode != DOWNLOADED else suggested(fields.suggest)
    if verdict.suggest is not None and fields.label is not None:
        verdict = replace(verdict, label=fields.label)
    picture_checks.decide(check, verdict)
    event = picture_checks.event_of(state, check, verdict)
    event = replace(event, fault=fields.fault, repeat=fields.repeat, delay=fields.delay)
    return {"errMsg": "pictureVerdict:ok", "deliveries": await _send(state, app, event, is_held=fields.hold)}


def checks(state: SimulatorState, _fields: Fields) -> Result:
    shown = [_shown(app, check) for app in state.apps.values() for check in app.picture_checks.values()]
    return {"errMsg": "pictureChecks:ok", "checks": shown}


ACTIONS: Final[Mapping[tuple[str, str], Action]] = {
    ("POST", "/device/revoke"): ("revoke", RevokeFields, revoke),
    ("POST", "/device/close-account"): ("closeAccount", EventFields, close_account),
    ("POST", "/device/modified"): ("modified", ModifiedFields, modified),
    ("POST", "/device/release-events"): ("releaseEvents", AppFields, release_events),
    ("POST", "/device/message-push"): ("messagePush", MessagePushFields, message_push),
    ("POST", "/device/picture-verdict"): ("pictureVerdict", VerdictFields, picture_verdict),
    ("GET", "/device/picture-checks"): ("pictureChecks", Fields, checks),
}


async def _push(
    state: SimulatorState, app: SimulatedApp, user: User, fields: EventFields, name: str, **more: object
) -> list[object]:
    event = Event(
        name=name,
        created_at=int(state.clock()),
        openid=user.openid,
        more=more,
        fault=fields.fault,
        repeat=fields.repeat,
        delay=fields.delay,
        user=user.account.name,
    )
    return await _send(state, app, event, is_held=fields.hold)


async def _send(state: SimulatorState, app: SimulatedApp, event: Event, *, is_held: bool) -> list[object]:
    if is_held:
        app.held_events.append(event)
        return []
    return await deliver(app.push, event, state.fakes, state.clock, state.journal)


def _check_of(app: SimulatedApp, fields: VerdictFields) -> PictureCheck:
    """The one that is named, or the user's last. Raises `BadRequest`."""
    for check in reversed(app.picture_checks.values()):
        if fields.trace_id in {None, check.trace_id} and (fields.trace_id or check.user == fields.user):
            return check
    message = "traceId: WeChat was asked for no such check in this app"
    raise BadRequest(message)


def _shown(app: SimulatedApp, check: PictureCheck) -> Result:
    found = check.verdict
    verdict = {name: getattr(found, name, None) for name in ("suggest", "label", "errcode")}
    return {"app": app.app_id, "user": check.user, "traceId": check.trace_id, **verdict}

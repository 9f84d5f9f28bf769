"""The simulator on a real socket, in a thread, with the phone's side as plain calls."""

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Self

import orjson
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from graph.simulator.app import create_simulator
from graph.simulator.credentials import AccessTokens
from graph.simulator.events import PHONE
from graph.simulator.push import MessagePush
from graph.simulator.state import SimulatorState
from graph.simulator.users import DEFAULT_GROUP, DEFAULT_USER


@dataclass(frozen=True)
class WeChatSimulator:
    """The phone's side as plain calls, made over the socket; keywords are the fields of the JSON body.

    It acts in the first app; `app` gives another one, over the same socket and with the same users and clock.
    """

    base_url: str
    state: SimulatorState
    # The app in which its calls act. Without it, that is the first, and `fail` means every app.
    _app_id: str | None = None

    @property
    def app_id(self) -> str:
        return self._app_id or self.state.app_id

    @property
    def app_secret(self) -> str:
        return self.state.apps[self.app_id].app_secret

    @property
    def access_tokens(self) -> AccessTokens:
        """Those of the app: `expire_all()`, and the counters `force_requests` and `forced_refreshes`."""
        return self.state.apps[self.app_id].access_tokens

    @property
    def push(self) -> MessagePush:
        """Where and how the app's events are sent: set its `url`, and any of the other settings, to have them sent."""
        return self.state.apps[self.app_id].push

    def app(self, app_id: str, *, group: str | None = None) -> Self:
        """The same simulator, acting in the app of this AppID, which is made on first mention with a secret of its own.

        With a `group`, the app is held by this Open Platform account from now on.
        """
        app = self.state.apps.get(app_id)
        if app is None:
            app = self.state.add_app(app_id, self.state.fakes.derived("secret", app_id)[:16].hex())
        if group is not None:
            app.users.group = group
        return replace(self, _app_id=app_id)

    def login(self, user: str = DEFAULT_USER, **fields: object) -> str:
        return str(self.device("POST", "login", user=user, **fields)["code"])

    def user_info(self, user: str = DEFAULT_USER, **fields: object) -> dict[str, Any]:
        return self.device("POST", "user-info", user=user, **fields)

    def phone_number(self, user: str = DEFAULT_USER, **fields: object) -> dict[str, Any]:
        return self.device("POST", "phone-number", user=user, **fields)

    def check_session(self, user: str = DEFAULT_USER) -> bool:
        return bool(self.device("POST", "check-session", user=user)["errMsg"] == "checkSession:ok")

    def expire_session_key(self, user: str = DEFAULT_USER) -> None:
        self.device("POST", "expire-session-key", user=user)

    def bind_open_platform(self, group: str = DEFAULT_GROUP) -> None:
        self.device("POST", "bind-open-platform", group=group)

    def revoke(
        self, user: str = DEFAULT_USER, info: Sequence[int] = (PHONE,), **fields: object
    ) -> list[dict[str, Any]]:
        """Withdraws permissions; the deliveries of the event, as of the two that follow."""
        return self._deliveries("revoke", user=user, info=[*info], **fields)

    def close_account(self, user: str = DEFAULT_USER, **fields: object) -> list[dict[str, Any]]:
        return self._deliveries("close-account", user=user, **fields)

    def modified(self, user: str = DEFAULT_USER, **fields: object) -> list[dict[str, Any]]:
        return self._deliveries("modified", user=user, **fields)

    def choose_avatar(self, user: str = DEFAULT_USER, **fields: object) -> bytes:
        """The picture that the phone would keep as a temporary file: a PNG. Needs Pillow."""
        path = str(self.device("POST", "choose-avatar", user=user, **fields)["avatarUrl"])
        status, body = self._request("GET", path)
        if status != http.client.OK:
            raise ValueError(body.decode())
        return body

    def picture_verdict(self, user: str = DEFAULT_USER, **fields: object) -> list[dict[str, Any]]:
        """Decides about the user's last picture that WeChat was asked about, or one of a `traceId`; as `revoke`.

        Where WeChat is not to decide by itself first, `push.check_delay` must be long.
        """
        return self._deliveries("picture-verdict", user=user, **fields)

    def picture_checks(self) -> list[dict[str, Any]]:
        """Those of the app, the oldest first: user, traceId, and the verdict once its event is sent."""
        checks: list[dict[str, Any]] = self.device("GET", "picture-checks")["checks"]
        return [check for check in checks if check["app"] == self.app_id]

    def release_events(self) -> list[dict[str, Any]]:
        """Sends the events of the app that were made with `hold=True`."""
        return self._deliveries("release-events")

    def fail(self, kind: str, **fields: object) -> None:
        self.device("POST", "faults", kind=kind, **fields)

    def heal(self) -> None:
        self.device("DELETE", "faults")

    def advance(self, seconds: float) -> None:
        self.state.advance(seconds)

    def expire_access_tokens(self) -> None:
        self.device("POST", "expire-access-tokens")

    def block(self, user: str = DEFAULT_USER, *, blocked: bool = True) -> None:
        self.device("POST", "block", user=user, blocked=blocked)

    def calls(self, after: int = 0) -> list[dict[str, Any]]:
        """What the server and WeChat have sent each other since the call of this number, without secrets."""
        calls: list[dict[str, Any]] = self.device("GET", "calls", after=after)["calls"]
        return calls

    def device(self, method: str, action: str, **fields: object) -> dict[str, Any]:
        """One request to `/device/{action}`. Raises ValueError with the simulator's sentence if it is refused."""
        if method == "POST" and self._app_id is not None:
            fields = {"app": self._app_id} | fields
        status, body = self._request(method, f"/device/{action}", orjson.dumps(fields) if fields else None)
        result: dict[str, Any] = orjson.loads(body)
        if status != http.client.OK:
            raise ValueError(result["errMsg"])
        return result

    def _request(self, method: str, path: str, content: bytes | None = None) -> tuple[int, bytes]:
        with closing(http.client.HTTPConnection(self.base_url.removeprefix("http://"), timeout=30)) as connection:
            connection.request(method, path, content)
            response = connection.getresponse()
            return response.status, response.read()

    def _deliveries(self, action: str, **fields: object) -> list[dict[str, Any]]:
        deliveries: list[dict[str, Any]] = self.device("POST", action, **fields)["deliveries"]
        return deliveries


class _SilentHttp(H11Protocol):
    """Without access log: WeChat's protocol puts the AppSecret and the code into the request line.

    uvicorn's own switch would silence every other uvicorn of the process as well, and pytest's capture undoes it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.access_log = False


@contextmanager
def serve(state: SimulatorState) -> Iterator[WeChatSimulator]:
    """The simulator on a free loopback port until the block ends; for fixtures of another scope."""
    with listening(create_simulator(state)) as base_url:
        try:
            yield WeChatSimulator(base_url, state)
        finally:
            state.faults.clear()


def run_with_tls(app: ASGIApp, listeners: Sequence[socket.socket], tls: ssl.SSLContext) -> None:
    """Serves until a signal, and then raises it once more for the handler that was there before.

    By uvicorn's own protocol: that of `graph.server` half-closes connections, which TLS cannot.
    """
    uvicorn.Server(_config(app, ssl_context_factory=lambda *_: tls)).run(sockets=[*listeners])


@contextmanager
def listening(app: ASGIApp) -> Iterator[str]:
    """Serves the application on a free loopback port until the block ends, and yields its base URL."""
    server = uvicorn.Server(_config(app))
    # Listening before the thread starts: a request made at once waits in the backlog, nothing is polled.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # Connections inherit it. asyncio sets it only where a socket names its protocol, and without it the body of
        # each first response waits 40 ms until the client has acknowledged the head.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        thread = threading.Thread(target=server.run, args=([listener],), name="wechat-simulator", daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def _config(app: ASGIApp, **more: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_SilentHttp,
        loop="asyncio",
        lifespan="off",
        ws="none",
        log_config=None,
        timeout_graceful_shutdown=1,
        **more,
    )

"""The mini-programs that the server serves, and which of them a request means."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from pydantic import SecretStr

from graph.wechat.errors import AppIdMalformed, AppUnknown

APP_ID_PATTERN: Final = "wx[0-9a-f]{16}"
_APP_ID: Final = re.compile(APP_ID_PATTERN).fullmatch
# WeChat sets it on every request of a mini-program, which cannot change it. Versions are numbers, or `devtools`;
# Developer Tools that run without an AppID call it `touristappid`.
_REFERER: Final = re.compile(
    rf"https://servicewechat\.com/({APP_ID_PATTERN}|touristappid)/([^/]{{1,16}})/page-frame\.html"
).fullmatch


@dataclass(frozen=True, slots=True)
class PushKeys:
    """By what a message that WeChat pushes is known, and opened: the token and the EncodingAESKey of its console."""

    token: SecretStr = field(repr=False)
    aes_key: SecretStr = field(repr=False)


@dataclass(frozen=True, slots=True)
class MiniProgram:
    """A mini-program and what proves to WeChat that the server is its own. `name` is the operators'.

    Without `push` it takes no events.
    """

    app_id: str
    app_secret: SecretStr = field(repr=False)
    name: str = ""
    push: PushKeys | None = None


class RequestedApp(NamedTuple):
    """The mini-program that a request is for; and the AppID in its Referer, if that is not one that is served."""

    app: MiniProgram
    foreign_id: str | None = None


class MiniPrograms:
    """Those that are served, at least one, in the order of the settings; the first is the default.

    With `names_them` a refusal lists the AppIDs.
    """

    def __init__(self, apps: Sequence[MiniProgram], *, names_them: bool = False) -> None:
        self._by_id = {app.app_id: app for app in apps}
        self.first = apps[0]
        self._names_them = names_them

    def __iter__(self) -> Iterator[MiniProgram]:
        return iter(self._by_id.values())

    def get(self, app_id: str) -> MiniProgram | None:
        return self._by_id.get(app_id)

    def requested(self, app_id: str | None, referer: str | None) -> RequestedApp:
        """The one that a request names, else the one that its Referer names, else the first.

        WeChat proves the choice: the code of one mini-program is of no use with the secret of another. With one alone,
        a foreign Referer is let pass, for it may be a plugin's. Raises `AppIdMalformed`, `AppUnknown`.
        """
        if app_id is not None:
            if not _APP_ID(app_id):
                raise AppIdMalformed
            return RequestedApp(self.served(app_id))
        named = named_by_referer(referer)
        if named is None or named[0] == "touristappid":
            return RequestedApp(self.first)
        if len(self._by_id) == 1:
            return RequestedApp(self.first, None if named[0] == self.first.app_id else named[0])
        return RequestedApp(self.served(named[0]))

    def served(self, app_id: str) -> MiniProgram:
        """The one of this AppID. Raises `AppUnknown`."""
        app = self._by_id.get(app_id)
        if app is None:
            raise AppUnknown([*self._by_id] if self._names_them else [])
        return app


def named_by_referer(referer: str | None) -> tuple[str, str] | None:
    """The AppID and the version of a mini-program in the Referer that WeChat gives its requests."""
    match = _REFERER(referer) if referer else None
    return (match[1], match[2]) if match else None

"""What a resolver finds in `info.context`."""

from collections.abc import Callable
from dataclasses import dataclass, field

import strawberry

from graph.accounts.deletion import Deletions
from graph.accounts.export import Exports
from graph.accounts.login import Logins
from graph.accounts.masked_phone import MaskedPhones
from graph.accounts.phone import Phones
from graph.accounts.pictures import Pictures
from graph.accounts.profile import Profiles
from graph.accounts.profile_update import ProfileUpdates
from graph.accounts.session_key_check import SessionKeyCheck
from graph.accounts.session_list import SessionList
from graph.accounts.sessions import Sessions
from graph.security.events import Client
from graph.wechat.mini_programs import MiniPrograms
from models.devices import Device


@dataclass(frozen=True, slots=True)
class Services:
    """The opened parts that resolvers use."""

    apps: MiniPrograms
    logins: Logins
    profiles: Profiles
    profile_updates: ProfileUpdates
    pictures: Pictures
    sessions: Sessions
    session_list: SessionList
    session_key_check: SessionKeyCheck
    phones: Phones
    masked_phones: MaskedPhones
    deletions: Deletions
    exports: Exports


@dataclass(slots=True)
class Context:
    """One request. Not frozen, because that costs time."""

    services: Services
    # The text behind `Authorization: Bearer`; "" when the header has another form, None when it is absent or empty.
    token: str | None = field(repr=False)
    client: Callable[[], Client] = field(repr=False)
    # Which mini-program the request names, in a header and in its Referer.
    named_app: Callable[[], tuple[str | None, str | None]] = field(repr=False)
    device: Callable[[], Device] = field(repr=False)


Info = strawberry.Info[Context, None]

"""The opened parts that a request may use."""

from dataclasses import dataclass

from graph.accounts.login import Logins
from graph.accounts.profile import Profiles
from graph.accounts.sessions import Sessions


@dataclass(frozen=True, slots=True)
class Services:
    """Made once by `app.create_app`, closed by its lifespan."""

    sessions: Sessions
    logins: Logins
    profiles: Profiles

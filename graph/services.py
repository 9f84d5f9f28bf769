"""The opened parts that a request may use."""

from dataclasses import dataclass

from graph.accounts.keys import KeyCheck
from graph.accounts.login import Logins
from graph.accounts.profile import Profiles
from graph.accounts.sessions import Sessions
from models.database import Database


@dataclass(frozen=True, slots=True)
class Services:
    """Made once by `app.create_app`, closed by its lifespan."""

    database: Database
    key_check: KeyCheck
    sessions: Sessions
    logins: Logins
    profiles: Profiles

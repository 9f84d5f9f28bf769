"""What can go wrong with the database, in a few words.

DatabaseError
├─ DatabaseUnavailable   not reachable, locked, full, too slow: the same request may succeed later
│  ├─ ConnectionLost     the connection broke, or is of no use any more; the statement's outcome is unknown
│  ├─ StatementTimeout   sent, and not answered in time; the statement's outcome is unknown
│  └─ Conflict           undone because of what another transaction did at the same moment
├─ DatabaseBehind        reachable, but its tables are not those of this version: run `wxgate migrate`
└─ UnsupportedDatabase   the URL or the installation cannot work: change it

The text of a driver's error may name hosts, users or values, so only its class name is kept.
"""


class DatabaseError(Exception):
    """Anything that the database did not do."""


class DatabaseUnavailable(DatabaseError):
    """The database did not respond, or responded that it cannot work now."""


class ConnectionLost(DatabaseUnavailable):
    """PostgreSQL, or what is in between, hung up in the middle of a statement, or takes no writes any more."""


class StatementTimeout(DatabaseUnavailable):
    """Sent over a connection that may be dead: a read may be sent again over another."""


class Conflict(DatabaseUnavailable):
    """Nothing is stored; the same transaction may be run again at once."""


class DatabaseBehind(DatabaseError):
    """The tables are older (or newer) than this version of the server."""


class UnsupportedDatabase(DatabaseError):
    """The database URL is not one that the server can use."""

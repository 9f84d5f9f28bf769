"""What can go wrong with the database, in a few words.

DatabaseError
├─ DatabaseUnavailable   not reachable, locked, full, too slow: the same request may succeed later
│  ├─ ConnectionLost     the connection broke, or is of no use any more; the statement's outcome is unknown
│  ├─ StatementTimeout   sent, and not answered in time; the statement's outcome is unknown
│  ├─ Conflict           undone because of what another transaction did at the same moment
│  └─ RightMissing       the database's role may not do it: grant it the right
├─ DatabaseBehind        reachable, but its tables are not those of this version: run `wxgate migrate`
│  └─ DatabaseAhead      migrated by a later version
└─ UnsupportedDatabase   the URL, the database or the installation cannot work: change it

The text of a driver's error may name hosts, users or values, so only its class name is kept.
"""


class DatabaseError(Exception):
    """Anything that the database did not do."""


class DatabaseUnavailable(DatabaseError):
    """The database did not respond, or responded that it cannot work now."""


class ConnectionLost(DatabaseUnavailable):
    """PostgreSQL, or what is in between, hung up in the middle of a statement, or takes no writes any more.

    Or SQLite has read a damaged page, which it keeps for as long as the file is open.
    """


class StatementTimeout(DatabaseUnavailable):
    """Sent over a connection that may be dead: a read may be sent again over another."""


class Conflict(DatabaseUnavailable):
    """Nothing is stored; the same transaction may be run again at once."""


class RightMissing(DatabaseUnavailable):
    """PostgreSQL refused what the role has no privilege for (SQLSTATE 42501)."""


class DatabaseBehind(DatabaseError):
    """The tables are older (or newer) than this version of the server."""


class DatabaseAhead(DatabaseBehind):
    """The database has a migration that this version does not know."""


class UnsupportedDatabase(DatabaseError):
    """The database URL, or the database that it names, is not one that the server can use."""

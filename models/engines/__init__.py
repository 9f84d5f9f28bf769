"""Tortoise's database clients with the corrections that a long-running server needs.

Tortoise loads the module that a connection's `engine` names, and picks its migration dialect by finding "sqlite" or
"asyncpg" in that name. `sqlite_units.py` is a part of `sqlite.py`.
"""

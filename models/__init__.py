"""Every table of the server and the statements that read and write them; nothing of what is decided with them.

- `user.py`, `account.py`, `session.py`, `encryption_key.py`, `lease.py`: one table each, as a Tortoise model.
- `sign_in.py`, `lookup.py`, `profile.py`: the statements that requests run; `keys.py`: those that operators run;
  `sweep.py`: those that clear up.
- `database.py`: one open database; `url.py`: what its URL may say; `engines/`: Tortoise's SQLite and asyncpg clients,
  made safe for a server.
- `schema.py` and `migrations/`: how tables come to be; `errors.py`: what can go wrong.

All times are UTC epoch milliseconds in BIGINT columns, so that SQLite and PostgreSQL run the same SQL.
"""

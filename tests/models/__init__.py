"""What storage must do. Whatever uses `database` or `database_url` runs on SQLite and on PostgreSQL, word for word.

What only one of them does is in `test_sqlite*.py`, and in `test_postgres.py`, `test_tls.py` and `test_pgbouncer.py`.
"""

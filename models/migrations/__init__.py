"""How the tables came to be, step by step, as Tortoise's migrations.

On SQLite, altering or removing a column makes Tortoise rebuild the table, which deletes rows that refer to it. A
migration therefore only adds: models, nullable columns or columns with a database default, indexes, and plain SQL.
"""

"""Every table of the server and the statements that read and write them; nothing of what is decided with them.

- `users.py`, `accounts.py`, `sessions.py`, `unionids.py`, `phones.py`, `phone_owners.py`, `merge_proposals.py`,
  `uploads.py`, `pictures.py`, `text_checks.py`, `files_to_delete.py`, `deleted_users.py`, `audit_log.py`, `events.py`,
  `encryption_keys.py`, `leases.py`: a table each, as a Tortoise model, with all that is read from it and written to it;
  `session_macs.py`: what a change of keys or users does to sessions; `session_list.py`: what their users do to them;
  `devices.py`: what they know of a device; `profiles.py`: where the parts of a profile came from.
- `logins.py`, `merging.py`, `deletion.py`, `exports.py`, `profile_updates.py`, `picture_verdicts.py`,
  `text_verdicts.py`, `withdrawals.py`, `picture_urls.py`: the transactions that write several tables; `retention.py`:
  pages of rows that are old enough to go.
- `database.py`: one open database; `url.py`: what its URL may hold; `postgres.py` and `sqlite.py`: Tortoise's asyncpg
  and SQLite clients, made safe for a server; `transaction_batcher.py`: transactions on SQLite; `clock.py`: whether the
  database's clock is this process's.
- `migrate.py` and `migrations/`: how tables come to be; `errors.py`: what can go wrong.

Statements are QuerySets but where one was measured to be too dear, and portable: each writes one table, with no
data-modifying WITH, no FOR UPDATE and no dialect. All times are UTC epoch milliseconds in BIGINT columns.
"""

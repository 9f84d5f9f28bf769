"""The whole server under every fault that production has; the tests of a part under its own faults are with the part.

- WeChat slow, hung, hanging up, absent, talking rubbish: `test_wechat_away.py`; its error codes: `tests/accounts/`.
- PostgreSQL away at the start or later: `test_database_away.py`; restarted or frozen: `test_database_restart.py`;
  replaced by its standby: `test_failover.py`; without a connection left: `test_database_busy.py`.
- A disk that is full or read-only, under either database: `test_disk.py`. A locked SQLite file: `test_locked_file.py`.
- A database that answers and is of no use: read-only, damaged, its tables or its file gone:
  `test_database_useless.py`; of another version or encoding, or without rights to migrate it:
  `test_database_unfit.py`.
- More connections than file descriptors: `test_descriptors.py`. Workers that hang or die: `tests/cli/test_workers.py`.
- Requests that are cancelled: `test_cancellation.py`; several processes: `test_many_processes.py`; an error at the
  start: `test_startup.py`; a wrong clock: `test_clock.py`. To be stopped is no fault: `tests/cli/test_serve.py`.

`proxy.py` is the network, `postgres_server.py` a PostgreSQL to mishandle, `disk.py` a disk, `recovery.py` what must be
true during a fault and after it.
"""

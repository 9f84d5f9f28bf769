"""How fast the server is, beside what the stack could do without GraphQL and beside its rivals on Node.

- `__main__.py`: the command; `plan.py`: what a run of it measures; `rounds.py`: who is measured when, and the median.
- `kept_databases.py` and `seed.py`: the databases, kept from run to run, and who has signed in there.
- `servers.py` starts whoever is compared: wxgate, `natural.py` (h, the hand-written limit), the peers in `node/`; and
  `wechat.py`, a WeChat that answers as fast as it is told to.
- `traffic.py`: the requests; `script.py` and `load.py`: wrk, which sends them, and what the server used meanwhile.
- `hanging.py` (with `patient.py`), `soak.py`, `start.py`: a WeChat that hangs, memory over many requests, the time
  until the first answer.
- `figures.py` and `table.py`: what was measured, and how it is printed.
"""

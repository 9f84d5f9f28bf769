"""How many requests a second one process answers, beside what the stack could do without GraphQL.

`seed.py` fills a database, `natural.py` is h, the hand-written limit, `servers.py` starts whoever is compared,
`load.py` drives `wrk` and reads the processes' CPU; `__main__.py` is the command.
"""

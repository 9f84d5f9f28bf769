"""Hostile clients against a real server process.

`target.py` is the server, `shots.py` a request with the answer that it must get; `heads.py`, `bodies.py`,
`documents.py`, `methods.py` and `uploads.py` are tables of them, `slowness.py` has the slow and `leaving.py` those who
leave. The tests fire each of them, then all of them again and again, and look at what is left of the server.
"""

"""How fast the server is, beside h, the fastest `me` that can be written by hand on its stack, and rivals on Node.

- `__main__.py`: the command; `measurements.py`: what it measures; `results.py`: figures, ratios and the table.
- `servers.py` starts what is compared: wxgate, `handwritten.py` (h), the peers in `node/`, and `wechat.py`.
- `databases.py`: seeded databases; `requests.py`: what is sent; `wrk.py` and `logins.py`: the load.
"""

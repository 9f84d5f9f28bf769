"""HTTP endpoints and what surrounds them.

`graphql.py` with `request.py` and `responses.py`, `health.py`, `explorer_page.py` with `explorer/`; around all of them
`middleware.py` with `access_log.py` and `client_address.py`.
"""

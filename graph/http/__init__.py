"""What HTTP sees.

`graphql.py` is the endpoint; `decoding.py`, `guards.py` and `negotiation.py` are its strictness, `protocol.py` that of
connections; `health.py` has the probes, `graphiql.py` the explorer, whose files `precompressed.py` serves;
`answers.py` is the one shape of every error and `middleware.py` what surrounds each request.
"""

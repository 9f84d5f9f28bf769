"""What HTTP sees.

`graphql.py` is the endpoint; `head.py`, `decoding.py`, `guards.py` and `negotiation.py` are its strictness,
`deadlines.py` its patience, `client_address.py` and `cors.py` know who asks; `answers.py` is the one shape of every
error and `middleware.py` what surrounds each request, whose `facts.py` go to `request_log.py` and other observers.
`protocol.py` is the strictness of connections, `lingering.py` and `outbox.py` how answers leave, `closing.py` how a
port is closed; `whole.py` is a shorter way for requests that arrive whole. `health.py` has the probes, `graphiql.py`
the explorer, whose files `precompressed.py` serves.
"""

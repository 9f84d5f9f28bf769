"""What HTTP sees: `graphql.py` is the endpoint, `decoding.py` and `negotiation.py` its strictness, `health.py` the
probes, `answers.py` the one shape of every error, `middleware.py` what surrounds each request.
"""

"""What a client can say, and what it hears.

`queries.py` and `mutations.py` hold the operations, `types.py` their answers, `errors.py` every code that can come
back; `context.py` is what a resolver finds in `info.context`, `build.py` puts the schema together and `execution.py`
runs one request against it, within `limits.py`, perhaps with a document out of `trusted.py`.
"""

"""The GraphQL schema.

`queries.py` and `mutations.py` hold the operations, `types.py` what they return, `errors.py` the code of every
exception, `context.py` what a resolver finds in `info.context`; `build.py` builds the schema.
"""

"""What a client can say, and what it hears.

`queries.py` and `mutations.py` hold the operations, `types.py` their answers, `errors.py` every code that can come
back; `context.py` is what a resolver finds in `info.context`, `build.py` puts the schema together. A request's
document comes from `documents.py`, within `limits.py`, perhaps out of `trusted.py`, is kept ready by
`kept_documents.py` and run by `execution.py`; `plan.py`, with `completion.py`, is a faster
way to the same answer.
"""

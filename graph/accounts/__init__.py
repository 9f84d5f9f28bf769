"""What the server does for a user, one use case a file.

`code_exchange.py` asks WeChat whose a `wx.login` code is, `login.py` makes a user and a session token of it,
`sessions.py` knows who holds a token, `session_list.py` shows users their sessions and ends them, `profile.py` takes
signed and encrypted user info, `session_key_check.py` asks WeChat whether the session_key is still good,
`reauthentication.py` has users show that they are there before `deletion.py` deletes them or `export.py` gives them all
that is kept of them, `forced_refreshes.py` decides which replica may force a new access token, `phone_encryption.py`
seals phone numbers, `merging.py` makes one user of two, `encryption_keys.py` keeps the encryption keys and the database
in step, `key_rotation.py` seals all with the current one, `jobs.py` runs in the background what replicas do together,
`cleanup.py` removes what is kept for a time only.
"""

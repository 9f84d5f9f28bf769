"""What the server does for a user, one use case a file.

`login.py` turns a `wx.login` code into a session, `sessions.py` knows who holds a token, `session_list.py` shows users
their sessions and ends them, `profile.py` takes signed and encrypted user info, `session_key_check.py` asks WeChat
whether the session_key is still good, `forced_refreshes.py` decides which replica may force a new access token,
`phone_encryption.py` seals phone numbers, `merging.py` makes one user of two, `encryption_keys.py` keeps the encryption
keys and the database in step, `key_rotation.py` seals all with the current one, `jobs.py` runs in the background what
replicas do together, `cleanup.py` removes what is kept for a time only, `event_inbox.py` keeps what WeChat pushes, and
`events.py` applies it.
"""

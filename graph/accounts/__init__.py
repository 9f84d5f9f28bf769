"""What the server does for a user, one use case a file.

`login.py` turns a `wx.login` code into a session, `sessions.py` knows who holds a token, `profile.py` takes signed and
encrypted user info, `encryption_keys.py` keeps the encryption keys and the database in step, `session_cleanup.py`
removes sessions that have ended, `merging.py` makes one user of two.
"""

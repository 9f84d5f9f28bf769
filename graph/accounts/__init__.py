"""What the server does for a user, one use case a file.

- `login.py` turns a code of wx.login into a session, by `code_exchange.py`, which makes one call to WeChat of it;
  `sessions.py` knows who holds a token, `session_list.py` shows users their sessions and ends them.
- `profile.py` takes signed and encrypted user info, `phone.py` phone numbers, which `phone_encryption.py` seals and
  `masked_phone.py` shows; `session_keys.py` finds the session_key that a submission was made with,
  `session_key_check.py` asks WeChat whether the newest is still good.
- `profile_update.py` takes what users type, after `requested_change.py` has looked at it, and `uploads.py` the pictures
  that they upload, which `pictures.py` shows; `text_check.py` and `picture_check.py` have WeChat check both, with
  `content_checks.py` in common; `picture_files.py` deletes files, and `content_backlog.py` counts what waits.
- `deletion.py` and `export.py` are what users may do with all that is kept of them, after `reauthentication.py`;
  `event_inbox.py` keeps what WeChat pushes, `events.py` applies it.
- `merging.py` makes one user of two. `encryption_keys.py` keeps the encryption keys and the database in step,
  `key_rotation.py` seals all with the current one, `forced_refreshes.py` decides which replica may force a new access
  token, `jobs.py` runs in the background what replicas do together, `cleanup.py` removes what is kept for a time only,
  `progress.py` logs how far long work is; `errors.py` is the family of what is refused.
"""

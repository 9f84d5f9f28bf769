"""WeChat's server API and WeChat's cryptography, and nothing of ours.

client.py           the calls, under WeChat's own names
mini_programs.py    those that are served, which one a request means, and the keys of their message push
attempts.py         a call on the wire: one deadline, one careful retry
access_tokens.py    the token that most calls carry: kept, and renewed when it is refused
circuit_breaker.py  no calls to a WeChat that fails or has said stop, but for a probe
transport.py        the connections, and the reasons that may be logged when they fail
responses.py        WeChat's responses: bytes in, what was asked or one of `errors` out
crypto.py           signatures, AES-128-CBC, and a submission of wx.getUserInfo opened under every check
user_info.py        what opened user info must be: strict JSON, shapes, watermark, agreement with the signed rawData
phone_number.py     a phone number in either form, and what is strict about it
content_check.py    what WeChat finds of a text, at once, or of a picture, by an event
push.py             what WeChat pushes: signatures, AES-256-CBC, the few fields that count
errors.py           what goes wrong, as four trees
"""

"""WeChat's server API and WeChat's cryptography, and nothing of ours.

client.py           the calls, under WeChat's own names: one deadline, one careful retry
circuit_breaker.py  no calls to a WeChat that fails or has said stop, but for a probe; and so many at once
transport.py        the connections, and the reasons that may be logged when they fail
responses.py        WeChat's responses: bytes in, an object or one of `errors` out
crypto.py           signatures, AES-128-CBC, and a submission of wx.getUserInfo opened under every check
user_info.py        what opened user info must be: shapes, watermark, agreement with the signed rawData
strict_json.py      JSON with one meaning only
types.py            what comes out: frozen, and unprintable where it is private
errors.py           what goes wrong, as two trees
"""

"""WeChat's server API and WeChat's cryptography, and nothing of ours.

client.py       the calls, under WeChat's own names: one pool, one deadline, one careful retry
breaker.py      no calls to a WeChat that does not answer, but for a probe now and then
bulkhead.py     so many calls at once, and no more
wire.py         the sockets, and what may be told of them when they fail
connection.py   one of them: a request in, a whole answer out
answers.py      WeChat's answers: bytes in, an object or one of `errors` out
crypto.py       signatures, AES-128-CBC, and a submission of wx.getUserInfo opened under every check
profile.py      what the opened profile must be: shapes, watermark, agreement with the signed rawData
strict_json.py  JSON with one meaning only
types.py        what comes out: frozen, and unprintable where it is private
errors.py       what goes wrong, as two trees
"""

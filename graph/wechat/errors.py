"""Everything that can go wrong between WeChat and us, as two trees.

    WeChatError                 a call to WeChat did not give what was asked
    ├── WeChatUnavailable       no usable answer: network, time, HTTP status, body, errcode -1
    ├── CircuitOpen          not even asked, because it does not answer, or too slowly: nothing is spent
    ├── WeChatRateLimited       too many calls: 45011 (this minute), 45009 (today)
    ├── LoginCodeInvalid        40029, 41008: wx.login must be called again
    ├── LoginCodeUsed           40163: the same, and probably a double submit
    ├── UserBlocked             40226: WeChat refuses this person
    └── WeChatMisconfigured     any other errcode: an alarm for operators, never retried

    SubmissionError             what a mini-program submitted cannot be believed
    ├── MalformedSubmission     decided before any key is used
    ├── SignatureMismatch       rawData was not signed with this session_key
    ├── DecryptFailed           one outward error for everything after the signature
    └── WatermarkOutOfRange     genuine, but too old or from the future

No message here ever holds a body, a URL, a code, a key or a person's data, so `str()` and `repr()` are safe to log.
"""

from typing import ClassVar


class WeChatError(Exception):
    """`rid` is WeChat's request id: its support asks for it, and it says nothing about a person."""

    summary: ClassVar[str] = "WeChat refused the call"

    def __init__(self, *, errcode: int | None = None, rid: str | None = None, http_status: int | None = None) -> None:
        super().__init__(self.summary)
        self.errcode = errcode
        self.rid = rid
        self.http_status = http_status

    def __str__(self) -> str:
        facts = {"errcode": self.errcode, "rid": self.rid}
        known = ", ".join(f"{name} {value}" for name, value in facts.items() if value is not None)
        return f"{self.summary} ({known})" if known else self.summary


class WeChatUnavailable(WeChatError):
    """`reason` is a short fixed phrase ("timeout", "empty body", "http 502"); `http_status` is None if none arrived."""

    summary = "WeChat is unavailable"

    def __init__(
        self, reason: str, *, errcode: int | None = None, rid: str | None = None, http_status: int | None = None
    ) -> None:
        super().__init__(errcode=errcode, rid=rid, http_status=http_status)
        self.reason = reason

    def __str__(self) -> str:
        return f"{super().__str__()}: {self.reason}"


class CircuitOpen(WeChatError):
    """The call was not made, so a login code is as good as before. `reason` as above; `retry_after` is in seconds."""

    summary = "WeChat was not asked"

    def __init__(self, reason: str, *, retry_after: float) -> None:
        super().__init__()
        self.reason = reason
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{super().__str__()}: {self.reason}"


class WeChatRateLimited(WeChatError):
    """`retry_after` is in seconds."""

    summary = "WeChat limits the rate of calls"

    def __init__(
        self,
        *,
        retry_after: int = 60,
        errcode: int | None = None,
        rid: str | None = None,
        http_status: int | None = None,
    ) -> None:
        super().__init__(errcode=errcode, rid=rid, http_status=http_status)
        self.retry_after = retry_after


class LoginCodeInvalid(WeChatError):
    """Expired, of another app, of another kind (a phone code), or nothing that can be a code; then errcode is None."""

    summary = "The login code is not valid"


class LoginCodeUsed(WeChatError):
    """The code is spent: by a double submit, or by a first try of ours whose answer was lost."""

    summary = "The login code has been used"


class UserBlocked(WeChatError):
    """WeChat holds this person for high-risk; only they can settle it, with WeChat."""

    summary = "WeChat blocks this user"


class WeChatMisconfigured(WeChatError):
    """Wrong app id or secret, IP not allowed, frozen account, unknown errcode: no user can mend it."""

    summary = "WeChat rejects this server's configuration"


class SubmissionError(Exception):
    """What a mini-program submitted cannot be believed."""


class MalformedSubmission(SubmissionError):
    """`field` is the client's name of the argument; `str()` is a sentence that may be shown to the client."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


class SignatureMismatch(SubmissionError):
    """Usually a session_key older or newer than the data; `hint`, safe to show, names a likelier cause, if any."""

    def __init__(self, hint: str | None = None) -> None:
        super().__init__("The signature does not match rawData." + (f" {hint}" if hint else ""))
        self.hint = hint


class DecryptFailed(SubmissionError):
    """Says one thing outwardly whatever failed, or it would be an oracle; `reason` is for logs only."""

    def __init__(self, reason: str) -> None:
        super().__init__("The encrypted data could not be opened.")
        self.reason = reason


class WatermarkOutOfRange(SubmissionError):
    """`reason` is "too old" or "in the future"."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The data is {reason}.")
        self.reason = reason

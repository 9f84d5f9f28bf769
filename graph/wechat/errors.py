"""Everything that can go wrong between WeChat and us, as four trees.

    WeChatError                 a call to WeChat did not give what was asked
    ├── WeChatUnavailable       no usable response: network, time, HTTP status, body, errcode -1
    │   └── PhoneNumberUnusable  the response has no phone number that can be used: the phone code is spent
    ├── CircuitOpen             not even asked, because it does not respond, or too slowly: the code is not spent
    ├── WeChatRateLimited       too many calls: 45011 (this minute), 45009 (today)
    ├── LoginCodeInvalid        40029, 41008: expired, of another app or another kind (a phone code)
    ├── LoginCodeUsed           40163: spent by a double submit, or by a first try of ours whose response was lost
    ├── UserBlocked             40226: a high-risk user, who alone can settle it with WeChat
    ├── PhoneCodeInvalid        40029, 40013, 40003 of a phone code: expired, used, of another user, app or kind
    ├── UserUnseen              61010, 40003, 43104 of a check: not in the mini-program lately, or unknown to it
    ├── ContentRisky            87014: not fit to be shown, as older versions of a check put it
    ├── AccessTokenRefused      40001, 40014, 42001 of a call with an access token: repeated once with another
    ├── SessionKeyInvalid       87009, 40003: WeChat has another session_key for the user by now, or no such user
    └── WeChatMisconfigured     any other errcode (app id, secret, IP, frozen account): an alarm, never retried

    SubmissionError             what a mini-program submitted cannot be believed
    ├── MalformedSubmission     decided before any key is used
    ├── DecryptFailed           one outward error for everything after the signature
    └── WatermarkOutOfRange     genuine, but too old or from the future

    MiniProgramError            which mini-program a request means
    ├── AppIdMalformed          what names it is no AppID, or several
    └── AppUnknown              none that this server serves

    PushRefused                 what claims to be pushed by WeChat, and is not

No message here ever holds a body, a URL, a code, a key or a user's data, so `str()` and `repr()` are safe to log.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal


class WeChatError(Exception):
    """`rid` is WeChat's request id: its support asks for it, and it names no user. `http_status` is None if none came.

    `reason` is a short fixed phrase, safe to show. `refused_ip` is the server's own address as WeChat sees it (40164).
    `retry_after`, in seconds, is given where time mends it, or where others failed so and the call was not made.
    `is_of_retry` after a first try of ours that had no usable response.
    """

    summary: ClassVar[str] = "WeChat refused the call"
    is_of_retry: bool = False

    def __init__(
        self,
        reason: str | None = None,
        *,
        errcode: int | None = None,
        rid: str | None = None,
        http_status: int | None = None,
        refused_ip: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(self.summary)
        self.reason = reason
        self.errcode = errcode
        self.rid = rid
        self.http_status = http_status
        self.refused_ip = refused_ip
        self.retry_after = retry_after

    @property
    def outcome(self) -> str:
        """For metrics and traces: WeChat's errcode, or what prevented a response."""
        return str(self.errcode or self.reason)

    def __str__(self) -> str:
        facts = {"errcode": self.errcode, "rid": self.rid, "refused IP": self.refused_ip}
        known = ", ".join(f"{name} {value}" for name, value in facts.items() if value is not None)
        message = f"{self.summary} ({known})" if known else self.summary
        return f"{message}: {self.reason}" if self.reason else message


class WeChatUnavailable(WeChatError):
    """`code_may_be_spent` after a login code was sent: a second try with it may be refused."""

    summary = "WeChat is unavailable"
    reason: str
    code_may_be_spent: bool = False


class PhoneNumberUnusable(WeChatUnavailable):
    """The phone code is spent."""

    summary = "WeChat's response holds no phone number that can be used"


class CircuitOpen(WeChatError):
    summary = "WeChat was not asked"
    reason: str
    retry_after: float


class WeChatRateLimited(WeChatError):
    summary = "WeChat limits the rate of calls"


class LoginCodeInvalid(WeChatError):
    """`errcode` is None for what cannot be a code at all; `reason` is given where no other code will do better.

    `hint`, a sentence that may be shown, names a likely cause that is not the code's.
    """

    summary = "The login code is not valid"
    hint: str | None = None


class LoginCodeUsed(WeChatError):
    summary = "The login code has been used"


class UserBlocked(WeChatError):
    summary = "WeChat blocks this user"


class PhoneCodeInvalid(WeChatError):
    """`hint` as in `LoginCodeInvalid`."""

    summary = "The phone code is not valid"
    hint: str | None = None


class UserUnseen(WeChatError):
    """WeChat checks only what users show who were in the mini-program within two hours."""

    summary = "WeChat has not seen the user lately"


class ContentRisky(WeChatError):
    """Stays within the client."""

    summary = "The content is not fit to be shown"


class AccessTokenRefused(WeChatError):
    """Stays within the client."""

    summary = "WeChat refuses the access token"


class SessionKeyInvalid(WeChatError):
    """Stays within the client."""

    summary = "The session_key is not valid"


class WeChatMisconfigured(WeChatError):
    summary = "WeChat rejects this server's configuration"


class SubmissionError(Exception): ...


class MalformedSubmission(SubmissionError):
    """`str()` is a sentence that may be shown to the client; it begins with the client's name of the argument."""

    def __init__(self, field: str, fault: str) -> None:
        super().__init__(f"{field} {fault}")


class DecryptFailed(SubmissionError):
    """Its message is one whatever failed, or it would be an oracle; `reason` is for logs only."""

    def __init__(self, reason: str) -> None:
        super().__init__("The encrypted data could not be opened.")
        self.reason = reason


class WatermarkOutOfRange(SubmissionError):
    """`reason` is "too old" or "in the future"."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The data is {reason}.")
        self.reason = reason


class MiniProgramError(Exception): ...


class AppIdMalformed(MiniProgramError): ...


class AppUnknown(MiniProgramError):
    """`served` are the AppIDs that would be right, or none where clients are not to learn them."""

    def __init__(self, served: Sequence[str]) -> None:
        super().__init__("no such mini-program here")
        self.served = served


# What is wrong with a push: the parameters of its URL, its time, its signature; that it is not encrypted; what is
# around the message, its decryption, the AppID inside; or a message that was WeChat's and lacks something.
PushFault = Literal["request", "time", "signature", "plain", "body", "decryption", "app", "message"]


class PushRefused(Exception):
    """`reason` is for metrics only: the sender gets one answer whatever failed."""

    def __init__(self, reason: PushFault) -> None:
        super().__init__("This push is not WeChat's.")
        self.reason = reason

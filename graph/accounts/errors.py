"""What the server refuses to do for a user or an operator.

AccountError
├─ Unauthenticated    no token, or one that is malformed, unknown, expired or superseded
│  └─ NotBearer       a header that holds a token in another form than `Bearer <token>`, if any: a login changes nothing
├─ MalformedSessionId not the text of a session's public id
├─ SessionKeyStale    WeChat has replaced the session_key that signed the submission, or the server never saw it
├─ CodeWasted         the code is spent, but the database could not take what it was for: a new code can help
├─ NewCodeNeeded      the code does not serve, and the user, who is signed in, needs no more than another one
├─ CodeOfAnotherUser  the code shows another user to be there than the one who is signed in
├─ NotEnabled         the operators have not switched this on
├─ NumberInUse        another user has this phone number, and the operators let one user have it
├─ PhoneNotStored     the phone code is spent, but the database could not take the number: another tap can help
├─ TextRefused        WeChat finds a text not fit to be shown
├─ PictureRefused     the picture was found not fit to be shown, and is deleted
├─ UploadsBusy        as many pictures are being uploaded as there is room for: another try can help
├─ UploadNotFound     no upload of this user has this id: used, expired, or another user's
├─ ProfileInvalid     a value of a profile cannot be right; the message, safe to show, names the argument
├─ CodesTooFrequent   the code is spent, but its user did this too often: a new code helps after a while
├─ KeyRingMismatch    the encryption keys are not those that the database was written with
├─ KeyNotRetired      an encryption key cannot be retired: it still seals something, or was never in use
└─ NotMerged          two users cannot be merged: they are one, or one of them is not there

The messages of the last three name ids, never keys.
"""


class AccountError(Exception): ...


class Unauthenticated(AccountError): ...


class NotBearer(Unauthenticated): ...


class MalformedSessionId(AccountError): ...


class SessionKeyStale(AccountError):
    """`hint`, safe to show, names a likelier cause, if any; `reason` is for logs."""

    reason = "signature"

    def __init__(self, hint: str | None = None) -> None:
        super().__init__("no session_key signed this")
        self.hint = hint


class CodeWasted(AccountError): ...


class NewCodeNeeded(AccountError):
    """`cause` is what a login with the code would have raised."""

    def __init__(self, cause: Exception) -> None:
        super().__init__("needs a new code")
        self.cause = cause


class CodeOfAnotherUser(AccountError): ...


class CodesTooFrequent(AccountError):
    def __init__(self, retry_after_ms: int) -> None:
        super().__init__("too many codes of one user")
        self.retry_after_ms = retry_after_ms


class NotEnabled(AccountError):
    """`setting` is the variable that switches it on."""

    def __init__(self, *, setting: str) -> None:
        super().__init__(f"{setting} does not switch it on")
        self.setting = setting


class NumberInUse(AccountError): ...


class PhoneNotStored(AccountError): ...


class TextRefused(AccountError): ...


class PictureRefused(AccountError): ...


class UploadsBusy(AccountError): ...


class UploadNotFound(AccountError): ...


class ProfileInvalid(AccountError):
    """`str()` is a sentence that may be shown to the client; it begins with the client's name of the argument."""

    def __init__(self, argument: str, fault: str) -> None:
        super().__init__(f"{argument} {fault}")


class KeyRingMismatch(AccountError): ...


class KeyNotRetired(AccountError): ...


class NotMerged(AccountError): ...

"""A user's phone number: for the code of a tap WeChat gives it, to old base libraries it gives it encrypted."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from graph.wechat.crypto import EncryptedData
from graph.wechat.errors import DecryptFailed, MalformedSubmission
from graph.wechat.user_info import read_watermark, require_recent

# Without zeros in front, and within E.164's 15 digits: as they are dialled from abroad.
_COUNTRY_CODE: Final = re.compile("[1-9][0-9]{0,3}")
_DIGITS: Final = re.compile("[0-9]{4,15}")
_MOST_DIGITS: Final = 15
# Today's codes are 64 hexadecimal digits, which WeChat does not promise.
_CODE: Final = re.compile("[0-9A-Za-z_-]{16,128}")
# A hint to a refusal.
CODE_MAY_BE_SPENT: Final = "Perhaps it was spent by a response that was lost: have the user tap again."
_LOOKS_LIKE_LOGIN_CODE: Final = re.compile("0[0-9A-Za-z]{31}")
# A whole cipher block: all that the iv, which is not authenticated, decides about.
_FIRST_BLOCK: Final = b'{"phoneNumber":"'


@dataclass(frozen=True, slots=True, repr=False)
class PhoneNumber:
    """A number that WeChat has verified for a user of this mini-program.

    `text` is in the notation of E.164, at most 16 characters that begin with "+" and `country_code`; `watermark_at` is
    epoch seconds, the time of the tap.
    """

    text: str
    country_code: str
    app_id: str
    watermark_at: int


def require_code(code: str) -> None:
    """Raise MalformedSubmission for what cannot be the code of a tap."""
    if not _CODE.fullmatch(code):
        raise MalformedSubmission(field="code", fault="must be e.detail.code of the button.")


def looks_like_login_code(code: str) -> bool:
    """Whether it has the form that codes of wx.login have always had."""
    return _LOOKS_LIKE_LOGIN_CODE.fullmatch(code) is not None


def read_phone_number(data: Mapping[str, object], *, app_id: str) -> PhoneNumber:
    """The number in WeChat's object, the same in both ways. Raise DecryptFailed where anything about it is odd."""
    watermark_at = read_watermark(data, app_id=app_id)
    number, shown, code = data.get("purePhoneNumber"), data.get("phoneNumber"), data.get("countryCode")
    # Documented as text, and shown as a number.
    country_code = str(code) if isinstance(code, int) else code
    if not isinstance(country_code, str) or not _COUNTRY_CODE.fullmatch(country_code):
        raise DecryptFailed(reason="country code")
    if not isinstance(number, str) or not _DIGITS.fullmatch(number) or len(country_code + number) > _MOST_DIGITS:
        raise DecryptFailed(reason="phone number")
    # It has the country code in front where the number is foreign.
    if not isinstance(shown, str) or not shown.endswith(number):
        raise DecryptFailed(reason="phone number twice")
    return PhoneNumber(f"+{country_code}{number}", country_code, app_id, watermark_at)


def open_phone_number(
    encrypted: EncryptedData, session_key: SecretStr, *, app_id: str, now: float, max_age: float, max_ahead: float
) -> PhoneNumber | None:
    """The number in the data of an old base library's event; None when this session_key does not open them.

    Nothing is signed, so what opens is believed for its form: the first block, which the client could choose, must be
    what it always is, and what follows cannot be changed without making noise of a block, which no digits are. The
    number stands there twice; the second time between quotes, which no text that a user chooses has unescaped.
    Times as in `Submission.open`. Raise DecryptFailed, WatermarkOutOfRange.
    """
    try:
        plaintext, data = encrypted.decrypt(session_key)
    except DecryptFailed:
        return None
    if not plaintext.startswith(_FIRST_BLOCK):
        raise DecryptFailed(reason="first block")
    number = read_phone_number(data, app_id=app_id)
    require_recent(number.watermark_at, now=now, max_age=max_age, max_ahead=max_ahead)
    return number

"""Every fake value of the simulator, in the shape that WeChat gives it."""

import base64
import hashlib
import hmac
import random
import string
from random import SystemRandom

_ALPHANUMERIC = string.ascii_letters + string.digits
_TOKEN_ALPHABET = _ALPHANUMERIC + "-_"


class FakeValues:
    """Drawn values depend on the seed and on the order of drawing; derived ones on the seed and the name alone.

    Without a seed, values come from the operating system and cannot be predicted.
    """

    def __init__(self, seed: int | None) -> None:
        if seed is None:
            self._random: random.Random = SystemRandom()
            self._salt = self._random.randbytes(32)
        else:
            self._random = random.Random(seed)  # noqa: S311 - a test's values must repeat
            self._salt = f"wechat simulator, seed {seed}".encode()

    def code(self) -> str:
        """A wx.login code: 32 characters, the first always 0."""
        return "0" + self._text(_ALPHANUMERIC, 31)

    def phone_code(self) -> str:
        """A getPhoneNumber code: 64 hex digits, so the two kinds differ at sight."""
        return self._random.randbytes(32).hex()

    def session_key(self) -> str:
        """16 bytes as base64 text: signatures use the text, AES the bytes."""
        return base64.b64encode(self._random.randbytes(16)).decode()

    def iv(self) -> str:
        return base64.b64encode(self._random.randbytes(16)).decode()

    def access_token(self) -> str:
        """Two digits, an underscore and 133 characters; WeChat asks for room for 512."""
        return f"{self._random.randrange(10, 100)}_" + self._text(_TOKEN_ALPHABET, 133)

    def rid(self, now: float) -> str:
        """The request id at the end of an errmsg: its first eight digits are the Unix time."""
        return f"{int(now):08x}-{self._random.randbytes(4).hex()}-{self._random.randbytes(4).hex()}"

    def hint(self) -> str:
        """The bracketed mark that `/wxa` puts into its messages about codes."""
        return f"{self._text(_ALPHANUMERIC, 6)}-{self._text(_ALPHANUMERIC, 3)}"

    def openid(self, app_id: str, user: str) -> str:
        """28 characters beginning with o; the same after a restart, and another in every app."""
        return "o" + self._derived_text("openid", app_id, user)[:27]

    def unionid(self, user: str) -> str:
        """28 characters beginning with o; the same in every app, as within one Open Platform account."""
        return "o" + self._derived_text("unionid", user)[:27]

    def avatar_url(self, user: str) -> str:
        """An address in the form of WeChat's picture hosts; nothing answers there."""
        return f"https://thirdwx.qlogo.cn/mmopen/vi_32/{self._derived_text('avatar', user)}/132"

    def gender(self, user: str) -> int:
        """1 or 2."""
        return 1 + self._derived("gender", user)[0] % 2

    def phone_number(self, user: str) -> str:
        """Within 1380000xxxx, plainly fake; there are ten thousand, so two of many users may share one."""
        return f"1380000{int.from_bytes(self._derived('phone', user)[:4]) % 10_000:04d}"

    def _text(self, alphabet: str, length: int) -> str:
        return "".join(self._random.choices(alphabet, k=length))

    def _derived(self, *what: str) -> bytes:
        # Each part carries its length: ("a", "bc") and ("ab", "c") are different users.
        message = b"".join(len(part.encode()).to_bytes(4) + part.encode() for part in what)
        return hmac.digest(self._salt, message, hashlib.sha256)

    def _derived_text(self, *what: str) -> str:
        return base64.urlsafe_b64encode(self._derived(*what)).decode().rstrip("=")

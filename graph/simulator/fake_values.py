"""Made-up codes, keys, tokens and ids, in the shapes that WeChat gives them."""

import base64
import hmac
import random
import string

_ALPHANUMERIC = string.ascii_letters + string.digits


class FakeValues:
    """Every fake value, in the shape that WeChat gives it.

    Drawn values depend on the seed and on the order of drawing; derived ones on the seed and the name alone.
    Without a seed, values come from the operating system and cannot be predicted.
    """

    def __init__(self, seed: int | None) -> None:
        self._random = random.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311 - they must repeat
        self._salt = self._random.randbytes(32) if seed is None else f"wechat simulator, seed {seed}".encode()

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

    def request_iv(self) -> str:
        """16 hex digits, as of the keys for encrypted requests."""
        return self._random.randbytes(8).hex()

    def payment(self) -> str:
        """28 digits, as of a payment."""
        return self._text(string.digits, 28)

    def ticket(self) -> str:
        """Eleven characters, as at the end of a link."""
        return self._text(_ALPHANUMERIC, 11)

    def access_token(self) -> str:
        """Two digits, an underscore and 133 characters; WeChat asks for room for 512."""
        return f"{self._random.randrange(10, 100)}_" + self._text(_ALPHANUMERIC + "-_", 133)

    def nonce(self) -> str:
        """Up to ten digits, as of what WeChat pushes."""
        return str(self._random.randrange(1 << 31))

    def echo(self) -> str:
        """Up to nineteen digits, which a server must send back before its URL is taken."""
        return str(self._random.randrange(1 << 63))

    def sealing_salt(self) -> bytes:
        """What an encrypted event begins with: 16 bytes, which are hex digits with WeChat."""
        return self._random.randbytes(8).hex().encode()

    def rid(self, now: float) -> str:
        """The request id at the end of an errmsg: its first eight digits are the Unix time."""
        return f"{int(now):08x}-{self._random.randbytes(4).hex()}-{self._random.randbytes(4).hex()}"

    def hint(self) -> str:
        """The bracketed mark that `/wxa` puts into its messages about codes."""
        return f"{self._text(_ALPHANUMERIC, 6)}-{self._text(_ALPHANUMERIC, 3)}"

    def derived(self, *what: str) -> bytes:
        """32 bytes."""
        # Each part carries its length: ("a", "bc") and ("ab", "c") are different users.
        message = b"".join(len(part.encode()).to_bytes(4) + part.encode() for part in what)
        return hmac.digest(self._salt, message, "sha256")

    def derived_text(self, *what: str) -> str:
        """43 characters."""
        return base64.urlsafe_b64encode(self.derived(*what)).decode().rstrip("=")

    def derived_key(self, *what: str) -> str:
        """43 letters and digits, as an EncodingAESKey: base64 of 32 bytes, but that its last two bits may be set."""
        return "".join(random.Random(self.derived(*what)).choices(_ALPHANUMERIC, k=43))  # noqa: S311 - it must repeat

    def _text(self, alphabet: str, length: int) -> str:
        return "".join(self._random.choices(alphabet, k=length))

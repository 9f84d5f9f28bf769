"""What comes out of WeChat: frozen, and unprintable where it is private."""

from dataclasses import dataclass, field

from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class Code2Session:
    """Who logged in.

    `session_key` is base64 text of 16 bytes as WeChat sent it: signatures use the text, decryption the bytes.
    `unionid` is None unless the app is bound to an Open Platform account, and may appear later for the same openid.
    """

    openid: str = field(repr=False)
    session_key: SecretStr = field(repr=False)
    unionid: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """`expires_in` is in seconds, what is left and not the whole life; storage must allow 512 characters."""

    access_token: SecretStr = field(repr=False)
    expires_in: int


@dataclass(frozen=True, slots=True, repr=False)
class UserInfo:
    """A profile that WeChat signed and encrypted. Proves "this session_key, this moment"; identity it does not prove.

    Since 2021 nearly always anonymous. `gender` is 0 unknown, 1 male, 2 female; `watermark_at` is epoch seconds, the
    time of the tap in the client.
    """

    nick_name: str
    avatar_url: str
    gender: int
    city: str
    province: str
    country: str
    language: str
    watermark_at: int

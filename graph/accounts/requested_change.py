"""What a client asks to be changed of a user's profile, and what of it cannot be right."""

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, NoReturn, TypeAlias

from graph.accounts.errors import ProfileInvalid, UploadNotFound
from graph.accounts.profile import ANONYMOUS_NICK_NAMES
from models.profile_updates import ProfileChange

MAX_NICK_NAME: Final = 32
MAX_PLACE: Final = 64
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8}){0,3}").fullmatch
_UPLOAD_ID: Final = re.compile(r"[0-9A-Za-z]{22}").fullmatch
# Control, surrogate and private-use characters, and separators of lines and paragraphs: WeChat is shown the texts line
# by line.
_REFUSED_CATEGORIES: Final = frozenset({"Cc", "Cs", "Co", "Zl", "Zp"})
# What is seen with other characters at most: joiners, marks, variation selectors.
_UNSEEN: Final = frozenset({"Cf", "Mn", "Me"})
# What reverses the text around it: embeddings, overrides and isolates.
_BIDIRECTIONAL: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Where Unicode puts each year's new emoji and ideographs, which phones have before this Python knows them.
_TO_COME: Final = (range(0x1F000, 0x1FFFE), range(0x20000, 0x2FFFE), range(0x30000, 0x3FFFE))


class Unchanged(Enum):
    """The type of `UNCHANGED`, which is what an argument that is absent is: null is another thing."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED
Requested: TypeAlias = str | Literal[Unchanged.UNCHANGED] | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RequestedChange:
    """The arguments as they came; None clears."""

    nick_name: Requested = UNCHANGED
    # The id of an upload.
    avatar: Requested = UNCHANGED
    # WeChat's 0, 1 or 2.
    gender: int | Literal[Unchanged.UNCHANGED] | None = UNCHANGED
    city: Requested = UNCHANGED
    province: Requested = UNCHANGED
    country: Requested = UNCHANGED
    language: Requested = UNCHANGED

    def validated(self) -> ProfileChange:
        """The change, its texts in NFC and without blanks around them. Raises `ProfileInvalid`, `UploadNotFound`."""
        return ProfileChange(
            nick_name=_nick_name(self.nick_name),
            gender=None if self.gender is UNCHANGED else self.gender or 0,
            city=_place("city", self.city),
            province=_place("province", self.province),
            country=_place("country", self.country),
            language=_language(self.language),
            upload_id=_upload_id(self.avatar),
            clears_picture=self.avatar is None,
        )


def _nick_name(requested: Requested) -> str | None:
    name = _text("nickName", requested)
    if name is None or requested is None:
        return name
    if not 1 <= len(name) <= MAX_NICK_NAME:
        _refuse("nickName", f"must have 1 to {MAX_NICK_NAME} characters.")
    visible = "".join(character for character in name if unicodedata.category(character) not in _UNSEEN).strip()
    if not visible:
        _refuse("nickName", "must have a character that can be seen.")
    # With invisible characters in it as well, for it would look the same.
    if visible in ANONYMOUS_NICK_NAMES:
        _refuse("nickName", "is WeChat's placeholder: have the user type a name.")
    return name


def _place(argument: str, requested: Requested) -> str | None:
    text = _text(argument, requested)
    if text is not None and len(text) > MAX_PLACE:
        _refuse(argument, f"must have at most {MAX_PLACE} characters.")
    return text


def _language(requested: Requested) -> str | None:
    tag = _text("language", requested)
    if requested is not None and tag is not None and not _LANGUAGE(tag):
        _refuse("language", "must be a tag like zh_CN.")
    return tag


def _upload_id(requested: Requested) -> str | None:
    if requested is UNCHANGED or requested is None:
        return None
    if not _UPLOAD_ID(requested):
        raise UploadNotFound
    return requested


def _text(argument: str, requested: Requested) -> str | None:
    """What is to be stored: None leaves what there is, "" clears it."""
    if requested is UNCHANGED:
        return None
    text = unicodedata.normalize("NFC", requested or "").strip()
    if not all(map(_is_taken, text)):
        _refuse(argument, "has a character that a profile cannot have.")
    return text


def _refuse(argument: str, fault: str) -> NoReturn:
    raise ProfileInvalid(argument, fault)


def _is_taken(character: str) -> bool:
    category = unicodedata.category(character)
    if category == "Cn":
        return any(ord(character) in block for block in _TO_COME)
    return category not in _REFUSED_CATEGORIES and character not in _BIDIRECTIONAL

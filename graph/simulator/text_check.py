"""The verdict of msg_sec_check 2.0 on a text: risky where it holds a listed word."""

from collections.abc import Mapping
from typing import Literal, NamedTuple


class Verdict(NamedTuple):
    suggest: Literal["pass", "risky", "review"]
    label: int


RISKY_WORDS: Mapping[str, Verdict] = {
    "risky": Verdict("risky", 21000),
    "review": Verdict("review", 21000),
    "违禁": Verdict("risky", 20006),
    "广告": Verdict("risky", 10001),
}


def judge(words: Mapping[str, Verdict], texts: list[str], raw_body: bytes) -> tuple[Verdict, str | None]:
    r"""The worst verdict among the words found (risky, then review, then pass), and the word behind it.

    A word counts only where the body spells it in real UTF-8: WeChat overlooks Chinese written as \uXXXX, and so
    must this, or a client with that mistake would pass every test and check nothing in production.
    """
    found: dict[str, tuple[Verdict, str]] = {}
    for word, verdict in words.items():
        if word.encode() in raw_body and any(word in text for text in texts):
            found.setdefault(verdict.suggest, (verdict, word))
    return found.get("risky") or found.get("review") or (Verdict("pass", 100), None)

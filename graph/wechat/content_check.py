"""What WeChat finds of a text or a picture that a user wants to show: in a response, or in the event that follows.

Formats (official "sec-check" pages, version 2; detail items without suggest or label as seen by others):
    msg_sec_check      {errcode, errmsg, trace_id, result: {suggest, label}, detail: [...]}
    media_check_async  {errcode, errmsg, trace_id}, then within 30 minutes the event `wxa_media_check` with its trace_id

The `result` decides, and nothing in `detail`: its items are the opinions of which WeChat has made the result.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Final

# Of what is fit, and of what is not for a reason that has no label of its own.
PASSED: Final = 100
OTHER: Final = 21000
# Today's have 35 characters.
is_trace_id: Final = re.compile(r"[\x21-\x7e]{1,64}").fullmatch
_LABEL: Final = re.compile("[0-9]{1,9}").fullmatch


@unique
class Suggest(StrEnum):
    """What WeChat suggests; REVIEW leaves it to the operator."""

    PASS = "pass"  # noqa: S105 - no password
    REVIEW = "review"
    RISKY = "risky"


@dataclass(frozen=True, slots=True)
class TextVerdict:
    """`label` is WeChat's number of what it finds; `trace_id`, for its support, is "" where it gave none."""

    suggest: Suggest
    label: int
    trace_id: str = ""


@dataclass(frozen=True, slots=True)
class MediaCheck:
    """The end of a check of a picture. Without a verdict, `suggest` and `label` are None.

    So they are where WeChat could not download it (-1008), or says what is not understood.
    """

    trace_id: str = field(repr=False)
    suggest: Suggest | None
    label: int | None


def read_verdict(suggest: object, label: object) -> tuple[Suggest, int] | None:
    """The two values of a `result`; None without a suggestion that is known. A label that makes no sense is no fault.

    WeChat writes numbers as texts at times.
    """
    try:
        suggested = Suggest(str(suggest).strip().lower())
    except ValueError:
        return None
    if _LABEL(str(label)):
        return suggested, int(str(label))
    return suggested, PASSED if suggested is Suggest.PASS else OTHER


def read_media_check(
    trace_id: str, *, errcode: str | None, suggest: str | None, label: str | None, is_risky: bool
) -> MediaCheck:
    """The check that an event reports. Without a valid errcode, which is None or "0", nothing else of it is valid.

    `is_risky` is what version 1 had in place of a result, and events of version 2 have beside it at times: alone it
    counts only against the picture.
    """
    if errcode not in {None, "0"}:
        return MediaCheck(trace_id, None, None)
    found = read_verdict(suggest, label) or ((Suggest.RISKY, OTHER) if is_risky else (None, None))
    return MediaCheck(trace_id, suggest=found[0], label=found[1])

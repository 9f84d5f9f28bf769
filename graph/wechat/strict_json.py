"""JSON with one meaning only: what two parsers could read differently is refused."""

import json
import math
import re

MAX_DEPTH = 8  # WeChat nests two deep

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def parse_object(text: str) -> dict[str, object] | None:
    """None for everything else than one strict object.

    Refused besides bad syntax: duplicate keys, NaN and infinities (1e999 too), integers beyond Python's digit limit,
    more than `MAX_DEPTH` levels, and lone surrogates, which are no text: they fail in every database and encoder.
    Returns None instead of raising because json's own exceptions carry the whole document.
    """
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_float=_finite, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and _acceptable(value, depth=1) else None


def write(value: object, *, ensure_ascii: bool = False, sort_keys: bool = False) -> str:
    """The compact form. Two values of parsed JSON agree in value and type just when their sorted forms are equal."""
    return json.dumps(value, ensure_ascii=ensure_ascii, sort_keys=sort_keys, separators=(",", ":"))


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


def _refuse(name: str) -> object:
    raise ValueError(name)


def _acceptable(value: object, *, depth: int) -> bool:
    if isinstance(value, str):
        return not _LONE_SURROGATE.search(value)
    if isinstance(value, dict):
        return depth <= MAX_DEPTH and all(
            _acceptable(key, depth=depth) and _acceptable(item, depth=depth + 1) for key, item in value.items()
        )
    if isinstance(value, list):
        return depth <= MAX_DEPTH and all(_acceptable(item, depth=depth + 1) for item in value)
    return True

"""The JSON object in a request to the phone's side, read field by field with a sentence for each mistake."""

from typing import TypeVar

import orjson

from graph.simulator.errors import Misplayed

_LONGEST_TEXT = 2048

Choice = TypeVar("Choice", bound=str)


class Body:
    """An empty body is an empty object; null is the same as an absent field."""

    def __init__(self, raw: bytes) -> None:
        try:
            value = orjson.loads(raw) if raw.strip() else {}
        except orjson.JSONDecodeError:
            message = "the body is not JSON; send a JSON object, or nothing"
            raise Misplayed(message) from None
        if not isinstance(value, dict):
            message = "the body must be a JSON object, or empty"
            raise Misplayed(message)
        self._fields: dict[str, object] = value

    def allow(self, names: frozenset[str]) -> None:
        """Refuse fields that nobody would read: most are misspelt."""
        unknown = sorted(self._fields.keys() - names)
        if unknown:
            message = f"unknown field {unknown[0][:64]!r}; this endpoint reads {', '.join(sorted(names))}"
            raise Misplayed(message)

    def text(self, name: str) -> str | None:
        value = self._fields.get(name)
        if value is None:
            return None
        if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
            message = f"{name} must be a string of at most {_LONGEST_TEXT} characters"
            raise Misplayed(message)
        return value

    def flag(self, name: str) -> bool | None:
        value = self._fields.get(name)
        if value is not None and not isinstance(value, bool):
            message = f"{name} must be true or false"
            raise Misplayed(message)
        return value

    def whole(self, name: str) -> int | None:
        value = self._fields.get(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            message = f"{name} must be a whole number"
            raise Misplayed(message)
        return value

    def number(self, name: str) -> float | None:
        value = self._fields.get(name)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool):
            message = f"{name} must be a number"
            raise Misplayed(message)
        return float(value)

    def choice(self, name: str, options: tuple[Choice, ...]) -> Choice | None:
        value = self._fields.get(name)
        for option in options:
            if value == option:
                return option
        if value is None:
            return None
        message = f"{name} must be one of {', '.join(options)}"
        raise Misplayed(message)

    def text_or_flag(self, name: str) -> str | bool | None:
        value = self._fields.get(name)
        return value if isinstance(value, bool) else self.text(name)

    def text_or_whole(self, name: str) -> str | int | None:
        value = self._fields.get(name)
        return self.text(name) if isinstance(value, str) else self.whole(name)

    def is_null(self, name: str) -> bool:
        """Present and null, for the one field where that means something."""
        return name in self._fields and self._fields[name] is None

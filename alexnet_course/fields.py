"""What a field may hold: said once, in its annotation, and checked against it, in words.

``kernel: Count`` is all that a spec has to say. A rule of its own is ``Annotated[type, words,
holds]``: what is expected, to print, and a function that tells whether a value is that.
"""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields
from functools import cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

LONGEST = 60  # characters of a value that a message shows

Count = Annotated[int, "a whole number, at least 1", lambda n: n >= 1]
CountOrZero = Annotated[int, "a whole number, at least 0", lambda n: n >= 0]
Seed = Annotated[int, "a whole number from 0 to 4,294,967,295", lambda n: 0 <= n < 2**32]
Positive = Annotated[float, "a number above 0", lambda x: x > 0]
NotNegative = Annotated[float, "a number, at least 0", lambda x: x >= 0]
Share = Annotated[float, "a number, at least 0 and below 1", lambda x: 0 <= x < 1]
Inside = Annotated[float, "a number above 0 and below 1", lambda x: 0 < x < 1]

_WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    str: "a text",
    NoneType: "None",
}


@dataclass(frozen=True)
class Spec:
    """A frozen dataclass whose fields are checked against their annotations when it is made."""

    def __post_init__(self) -> None:
        if wrong := settle(self) or self.at_odds():
            raise ValueError(f"{type(self).__name__}: {'; '.join(wrong)}")

    def at_odds(self) -> list[str]:
        """In sentences, which settings do not go together."""
        return []


def settle(spec: Any) -> list[str]:
    """Check every field of a dataclass; a sentence for each value that does not fit.

    Those that fit are kept as :func:`fitting` gives them.
    """
    kind: Any = type(spec)
    wrong = []
    for name, hint in _hints(kind).items():
        try:
            object.__setattr__(spec, name, fitting(name, getattr(spec, name), hint))
        except ValueError as error:
            wrong.append(str(error))
    return wrong


def fitting(label: str, value: Any, hint: Any) -> Any:
    """``value`` if it fits the annotation ``hint``, with NumPy's numbers as Python's own.

    Numbers are finite, and ``True`` is none. Raises :class:`ValueError` with ``label``, the value
    and what is expected.
    """
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        with suppress(ValueError):
            fitted = fitting(label, value, parts[0])
            if parts[2](fitted):
                return fitted
    elif origin in (Union, UnionType):
        for part in parts:
            with suppress(ValueError):
                return fitting(label, value, part)
    elif origin is tuple and isinstance(value, tuple):
        return tuple(fitting(f"{label}[{i}]", item, parts[0]) for i, item in enumerate(value))
    elif origin is Mapping and isinstance(value, Mapping):
        keys = [fitting(f"a name in {label}", key, parts[0]) for key in value]
        return {key: fitting(f"{label}[{key!r}]", value[key], parts[1]) for key in keys}
    elif origin is Literal and isinstance(value, str) and value in parts:
        return value
    elif hint is int and isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    elif hint is float and _is_finite(value):
        return int(value) if isinstance(value, Integral) else float(value)
    elif origin is None and hint not in (int, float) and isinstance(value, hint):
        return value
    raise ValueError(f"{label} is {shown(value)}; it must be {_words(hint)}")


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in fields(kind)}


def _is_finite(value: Any) -> bool:
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    with suppress(OverflowError):  # a whole number that no float can hold
        return math.isfinite(value)
    return False


def described(kind: Any) -> list[dict[str, Any]]:
    """The fields of a dataclass as plain data: ``name``, what it may hold in ``words``, its
    ``usual`` value where it has one, and its ``choices`` where there are but a few.
    """
    usual = {f.name: {"usual": f.default} for f in fields(kind) if f.default is not MISSING}
    return [
        {"name": name, "words": _words(hint), **usual.get(name, {}), **_choices(hint)}
        for name, hint in _hints(kind).items()
    ]


def _choices(hint: Any) -> dict[str, list[Any]]:
    return {"choices": list(get_args(hint))} if get_origin(hint) is Literal else {}


def shown(value: Any) -> str:
    """``repr(value)`` on one line, cut where it is long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def brief(value: Any) -> Any:
    """A :class:`Spec`, or several, as short code that would make it, without what is as usual:
    ``"SGD(0.1, momentum=0.9)"``; anything else as it is.
    """
    if isinstance(value, tuple):
        return ", ".join(str(brief(item)) for item in value)
    if not isinstance(value, Spec):
        return value
    first, named = [], []
    for field in fields(value):
        item = getattr(value, field.name)
        usual = field.default if field.default_factory is MISSING else field.default_factory()
        if usual is MISSING:
            first.append(str(brief(item)) if isinstance(item, Spec) else repr(item))
        elif item != usual:
            named.append(f"{field.name}={item!r}")
    return f"{type(value).__name__}({', '.join(first + named)})"


def _words(hint: Any) -> str:
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return parts[1]
    if origin is Literal:
        return " or ".join(filter(None, [", ".join(map(repr, parts[:-1])), repr(parts[-1])]))
    if origin in (Union, UnionType):
        return ", or ".join(map(_words, parts))
    if origin is tuple:
        return f"a tuple (each item {_words(parts[0])})"
    if origin is Mapping:
        return f"a dictionary (each value {_words(parts[1])})"
    return _WORDS.get(hint, f"of type {hint.__name__}")

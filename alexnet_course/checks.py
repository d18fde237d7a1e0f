"""What an exercise says at once about an answer: that it is right, or what is wrong and perhaps
why. The checks of the exercise notebooks call these; so do their hidden tests.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch

Slip = tuple[Any, str]
LONGEST = 60  # characters of a value that a message shows


class NotYet(AssertionError):
    """An answer is not right yet. In a notebook only its words are shown, not where it arose."""

    def _render_traceback_(self) -> list[str]:  # IPython asks for this
        return [f"✗ {self}"]


def check(what: str, got: Any, expected: Any, *slips: Slip, tolerance: float = 1e-6) -> None:
    """Print that ``what`` is right, or raise :class:`NotYet` in words that help.

    ``expected`` is a number (whole ones must be met exactly, others to within ``tolerance``,
    relative or absolute), a text, a truth value, a tensor or array (shape and values), or a list or
    dictionary of these. ``slips`` are pairs of a wrong answer and what probably led to it.
    """
    if _matches(got, expected, tolerance):
        print(f"✓ {what}")
        return
    if got is None:
        raise NotYet(
            f"{what}: nothing there yet. Write it in place of '# Your code here' "
            "(a function must also return it)."
        )
    words = _difference(what, got, expected, tolerance)
    for wrong, cause in slips:
        if _matches(got, wrong, tolerance):
            words += f" {cause[0].upper()}{cause[1:]}"
            break
    raise NotYet(words)


def check_whole(numbers: Mapping[str, Any]) -> None:
    """Print that all ``numbers`` are whole, or raise :class:`NotYet` for the first that isn't."""
    for what, number in _dictionary(numbers).items():
        if number is None:
            raise NotYet(f"{what}: nothing there yet.")
        number = _plain(number)
        if isinstance(number, bool) or not isinstance(number, Real) or number % 1 != 0:
            raise NotYet(f"{what} is {_short(number)}; expected a whole number.")
    print(f"✓ whole numbers: {', '.join(numbers)}")


def check_call(
    function: Callable[..., Any],
    arguments: Sequence[Any],
    expected: Any,
    *slips: Slip,
    tolerance: float = 1e-6,
) -> None:
    """:func:`check` of what ``function(*arguments)`` gives; what it raises is told in words too."""
    what = _words_of(function, arguments)
    check(what, _called(what, function, *arguments), expected, *slips, tolerance=tolerance)


def call(
    function: Callable[..., Any],
    *arguments: Any,
    gives: type | None = object,
    shape: Sequence[int] | None = None,
    **named: Any,
) -> Any:
    """What ``function`` gives, for a check to go on with.

    Raises :class:`NotYet`, in words, if it stops with an error, gives nothing, nothing of the type
    ``gives``, or a tensor of another ``shape``. With ``gives=None`` it may give anything.
    """
    what = _words_of(function, arguments)
    got = _called(what, function, *arguments, **named)
    if gives is None:
        return got
    got = _of_type(what, got, torch.Tensor if shape is not None else gives)
    if shape is not None and tuple(got.shape) != tuple(shape):
        raise NotYet(f"{what} has the shape {tuple(got.shape)}; expected {tuple(shape)}.")
    return got


def check_refused(
    function: Callable[..., Any], arguments: Sequence[Any], error: type[Exception] = ValueError
) -> None:
    """Print that ``function(*arguments)`` raises ``error``, or raise :class:`NotYet`."""
    what = _words_of(function, arguments)
    try:
        got = _called(what, function, *arguments)
    except NotYet as stopped:
        if isinstance(stopped.__cause__, error):
            print(f"✓ {what} is a {error.__name__}")
            return
        raise NotYet(f"{stopped}; expected a {error.__name__}.") from None
    raise NotYet(f"{what} is {_short(_plain(got))}; expected a {error.__name__}.")


def check_that(holds: Any, words: str) -> None:
    """Raise :class:`NotYet` with ``words`` (what is wrong, what was expected) unless it holds."""
    if not holds:
        raise NotYet(words)


def entries(held: Any, names: Iterable[Any], kind: type = Real) -> list[Any]:
    """The entries ``names`` of a dictionary, numbers as Python's own, if all are of the ``kind``.

    Raises :class:`NotYet` for the first that is missing or something else.
    """
    held = _dictionary(held)
    return [_of_type(str(name), _plain(held.get(name)), kind) for name in names]


def _dictionary(held: Any) -> Mapping[Any, Any]:
    if not isinstance(held, Mapping):
        raise NotYet(f"the answers are {_kind(held)}; expected the dictionary that was there.")
    return held


def _words_of(function: Callable[..., Any], arguments: Iterable[Any]) -> str:
    name = getattr(function, "__name__", type(function).__name__)
    return f"{name}({', '.join(_argument(argument) for argument in arguments)})"


def _called(what: str, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    try:
        return function(*arguments, **named)
    except NotYet:
        raise  # in the words of a check inside of it
    except Exception as error:
        raise NotYet(f"{what} stopped with {type(error).__name__}: {error}") from error


def _of_type(what: str, value: Any, kind: type) -> Any:
    if value is None:
        raise NotYet(f"{what}: nothing there yet.")
    other = isinstance(value, (bool, str)) and kind not in (object, bool, str)
    if other or not isinstance(value, kind):
        raise NotYet(f"{what} is {_kind(value)}, {_short(value)}; expected {_type_in_words(kind)}.")
    return value


def _plain(value: Any) -> Any:
    """Numbers of NumPy and PyTorch as Python's own, lists as tuples."""
    if isinstance(value, (torch.Tensor, np.ndarray, np.generic)) and value.ndim == 0:
        return value.item()
    if isinstance(value, (list, tuple)):
        return tuple(_plain(one) for one in value)
    return value


def _matches(got: Any, expected: Any, tolerance: float) -> bool:
    got, expected = _plain(got), _plain(expected)
    if isinstance(expected, (torch.Tensor, np.ndarray)):
        if not isinstance(got, (torch.Tensor, np.ndarray)) or got.shape != expected.shape:
            return False
        first, second = (torch.as_tensor(x).detach().double() for x in (got, expected))
        return torch.allclose(first, second, rtol=tolerance, atol=tolerance)
    if isinstance(expected, tuple):
        return (
            isinstance(got, tuple)
            and len(got) == len(expected)
            and all(_matches(g, e, tolerance) for g, e in zip(got, expected, strict=True))
        )
    if isinstance(expected, Mapping):
        return (
            isinstance(got, Mapping)
            and got.keys() == expected.keys()
            and all(_matches(got[key], expected[key], tolerance) for key in expected)
        )
    if isinstance(expected, bool) or isinstance(got, bool):
        return type(got) is type(expected) and got == expected
    if isinstance(expected, Integral):
        return isinstance(got, Real) and got == expected
    if isinstance(expected, Real):
        return isinstance(got, Real) and math.isclose(
            got, expected, rel_tol=tolerance, abs_tol=tolerance
        )
    return type(got) is type(expected) and got == expected


def _difference(what: str, got: Any, expected: Any, tolerance: float) -> str:
    """How ``got`` differs from ``expected``, beginning with the coarsest difference."""
    got, expected = _plain(got), _plain(expected)
    if isinstance(expected, (torch.Tensor, np.ndarray)):
        if not isinstance(got, (torch.Tensor, np.ndarray)):
            return f"{what} is {_kind(got)}; expected {_kind(expected)}."
        if got.shape != expected.shape:
            return f"{what} has the shape {tuple(got.shape)}; expected {tuple(expected.shape)}."
        first, second = (torch.as_tensor(x).detach().double() for x in (got, expected))
        return (
            f"{what} has the right shape, but its values differ by up to "
            f"{(first - second).abs().max().item():.3g}."
        )
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        for key in expected:
            if key not in got:
                return f"{what} has no entry {key!r}."
            if not _matches(got[key], expected[key], tolerance):
                return _difference(f"{what}[{key!r}]", got[key], expected[key], tolerance)
        return f"{what} has entries that it should not have: {[*got.keys() - expected.keys()]}."
    if isinstance(expected, tuple) and isinstance(got, tuple):
        if len(got) != len(expected):
            return f"{what} has {len(got)} values, {_short(got)}; expected {len(expected)}."
        if len(repr(expected)) > LONGEST:
            pairs = enumerate(zip(got, expected, strict=True))
            at, pair = next((i, p) for i, p in pairs if not _matches(*p, tolerance))
            return _difference(f"{what}[{at}]", *pair, tolerance)
    numbers = all(isinstance(x, Real) and not isinstance(x, bool) for x in (got, expected))
    if _kind(got) != _kind(expected) and not numbers:
        return f"{what} is {_kind(got)}, {_short(got)}; expected {_kind(expected)}."
    return f"{what} is {_short(got)}; expected {_short(expected)}."


_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "a truth value"),
    (Integral, "a whole number"),
    (Real, "a number"),
    (str, "a text"),
    (Sequence, "a list"),
    (Mapping, "a dictionary"),
    (torch.Tensor, "a tensor"),
    (np.ndarray, "an array"),
)


def _kind(value: Any) -> str:
    return _type_in_words(type(value))


def _type_in_words(wanted: type) -> str:
    known = (words for kind, words in _KINDS if issubclass(wanted, kind))
    return next(known, f"of the type {wanted.__name__}")


def _argument(value: Any) -> str:
    return repr(value) if isinstance(value, (int, float)) else _short(value)


def _short(value: Any) -> str:
    if isinstance(value, (torch.Tensor, np.ndarray)) and value.ndim:
        return f"{type(value).__name__.lower()} {tuple(value.shape)}"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:,}" if isinstance(value, int) else f"{value:.7g}"
    text = f"[{repr(value)[1:-1].rstrip(',')}]" if isinstance(value, tuple) else repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"

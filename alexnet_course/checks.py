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


def check_half_width(half: Any, values: Sequence[float]) -> None:
    """:func:`check` that ``half`` is the half-width of the 95 % t-interval of the mean of
    ``values`` (two or more), in words that don't give the number away.
    """
    from scipy import stats

    n = len(values)
    t = stats.t.ppf(0.975, n - 1)
    slips = {
        1.96: "of so few values the quantile is Student's.",
        stats.t.ppf(0.975, n): f"{n} values have {n - 1} degrees of freedom.",
        stats.t.ppf(0.95, n - 1): "an interval of 95 % leaves 2.5 % on each side.",
        round(t, 2): "take t from stats.t.ppf, unrounded.",
    }
    check(
        "n times the square of half-width / t, over the variance",
        n * half * abs(half) / t**2 / np.var(values, ddof=1),
        1.0,
        ((n - 1) / n, "the variance of a sample divides by n − 1."),
        (float(n), "a mean of n values spreads less than one: by the root of n."),
        (4.0, "that is the whole width; give half of it."),
        *(((wrong / t) ** 2, cause) for wrong, cause in slips.items()),
        tolerance=1e-3,
    )


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
    held, names = _dictionary(held), [*names]
    values = [held.get(name) for name in names]
    if kind is not torch.Tensor:
        values = [_plain(value) for value in values]
    return [_of_type(str(name), value, kind) for name, value in zip(names, values, strict=True)]


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
    """A value in Python's own types, or an array: nothing that a class could have redefined.

    What a list, tuple or dictionary holds is left as it is.
    """
    if isinstance(value, torch.Tensor):
        with torch._C.DisableTorchFunctionSubclass():
            held = torch.Tensor.cpu(torch.Tensor.detach(value))
            value = held.double().numpy() if held.ndim else held.item()
    if isinstance(value, np.ndarray):
        value = np.asarray(value)
        return value if value.ndim else _plain(value.item())
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, (list, tuple)):
        return tuple(tuple.__iter__(value) if isinstance(value, tuple) else list.__iter__(value))
    if isinstance(value, Mapping):
        return dict(dict.items(value) if isinstance(value, dict) else value.items())
    return value


def _matches(got: Any, expected: Any, tolerance: float) -> bool:
    got, expected = _plain(got), _plain(expected)
    if isinstance(expected, np.ndarray):
        return (
            isinstance(got, np.ndarray)
            and got.shape == expected.shape
            and bool(_near(got, expected, tolerance).all())
        )
    if isinstance(expected, tuple):
        return (
            isinstance(got, tuple)
            and len(got) == len(expected)
            and all(_matches(g, e, tolerance) for g, e in zip(got, expected, strict=True))
        )
    if isinstance(expected, dict):
        return (
            isinstance(got, dict)
            and got.keys() == expected.keys()
            and all(_matches(got[key], expected[key], tolerance) for key in expected)
        )
    if _is_number(expected) and _is_number(got):
        if isinstance(expected, int):
            return got == expected
        return math.isclose(got, expected, rel_tol=tolerance, abs_tol=tolerance)
    return type(got) is type(expected) and got == expected


def _near(got: np.ndarray, expected: np.ndarray, tolerance: float) -> np.ndarray:
    """Where two arrays of one shape agree; nowhere where one is not a number."""
    first, second = got.astype(float), expected.astype(float)
    with np.errstate(invalid="ignore"):
        return (first == second) | (abs(first - second) <= tolerance * (1 + abs(second)))


def _is_number(plain: Any) -> bool:
    return isinstance(plain, (int, float)) and not isinstance(plain, bool)


def _difference(what: str, got: Any, expected: Any, tolerance: float) -> str:
    """How ``got`` differs from ``expected``, beginning with the coarsest difference."""
    one, other = _plain(got), _plain(expected)
    if isinstance(other, np.ndarray):
        if not isinstance(one, np.ndarray):
            return f"{what} is {_kind(got)}; expected {_kind(expected)}."
        if one.shape != other.shape:
            return f"{what} has the shape {one.shape}; expected {other.shape}."
        return (
            f"{what} has the right shape, but its values differ by up to "
            f"{abs(one.astype(float) - other.astype(float)).max():.3g}."
        )
    if isinstance(other, dict) and isinstance(one, dict):
        for key in other:
            if key not in one:
                return f"{what} has no entry {key!r}."
            if not _matches(one[key], other[key], tolerance):
                return _difference(f"{what}[{key!r}]", one[key], other[key], tolerance)
        return f"{what} has entries that it should not have: {[*one.keys() - other.keys()]}."
    if isinstance(other, tuple) and isinstance(one, tuple):
        if len(one) != len(other):
            return f"{what} has {len(one)} values, {_short(one)}; expected {len(other)}."
        if len(repr(other)) > LONGEST:
            pairs = enumerate(zip(one, other, strict=True))
            at, pair = next((i, p) for i, p in pairs if not _matches(*p, tolerance))
            return _difference(f"{what}[{at}]", *pair, tolerance)
    numbers = _is_number(one) and _is_number(other)
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
    if isinstance(value, torch.Tensor) and value.ndim:
        return _type_in_words(torch.Tensor)
    return _type_in_words(type(_plain(value)))


def _type_in_words(wanted: type) -> str:
    known = (words for kind, words in _KINDS if issubclass(wanted, kind))
    return next(known, f"of the type {wanted.__name__}")


def _argument(value: Any) -> str:
    return repr(value) if isinstance(value, (int, float)) else _short(value)


def _short(value: Any) -> str:
    plain = _plain(value)
    if isinstance(plain, np.ndarray):
        return f"{type(value).__name__.lower()} {plain.shape}"
    if _is_number(plain):
        return f"{plain:,}" if isinstance(plain, int) else f"{plain:.7g}"
    text = f"[{repr(plain)[1:-1].rstrip(',')}]" if isinstance(plain, tuple) else repr(plain)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"

"""What an exercise's check says: silent praise, or words that help."""

from fractions import Fraction
from numbers import Real

import numpy as np
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from scipy import stats

from alexnet_course.checks import (
    NotYet,
    call,
    check,
    check_call,
    check_half_width,
    check_refused,
    check_that,
    check_whole,
    entries,
)


def words(*arguments, **options):
    with pytest.raises(NotYet) as caught:
        check(*arguments, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (55, 55),
        (55.0, 55),
        (np.int64(55), 55),
        (torch.tensor(55), 55),
        (0.3, 0.1 + 0.2),
        ((1, 2), [1, 2]),
        ("two towers", "two towers"),
        (True, True),
        ({"a": 1, "b": [2]}, {"b": (2,), "a": 1}),
        (torch.ones(2, 3), torch.ones(2, 3, dtype=torch.double)),
        (np.ones((2, 3)), torch.ones(2, 3)),
    ],
)
def test_what_is_right_passes_however_it_is_written(got, expected, capsys):
    check("it", got, expected)
    assert capsys.readouterr().out == "✓ it\n"


def test_whole_numbers_must_be_met_exactly_and_others_nearly():
    assert words("parameters", 60_965_225, 60_965_224) == (
        "parameters is 60,965,225; expected 60,965,224."
    )
    check("a mean", 2.0000001, 2.0)
    assert "2.1" in words("a mean", 2.1, 2.0)
    check("a rough figure", 2.1, 2.0, tolerance=0.1)


def test_the_words_name_the_coarsest_difference():
    assert "nothing there yet" in words("it", None, 3)
    assert words("it", "55", 55) == "it is a text, '55'; expected a whole number."
    assert "a truth value" in words("it", True, 1)
    assert "has 2 values" in words("it", [1, 2], [1, 2, 3])
    assert "has the shape (2, 3); expected (3, 2)" in words(
        "it", torch.ones(2, 3), torch.ones(3, 2)
    )
    assert "differ by up to 0.5" in words("it", torch.full((2,), 1.5), torch.ones(2))
    assert words("it", {"a": 1}, {"a": 1, "b": 2}) == "it has no entry 'b'."
    assert words("it", {"a": {"b": 1}}, {"a": {"b": 2}}) == "it['a']['b'] is 1; expected 2."
    assert "should not have: ['c']" in words("it", {"a": 1, "c": 2}, {"a": 1})
    assert "a list" in words("it", [1], torch.ones(1))
    assert words("it", [1, 3], (1, 2)) == "it is [1, 3]; expected [1, 2]."
    long = list(range(40))
    assert words("it", [*long[:30], 7, *long[31:]], long) == "it[30] is 7; expected 30."
    assert words("it", "x" * 100, "y") == f"it is '{'x' * 58}…; expected 'y'."


def test_a_known_slip_is_explained():
    slips = [(54, "you rounded too early."), (56, "one step too many.")]
    assert words("conv1", 54.0, 55, *slips) == "conv1 is 54; expected 55. You rounded too early."
    assert words("conv1", 40, 55, *slips) == "conv1 is 40; expected 55."


def test_a_call_is_named_with_its_arguments_and_its_error():
    def halve(number, divisor=2):
        return number / divisor

    def mean(tensor):
        return tensor.mean().item()

    check_call(halve, (8,), 4)
    with pytest.raises(NotYet, match=r"^halve\(1000\) is 500; expected 400\. Too much\.$"):
        check_call(halve, (1000,), 400, (500, "too much."))
    with pytest.raises(NotYet, match=r"^halve\(8, 0\) stopped with ZeroDivisionError: "):
        check_call(halve, (8, 0), 4)
    with pytest.raises(
        NotYet, match=r"^mean\(tensor \(2, 3\)\) is a number, 1\.5; expected a text"
    ):
        check_call(mean, (torch.full((2, 3), 1.5),), "x")


def test_whole_numbers_are_asked_for_one_by_one(capsys):
    check_whole({"a": 1, "b": np.int64(2), "c": 3.0})
    assert capsys.readouterr().out == "✓ whole numbers: a, b, c\n"
    for bad, said in (
        (None, "b: nothing there yet"),
        (2.5, "b is 2.5"),
        ("2", "b is '2'"),
        (True, "b is True"),
        (float("nan"), "b is nan"),
    ):
        with pytest.raises(NotYet, match=said):
            check_whole({"a": 1, "b": bad})


def test_a_notebook_shows_the_words_alone(capsys):
    shell = InteractiveShell.instance()
    shell.run_cell("from alexnet_course.checks import check\ncheck('conv1', 54, 55)")
    shown = capsys.readouterr().out
    assert "✗ conv1 is 54; expected 55." in shown and "Traceback" not in shown


def told(action, *arguments, **named):
    with pytest.raises(NotYet) as caught:
        action(*arguments, **named)
    return str(caught.value)


def give(answer):
    return answer


def test_what_a_function_gives_is_handed_on_if_it_is_of_the_kind():
    ones = torch.ones(2, 3)
    assert call(give, ones, shape=(2, 3)) is ones
    assert call(give, answer=[1], gives=list) == [1]
    assert call(give, 3) == 3 and call(give, None, gives=None) is None
    assert told(call, give, None) == "give(None): nothing there yet."
    assert told(call, give, "3", gives=float) == "give('3') is a text, '3'; expected a number."
    assert "is a truth value, True; expected a number" in told(call, give, True, gives=float)
    assert told(call, give, ones, shape=(3, 2)) == (
        "give(tensor (2, 3)) has the shape (2, 3); expected (3, 2)."
    )
    assert "expected a tensor" in told(call, give, 3, shape=(2,))
    assert told(call, int, "x").startswith("int('x') stopped with ValueError: ")


def test_an_error_that_is_asked_for_is_right_and_any_other_outcome_is_told(capsys):
    check_refused(int, ("x",))
    assert capsys.readouterr().out == "✓ int('x') is a ValueError\n"
    assert told(check_refused, int, (3,)) == "int(3) is 3; expected a ValueError."
    assert told(check_refused, len, (3,)).endswith("has no len(); expected a ValueError.")
    assert told(check_that, False, "none; expected one.") == "none; expected one."
    check_that(True, "nothing to say")


def test_entries_come_as_plain_numbers_or_are_told():
    held = {"a": np.float64(2), "b": torch.tensor(3), "c": "4", "d": None}
    assert entries(held, ("a", "b")) == [2, 3]
    assert told(entries, held, ("a", "c")) == "c is a text, '4'; expected a number."
    assert told(entries, held, ("d",)) == told(entries, {}, ("d",)) == "d: nothing there yet."
    assert "expected the dictionary" in told(entries, None, ("a",))
    assert "expected the dictionary" in told(check_whole, [1])


class Equal:
    """Equal to everything, whatever it pretends to be."""

    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    __hash__ = object.__hash__
    __bool__ = __lt__ = __gt__ = __eq__


def pretends(kind):
    return type("Pretends", (Equal, kind), {"__hash__": kind.__hash__})


class EqualTensor(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, arguments=(), keywords=None):
        return torch.ones(2).as_subclass(torch.Tensor)

    shape = torch.Size([2])


Number = type("Number", (Equal,), {})
Real.register(Number)


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (Equal(), 55),
        (pretends(int)(54), 55),
        (pretends(float)(0.1), 0.2),
        (pretends(np.float64)(0.1), 0.2),
        (pretends(str)("a"), "b"),
        (pretends(tuple)((1, 2)), (1, 3)),
        (pretends(list)([1]), [2]),
        (pretends(dict)({"a": 1}), {"a": 2}),
        ([Equal()], [1]),
        ({"a": Equal()}, {"a": 1}),
        ({Equal(): 1}, {"a": 1}),
        (Equal(), "a text"),
        (Equal(), None),
        (Equal(), True),
        (torch.zeros(2).as_subclass(EqualTensor), torch.ones(2)),
        (np.zeros(2).view(type("Array", (np.ndarray,), {"__sub__": Equal.__eq__})), np.ones(2)),
    ],
)
def test_what_says_that_it_is_equal_is_not_believed(got, expected):
    words("it", got, expected)


def test_a_number_that_is_none_is_not_believed():
    with pytest.raises(TypeError):  # it can't be made one
        check("it", Number(), 5)


def test_half_precision_arrays_and_subclasses_are_compared_by_value(capsys):
    check("it", torch.ones(2, dtype=torch.bfloat16), torch.ones(2))
    check("it", torch.nn.Parameter(torch.tensor(2.0)), 2)
    check("it", Fraction(110, 2), 55)
    check("it", np.bool_(True), True)
    check("it", torch.tensor([float("inf"), 1]), torch.tensor([float("inf"), 1]))
    words("it", torch.tensor([float("nan")]), torch.tensor([float("nan")]))
    assert capsys.readouterr().out.count("✓") == 5


@pytest.mark.parametrize("values", [[72, 74, 75], [1.0, 4.5], [0.2, 0.1, 0.5, 0.3, 0.9]])
def test_a_half_width_is_that_of_scipy_and_what_led_to_another_is_told(values, capsys):
    n, error = len(values), stats.sem(values)
    low, high = stats.t.interval(0.95, n - 1, np.mean(values), error)
    half = (high - low) / 2
    check_half_width(half, values)
    said = capsys.readouterr().out
    assert "✓" in said and f"{half:.2f}" not in said
    for wrong, cause in {
        half * ((n - 1) / n) ** 0.5: "divides by n − 1",
        half * n**0.5: "by the root of n",
        2 * half: "the whole width",
        1.96 * error: "the quantile is Student's",
        stats.t.ppf(0.975, n) * error: f"{n} values have {n - 1} degrees of freedom",
        stats.t.ppf(0.95, n - 1) * error: "2.5 % on each side",
    }.items():
        with pytest.raises(NotYet, match=cause):
            check_half_width(wrong, values)
    with pytest.raises(NotYet):
        check_half_width(-half, values)

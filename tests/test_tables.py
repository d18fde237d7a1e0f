"""Tables for readers: what stands in a cell, what is marked, and what a screen reader hears."""

import math

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from alexnet_course.architectures import ARCHITECTURES
from alexnet_course.arithmetic import layer_table
from alexnet_course.results import (
    Interval,
    intervals,
    mean_interval,
    prediction_interval,
)
from alexnet_course.tables import human, number, of_arms, of_gains, of_steps, show

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (60_965_224, "60,965,224"),
        (1234.5678, "1,234.568"),
        ((96, 55, 55), "96×55×55"),
        (Interval(82.9571, 0.8689), "82.957 ± 0.869"),
        (Interval(82.9571, NAN), "82.957"),
        ("a text", "a text"),
        (None, ""),
        (pd.NA, ""),
        (NAN, ""),
        (True, "yes"),
        (False, ""),
    ],
)
def test_a_cell_is_written_as_people_read_it(value, text):
    assert number(value, digits=3) == text


def test_names_are_words():
    assert human("receptive_field") == "receptive field"
    assert human("multiply_adds") == "multiply-adds"
    assert human(("alone", "dropout")) == "alone, dropout"


def read(table):
    """Headings and rows, as a browser has them."""
    soup = BeautifulSoup(table._repr_html_(), "html.parser")
    lines = [
        [cell.get_text() for cell in row.find_all(["th", "td"])] for row in soup.find_all("tr")
    ]
    return soup, lines


def test_every_cell_of_every_networks_table_is_shown_under_one_row_of_headings():
    for network in ARCHITECTURES.values():
        table = layer_table(network).set_index("name")
        soup, (head, *rows) = read(show(table))
        assert len(soup.find_all("thead")) == 1 and len(soup.thead.find_all("tr")) == 1
        assert (
            head == ["name", *(column.replace("_", " ") for column in table)][:0]
            or head[0] == "name"
        )
        assert "multiply-adds" in head and not any("_" in name for name in head)
        assert [row[0] for row in rows] == list(table.index.str.replace("_", " "))
        total = dict(zip(head, rows[-1]))
        assert total["parameters"] == f"{table['parameters'].iloc[-1]:,}"


def test_no_heading_is_empty_and_each_says_what_it_heads():
    soup, _ = read(show(pd.DataFrame({"a_b": [1]}, index=["x<y"])))
    assert all(th.get_text() and th["scope"] in ("row", "col") for th in soup.find_all("th"))
    assert "x&lt;y" in str(soup)


def test_the_best_is_bold_and_starred():
    frame = pd.DataFrame({"loss": [0.3, 0.2, NAN], "accuracy": [80.0, 90.0, 90.0]}, ["a", "b", "c"])
    table = show(frame, best={"loss": min, "accuracy": max})
    soup, _ = read(table)
    assert [strong.get_text() for strong in soup.find_all("strong")] == ["0.20", "90.00", "90.00"]
    assert str(table).splitlines() == [
        "    loss  accuracy",
        "a   0.30     80.00",
        "b  0.20*    90.00*",
        "c           90.00*",
    ]


@pytest.fixture
def runs():
    """Three seeds of three arms; between arms a and b every seed gains one point, or 1, 2, 3."""
    keys = [(arm, seed) for arm in "abc" for seed in range(3)]
    index = pd.MultiIndex.from_tuples(keys, names=["arm", "seed"])
    accuracy = [70.0, 71.0, 72.0, 71.0, 73.0, 75.0, 60.0, 61.0, 62.0]
    return pd.DataFrame({"test accuracy": accuracy, "gap": [1.0] * 9}, index=index)


def test_arms_have_their_labels_and_intervals(runs):
    """The t-interval of 70, 71, 72 is 71 ± 4.303 · 1 / √3."""
    table = of_arms(runs, {"b": "second", "a": "first"}, best={"test accuracy": max})
    half_width = 4.302653 / math.sqrt(3)
    assert table.rows == [
        ["second", f"73.00 ± {2 * half_width:.2f}", "1.00 ± 0.00"],
        ["first", f"71.00 ± {half_width:.2f}", "1.00 ± 0.00"],
    ]
    assert table.marked == {(0, 0)}


def test_gains_are_paired_by_seed_with_the_pooled_width_beside(runs):
    """Differences 1, 2, 3: 2 ± 4.303 / √3. Pooled by hand: residuals of the three arms by the three
    seeds have the squares 4 · 0.1111 + … = 4 / 3 in all, 4 degrees of freedom.
    """
    table = of_gains(runs, {("b", "over a"): ("b", "a")}, ["test accuracy", "gap"], paper={})
    assert table.headings == ["", "test accuracy", "pooled", "gap", "paper"]
    (row,) = table.rows
    spread = math.sqrt(4 / 3 / 4)
    pooled = 2.776445 * spread * math.sqrt(2 / 3)
    own = 4.302653 / math.sqrt(3)
    assert row == ["b, over a", f"2.00 ± {own:.2f}", f"± {pooled:.2f}", "0.00 ± 0.00", ""]


def test_each_column_has_its_interval():
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1.0, 1.0, 1.0]})
    assert list(intervals(frame)) == [mean_interval(frame["a"]), (1, 0)]
    assert intervals(frame, prediction_interval)["a"] == prediction_interval(frame["a"])
    assert list(intervals(frame).index) == ["a", "b"]


def test_steps_are_compared_with_the_step_before_and_empty_where_nothing_is_recorded(tmp_path):
    steps = ["everything", "bare", "no such arm", "without-lrn"]
    costs = pd.DataFrame({"work": range(1, 5)}, index=steps)
    _, (head, first, second, third, fourth) = read(of_steps("study", steps, costs))
    columns = ["seeds", "test accuracy", "training accuracy", "points gained"]
    assert head == ["", "work", *columns]
    assert first[2:4] == ["3", "81.53 ± 1.06"] and first[1] == "1" and first[-1] == ""
    assert second[-1].startswith("-5.81 ± ")  # 75.72 less 81.53
    assert third[1:] == ["3", *[""] * 4]
    assert fourth[2] == "3" and fourth[-1] == ""  # nothing stands before it
    assert [row[1:] for row in read(of_steps("study", steps, folder=tmp_path))[1][1:]] == [
        [""] * 4
    ] * 4

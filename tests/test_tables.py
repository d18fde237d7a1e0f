"""Tables come back from a spreadsheet as they were, and run nothing in it."""

import csv
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from test_notebooks import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import tables

QUICK = settings(deadline=None, database=None, derandomize=True)
NASTY = st.text("=+-@\t\r\n;'\",a", max_size=8)


@QUICK
@given(NASTY)
def test_guarded_texts_hold_no_formula_and_come_back(text):
    guarded = tables.guarded(text)
    for cell in guarded.replace("\r", "\n").replace("\n", ";").split(";"):
        assert not cell.startswith(("=", "+", "-", "@", "\t"))
    assert tables.restored(guarded) == text


@pytest.mark.parametrize(
    ("text", "guarded"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("'=x", "''=x"),
        ("a - b", "a - b"),
        ("Why:\n- rounding", "Why:\n'- rounding"),
        ("so;=1+1", "so;'=1+1"),
        ("O'Brien", "O'Brien"),
        ("'tis", "'tis"),
    ],
)
def test_only_what_a_spreadsheet_would_run_is_guarded(text, guarded):
    assert tables.guarded(text) == guarded


@QUICK
@given(name=NASTY.filter(str.strip), answer=NASTY)
def test_a_table_comes_back_as_it_was_written(tmp_path_factory, name, answer):
    path = tmp_path_factory.mktemp("table") / "t.csv"
    row = {"student": name, "answer": answer}
    tables.write_table(path, list(row), [row])
    assert tables.read_table(path, "student", "answer") == [row]
    with path.open(newline="", encoding="utf-8-sig") as file:
        raw = next(csv.DictReader(file))
    assert not any(value.startswith(("=", "+", "-", "@", "\t", "\r")) for value in raw.values())

"""The numbers in the chapters' texts are printed by their code, or their source is listed."""

from decimal import Decimal

import nbformat
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from test_notebooks import notebooks

prose = notebooks.prose
BOOK, KNOWN = notebooks.numbers()


@pytest.mark.parametrize("chapter", BOOK)
def test_every_number_in_a_chapters_text_has_a_source(chapter):
    found = prose.faults(chapter, BOOK, KNOWN.get(chapter, {}))
    assert not found, "run 'tools/notebooks.py numbers' and read what changes:\n" + "\n".join(found)


def test_the_list_is_of_these_chapters():
    assert KNOWN.keys() == BOOK.keys()


def numbers(text):
    return [number for number, _ in prose.written(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gains 1.46 ± 0.45 points, or −0.3", ["1.46 ± 0.45", "0.3"]),
        ("60,965,224 weights, about 61 million", ["60,965,224", "61 million"]),
        ("72.4 % against 80 to 97 %, and 13%", ["72.4 %", "80", "97 %", "13%"]),
        ("conv1 makes 55×55 maps of 11 × 11", ["55", "55", "11", "11"]),
        ("two of 5 layers, a stride of 2", []),
        ("CIFAR-10 and CS231n in 2012 (§3.3, §4.1–4.2), chapters 6, 7 and 12, Figure 14", []),
        ("`alpha=0.75` and\n```python\nx = 0.99\n```\n", []),
        ("# 12 · The study\n:label: ex-12-a\n[chapter 13](13_study.ipynb#part-34)", []),
        ("**Time** about 25 minutes to read.", []),
        (r"$96 \cdot 363 + 96 = 34{,}944$ is half of $\tfrac12 n$", ["96", "363", "96", "34,944"]),
    ],
)
def test_numbers_are_found_and_names_references_and_code_are_not(text, expected):
    assert numbers(text) == expected


@pytest.mark.parametrize(
    ("printed", "number", "expected"),
    [
        ("1.464", "1.46", True),
        ("1.465", "1.46", True),  # it may stand for 1.4649 or 1.4651
        ("1.465", "1.47", True),
        ("1.466", "1.46", False),
        ("1.46", "1.464", False),
        ("3", "3.00", False),
        ("9216", "9,216", True),
        ("60,965,224", "61 million", True),
        ("60,965,224", "60 million", False),
        ("1e-04", "0.0001", True),
        ("0.6193", "62 %", True),
        ("61.93", "62 %", True),
        ("61.93", "61 %", False),
    ],
)
def test_what_is_printed_says_a_number_that_it_rounds_to(printed, number, expected):
    assert prose.says(printed, number) is expected


@given(st.decimals(0, 1000, places=4), st.integers(0, 4))
def test_a_number_says_its_rounding_and_not_the_next_but_one(exact, places):
    unit = Decimal(1).scaleb(-places)
    rounded = exact.quantize(unit)
    assert prose.says(str(exact), str(rounded))
    assert not prose.says(str(exact), str(rounded + 2 * unit))


TABLE = "<table><tr><td>LRN</td><td>1.464</td><td>0.447</td></tr><tr><td>9</td></tr></table>"


def chapter(text, shown=TABLE, tags=(), alt=""):
    """A chapter with one table, and a text behind it."""
    output = nbformat.v4.new_output("execute_result", data={"text/html": shown, "text/plain": ""})
    about = {"tags": list(tags), "mystnb": {"image": {"alt": alt}}}
    code = nbformat.v4.new_code_cell("rate = 0.05", outputs=[output], metadata=about)
    cells = [code, nbformat.v4.new_markdown_cell(text)]
    return prose.Chapter.of(nbformat.v4.new_notebook(cells=cells))


GAIN = {"1.46 ± 0.45": "1.464 ± 0.447"}


def test_a_number_with_its_interval_comes_from_one_row():
    assert prose.renewed("a", {"a": chapter("It gains 1.46 ± 0.45.")}, {}) == GAIN
    apart = TABLE.replace("<td>0.447", "</tr><tr><td>0.447")
    book = {"a": chapter("It gains 1.46 ± 0.45.", apart)}
    assert prose.renewed("a", book, {}) == {"1.46 ± 0.45": "?"}


def test_numbers_in_alt_texts_and_from_code_have_sources_too():
    book = {"a": chapter("A rate of 0.05.", alt="A bar at 1.5.")}
    assert prose.renewed("a", book, {}) == {"1.5": "1.464", "0.05": "0.05"}


def test_a_text_that_is_in_order_has_no_fault():
    book = {"a": chapter("It gains 1.46 ± 0.45 of 14 points.")}
    assert prose.faults("a", book, GAIN | {"14": "the paper, §3"}) == []


def test_a_number_that_changes_without_its_output_is_named_with_its_words():
    (fault, other) = prose.faults("a", {"a": chapter("It gains 1.47 ± 0.45 here.")}, GAIN)
    assert fault == "1.46 ± 0.45 is listed, and no longer in the text"
    assert other == "1.47 ± 0.45 in 'It gains 1.47 ± 0.45 here.' has no source"


def test_an_output_that_changes_without_the_text_is_named_even_where_it_rounds_to_the_same():
    book = {"a": chapter("It gains 1.46 ± 0.45 here.", TABLE.replace("1.464", "1.461"))}
    (fault,) = prose.faults("a", book, GAIN)
    assert "'It gains 1.46 ± 0.45 here.' was 1.464 ± 0.447, which is printed no more" in fault
    assert prose.renewed("a", book, GAIN) == {"1.46 ± 0.45": "1.461 ± 0.447"}


@pytest.mark.parametrize("origin", ["1.464", "0.447 ± 1.464", "1.5 ± 0.447", "b: 1.464 ± 0.447"])
def test_a_source_that_does_not_say_the_number_or_is_not_there_is_a_fault(origin):
    book = {"a": chapter("It gains 1.46 ± 0.45, and 9 are 14.")}
    known = {"1.46 ± 0.45": origin, "14": "9"}
    assert len(prose.faults("a", book, known)) == 2


def test_what_depends_on_the_machine_is_no_source():
    book = {"a": chapter("It takes 1.46 ± 0.45 s.", tags=["nbval-ignore-output"])}
    assert prose.renewed("a", book, {}) == {"1.46 ± 0.45": "?"}


def test_a_quotation_follows_the_chapter_that_it_quotes():
    book = {"a": chapter("It gained 1.46 ± 0.45 there.", "<table></table>"), "b": chapter("")}
    known = prose.renewed("a", book, {})
    assert known == {"1.46 ± 0.45": "b: 1.464 ± 0.447"}
    assert prose.faults("a", book, known) == []
    book["b"] = chapter("", TABLE.replace("1.464", "1.564"))
    assert "which is printed no more" in prose.faults("a", book, known)[0]


def test_a_source_in_words_is_kept_and_a_missing_one_asked_for():
    book = {"a": chapter("Of 14 points and 15 more.")}
    new = prose.renewed("a", book, {"14": "the paper, §3", "16": "gone"})
    assert new == {"14": "the paper, §3", "15": "?"}
    assert ["15" in fault for fault in prose.faults("a", book, new)] == [True]
    book["a"] = chapter("Of 14 points and 15 more.", TABLE.replace("9", "15"))
    assert prose.renewed("a", book, new) == {"14": "the paper, §3", "15": "15"}


def test_the_list_is_brought_up_to_date_and_what_it_lacks_is_said(tmp_path, monkeypatch, capsys):
    listed = tmp_path / "prose_numbers.yml"
    listed.write_text("b: {}\na:\n  '14': the paper, §3\n")
    monkeypatch.setattr(notebooks, "NUMBERS", listed)
    book = {"a": chapter("Of 14 points, 15 and 1.46 ± 0.45.")}
    monkeypatch.setattr(notebooks, "numbers", lambda: (book, yaml.safe_load(listed.read_text())))
    notebooks.list_numbers()
    assert "a: 15 in 'Of 14 points, 15 and 1.46 ± 0.45.' has no source" in capsys.readouterr().out
    assert yaml.safe_load(listed.read_text()) == {
        "a": {"14": "the paper, §3", "15": "?", "1.46 ± 0.45": "1.464 ± 0.447"}
    }

"""A course is graded, again and again, and no points are lost."""

import copy
import csv
import shutil
import sys
import zipfile
from types import SimpleNamespace

import pytest

from submissions import EXERCISE, as_colab_saves, cell_of, put, released, solution
from test_notebooks import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import exercises
import grading
import reporting
import tables


def read_csv(path):
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def release():
    return released()


@pytest.fixture(scope="module")
def solved():
    return solution()


def with_positions(solved, source):
    theirs = copy.deepcopy(solved)
    cell_of(theirs, "positions").source = source
    cell_of(theirs, "check-positions").source = "pass"
    return theirs


CRASH = "import os\n\nos._exit(1)"
ADA, IN_MOODLE = "Ada-Lovelace", "Ada Lovelace_4711_assignsubmission_file_"
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def graded(tmp_path_factory, solved, release):
    """Six students are graded, with 20 seconds a cell; gives the course and how to go on."""
    handed, course_folder = (tmp_path_factory.mktemp(name) for name in ("handed", "grading"))
    numbered = copy.deepcopy(solved)
    for cell in numbered.cells:
        cell.source = cell.source.replace("student = 0", "student = 7")
    cell_of(numbered, "three-ways").source += SCRIPT
    put(as_colab_saves(numbered), handed / IN_MOODLE / "Copy of ex03_size_arithmetic.ipynb")
    put(release, handed / "blank" / "ex03_size_arithmetic.ipynb")
    right = cell_of(solved, "positions").source
    for student, source in {
        "cheat": "def positions(*anything):\n    return 55",
        "loop": "def positions(*anything):\n    while True:\n        pass",
        "crash": CRASH,
        "warned": right.replace("room =", "import warnings\n\n    warnings.warn('!')\n    room ="),
    }.items():
        put(with_positions(solved, source), handed / student / "ex03_size_arithmetic.ipynb")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALEXNET_COURSE_CIFAR10", "stand-in")
        config = exercises.settings()
        config.Execute.timeout = 20
        course = grading.Course(course_folder, config)
        registered = course.register()
        patch.setattr(course, "register", lambda: registered)  # it is slow
        listed = tmp_path_factory.mktemp("class") / "export.csv"
        listed.write_text(
            "First name,Last name,Email address,number\nAda,Lovelace,ada@example.org,7\n"
            ",blank,blank@example.org,3\nMax,Lab,max@example.org,5\n"
        )
        grading.grade(course, handed, course.class_list(listed))
        yield course


def table(course, name="grades"):
    return {row["student"]: row for row in read_csv(course.folder / f"{name}.csv")}


def points(course):
    return {student: float(row["points"]) for student, row in table(course).items()}


def test_grades_are_fair_and_one_bad_file_does_not_stop_the_rest(graded):
    # 14 in all, 2 of them for the written answer, 3 for 'positions'.
    assert points(graded) == {ADA: 12, "blank": 0, "cheat": 9, "loop": 9, "warned": 12}
    assert {float(row["of"]) for row in table(graded).values()} == {14}
    refused = table(graded, "not_graded")
    assert set(refused) == {"crash"} and "ends Python itself" in refused["crash"]["why"]
    assert float(table(graded, "points")[ADA][EXERCISE]) == 12


def test_points_go_back_to_a_platform_when_they_are_final(graded):
    kept = table(graded, "came_as")
    assert {who: row["name"] for who, row in kept.items()} == {ADA: IN_MOODLE}
    folder = graded.folder / "for-moodle"
    assert not (folder / f"{EXERCISE}-worksheet.csv").exists()  # her written answer waits
    assert (folder / f"{EXERCISE}-points.csv").read_text().splitlines() == [
        "First name,Last name,Email address,Exercise 3",
        ",blank,blank@example.org,0",  # a blank written answer waits for nobody
    ]


def test_feedback_tells_in_words_what_is_wrong(graded):
    (page,) = (graded.folder / "feedback" / "blank" / EXERCISE).glob("*.html")
    assert "nothing there yet" in page.read_text()
    assert "Traceback (most" not in page.read_text()
    pages = sorted(path.parts[-3] for path in (graded.folder / "feedback").rglob("*.html"))
    assert pages == [ADA, "blank", "cheat", "loop", "warned"]
    (page,) = (graded.folder / "feedback" / ADA / EXERCISE).glob("*.html")
    assert SCRIPT not in page.read_text()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.read_text()


def test_points_for_written_answers_come_from_the_table(graded, capsys):
    path = graded.folder / "written.csv"
    rows = read_csv(path)
    waiting = {row["student"] for row in rows if not row["points"]}
    assert waiting == {ADA, "cheat", "loop", "warned"}  # an untouched answer gets 0 at once
    assert table(graded)[ADA]["written answers to grade"] == "1"
    given = {ADA: "1,5", "cheat": "2"}
    rows = [row | {"points": given.get(row["student"], row["points"])} for row in rows]
    changed = {ADA: "#NAME?", "cheat": rows[0]["answer"][:10]}  # as spreadsheets do
    rows = [row | {"answer": changed.get(row["student"], row["answer"])} for row in rows]
    tables.write_table(path, list(rows[0]), rows)
    assert reporting.report(graded)
    assert points(graded)[ADA] == 13.5 and points(graded)["cheat"] == 11
    assert table(graded)[ADA]["written answers to grade"] == "0"
    assert points(graded)["warned"] == 12
    (line,) = read_csv(graded.folder / "for-moodle" / f"{EXERCISE}-worksheet.csv")
    assert (line["Identifier"], line["Grade"]) == ("Participant 4711", "13.5")
    with zipfile.ZipFile(graded.folder / "for-moodle" / f"{EXERCISE}-feedback.zip") as archive:
        assert archive.namelist() == [f"{IN_MOODLE}/ex03_size_arithmetic.html"]
    rows = read_csv(path)
    wrong = [row | {"points": "7" if row["student"] == "loop" else row["points"]} for row in rows]
    tables.write_table(path, list(rows[0]), [*wrong, rows[0] | {"student": "nobody"}])
    capsys.readouterr()
    assert not reporting.report(graded)
    said = capsys.readouterr().out
    assert "loop, ex03, three-ways: points are '7'; expected a number from 0 to 2" in said
    assert "nobody, ex03, three-ways: nothing was graded under this name" in said
    kept = {row["student"]: row["points"] for row in read_csv(path)}
    assert kept == {ADA: "1.5", "blank": "0", "cheat": "2", "loop": "7", "warned": ""}
    assert points(graded)[ADA] == 13.5  # and nothing is lost


def by_hand(course, student, points):
    """Give points as nbgrader's own page does, past ``written.csv``."""
    with course.gradebook() as book:
        name = course.sources[EXERCISE].stem
        grade = book.find_grade("three-ways", name, EXERCISE, student)
        grade.manual_score, grade.needs_manual_grade = points, False
        book.db.commit()


def test_handing_in_again_loses_no_grade_and_carries_no_old_points_over(
    graded, solved, tmp_path, capsys
):
    put(with_positions(solved, CRASH), tmp_path / IN_MOODLE / "ex03.ipynb")
    again = with_positions(solved, "def positions(*anything):\n    return 55")
    cell_of(again, "three-ways").source = "Another answer."
    put(again, tmp_path / "cheat" / "ex03.ipynb")
    fails = copy.deepcopy(solved)
    for cell in fails.cells:
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = "raise ValueError"
    put(fails, tmp_path / "warned" / "ex03.ipynb")
    put(solved, tmp_path / "loop" / "ex03.ipynb")
    by_hand(graded, "loop", 1)
    grading.grade(graded, tmp_path)
    refused = table(graded, "not_graded")
    assert points(graded)[ADA] == 13.5
    assert "the points of an earlier file stand" in refused[ADA]["why"]
    assert (graded.folder / "feedback" / ADA).is_dir()
    assert points(graded)["warned"] == 12
    assert refused["warned"]["why"] == "passes no test; the points of an earlier file stand"
    assert points(graded)["loop"] == 13  # the same answer keeps its point
    assert points(graded)["cheat"] == 9
    assert table(graded)["cheat"]["written answers to grade"] == "1"
    assert table(graded)["cheat"]["notes"] == (
        "three-ways had 2 of 2 points for an earlier answer; the number was not checked"
    )
    assert table(graded, "written")["cheat"]["answer"] == "Another answer."
    said = "cheat, ex03, three-ways: 2 of 2 points were given to another answer; the one there"
    assert f"{said} now waits" in capsys.readouterr().out


def test_a_blank_copy_handed_in_later_changes_nothing(graded, release, tmp_path):
    before = points(graded)
    by_hand(graded, "cheat", 2)
    for student in before:
        put(release, tmp_path / {ADA: IN_MOODLE}.get(student, student) / "ex03.ipynb")
    grading.grade(graded, tmp_path)
    assert points(graded) == before | {"cheat": before["cheat"] + 2}
    refused = table(graded, "not_graded")
    assert set(refused) == set(before)
    assert {row["why"] for row in refused.values()} == {
        "is blank; the points of an earlier file stand"
    }


def test_ctrl_c_leaves_all_as_it_was(graded, solved, tmp_path, monkeypatch):
    def interrupted(exercise, student, force):
        with graded.gradebook() as book:
            book.remove_submission(exercise, student)
        raise KeyboardInterrupt

    monkeypatch.setattr(graded.api, "autograde", interrupted)
    put(solved, tmp_path / IN_MOODLE / "ex03.ipynb")
    before = graded.cells(ADA, EXERCISE)
    with pytest.raises(KeyboardInterrupt):
        grading.grade(graded, tmp_path)
    assert graded.cells(ADA, EXERCISE) == before
    with graded.gradebook() as book:
        assert book.find_submission(EXERCISE, ADA).score == 13.5


def test_who_is_who_is_asked_before_anything_is_graded(graded, solved, tmp_path):
    before = points(graded)
    for name in ("Group A/@dora/ex03.ipynb", "Group A/eve/ex03.ipynb", "Group B/ex03.ipynb"):
        put(solved, tmp_path / name)
    with pytest.raises(SystemExit, match=r"whose \./Group A/@dora and 1 more is: put"):
        grading.grade(graded, tmp_path)
    path = graded.folder / "who.csv"
    asked = [row for row in tables.read_table(path) if row["name"].startswith("./")]
    assert asked == [
        {"name": "./Group A/@dora", "student": "@dora"},
        {"name": "./Group A/eve", "student": "eve"},
    ]
    assert "'@dora" in path.read_text(encoding="utf-8-sig")  # which a spreadsheet doesn't run
    left = [row | {"student": "-"} if row in asked else row for row in tables.read_table(path)]
    tables.write_table(path, ["name", "student"], left)
    shutil.rmtree(tmp_path / "Group B")  # of the others we know
    grading.grade(graded, tmp_path)
    assert points(graded) == before
    refused = {row["why"] for row in read_csv(graded.folder / "not_graded.csv")}
    assert refused == {"is left out: who.csv has '-' for it"}


ANSWER = "=1+1 is what I would round up to. " * 1000


def written(answer, points=None):
    """A written answer of ada's as the gradebook holds it."""
    cell = SimpleNamespace(cell_type="markdown")
    grade = SimpleNamespace(cell=cell, max_score=2.0, score=points or 0.0, manual_score=points)
    grade.needs_manual_grade = points is None
    return reporting._Written(("@ada", EXERCISE, "three-ways"), grade, answer)


def taken_over(one, line, capsys):
    """The points after a line of ``written.csv``, those that can't be given, and what is said."""
    wrong = reporting._take_over([line], {one.place: one})
    return one.grade.manual_score, wrong, capsys.readouterr().out


SPREADSHEETS = {
    "nothing": lambda text: text,
    "a formula that failed": lambda text: "#NAME?",
    "cut": lambda text: text[:32_767],
    "other ends of lines": lambda text: text.replace("\n", "\r\n"),
    "other quotes": lambda text: text.replace('"', "\u201d").replace("'", "\u2019"),
    "emptied": lambda text: "",
}


@pytest.mark.parametrize("change", SPREADSHEETS.values(), ids=SPREADSHEETS)
def test_points_go_to_their_answer_whatever_a_spreadsheet_makes_of_it(tmp_path, capsys, change):
    one = written(ANSWER + '\n- "It\'s"')
    path = tmp_path / "written.csv"
    line = reporting._line(one, None)
    assert len(line["answer"]) < 32_767 and line["points"] == ""
    tables.write_table(path, list(line), [line])
    (line,) = read_csv(path)
    tables.write_table(path, list(line), [line | {"points": "2", "answer": change(line["answer"])}])
    (line,) = tables.read_table(path)
    assert taken_over(one, line, capsys) == (2, {}, "")


def test_points_find_their_answer_under_a_changed_name(capsys):
    one = written(ANSWER)
    line = reporting._line(one, None) | {"student": "#NAME?", "points": "1"}
    assert taken_over(one, line, capsys) == (1, {}, "")


def test_points_for_an_answer_that_has_changed_are_not_given_but_told(capsys):
    line = reporting._line(written(ANSWER), None) | {"points": "2"}
    given, wrong, said = taken_over(written("Another."), line, capsys)
    assert given is None and not wrong
    assert "2 of 2 points were given to another answer; the one there now waits" in said
    given, wrong, said = taken_over(written("Another.", 1.0), line, capsys)
    assert given == 1 and "the one there now keeps its own" in said


def test_a_table_from_before_there_were_digests_goes_by_the_text(capsys):
    line = reporting._line(written("An answer."), None) | {"points": "2"}
    del line["digest"]
    assert taken_over(written("An  answer."), line, capsys) == (2, {}, "")
    given, _, said = taken_over(written("Another."), line, capsys)
    assert given is None and "given to another answer" in said


def test_a_later_list_of_the_class_without_numbers_loses_none(tmp_path):
    course = grading.Course(tmp_path / "grading")
    assert course.class_list() is None and course.numbers(None) is None
    first, later = tmp_path / "first.csv", tmp_path / "later.csv"
    first.write_text("Email address,number\nada@example.org,7\n")
    later.write_text("Email address,Exercise 4\nada@example.org,\n")
    for path in (first, later):
        listed = course.class_list(path)
        numbers = course.numbers(listed)
        assert [numbers.number(row) for row in numbers.rows] == ["7"]
    assert course.class_list().columns == ["Email address", "Exercise 4"]  # the later one is kept
    assert course.numbers(course.class_list()).numbered

"""Submissions as students really hand them in: each is graded fairly or refused with a reason."""

import copy
import csv
import json
import os
import sys
import zipfile

import nbformat
import pytest

from test_notebooks import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import collecting
import exercises
import grading

EXERCISE = "ex03"


def read_csv(path):
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def release():
    (path,) = (ROOT / "notebooks" / "exercises" / EXERCISE).glob("*.ipynb")
    return nbformat.read(path, as_version=4)


@pytest.fixture(scope="module")
def solved(release):
    """The release with all solutions written in, as a good student would hand it in."""
    right = {}
    for cell in nbformat.read(exercises.sources()[EXERCISE], as_version=4).cells:
        about = cell.metadata.get("nbgrader", {})
        if about.get("solution"):
            right[about["grade_id"]] = cell.source
    notebook = copy.deepcopy(release)
    for cell in notebook.cells:
        cell.source = right.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
    return notebook


def cell_of(notebook, name):
    return next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == name)


def put(notebook, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(nbformat.writes(notebook), encoding="utf-8")
    return path


def as_colab_saves(notebook):
    """No cell ids, format 4.0, Colab's own metadata, nbgrader's gone."""
    changed = copy.deepcopy(notebook)
    changed.nbformat_minor = 0
    changed.metadata["colab"] = {"provenance": []}
    for number, cell in enumerate(changed.cells):
        cell.pop("id")
        cell.metadata = nbformat.NotebookNode({"id": f"x{number}", "colab": {"base_uri": "…"}})
    return changed


@pytest.fixture(scope="module")
def releases(release):
    other = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Another exercise")])
    return {EXERCISE: release, "ex98": other}


def collected(folder, releases):
    handed, refused = collecting.collect(folder, releases)
    return {(h.student, h.exercise): h.path.name for h in handed}, {r.file: r.why for r in refused}


def test_students_are_known_by_folder_or_by_the_name_of_the_file(tmp_path, solved, releases):
    for name in (
        "ada/ex03_size_arithmetic.ipynb",
        "Bo Li_4711_assignsubmission_file_/Copy of ex03_size_arithmetic.ipynb",
        "chenwei_123_4567_Copy of ex03_size_arithmetic-1.ipynb",
        "Dana Roy ex03.ipynb",
        "eve/week 1/my homework.ipynb",
    ):
        put(solved, tmp_path / name)
    handed, refused = collected(tmp_path, releases)
    assert {student for student, _ in handed} == {"ada", "Bo-Li", "chenwei", "Dana-Roy", "eve"}
    assert {exercise for _, exercise in handed} == {EXERCISE} and not refused


def test_what_cannot_be_graded_is_listed_with_a_reason(tmp_path, solved, releases):
    put(solved, tmp_path / "ex03_size_arithmetic.ipynb")
    put(nbformat.read(ROOT / "notebooks" / "02_architecture.ipynb", 4), tmp_path / "al/ex03.ipynb")
    put(solved, tmp_path / "bea" / "ex98.ipynb")
    for name in ("cy/ex03.ipynb", "cy/ex03.pdf", "cy/.DS_Store", "cy/.ipynb_checkpoints/x.ipynb"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{ not a notebook")
    handed, refused = collected(tmp_path, releases)
    assert not handed
    assert "folder named after the student" in refused.pop("ex03_size_arithmetic.ipynb")
    assert "of the cells of ex03; ask for the right file" in refused.pop("al/ex03.ipynb")
    assert "it is ex03, under another name" in refused.pop("bea/ex98.ipynb")
    assert "can't be read as a notebook" in refused.pop("cy/ex03.ipynb")
    assert "is no notebook" in refused.pop("cy/ex03.pdf")
    assert not refused  # what systems leave behind is not mentioned


def test_the_newest_of_several_files_counts(tmp_path, solved, releases):
    for number, name in enumerate(["ex03 (1).ipynb", "Copy of ex03.ipynb", "ex03.ipynb"]):
        os.utime(put(solved, tmp_path / "ada" / name), (1000 - number, 1000 - number))
    handed, refused = collected(tmp_path, releases)
    assert handed == {("ada", EXERCISE): "ex03 (1).ipynb"}
    assert len(refused) == 2 and all("an earlier file than" in why for why in refused.values())


def test_of_equal_dates_the_higher_number_counts_and_a_blank_file_never(
    tmp_path, solved, release, releases
):
    for name in ("ex03.ipynb", "ex03 (1).ipynb", "ex03 (2).ipynb"):
        os.utime(put(solved, tmp_path / "ada" / name), (1000, 1000))
    os.utime(put(release, tmp_path / "ada" / "ex03 (3).ipynb"), (2000, 2000))
    handed, _ = collected(tmp_path, releases)
    assert handed == {("ada", EXERCISE): "ex03 (2).ipynb"}


def test_folders_around_everything_and_folders_of_exercises_are_no_students(
    tmp_path, solved, releases
):
    put(solved, tmp_path / "all" / "submissions" / "ex03" / "ada" / "homework.ipynb")
    put(solved, tmp_path / "all" / "submissions" / "ex03" / "bo" / "homework.ipynb")
    put(solved, tmp_path / "all" / "__MACOSX" / "submissions" / "x.ipynb")
    assert {who for who, _ in collected(tmp_path / "all", releases)[0]} == {"ada", "bo"}
    for name in ("Ada - ex03.ipynb", "Bo - ex03.ipynb"):
        put(solved, tmp_path / "drive" / "Exercise 3" / name)
    assert {who for who, _ in collected(tmp_path / "drive", releases)[0]} == {"Ada", "Bo"}
    put(solved, tmp_path / "one" / "ada" / "ex03.ipynb")
    assert {who for who, _ in collected(tmp_path / "one", releases)[0]} == {"ada"}


def test_people_of_the_same_name_stay_apart(tmp_path, solved, releases):
    for name in (
        "Anna Schmidt_4711_assignsubmission_file_/ex03.ipynb",
        "Anna Schmidt_4712_assignsubmission_file_/ex03.ipynb",
    ):
        put(solved, tmp_path / "moodle" / name)
    assert {who for who, _ in collected(tmp_path / "moodle", releases)[0]} == {
        "Anna-Schmidt-4711",
        "Anna-Schmidt-4712",
    }
    for name in (
        "smithjohn_111_900_ex03.ipynb",
        "smithjohn_LATE_222_901_ex03.ipynb",
        "Anna_Schmidt_ex03.ipynb",
        "Anna_Meier_ex03.ipynb",
        "Exercise 3_alovelace_attempt_2026-11-22-10-00-00_ex03.ipynb",
        "alex02_ex03.ipynb",
        "Ada - Kopie von ex03.ipynb",
        "Jürgen ex03.ipynb",
    ):
        put(solved, tmp_path / "flat" / name)
    handed, refused = collected(tmp_path / "flat", releases)
    assert not refused
    assert {who for who, _ in handed} == {
        "smithjohn-111",
        "smithjohn-222",
        "Anna_Schmidt",
        "Anna_Meier",
        "alovelace",
        "alex02",
        "Ada",
        "Jürgen",
    }


def test_names_of_exercises_are_found_whatever_their_case_and_length(tmp_path, solved, release):
    put(solved, tmp_path / "ada" / "HW11.ipynb")
    put(solved, tmp_path / "bo" / "hw1 final.ipynb.txt")
    handed, refused = collected(tmp_path, {"hw1": release, "HW11": release})
    assert set(handed) == {("ada", "HW11"), ("bo", "hw1")} and not refused


def test_a_damaged_notebook_is_refused_alone(tmp_path, solved, releases):
    put(solved, tmp_path / "ada" / "ex03.ipynb")
    damaged = json.loads(nbformat.writes(solved))
    damaged["cells"][3]["source"] = None
    damaged["cells"][4]["metadata"] = {"nbgrader": None}
    (tmp_path / "bo").mkdir()
    (tmp_path / "bo" / "ex03.ipynb").write_text(json.dumps(damaged))
    handed, refused = collected(tmp_path, releases)
    assert set(handed) == {("ada", EXERCISE)}
    assert "can't be read as a notebook" in refused["bo/ex03.ipynb"]


def test_an_archive_is_unpacked_with_its_dates(tmp_path, solved, releases):
    text = nbformat.writes(solved)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("ada/ex03.ipynb", (2020, 1, 2, 0, 0, 0)), text)
        archive.writestr(zipfile.ZipInfo("ada/ex03 old.ipynb", (2020, 1, 1, 0, 0, 0)), text)
    folder = collecting.unpacked(tmp_path / "all.zip", tmp_path / "unpacked")
    assert collected(folder, releases)[0] == {("ada", EXERCISE): "ex03.ipynb"}
    put(solved, tmp_path / "one.ipynb")
    with pytest.raises(SystemExit, match="neither a folder nor a"):
        collecting.unpacked(tmp_path / "one.ipynb", tmp_path)


def sources_of(notebook):
    return [cell.source for cell in notebook.cells]


def test_mending_leaves_a_whole_notebook_alone(solved, release):
    mended, notes = collecting.mend(copy.deepcopy(solved), release)
    assert sources_of(mended) == sources_of(solved) and not notes
    assert [c.metadata.get("nbgrader") for c in mended.cells] == [
        c.metadata.get("nbgrader") for c in release.cells
    ]


def test_mending_knows_cells_without_names_and_ids(solved, release):
    mended, notes = collecting.mend(as_colab_saves(solved), release)
    assert sources_of(mended) == sources_of(solved) and not notes
    assert [c.metadata.get("nbgrader") for c in mended.cells] == [
        c.metadata.get("nbgrader") for c in release.cells
    ]


@pytest.mark.parametrize("known", [True, False], ids=["with names", "without names"])
def test_mending_puts_missing_cells_back_and_keeps_added_ones(solved, release, known):
    theirs = copy.deepcopy(solved)
    gone = cell_of(theirs, "check-positions"), cell_of(theirs, "sides-that-give")
    helper = nbformat.v4.new_code_cell("def helper():\n    return 1")
    theirs.cells = [cell for cell in theirs.cells if cell not in gone]
    at = theirs.cells.index(cell_of(theirs, "positions"))
    theirs.cells.insert(at, helper)
    mended, notes = collecting.mend(theirs if known else as_colab_saves(theirs), release)
    assert helper.source in sources_of(mended)
    assert notes == [
        "check-positions was missing and put back",
        "sides-that-give was missing and put back",
    ]
    names = [c.metadata.get("nbgrader", {}).get("grade_id") for c in mended.cells]
    wanted = [c.metadata.get("nbgrader", {}).get("grade_id") for c in release.cells]
    assert [n for n in names if n] == [n for n in wanted if n]
    assert cell_of(mended, "positions").source == cell_of(solved, "positions").source
    assert cell_of(mended, "sides-that-give").source == cell_of(release, "sides-that-give").source
    nbformat.validate(mended)


@pytest.mark.parametrize("known", [True, False], ids=["with names", "without names"])
def test_mending_leaves_numbers_imports_and_questions_as_the_student_has_them(
    solved, release, known
):
    theirs = copy.deepcopy(solved)
    (imports,) = (cell for cell in theirs.cells if "student = 0" in cell.source)
    imports.source = "import numpy as np\n" + imports.source.replace("student = 0", "student = 7")
    mended, notes = collecting.mend(theirs if known else as_colab_saves(theirs), release)
    assert sources_of(mended) == sources_of(theirs) and not notes


@pytest.mark.parametrize("place", ["question", "new cell"])
def test_text_beside_a_blank_written_answer_becomes_the_answer(solved, release, place):
    theirs = copy.deepcopy(solved)
    answer = cell_of(theirs, "three-ways")
    answer.source = cell_of(release, "three-ways").source
    at = theirs.cells.index(answer)
    if place == "question":
        theirs.cells[at - 1].source += "\n\nI would round up."
    else:
        theirs.cells.insert(at + 1, nbformat.v4.new_markdown_cell("I would round up."))
    mended, notes = collecting.mend(theirs, release)
    assert "I would round up." in cell_of(mended, "three-ways").source
    assert notes == ["three-ways: the text beside it was taken"]
    nbformat.validate(mended)


def test_mending_restores_tests_and_takes_the_copy_that_was_worked_in(solved, release):
    theirs = copy.deepcopy(solved)
    cell_of(theirs, "check-positions").source = "print('all right')"
    answered = cell_of(theirs, "positions")
    blank = copy.deepcopy(cell_of(release, "positions"))
    theirs.cells.insert(theirs.cells.index(answered), blank)
    mended, _ = collecting.mend(theirs, release)
    right = cell_of(release, "check-positions").source
    assert cell_of(mended, "check-positions").source == right
    assert cell_of(mended, "positions").source == answered.source
    assert blank.source in sources_of(mended)
    nbformat.validate(mended)


def test_an_answer_turned_into_text_is_kept_beside_a_blank_one(solved, release):
    theirs = copy.deepcopy(solved)
    cell = cell_of(theirs, "positions")
    text = nbformat.v4.new_markdown_cell(cell.source, id=cell.id, metadata=cell.metadata)
    theirs.cells[theirs.cells.index(cell)] = text
    mended, notes = collecting.mend(theirs, release)
    assert notes == ["positions was missing and put back"]
    assert cell.source in sources_of(mended)
    assert cell_of(mended, "positions").source == cell_of(release, "positions").source
    nbformat.validate(mended)


def with_positions(solved, source):
    theirs = copy.deepcopy(solved)
    cell_of(theirs, "positions").source = source
    cell_of(theirs, "check-positions").source = "pass"
    return theirs


CRASH = "import os\n\nos._exit(1)"


@pytest.fixture(scope="module")
def graded(tmp_path_factory, solved, release):
    """Six students are graded, with 10 seconds a cell; gives the course and how to go on."""
    handed, course_folder = (tmp_path_factory.mktemp(name) for name in ("handed", "grading"))
    numbered = copy.deepcopy(solved)
    for cell in numbered.cells:
        cell.source = cell.source.replace("student = 0", "student = 7")
    put(as_colab_saves(numbered), handed / "ada" / "Copy of ex03_size_arithmetic.ipynb")
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
        real = exercises.settings

        def settings(**directories):
            config = real(**directories)
            config.Execute.timeout = 10
            return config

        patch.setattr(exercises, "settings", settings)
        patch.setenv("ALEXNET_COURSE_CIFAR10", "stand-in")
        course = grading.Course(course_folder)
        grading.grade(course, handed, {"blank": "3", "ada": "7"})
        yield course


def table(course, name="grades"):
    return {row["student"]: row for row in read_csv(course.folder / f"{name}.csv")}


def points(course):
    return {student: float(row["points"]) for student, row in table(course).items()}


def test_grades_are_fair_and_one_bad_file_does_not_stop_the_rest(graded):
    # 14 in all, 2 of them for the written answer, 3 for 'positions'.
    assert points(graded) == {"ada": 12, "blank": 0, "cheat": 9, "loop": 9, "warned": 12}
    assert {float(row["of"]) for row in table(graded).values()} == {14}
    refused = table(graded, "not_graded")
    assert set(refused) == {"crash"} and "ends Python itself" in refused["crash"]["why"]
    assert float(table(graded, "points")["ada"][EXERCISE]) == 12


def test_feedback_tells_in_words_what_is_wrong(graded):
    (page,) = (graded.folder / "feedback" / "blank" / EXERCISE).glob("*.html")
    assert "nothing there yet" in page.read_text()
    assert "Traceback (most" not in page.read_text()
    pages = sorted(path.parts[-3] for path in (graded.folder / "feedback").rglob("*.html"))
    assert pages == ["ada", "blank", "cheat", "loop", "warned"]


def test_points_for_written_answers_come_from_the_table(graded, capsys):
    path = graded.folder / "written.csv"
    rows = read_csv(path)
    waiting = {row["student"] for row in rows if not row["points"]}
    assert waiting == {"ada", "cheat", "loop", "warned"}  # an untouched answer gets 0 at once
    assert table(graded)["ada"]["written answers to grade"] == "1"
    given = {"ada": "1,5", "cheat": "2"}
    rows = [row | {"points": given.get(row["student"], row["points"])} for row in rows]
    grading._write(path, list(rows[0]), rows)
    assert grading.report(graded)
    assert points(graded)["ada"] == 13.5 and points(graded)["cheat"] == 11
    assert table(graded)["ada"]["written answers to grade"] == "0"
    assert points(graded)["warned"] == 12
    rows = read_csv(path)
    wrong = [row | {"points": "7" if row["student"] == "loop" else row["points"]} for row in rows]
    grading._write(path, list(rows[0]), [*wrong, rows[0] | {"student": "nobody"}])
    capsys.readouterr()
    assert not grading.report(graded)
    said = capsys.readouterr().out
    assert "loop, ex03, three-ways: points are '7'; expected a number from 0 to 2" in said
    assert "nobody, ex03, three-ways: nothing was graded under this name" in said
    kept = {row["student"]: row["points"] for row in read_csv(path)}
    assert kept == {"ada": "1.5", "blank": "0", "cheat": "2", "loop": "7", "warned": ""}
    assert points(graded)["ada"] == 13.5  # and nothing is lost


def test_handing_in_again_loses_no_grade_and_carries_no_old_points_over(graded, solved, tmp_path):
    put(with_positions(solved, CRASH), tmp_path / "ada" / "ex03.ipynb")
    again = with_positions(solved, "def positions(*anything):\n    return 55")
    cell_of(again, "three-ways").source = "Another answer."
    put(again, tmp_path / "cheat" / "ex03.ipynb")
    grading.grade(graded, tmp_path, {})
    assert points(graded)["ada"] == 13.5
    assert "the points of an earlier file stand" in table(graded, "not_graded")["ada"]["why"]
    assert (graded.folder / "feedback" / "ada").is_dir()
    assert points(graded)["cheat"] == 9
    assert table(graded)["cheat"]["written answers to grade"] == "1"
    assert table(graded, "written")["cheat"]["answer"] == "Another answer."


def test_tables_are_read_as_spreadsheets_save_them(tmp_path):
    path = tmp_path / "numbers.csv"
    for text, encoding in (
        ("student,number\nJ\u00fcrgen,3\n", "utf-8-sig"),
        ("student;number\r\nJ\u00fcrgen;3\r\n", "cp1252"),
    ):
        path.write_bytes(text.encode(encoding))
        assert grading.read_numbers(path) == {"J\u00fcrgen": "3"}
    path.write_text("name,number\nada,3\n")
    with pytest.raises(SystemExit, match="has no column 'student'; it has name, number"):
        grading.read_numbers(path)
    path.write_text("student,number\nada,3.5\n")
    with pytest.raises(SystemExit, match=r"number of ada is '3\.5'; expected a whole one"):
        grading.read_numbers(path)
    with pytest.raises(SystemExit, match="does not exist"):
        grading.read_numbers(tmp_path / "nowhere.csv")

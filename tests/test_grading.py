"""Submissions as students really hand them in: each is graded fairly or refused with a reason."""

import copy
import csv
import os
import sys
import zipfile

import nbformat
import pytest
from test_notebooks import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import grading

import exercises

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
    handed, refused = grading.collect(folder, releases)
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
    assert len(refused) == 2 and all("older than" in why for why in refused.values())


def test_an_archive_is_unpacked_with_its_dates(tmp_path, solved, releases):
    text = nbformat.writes(solved)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("ada/ex03.ipynb", (2020, 1, 2, 0, 0, 0)), text)
        archive.writestr(zipfile.ZipInfo("ada/ex03 old.ipynb", (2020, 1, 1, 0, 0, 0)), text)
    folder = grading._unpacked(tmp_path / "all.zip", tmp_path / "unpacked")
    assert collected(folder, releases)[0] == {("ada", EXERCISE): "ex03.ipynb"}
    put(solved, tmp_path / "one.ipynb")
    with pytest.raises(SystemExit, match="neither a folder nor a"):
        grading._unpacked(tmp_path / "one.ipynb", tmp_path)


def sources_of(notebook):
    return [cell.source for cell in notebook.cells]


def test_mending_leaves_a_whole_notebook_alone(solved, release):
    mended, notes = grading.mend(copy.deepcopy(solved), release)
    assert sources_of(mended) == sources_of(solved) and not notes
    assert [c.metadata.get("nbgrader") for c in mended.cells] == [
        c.metadata.get("nbgrader") for c in release.cells
    ]


def test_mending_knows_cells_without_names_and_ids(solved, release):
    mended, notes = grading.mend(as_colab_saves(solved), release)
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
    mended, notes = grading.mend(theirs if known else as_colab_saves(theirs), release)
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


def test_mending_restores_tests_and_takes_the_copy_that_was_worked_in(solved, release):
    theirs = copy.deepcopy(solved)
    cell_of(theirs, "check-positions").source = "print('all right')"
    answered = cell_of(theirs, "positions")
    blank = copy.deepcopy(cell_of(release, "positions"))
    theirs.cells.insert(theirs.cells.index(answered), blank)
    mended, _ = grading.mend(theirs, release)
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
    mended, notes = grading.mend(theirs, release)
    assert notes == ["positions was missing and put back"]
    assert cell.source in sources_of(mended)
    assert cell_of(mended, "positions").source == cell_of(release, "positions").source
    nbformat.validate(mended)


@pytest.fixture(scope="module")
def graded(tmp_path_factory, solved, release):
    """Five students are graded, with 10 seconds a cell; gives the folder with the reports."""
    handed, course_folder = (tmp_path_factory.mktemp(name) for name in ("handed", "grading"))
    put(as_colab_saves(solved), handed / "ada" / "Copy of ex03_size_arithmetic.ipynb")
    put(release, handed / "blank" / "ex03_size_arithmetic.ipynb")
    for student, source in {
        "cheat": "def positions(*anything):\n    return 55",
        "loop": "def positions(*anything):\n    while True:\n        pass",
        "crash": "import os\n\nos._exit(1)",
    }.items():
        theirs = copy.deepcopy(solved)
        cell_of(theirs, "positions").source = source
        cell_of(theirs, "check-positions").source = "pass"
        put(theirs, handed / student / "ex03_size_arithmetic.ipynb")
    with pytest.MonkeyPatch.context() as patch:
        real = exercises.settings

        def settings(**directories):
            config = real(**directories)
            config.Execute.timeout = 10
            return config

        patch.setattr(exercises, "settings", settings)
        patch.setenv("ALEXNET_COURSE_CIFAR10", "stand-in")
        course = grading.Course(course_folder)
        grading.grade(course, handed, {"blank": "3", "ada": "0"})
        yield course


def table(course, name="grades"):
    return {row["student"]: row for row in read_csv(course.folder / f"{name}.csv")}


def test_grades_are_fair_and_one_bad_file_does_not_stop_the_rest(graded):
    points = {student: float(row["points"]) for student, row in table(graded).items()}
    # 14 in all, 2 of them for the written answer, 3 for 'positions'.
    assert points == {"ada": 12, "blank": 0, "cheat": 9, "loop": 9}
    assert {float(row["of"]) for row in table(graded).values()} == {14}
    refused = table(graded, "not_graded")
    assert set(refused) == {"crash"} and "ends Python itself" in refused["crash"]["why"]


def test_feedback_tells_in_words_what_is_wrong(graded):
    page = (
        graded.folder / "feedback" / "blank" / EXERCISE / "ex03_size_arithmetic.html"
    ).read_text()
    assert "nothing there yet" in page and "Traceback (most" not in page
    assert sorted(p.parts[-3] for p in (graded.folder / "feedback").rglob("*.html")) == [
        "ada",
        "blank",
        "cheat",
        "loop",
    ]


def test_points_for_written_answers_come_from_the_table(graded):
    path = graded.folder / "written.csv"
    rows = read_csv(path)
    waiting = {row["student"] for row in rows if not row["points"]}
    assert waiting == {"ada", "cheat", "loop"}  # an untouched answer gets 0 at once
    assert table(graded)["ada"]["written answers to grade"] == "1"
    for row in rows:
        row["points"] = "1,5" if row["student"] == "ada" else row["points"]
    grading._write(path, list(rows[0]), rows)
    grading.report(graded)
    assert float(table(graded)["ada"]["points"]) == 13.5
    assert table(graded)["ada"]["written answers to grade"] == "0"
    assert float(table(graded)["cheat"]["points"]) == 9
    kept = path.read_bytes()
    grading._write(path, list(rows[0]), [row | {"points": "7"} for row in rows])
    with pytest.raises(SystemExit, match=r"written.csv, .*'7'; expected a number from 0 to 2"):
        grading.report(graded)
    grading._write(path, list(rows[0]), [rows[0] | {"student": "nobody", "points": "1"}])
    with pytest.raises(SystemExit, match="nothing was graded as nobody, ex03, three-ways"):
        grading.report(graded)
    path.write_bytes(kept)
    grading.report(graded)  # and nothing is lost
    assert float(table(graded)["ada"]["points"]) == 13.5

"""What students hand in is collected and mended without loss, or listed with a reason."""

import copy
import json
import os
import shutil
import sys
import tempfile
import zipfile
from itertools import zip_longest
from pathlib import Path

import nbformat
import pytest

from submissions import EXERCISE, as_colab_saves, cell_of, put, released, solution
from test_notebooks import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import archives
import collecting
import exercises
import mending
from owners import Roll


@pytest.fixture(scope="module")
def release():
    return released()


@pytest.fixture(scope="module")
def solved():
    return solution()


@pytest.fixture(scope="module")
def releases(release):
    other = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Another exercise")])
    return {EXERCISE: release, "ex98": other}


def collected(source, releases, roll=None):
    """File names of what is graded, by student and exercise; and why the rest is not, by path."""
    with tempfile.TemporaryDirectory() as scratch:
        gathered = archives.Gathered(source, Path(scratch))
        handed, refused = collecting.collect(gathered, releases, roll or Roll({}))
    names = {(one.student, one.exercise): one.file.rpartition("/")[2] for one in handed}
    return names, {one.file: one.why for one in refused}


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
    assert collected(tmp_path / "all.zip", releases)[0] == {("ada", EXERCISE): "ex03.ipynb"}
    put(solved, tmp_path / "one.ipynb")
    with pytest.raises(SystemExit, match="neither a folder nor a"):
        archives.Gathered(tmp_path / "one.ipynb", tmp_path)


def sources_of(notebook):
    return [cell.source for cell in notebook.cells]


def test_mending_leaves_a_whole_notebook_alone(solved, release):
    mended, notes = mending.mend(copy.deepcopy(solved), release)
    assert sources_of(mended) == sources_of(solved) and not notes
    assert [c.metadata.get("nbgrader") for c in mended.cells] == [
        c.metadata.get("nbgrader") for c in release.cells
    ]


def test_mending_knows_cells_without_names_and_ids(solved, release):
    mended, notes = mending.mend(as_colab_saves(solved), release)
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
    mended, notes = mending.mend(theirs if known else as_colab_saves(theirs), release)
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
    mended, notes = mending.mend(theirs if known else as_colab_saves(theirs), release)
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
    mended, notes = mending.mend(theirs, release)
    assert "I would round up." in cell_of(mended, "three-ways").source
    assert notes == ["three-ways: the text beside it was taken"]
    nbformat.validate(mended)


def test_mending_restores_tests_and_takes_the_copy_that_was_worked_in(solved, release):
    theirs = copy.deepcopy(solved)
    cell_of(theirs, "check-positions").source = "print('all right')"
    answered = cell_of(theirs, "positions")
    blank = copy.deepcopy(cell_of(release, "positions"))
    theirs.cells.insert(theirs.cells.index(answered), blank)
    mended, _ = mending.mend(theirs, release)
    right = cell_of(release, "check-positions").source
    assert cell_of(mended, "check-positions").source == right
    assert cell_of(mended, "positions").source == answered.source
    assert blank.source in sources_of(mended)
    nbformat.validate(mended)


LAYOUTS = {
    "a folder for each student": ["ada/ex03.ipynb", "bo/ex03.ipynb"],
    "weeks in students' folders": ["ada/Week 3/hw.ipynb", "bo/Week 3/hw.ipynb"],
    "students in a week's folder": ["Week 3/ada/hw.ipynb", "Week 3/bo/hw.ipynb"],
    "students in an exercise's folder": ["ex03/ada/hw.ipynb", "ex03/bo/hw.ipynb"],
    "students in folders of titles": [
        "ex03_size_arithmetic/ada/hw.ipynb",
        "Exercise 3 - Size arithmetic/bo/hw.ipynb",
    ],
    "a folder around everything": ["drive/ada/hw.ipynb", "drive/bo/hw.ipynb"],
    "names before the exercise's": ["ada_ex03.ipynb", "bo - Copy of ex03.ipynb"],
    "Moodle, folders": [
        "ada_4711_assignsubmission_file_/hw.ipynb",
        "bo_4712_assignsubmission_file_/hw.ipynb",
    ],
    "Moodle, flat": [
        "ada_4711_assignsubmission_file_ex03.ipynb",
        "bo_4712_assignsubmission_file_ex03_size_arithmetic.ipynb",
    ],
    "Canvas": ["ada_1234_56789_ex03.ipynb", "bo_LATE_1235_56790_ex03-1.ipynb"],
    "Blackboard": [
        "Exercise 3_ada_attempt_2026-11-22-10-00-00_ex03.ipynb",
        "Exercise 3_bo_attempt_2026-11-22-10-00-00_ex03.ipynb",
    ],
    "Brightspace": [
        "12345-67890 - ada - Nov 3, 2026 1143 PM/ex03.ipynb",
        "12346-67890 - bo - Nov 4, 2026 926 AM/ex03.ipynb",
    ],
    "Brightspace's archive, unpacked": [
        "Exercise 3 Download Nov 5, 2026 101 PM/12345-67890 - ada - Nov 3, 2026 1143 PM/ex03.ipynb",
        "Exercise 3 Download Nov 5, 2026 101 PM/12346-67890 - bo - Nov 4, 2026 926 AM/ex03.ipynb",
    ],
    "GitHub Classroom": ["ex03-ada/ex03_size_arithmetic.ipynb", "ex03-bo/work.ipynb"],
    "GitHub Classroom, with the title": [
        "ex03-submissions/ex03-size-arithmetic-ada/ex03.ipynb",
        "ex03-submissions/ex03-size-arithmetic-bo/ex03.ipynb",
    ],
}


@pytest.mark.parametrize("names", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("pack", [False, True], ids=["folder", "zip"])
def test_every_layout_keeps_two_students_apart(tmp_path, solved, releases, names, pack):
    for name in names:
        put(solved, tmp_path / "in" / name)
    source = tmp_path / "in"
    if pack:
        source = tmp_path / "in.zip"
        with zipfile.ZipFile(source, "w") as archive:
            for name in names:
                archive.write(tmp_path / "in" / name, name)
    roll = Roll({})
    handed, refused = collected(source, releases, roll)
    assert set(handed) == {("ada", EXERCISE), ("bo", EXERCISE)}
    assert not refused and not roll.asked


@pytest.fixture(scope="module")
def two_weeks(releases):
    """Releases of two exercises, and a solved notebook of each (the second's is its text)."""
    other = releases["ex98"]
    answered = copy.deepcopy(other)
    answered.cells.append(nbformat.v4.new_code_cell("work = 1"))
    return releases, {"3": solution(), "98": answered}


@pytest.mark.parametrize(
    "form",
    [
        "Week {}/{}/hw.ipynb",
        "{1}/Week {0}/hw.ipynb",
        "ex{}/{}/hw.ipynb",
        "ex{:0>2}-{}/hw.ipynb",
        "week{}/{}_1{}_assignsubmission_file_/hw.ipynb",
        "week{}.zip/{}_1{}_assignsubmission_file_hw.ipynb",
    ],
)
def test_several_weeks_side_by_side_are_the_same_students(tmp_path, two_weeks, form):
    releases, notebooks = two_weeks
    for week, notebook in notebooks.items():
        for number, who in enumerate(("ada", "bo")):
            name = form.format(week, who, f"{week}{number}")
            archive, packed, inside = name.rpartition(".zip/")
            if packed:
                with zipfile.ZipFile(tmp_path / f"{archive}.zip", "a") as file:
                    file.writestr(inside, nbformat.writes(notebook))
            else:
                put(notebook, tmp_path / name)
    roll = Roll({})
    handed, refused = collected(tmp_path, releases, roll)
    assert set(handed) == {(who, ex) for who in ("ada", "bo") for ex in (EXERCISE, "ex98")}
    assert not refused and not roll.asked


def test_names_keep_their_hyphens_whatever_the_platform(tmp_path, solved, releases):
    for name in (
        "Anna-Lena Schmidt_4711_assignsubmission_file_ex03.ipynb",
        "12345-67890 - Mary-Ann Smith - Nov 3, 2026 1143 PM/ex03.ipynb",
        "ex03-jean-luc/ex03.ipynb",
    ):
        put(solved, tmp_path / name)
    handed, refused = collected(tmp_path, releases)
    assert {who for who, _ in handed} == {"Anna-Lena-Schmidt", "Mary-Ann-Smith", "jean-luc"}
    assert not refused


def test_of_two_folders_of_brightspace_the_newer_counts_unless_it_is_blank(
    tmp_path, solved, release, releases
):
    named = "12345-67890 - Ada Lovelace - Nov {}"
    early, late, blank = (named.format(day) for day in ("3, 2026 1143 PM", "4, 2026 109 AM", "5"))
    for count, name in enumerate((late, early)):  # the dates of the files say the opposite
        put(solved, tmp_path / name / f"{name[-8:]}.ipynb")
        os.utime(tmp_path / name / f"{name[-8:]}.ipynb", (1000 + count, 1000 + count))
    put(release, tmp_path / f"{blank}, 2026 100 PM" / "ex03.ipynb")
    handed, refused = collected(tmp_path, releases)
    assert handed == {("Ada-Lovelace", EXERCISE): "6 109 AM.ipynb"}
    assert len(refused) == 2 and all(late in why for why in refused.values())


def test_names_that_look_alike_stay_two_in_every_call(tmp_path, solved, releases):
    for name in ("Li Wei", "Li-Wei"):
        put(solved, tmp_path / "one" / name / "ex03.ipynb")
    roll = Roll({})
    handed, _ = collected(tmp_path / "one", releases, roll)
    assert {who for who, _ in handed} == {"Li-Wei", "Li-Wei-2"}
    assert roll.apart == ["Li-Wei is kept apart from another Li-Wei as Li-Wei-2"]
    put(solved, tmp_path / "two" / "Li-Wei" / "ex03.ipynb")
    again, _ = collected(tmp_path / "two", releases, Roll(roll.known))
    assert set(again) == {("Li-Wei-2", EXERCISE)}


def test_a_number_that_a_platform_keeps_tells_namesakes_apart_in_every_call(
    tmp_path, solved, releases
):
    roll = Roll({})
    for number in (111, 222, 111):
        folder = tmp_path / str(number)
        put(solved, folder / f"smithjohn_{number}_9000_ex03.ipynb")
        (who,) = collected(folder, releases, roll)[0]
        assert who == ("smithjohn" if number == 111 else "smithjohn-222", EXERCISE)


QUESTIONS = {
    "unknown folders with students": (
        ["Group A/ada/ex03.ipynb", "Group A/bo/ex03.ipynb", "Group B/cy/ex03.ipynb"],
        {"./Group A/ada": "ada", "./Group A/bo": "bo", "./Group B/cy": "cy"},
    ),
    "unknown folders with files": (
        ["Group A/ada_ex03.ipynb", "Group A/bo_ex03.ipynb", "Group B/cy_ex03.ipynb"],
        {
            "./Group A/ada_ex03.ipynb [": "ada",
            "./Group A/bo_ex03.ipynb [": "bo",
            "./Group B/cy_ex03.ipynb [": "cy",
        },
    ),
    "a folder in a folder": (["drive/ada/ex03.ipynb"], {"./drive/ada": "ada"}),
    "names behind the exercise's": (
        ["ex03-size-arithmetic ada.ipynb", "ex03_bo.ipynb"],
        {"./ex03-size-arithmetic ada.ipynb [": "ada", "./ex03_bo.ipynb [": "bo"},
    ),
    "nothing": (
        ["1/ex03.ipynb", "Week 3/my homework.ipynb"],
        {"./1/ex03.ipynb [": "", "./Week 3/my homework.ipynb [": ""},
    ),
    "names alone": (["ada.ipynb", "bo.ipynb"], {"./ada.ipynb [": "ada", "./bo.ipynb [": "bo"}),
    "Brightspace, other numbers": (
        [
            "1-9 - Ada - Nov 3, 2026 1143 PM/ex03.ipynb",
            "2-9 - Ada - Nov 4, 2026 1143 PM/ex03.ipynb",
        ],
        {
            "./1-9 - Ada - Nov 3, 2026 1143 PM": "",  # else two would soon be one
            "./2-9 - Ada - Nov 4, 2026 1143 PM": "",
        },
    ),
}


@pytest.mark.parametrize(("names", "guesses"), QUESTIONS.values(), ids=QUESTIONS)
def test_what_names_leave_open_is_asked_and_the_answer_is_kept(
    tmp_path, solved, releases, names, guesses
):
    for name in names:
        put(solved, tmp_path / name)
    roll = Roll({})
    handed, _ = collected(tmp_path, releases, roll)
    assert len(roll.asked) == len(guesses)
    for (at, guess), (start, wanted) in zip(roll.asked.items(), guesses.items()):
        assert at.startswith(start) and guess == wanted
    answers = dict(zip_longest(roll.asked, ["Ada L."], fillvalue="-"))
    roll = Roll(roll.known | answers)
    answered, refused = collected(tmp_path, releases, roll)
    assert not roll.asked and set(handed) < set(answered)
    assert ("Ada-L", EXERCISE) in answered and len(answered) == len(handed) + 1
    assert [why for why in refused.values() if "who.csv has '-' for it" in why] == [
        "is left out: who.csv has '-' for it"
    ] * (len(guesses) - 1)
    put(solved, tmp_path / "next" / "week" / "Ada L." / "ex03.ipynb")
    assert set(collected(tmp_path / "next", releases, roll)[0]) == {("Ada-L", EXERCISE)}


def test_a_folder_around_everything_is_told_from_a_students(tmp_path, solved, releases):
    for name in ("ada/first try/hw.ipynb", "ada/next one/hw.ipynb", "ada/ex03.ipynb"):
        put(solved, tmp_path / name)
    roll = Roll({})
    assert not collected(tmp_path, releases, roll)[0] and len(roll.asked) == 3
    assert set(collected(tmp_path, releases, Roll(dict.fromkeys(roll.asked, "ada")))[0]) == {
        ("ada", EXERCISE)
    }


def test_an_answer_about_a_file_is_for_that_very_file(tmp_path, solved, release, releases):
    put(solved, tmp_path / "ada.ipynb")
    roll = Roll({})
    collected(tmp_path, releases, roll)
    roll = Roll(roll.known | roll.asked)
    assert set(collected(tmp_path, releases, roll)[0]) == {("ada", EXERCISE)}
    put(release, tmp_path / "ada.ipynb")
    assert not collected(tmp_path, releases, roll)[0] and len(roll.asked) == 1


def test_moodles_namesakes_are_asked_about_where_their_numbers_are_new(tmp_path, solved, releases):
    moodle = "Anna Schmidt_{}_assignsubmission_file_"
    for number in (4711, 4712):
        put(solved, tmp_path / "1" / moodle.format(number) / "ex03.ipynb")
    roll = Roll({})
    assert len(collected(tmp_path / "1", releases, roll)[0]) == 2 and not roll.asked
    put(solved, tmp_path / "2" / moodle.format(5801) / "ex03.ipynb")
    assert not collected(tmp_path / "2", releases, roll)[0]
    assert set(roll.asked) == {f"./{moodle.format(5801)}"}


def test_long_and_strange_names_can_be_folders(tmp_path, solved, releases):
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for name in ("a" * 300, "a" * 299 + "b", "語" * 90, "=cmd()", "-x", "a\x07b\ud83d"):
            stored = name.encode("utf-8", "replace").decode()
            archive.writestr(f"{stored}/ex03.ipynb", nbformat.writes(solved))
    handed, refused = collected(tmp_path / "in.zip", releases)
    assert len(handed) == 6 and not refused
    for who, _ in handed:
        (tmp_path / who).mkdir()


def zipped(path, members):
    """A .zip of names and texts, or other archives' bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members:
            archive.writestr(name, text)
    return path


def damaged(path, name):
    """The archive with a byte of the member ``name`` changed, so that its checksum is wrong."""
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo(name)
        data[member.header_offset + 30 + len(name) + member.compress_size // 2] ^= 255
    path.write_bytes(data)
    return path


def encrypted(path, name):
    """The archive with the member ``name`` marked as encrypted, in both of its headers."""
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        data[archive.getinfo(name).header_offset + 6] |= 1
    entry = data.rindex(b"PK\x01\x02", 0, data.rindex(name.encode()))
    data[entry + 8] |= 1
    path.write_bytes(data)
    return path


def test_one_bad_member_of_an_archive_is_listed_and_the_rest_collected(tmp_path, solved, releases):
    text = nbformat.writes(solved)
    names = ["anna/ex03.ipynb", "zoe/ex03.ipynb", "cy/ex03.ipynb"]
    path = zipped(tmp_path / "in.zip", [(name, text) for name in names])
    handed, refused = collected(encrypted(damaged(path, names[1]), names[2]), releases)
    assert handed == {("anna", EXERCISE): "ex03.ipynb"}
    assert "can't be unpacked (" in refused.pop("zoe/ex03.ipynb")
    assert "is encrypted: ask for it without" in refused.pop("cy/ex03.ipynb")
    assert not refused


def test_no_name_in_an_archive_harms_another_file(tmp_path, solved, releases):
    text = nbformat.writes(solved)
    name = f"{'n' * 300}_ex03.ipynb"
    path = zipped(
        tmp_path / "in.zip",
        [
            ("ada", "a file, then a folder of the same name"),
            ("ada/ex03.ipynb", text),
            ("./bo//ex03.ipynb", text),
            (name, text),
            ("dora\\ex03.ipynb", text),
            ("/etc/ex03.ipynb", text),
            ("../../eve/ex03.ipynb", text),
            ("C:\\fay\\ex03.ipynb", text),
        ],
    )
    handed, refused = collected(path, releases)
    long = f"{'n' * 30}-"
    assert sorted(who.removeprefix(long) for who, _ in handed)[1:] == ["ada", "bo", "dora"]
    assert refused.pop("ada").startswith("is no notebook")
    assert set(refused) == {"etc/ex03.ipynb", "eve/ex03.ipynb", "C:/fay/ex03.ipynb"}
    assert all("leads out of its archive" in why for why in refused.values())
    assert [one.name for one in tmp_path.iterdir()] == ["in.zip"]


def test_archives_are_not_unpacked_without_end(tmp_path, solved, releases, monkeypatch):
    text = nbformat.writes(solved)
    monkeypatch.setattr(archives, "LARGEST", 100_000)
    monkeypatch.setattr(archives, "TOTAL", 6 * len(text))
    inner = zipped(tmp_path / "hw.zip", [("deep/ex03.ipynb", text)]).read_bytes()
    for depth in range(archives.DEEPEST - 2):
        inner = zipped(tmp_path / "hw.zip", [(f"hw{depth}.zip", inner)]).read_bytes()
    (tmp_path / "hw.zip").unlink()
    path = zipped(
        tmp_path / "in.zip",
        [
            ("ada/hw.zip", inner),
            ("bo/hw.zip", zipped(tmp_path / "x", [("hw.zip", inner)]).read_bytes()),
            ("cy/ex03.ipynb", " " * 100_001),
            ("dora/ex03.ipynb", text),
            ("eve/hw.zip", b"no archive"),
            ("eve/data.bin", b"0" * 10**6),
            *((f"fay/{count}.ipynb", text) for count in range(4)),
        ],
    )
    handed, refused = collected(path, releases)
    assert {who for who, _ in handed} == {"ada", "dora", "fay"}
    assert "lies in 3 archives" in refused.pop("bo/hw/hw/hw0.zip")
    assert "0 MB unpacked; 0 at most" in refused.pop("cy/ex03.ipynb")
    assert "can't be read as an archive" in refused.pop("eve/hw.zip")
    assert "is no notebook" in refused.pop("eve/data.bin")
    assert [why for why in refused.values() if "goes beyond" in why]


def test_links_are_not_followed(tmp_path, solved, releases):
    put(solved, tmp_path / "ada" / "ex03.ipynb")
    (tmp_path / "bo").symlink_to(tmp_path / "ada")
    (tmp_path / "cy").mkdir()
    (tmp_path / "cy" / "ex03.ipynb").symlink_to(tmp_path / "ada" / "ex03.ipynb")
    handed, refused = collected(tmp_path, releases)
    assert set(handed) == {("ada", EXERCISE)}
    assert set(refused) == {"bo", "cy/ex03.ipynb"}
    assert all(why.startswith("is a link") for why in refused.values())


def labels(notebook):
    return [c.metadata.get("nbgrader") for c in notebook.cells]


def broken(notebook, **changes):
    """The notebook as JSON, with ``changes`` (name of a cell's field, function of the cell)."""
    raw = json.loads(nbformat.writes(notebook))
    for cell in raw["cells"]:
        for name, change in changes.items():
            cell[name] = change(cell)
    return raw


def without(raw, *names):
    for cell in raw["cells"]:
        for name in names:
            cell.pop(name, None)
    return raw


DAMAGE = {
    "outputs in texts": lambda nb: broken(nb, outputs=lambda c: [], execution_count=lambda c: None),
    "no execution_count": lambda nb: without(broken(nb), "execution_count"),
    "no outputs": lambda nb: without(broken(nb), "outputs"),
    "no metadata and ids": lambda nb: without(broken(nb), "metadata", "id"),
    "outputs of no kind": lambda nb: broken(nb, outputs=lambda c: [{"output_type": "x"}, 3]),
    "metadata of no kind": lambda nb: broken(nb, metadata=lambda c: {"tags": "x", "name": 3}),
    "ids of no kind": lambda nb: broken(nb, id=lambda c: "ä b"),
    "ids all alike": lambda nb: broken(nb, id=lambda c: "same"),
    "texts in one piece": lambda nb: broken(nb, source=lambda c: "".join(c["source"])),
    "texts in lines": lambda nb: broken(
        nb, source=lambda c: "".join(c["source"]).splitlines(keepends=True)
    ),
    "pictures of no kind": lambda nb: broken(nb, attachments=lambda c: {"x": 3, "y": {"z": 1}}),
    "an old minor number": lambda nb: broken(nb) | {"nbformat_minor": 0},
    "a new minor number": lambda nb: broken(nb) | {"nbformat_minor": 99},
    "no numbers": lambda nb: {"cells": broken(nb)["cells"]},
    "other things in it": lambda nb: broken(nb, extra=lambda c: {"a": 1}) | {"more": []},
    "the format before": lambda nb: json.loads(nbformat.writes(nb, version=3)),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_what_editors_leave_against_the_format_is_mended(tmp_path, solved, release, damage):
    raw = damage(copy.deepcopy(solved))
    mended, notes = mending.mend(mending.read(json.dumps(raw).encode()), release)
    assert sources_of(mended) == sources_of(solved) and not notes
    assert labels(mended) == labels(release)
    nbformat.validate(mended)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_halves_of_surrogate_pairs_and_other_encodings_are_read(solved, release, encoding):
    theirs = copy.deepcopy(solved)
    cell_of(theirs, "three-ways").source = "Grün HALF PAIR"
    text = nbformat.writes(theirs).replace("HALF", r"\ud83d").replace("PAIR", r"\ud83d\ude00")
    mended, _ = mending.mend(mending.read(text.encode(encoding, "replace")), release)
    assert cell_of(mended, "three-ways").source == "Grün \ufffd \U0001f600"
    nbformat.writes(mended).encode()


@pytest.mark.parametrize("known", [True, False], ids=["with names", "without names"])
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((name, "markdown") for name in ("hand-sizes", "positions", "check-positions")),
        *((name, "raw") for name in ("hand-sizes", "positions", "check-positions", "three-ways")),
        ("three-ways", "code"),
    ],
)
def test_a_cell_of_another_type_gets_its_own_back(solved, release, name, kind, known):
    theirs = copy.deepcopy(solved)
    cell = cell_of(theirs, name)
    changed = mending.NEW[kind](cell.source, id=cell.id, metadata=cell.metadata)
    theirs.cells[theirs.cells.index(cell)] = changed
    mended, notes = mending.mend(theirs if known else as_colab_saves(theirs), release)
    assert sources_of(mended) == sources_of(solved)
    assert [c.cell_type for c in mended.cells] == [c.cell_type for c in release.cells]
    assert labels(mended) == labels(release)
    assert notes == [f"{name} was a {kind} cell; it is {cell.cell_type} again"]
    nbformat.validate(mended)


def test_code_that_was_fenced_to_be_a_text_is_freed(solved, release):
    theirs = copy.deepcopy(solved)
    cell = cell_of(theirs, "positions")
    fenced = f"```python\n{cell.source}\n```"
    text = nbformat.v4.new_markdown_cell(fenced, id=cell.id, metadata=cell.metadata)
    theirs.cells[theirs.cells.index(cell)] = text
    mended, _ = mending.mend(theirs, release)
    assert cell_of(mended, "positions").source == cell.source


def test_prose_in_a_code_cell_behind_a_blank_written_answer_is_the_answer(solved, release):
    theirs = copy.deepcopy(solved)
    cell_of(theirs, "three-ways").source = cell_of(release, "three-ways").source
    theirs.cells.append(nbformat.v4.new_code_cell("print(1)"))
    theirs.cells.append(nbformat.v4.new_code_cell("I would round up."))
    mended, _ = mending.mend(theirs, release)
    assert cell_of(mended, "three-ways").source == "I would round up."


def test_no_tag_of_a_students_spares_a_test(solved, release):
    theirs = copy.deepcopy(solved)
    for cell in theirs.cells:
        cell.metadata.tags = ["skip-execution", "raises-exception"]
    mended, _ = mending.mend(theirs, release)
    assert all("skip-execution" not in c.metadata.get("tags", []) for c in mended.cells)


def test_a_file_without_answers_is_blank_whatever_else_was_done_to_it(solved, release):
    def worked_in(notebook):
        return mending.worked_in(mending.mend(notebook, release)[0], release)

    theirs = as_colab_saves(release)
    theirs.cells[0].source += "\n\nAda Lovelace"
    for cell in theirs.cells:
        cell.source = cell.source.replace("student = 0", "student = 7")
    theirs.cells.append(nbformat.v4.new_code_cell(""))
    assert not worked_in(theirs)
    theirs.cells.append(nbformat.v4.new_code_cell("def positions(size): return size"))
    assert worked_in(theirs) and worked_in(solved)


@pytest.fixture(scope="module")
def clone(tmp_path_factory, solved):
    """A copy of this course in which one exercise was worked in, as a student hands it in."""
    folder = tmp_path_factory.mktemp("clone") / "learn-alexnet-main"
    for inside in ("exercises", "notebooks/exercises", "tools"):
        shutil.copytree(
            ROOT / inside, folder / inside, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "notebooks" / "02_architecture.ipynb", folder / "notebooks")
    put(solved, folder / "notebooks" / "exercises" / EXERCISE / "ex03_size_arithmetic.ipynb")
    return folder


def test_of_a_copy_of_the_course_only_what_was_worked_in_is_graded(tmp_path, releases, clone):
    all_releases = releases | {
        path.parent.name: nbformat.read(path, as_version=4)
        for path in (ROOT / "notebooks" / "exercises").glob("ex0[24]/*.ipynb")
    }
    shutil.copytree(clone, tmp_path / "ada" / clone.name)
    shutil.copytree(clone, tmp_path / "bo")
    (tmp_path / "bo" / "notebooks" / "exercises" / EXERCISE / "ex03_size_arithmetic.ipynb").unlink()
    handed, refused = collected(tmp_path, all_releases)
    assert handed == {("ada", EXERCISE): "ex03_size_arithmetic.ipynb"}
    assert refused == {
        f"ada/{clone.name}": "is a copy of this course; graded of it, since worked in: ex03",
        "bo": "is a copy of this course; graded of it, since worked in: nothing",
    }


def test_the_courses_own_solutions_are_refused(tmp_path, release, releases):
    source = nbformat.read(exercises.sources()[EXERCISE], as_version=4)
    put(source, tmp_path / "ada" / "ex03.ipynb")
    theirs = copy.deepcopy(release)
    cell_of(theirs, "positions").source = "### BEGIN SOLUTION\npass\n### END SOLUTION"
    put(theirs, tmp_path / "bo" / "ex03.ipynb")
    handed, refused = collected(tmp_path, releases)
    assert not handed and len(refused) == 2
    assert all("this course's own solutions" in why for why in refused.values())


def test_many_files_that_are_no_notebooks_are_one_line(tmp_path, solved, releases):
    put(solved, tmp_path / "ex03-ada" / "ex03.ipynb")
    put(solved, tmp_path / "ex03-bo" / "ex03.ipynb")
    for count in range(20):
        (tmp_path / "ex03-ada" / f"{count:02}.py").touch()
    (tmp_path / "ex03-bo" / "README.md").touch()
    _, refused = collected(tmp_path, releases)
    assert refused == {
        "ex03-ada/00.py": "and 19 others are no notebooks: their names don't end in .ipynb",
        "ex03-bo/README.md": "is no notebook: its name does not end in .ipynb",
    }

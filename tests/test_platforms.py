"""What goes back to a learning platform is read there as it was meant here."""

import csv
import re
import sys
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from test_notebooks import ROOT

sys.path.insert(0, str(ROOT / "tools"))
from platforms import ClassList, Exercise, Result, give_back

EX3 = Exercise("Exercise 3", re.compile(r"(?i)(?<![a-z0-9])(ex03|exercise 3)(?![0-9])"))
EX4 = Exercise("Exercise 4", re.compile(r"(?i)(?<![a-z0-9])(ex04|exercise 4)(?![0-9])"))
MOODLE = """\
First name,Last name,ID number,Institution,Email address,Assignment: Exercise 3 (Real),number
Ada,Lovelace,k1,,ada@example.org,-,0
Li,Wei,k2,,li.wei@example.org,-,1
Bo,Ek,k3,,bo1@example.org,-,2
Bo,Ek,k4,,bo2@example.org,-,3
"""
CANVAS = """\
Student,ID,SIS User ID,SIS Login ID,Section,Exercise 3 (98765),Exercise 30 (98799),Final Score
    Points Possible,,,,,14,10,(read only)
"Lovelace, Ada",501,s1,alove,A,,,
"Wei, Li",502,s2,lwei,A,,,
"""
COLUMN = "Exercise 3 Points Grade <Numeric MaxPoints:14 Weight:10>"
BRIGHTSPACE = f"""\
OrgDefinedId,Username,Last Name,First Name,{COLUMN},End-of-Line Indicator
#9001,#alove,Lovelace,Ada,,#
#9002,#lwei,Wei,Li,,#
"""


@pytest.fixture
def listed(tmp_path):
    def made(text):
        path = tmp_path / "export.csv"
        path.write_text(text, encoding="utf-8-sig")
        return ClassList(path)

    return made


def read(path):
    """A CSV's rows as lists, and no mark before the first head."""
    data = path.read_bytes()
    assert not data.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(data.decode().splitlines()))


def final(student, points, exercise="ex03", most=14.0, *, waits=False):
    return Result(student, exercise, points, most, final=not waits)


def back(folder, results, came_as=None, listed=None, people=None):
    """What :func:`give_back` says; students go by their own names unless ``people`` says others."""
    names = {one.student: {one.student} for one in results} | (people or {})
    known = {"ex03": EX3, "ex04": EX4}
    return list(give_back(folder, results, known, came_as or {}, listed, names))


# Who is who


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        (MOODLE, "Moodle"),
        (CANVAS, "Canvas"),
        (BRIGHTSPACE, "Brightspace"),
        ("student,number\nada,0\n", ""),
    ],
)
def test_a_list_shows_whose_export_it_is(listed, text, platform):
    found = listed(text)
    assert found.platform == platform
    assert not [row for row in found.rows if "Points Possible" in str(row)]


def test_people_are_found_by_what_fits_best(listed):
    people = {
        "by-mail": {"ADA@example.org"},
        "Wei-Li": {"Wei Li"},
        "ek": {"bo2"},  # the login before an address
        "Bo-Ek": {"Bo Ek"},  # the other one with this name
        "nobody": {"Nobody"},
    }
    lines, unknown = listed(MOODLE).lines(people, {})
    assert {who: row["ID number"] for who, row in lines.items()} == {
        "by-mail": "k1",
        "Wei-Li": "k2",
        "ek": "k4",
    }
    assert unknown == {"Bo-Ek": ["k3, bo1@example.org", "k4, bo2@example.org"], "nobody": []}


def test_namesakes_are_open_until_somebody_says_who_is_who(listed):
    people = {"Bo-Ek": {"Bo Ek 17"}, "Bo-Ek-2": {"Bo Ek"}}
    came = {("Bo-Ek", "ex03"): "Bo Ek_17_assignsubmission_file_"}
    lines, unknown = listed(MOODLE).lines(people, came)
    both = ["k3, bo1@example.org", "k4, bo2@example.org"]
    assert not lines and unknown == {"Bo-Ek": both, "Bo-Ek-2": both}
    people = {"Bo-Ek": {"Bo Ek 17", "k4"}, "Bo-Ek-2": {"Bo Ek", "bo1@example.org"}}
    lines, unknown = listed(MOODLE).lines(people, {})
    assert [lines[who]["ID number"] for who in people] == ["k4", "k3"] and not unknown


def test_names_that_look_alike_are_not_taken_for_each_other(listed):
    found = listed("student,number\nLi-Wei,1\nLi Wei,2\nLiwei,3\n")
    people = {"Li-Wei": {"Li Wei"}, "Li-Wei-2": {"Li-Wei"}}
    lines, _ = found.lines(people, {})
    assert {who: row["number"] for who, row in lines.items()} == {"Li-Wei": "2", "Li-Wei-2": "1"}


def test_one_line_is_never_two_students(listed):
    people = {"a": {"Ada Lovelace"}, "b": {"Lovelace Ada"}}
    lines, unknown = listed(MOODLE).lines(people, {})
    assert not lines and set(unknown) == {"a", "b"}


def test_canvas_is_known_by_its_numbers_whatever_the_names(listed):
    came = {("x", "ex03"): "lovelaceada_502_7700_", ("y", "ex03"): "weili_LATE_501_7800_"}
    lines, _ = listed(CANVAS).lines({"x": {"lovelaceada 502"}, "y": {"weili 501"}}, came)
    assert {who: row["ID"] for who, row in lines.items()} == {"x": "502", "y": "501"}


LETTERS = st.text(st.characters(categories=["L"]), min_size=1, max_size=8)


@given(st.lists(st.tuples(LETTERS, LETTERS), min_size=1, max_size=6), st.randoms())
def test_nobody_gets_another_ones_line(tmp_path_factory, names, random):
    path = tmp_path_factory.mktemp("class") / "export.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["First name", "Last name", "Email address"])
        writer.writerows([first, last, f"p{n}@x"] for n, (first, last) in enumerate(names))
    here = random.sample(range(len(names)), random.randint(1, len(names)))
    people = {f"s{n}": {" ".join(names[n])} for n in here}
    lines, unknown = ClassList(path).lines(people, {})
    for student, row in lines.items():
        assert {row["First name"], row["Last name"]} == set(names[int(student[1:])]) or (
            "".join(names[int(student[1:])]).casefold()
            in {f"{row['First name']}{row['Last name']}".casefold()}
            | {f"{row['Last name']}{row['First name']}".casefold()}
        )
    assert len({row["Email address"] for row in lines.values()}) == len(lines)
    assert lines.keys() | unknown.keys() == people.keys() and not lines.keys() & unknown.keys()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("surname only,number\nx,1\n", "has no column that says who somebody is"),
        ("student,number\nada,3.5\n", r"the number of ada is '3\.5'; expected a whole one"),
        ("student,number\nada,\n", "the number of ada is ''; expected a whole one"),
    ],
)
def test_a_list_that_can_not_be_used_is_refused_in_words(listed, text, words):
    with pytest.raises(SystemExit, match=words):
        listed(text)


def test_a_list_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="does not exist; name a table of the class"):
        ClassList(tmp_path / "nowhere.csv")


def test_lists_are_read_as_spreadsheets_save_them(tmp_path):
    path = tmp_path / "export.csv"
    for text, encoding in (
        ("student,number\nJ\u00fcrgen,3\n", "utf-8-sig"),
        ("student;number\r\nJ\u00fcrgen;3\r\n", "cp1252"),
    ):
        path.write_bytes(text.encode(encoding))
        (row,) = ClassList(path).rows
        assert row == {"student": "J\u00fcrgen", "number": "3"}


# Moodle


def as_moodle_reads_a_worksheet(path):
    """Points by participant: three columns are needed, and a word is cut off before the number."""
    head, *rows = read(path)
    at = {name: head.index(name) for name in ("Identifier", "Grade", "Last modified (grade)")}
    found = {}
    for row in rows:
        when = datetime.fromisoformat(row[at["Last modified (grade)"]])
        assert abs(datetime.now(UTC) - when) < timedelta(minutes=5)
        found[int(row[at["Identifier"]][len("Participant ") :])] = float(row[at["Grade"]])
    return found


def as_moodle_reads_an_archive(path):
    """Files by participant: the number is the second of four or more pieces of a folder's name."""
    found = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            for part in name.split("/"):
                pieces = part.split("_", 4)
                if len(pieces) >= 4 and pieces[1].isdigit():
                    assert pieces[2:4] == ["assignsubmission", "file"]
                    found[int(pieces[1])] = archive.read(name).decode()
                    break
    return found


def test_moodle_takes_back_what_its_names_tell(tmp_path):
    came = {
        ("ada", "ex03"): "Ada Lovelace_4711_assignsubmission_file_",
        ("bo", "ex03"): "Bo Ek_4712_assignsubmission_file",  # as since Moodle 4.1
        ("cy", "ex03"): "Cy_4713_assignsubmission_file_",
        ("ada", "ex04"): "Ada Lovelace_5001_assignsubmission_file_",
    }
    for student in ("ada", "bo", "cy"):
        page = tmp_path / "feedback" / student / "ex03" / "ex03_size.html"
        page.parent.mkdir(parents=True)
        page.write_text(student)
    results = [final("ada", 13.5), final("bo", 0), final("cy", 9, waits=True), final("dee", 7)]
    said = back(tmp_path, [*results, final("ada", 11, "ex04")], came)
    folder = tmp_path / "for-moodle"
    assert as_moodle_reads_a_worksheet(folder / "ex03-worksheet.csv") == {4711: 13.5, 4712: 0}
    assert as_moodle_reads_a_worksheet(folder / "ex04-worksheet.csv") == {5001: 11}
    pages = as_moodle_reads_an_archive(folder / "ex03-feedback.zip")
    assert pages == {4711: "ada", 4712: "bo"}
    assert not said  # of cy's points we know that they wait, and dee's did not come from there


def test_points_of_several_exercises_in_one_assignment_of_moodles_are_left_out(tmp_path):
    came = {
        ("ada", "ex03"): "Ada_4711_assignsubmission_file_",
        ("ada", "ex04"): "Ada_4711_assignsubmission_file_",
        ("bo", "ex03"): "Bo_4712_assignsubmission_file_",
    }
    results = [final("ada", 13), final("bo", 12), final("ada", 10, "ex04")]
    said = back(tmp_path, results, came)
    assert as_moodle_reads_a_worksheet(tmp_path / "for-moodle" / "ex03-worksheet.csv") == {4712: 12}
    needed = "; it takes Moodle's list of the class (CLASS=)"
    assert said == [f"{name}, no points in for-moodle: ada{needed}" for name in ("ex03", "ex04")]


def test_moodles_gradebook_knows_people_as_its_export_does(tmp_path, listed):
    back(
        tmp_path,
        [final("Ada", 13.5), final("Li", 2)],
        {},
        listed(MOODLE),
        {"Ada": {"k1"}, "Li": {"k2"}},
    )
    assert read(tmp_path / "for-moodle" / "ex03-points.csv") == [
        [
            *("First name", "Last name", "ID number", "Email address"),
            "Assignment: Exercise 3 (Real)",
        ],
        ["Ada", "Lovelace", "k1", "ada@example.org", "13.5"],
        ["Li", "Wei", "k2", "li.wei@example.org", "2"],
    ]


# Canvas


def as_canvas_reads(path):
    """Scores by person and assignment: heads as its importer wants them, then a line of maxima."""
    head, possible, *rows = read(path)
    assert len(head) > 3 and "Student" in head[0] and "ID" in head[1]
    people = 3 + 2 * (head[2:4] == ["SIS User ID", "SIS Login ID"])
    assert "Section" in head[people - 1]
    assert "Points Possible" in possible[0]
    scores = {
        (int(row[1]), name): row[at] for row in rows for at, name in enumerate(head) if at >= people
    }
    assert "" not in scores.values()  # an empty cell would take a score away
    return scores, dict(zip(head[people:], possible[people:], strict=True))


def test_canvas_takes_back_what_its_names_tell(tmp_path):
    came = {("ada", "ex03"): "lovelaceada_501_7700_", ("bo", "ex03"): "ekbo_LATE_502_8800_"}
    results = [final("ada", 13.5), final("bo", 9), final("ada", 3, "ex04")]  # that one came by mail
    assert not back(tmp_path, results, came)
    scores, most = as_canvas_reads(tmp_path / "for-canvas" / "ex03-points.csv")
    assert scores == {(501, "Exercise 3"): "13.5", (502, "Exercise 3"): "9"}
    assert most == {"Exercise 3": "14"}
    assert as_canvas_reads(tmp_path / "for-canvas" / "ex04-points.csv")[0] == {
        (501, "Exercise 4"): "3"
    }
    assert not (tmp_path / "for-canvas" / "ex03-feedback.zip").exists()


def test_canvas_gets_its_own_columns_where_its_export_is_known(tmp_path, listed):
    said = back(tmp_path, [final("alove", 13.5), final("zoe", 1)], {}, listed(CANVAS))
    scores, _ = as_canvas_reads(tmp_path / "for-canvas" / "ex03-points.csv")
    assert scores == {(501, "Exercise 3 (98765)"): "13.5"}
    assert said == ["ex03, no points in for-canvas: zoe"]


# Brightspace


def test_brightspace_gets_its_own_columns(tmp_path, listed):
    came = {("ada", "ex03"): "12345-67890 - Ada Lovelace - Nov 3, 2026 1143 PM"}
    people = {"ada": {"Ada Lovelace"}}
    page = tmp_path / "feedback" / "ada" / "ex03" / "ex03.html"
    page.parent.mkdir(parents=True)
    page.write_text("ada")
    assert not back(tmp_path, [final("ada", 13.5)], came, listed(BRIGHTSPACE), people)
    assert read(tmp_path / "for-brightspace" / "ex03-points.csv") == [
        [
            "OrgDefinedId",
            "Username",
            COLUMN,
            "End-of-Line Indicator",
        ],
        ["#9001", "#alove", "13.5", "#"],
    ]
    with zipfile.ZipFile(tmp_path / "for-brightspace" / "ex03-feedback.zip") as archive:
        assert archive.namelist() == [f"{came['ada', 'ex03']}/ex03.html"]


# All


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        (CANVAS.replace(",14,", ",100,"), "Canvas"),
        (BRIGHTSPACE.replace(":14", ":100"), "Brightspace"),
    ],
)
def test_points_that_would_mean_something_else_there_are_not_written(
    tmp_path, listed, text, platform
):
    said = back(tmp_path, [final("alove", 13.5)], {}, listed(text))
    assert len(said) == 1
    assert said[0].startswith(f"Exercise 3 has 100 points in {platform} and 14 here: change that")
    assert not list(tmp_path.glob("for-*/*"))


def test_brightspace_needs_its_list(tmp_path):
    came = {("ada", "ex03"): "12345-67890 - Ada Lovelace - Nov 3, 2026 1143 PM"}
    said = back(tmp_path, [final("ada", 13.5)], came)
    needed = "it takes Brightspace's list of the class (CLASS=)"
    assert said == [f"ex03, no points in for-brightspace: ada; {needed}"]


def test_what_is_no_longer_final_does_not_stay(tmp_path):
    came = {("ada", "ex03"): "lovelaceada_501_7700_"}
    back(tmp_path, [final("ada", 13.5)], came)
    assert list(tmp_path.glob("for-canvas/*"))
    back(tmp_path, [final("ada", 12, waits=True)], came)
    assert not list(tmp_path.glob("for-canvas/*"))


def test_without_a_platform_nothing_is_written(tmp_path, listed):
    assert not back(tmp_path, [final("ada", 13.5)], {}, listed("student,number\nada,1\n"))
    assert not list(tmp_path.glob("for-*"))

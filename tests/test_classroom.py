"""The made-up class is what it says, and what it hands in finds its people."""

import re
import unicodedata
from collections import Counter

import pytest

import archives
import classroom
import collecting
import tables
from owners import Roll, tidy
from submissions import exercises, released


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class") / "of-60"
    classroom.make(folder)
    return folder


@pytest.fixture(scope="module")
def collected(made, tmp_path_factory):
    """All calls of both weeks, one after the other; what is handed, refused, and asked about."""
    releases = {name: released(name) for name in exercises.sources()}
    truth = {(row["file"].split("/")[0], row["collected"]): row["student"] for row in files(made)}
    names = {one.login: classroom.given(one) for one in classroom.people()}
    roll, handed, refused, asked = Roll({}), [], [], []
    for source in classroom.sources(made):
        week = source.parent.name
        whose = {path: who for (when, path), who in truth.items() if when == week}
        for _ in range(2):  # again when what was asked is answered
            roll.asked.clear()
            gathered = archives.Gathered(source, tmp_path_factory.mktemp("scratch"))
            got, left = collecting.collect(gathered, releases, roll)
            if not roll.asked:
                break
            for at in roll.asked:
                (login,) = classroom.answered(at, whose)
                known = roll.known.get(names[login], names[login])
                roll = Roll(roll.known | {at: known})
                asked.append((week, source.name, login))
        handed += [(whose[one.file], one) for one in got]
        refused += [(whose[one.file], one) for one in left]
    return roll, handed, refused, asked


def files(folder):
    return classroom.rows(folder / "files.csv")


def test_the_class_is_as_it_says():
    people = classroom.people()
    assert len(people) == 60 and Counter(Counter(p.layout for p in people).values()) == {6: 10}
    for field in ("login", "id_number", "canvas", "sis", "org", "number"):
        assert len({str(getattr(one, field)).casefold() for one in people}) == 60, field
    assert {one.number for one in people} == set(range(60))
    assert len({number for one in people for number in one.moodle}) == 120
    namesakes = [name for name, count in Counter(one.name for one in people).items() if count > 1]
    assert namesakes == ["Anna Schmidt", "John Smith"]
    scripts = {unicodedata.name(c).split()[0] for one in people for c in one.name if c.isalpha()}
    assert scripts >= {"LATIN", "ARABIC", "GREEK", "CYRILLIC", "CJK", "DEVANAGARI", "HANGUL"}
    attackers = [who for who, what in classroom.specials(1).items() if what in classroom.ATTACKS]
    assert len(set(attackers)) == len(classroom.ATTACKS) == 10


def test_it_is_the_same_each_time(made, tmp_path):
    classroom.term.cache_clear()
    classroom.make(tmp_path / "again")
    for path in sorted(made.rglob("*")):
        if path.is_file():
            assert (tmp_path / "again" / path.relative_to(made)).read_bytes() == path.read_bytes()


def test_the_lists_are_of_the_whole_class(made):
    for name, column in (
        ("class-moodle", "ID number"),
        ("class-canvas", "SIS User ID"),
        ("class-brightspace", "OrgDefinedId"),
    ):
        lines = [row for row in classroom.rows(made / f"{name}.csv") if row[column]]
        assert len({row[column] for row in lines}) == 60
        assert {int(row["number"]) for row in lines} == set(range(60))
    assert len(classroom.rows(made / "class-plain.csv")) == 60


def test_every_file_finds_its_person(made, collected):
    roll, handed, refused, asked = collected
    student = {one.login: roll.known.get(classroom.given(one)) for one in classroom.people()}
    assert Counter(student.values()).most_common(1)[0][1] == 1
    assert [(one.file, one.student) for who, one in handed if one.student != student[who]] == []
    assert Counter(who for *_, who in asked) == {"aschmidt1": 1, "aschmidt2": 1, "week": 2}
    expected = classroom.rows(made / "expected.csv")
    at_work = re.compile("^$|changes the checks|ends Python")  # is found out when it runs
    wanted = {
        (row["student"], row["exercise"]) for row in expected if at_work.search(row["refused"])
    }
    assert Counter((who, one.exercise) for who, one in handed) == Counter(wanted)
    for row in expected:
        if not at_work.search(row["refused"]) and row["refused"] != "hands in nothing":
            assert [one for who, one in refused if who == row["student"]], row
            assert any(row["refused"] in one.why for who, one in refused if who == row["student"])


def test_of_several_files_the_right_one_counts(collected):
    _, handed, *_ = collected
    last = {"later": 1, "later blank": 0, "copy": 1}
    twice = {who: last[what] for who, what in classroom.specials(2).items() if what in last}
    assert len(twice) == 8
    for who, counts in twice.items():
        files = [
            one.collected for one in classroom.term()[0] if one.one.login == who and one.week == 2
        ]
        (kept,) = (one.file for owner, one in handed if owner == who and one.exercise == "ex04")
        assert kept == files[counts] and len(files) == 2


def graded_rightly(made, grading):
    """The tables of a grading that is right, but that points for written answers wait."""
    rows = classroom.rows(made / "expected.csv")
    students = {row["student"]: tidy(row["name"]) for row in rows} | {"li-wei": "Li-Wei-2"}
    grading.mkdir()
    tables.write_table(
        grading / "who.csv",
        ["name", "student"],
        [{"name": row["name"], "student": students[row["student"]]} for row in rows],
    )
    return [
        {
            "student": students[row["student"]],
            "exercise": row["exercise"],
            "points": row["points"],
            "written answers to grade": "1",
        }
        for row in rows
        if not row["refused"]
    ]


def test_what_is_wrong_in_a_grading_is_named(made, tmp_path):
    grading = tmp_path / "grading"
    grades = graded_rightly(made, grading)

    def judged(grades):
        tables.write_table(grading / "grades.csv", list(grades[0]), grades)
        return [kind for kind, _ in classroom.judge(made, grading)]

    assert judged(grades) == []
    first, second, third, *others = grades
    assert first["points"] == "12" and float(second["points"]) < 12
    faults = [
        first | {"points": "9"},
        second | {"points": "12"},
        third | {"student": "somebody"},
        *others,
        others[0] | {"student": "Hồ-Xuân-Hương", "exercise": "ex03"},  # it can't be read
    ]
    kinds = ["lost", "wrong", "missing", "too many", "too many"]
    assert sorted(judged(faults)) == sorted(kinds)
    mark = float(classroom.rows(made / "expected.csv")[0]["written"])
    assert mark > 0
    marked = first | {"written answers to grade": "0", "points": f"{12 + mark:g}"}
    assert judged([marked, *grades[1:]]) == []

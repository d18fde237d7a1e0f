"""A made-up class of 60, what it hands in in two weeks, and what is right for each of them.

``python tests/classroom.py make FOLDER`` writes, always the same: ``week1`` and ``week2``, with a
folder or .zip for each way of handing in; the class as learning platforms export it
(``class-*.csv``); ``numbers.csv`` by the names that are found in the files; ``expected.csv``, what
is right; and ``files.csv``, whose each file is. ``grade FOLDER GRADING`` does what an instructor
does, call by call, with Moodle's list of the class, and says how long it took. ``by-hand FOLDER
GRADING`` is the part of it that a person does: answers to what ``who.csv`` asks, and points for
written answers. ``judge FOLDER GRADING`` names each wrong or lost point, in ``grades.csv`` and in
what goes back to Moodle. The ten attacks want the box.
"""

import argparse
import csv
import functools
import os
import random
import re
import subprocess
import sys
import time
import unicodedata
import zipfile
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import nbformat

import hostile
from submissions import (
    answer,
    as_colab_saves,
    cell_of,
    exercises,
    mine,
    released,
    solutions,
    with_number,
)

sys.path.insert(0, str(exercises.ROOT / "tools"))
import tables
from owners import tidy

SEED = 60
WEEKS = {1: "ex03", 2: "ex04"}
STARTS = {1: datetime(2026, 11, 9, 9), 2: datetime(2026, 11, 16, 9)}
MARKS = (0, 0.5, 1, 1.5, 2)  # for written answers

# First name, last name, login. Each layout has six; the last of them attacks in the first week.
CLASS = {
    "moodle-folders": """
        Anna | Schmidt | aschmidt1
        Anna | Schmidt | aschmidt2
        Nguyễn Thị | Ánh Tuyết | ntuyet
        Seán | O'Brien | sobrien
        محمد | الأحمد | malahmad
        Jan | van der Berg | jvdberg
    """,
    "moodle-flat": """
        Li | Wei | liwei
        Ελένη | Παπαδοπούλου | epapad
        Дарья | Кузнецова | dkuznetsova
        Will | Draft | wdraft
        Işıl | Yıldırım | iyildirim
        Maximiliane Philippine Theodora | von und zu Hohenstein-Rothenburg-Schwarzenfels und auf \
Oberniederlangenau am Großen See | mhohenstein
    """,
    "canvas": """
        John | Smith | jsmith3
        John | Smith | jsmith4
        Renée | Dubois-Lefèvre | rdubois
        小明 | 王 | xwang
        Keola | Kaʻiulani | kkaiulani
        Þórdís | Ægisdóttir | thordis
    """,
    "brightspace": """
        प्रिया | शर्मा | psharma
        Jean-Luc | Moreau | jlmoreau
        Ngozi | Okonkwo-Adeyemi | nokonkwo
        Suharto | | suharto
        Mary-Ann | Smith | masmith
        Łukasz | Wiśniewski | lwisniewski
    """,
    "blackboard": """
        Na | Li | li_na
        Na | Wang | wang_na
        Zoe | Alvarez | @zoe
        Óscar | Peña | o.pena
        Fatima | Zahra El Idrissi | felidrissi
        Tomáš | Dvořák | t-dvorak
    """,
    "github": """
        勇輝 | 田中 | ytanaka
        Ada | Lovelace | AdaL
        Ívar | Þorláksson | ivar02
        Aoife | Ní Bhriain | aoife-nb
        Hannah | Final | hannah-final
        민준 | 김 | minjun-kim
    """,
    "named": """
        Max | Lab | mlab
        Björk | Guðmundsdóttir | bjork
        Siobhán | D'Arcy | sdarcy
        Mateo | de la Cruz | mdelacruz
        Ayşe | Öztürk | aozturk
        Oluwaseun | Adébáyò | oadebayo
    """,
    "folders": """
        Week | | week
        Li-Wei | | li-wei
        José | Ñáñez | jnanez
        Hồ | Xuân Hương | hxhuong
        Ewa | Nowak | enowak
        Kamehameha | ʻĪao | kiao
    """,
    "exercise-folders": """
        Chloé | Lafleur | clafleur
        נועה | לוי | nlevi
        Søren | Ågård | sagard
        Emeka | Obi | eobi
        Carlos | Núñez | cnunez
        Dmitri | Ivanov | divanov
    """,
    "zips": """
        อรุณ | สุขใจ | asukjai
        Ana María | López García | alopez
        Ravi | Kumar Singh | rksingh
        Ursula | Le Guin | uleguin
        Amélie | Fontaine | afontaine
        Kealoha | Kahananui | kkahananui
    """,
}
ATTACKS = (  # of tests/hostile.py
    *("tries", "shows", "tricks", "forges"),
    *("checks-0", "checks-1", "checks-4", "checks-8"),
    *("ends-0", "ends-2"),
)
# What some of the third to fifth of each layout do in a week. The first of each is always right.
REFUSED = ("misnamed", "PDF", "broken")
TWICE = ("later", "later blank", "copy")  # "copy": of the same date
SPECIAL = {
    1: (
        *("loop", "misnamed", "other exercise", "PDF", "broken", "absent", "blank"),
        *["number"] * 3,
    ),
    2: (
        *(["later"] * 3 + ["later blank"] * 2 + ["copy"] * 3),
        *("loop", "misnamed", "PDF", "broken", "blank", "number"),
    ),
}
PLACES = {
    "grading": "/nowhere/grading",
    "handed": "/nowhere/handed",
    "source": str(Path("/nowhere/course/exercises/source/ex03") / hostile.FILE),
    "repository": "/nowhere/course",
    "precious": "/nowhere/precious",
    "door": "/nowhere/door",
    "port": 9,
    "pid": 4_000_000,
}


@dataclass(frozen=True)
class Person:
    """One of the class, and what each platform knows of them."""

    first: str
    last: str
    login: str
    layout: str
    place: int  # in the layout
    number: int
    id_number: int
    canvas: int
    sis: str
    org: int
    moodle: tuple[int, int]  # of each week

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}".strip()

    @property
    def email(self) -> str:
        return f"{self.login.strip('@')}@example.edu"


@functools.cache
def people() -> tuple[Person, ...]:
    """The class, in the order of its layouts."""
    rng = random.Random(SEED)
    lines = [
        (layout, place, *(part.strip() for part in line.split("|")))
        for layout, text in CLASS.items()
        for place, line in enumerate(text.strip().split("\n"))
    ]
    numbers, ids = rng.sample(range(len(lines)), len(lines)), rng.sample(range(10_000), 600)
    return tuple(
        Person(
            *(first, last, login, layout, place, numbers[at]),
            id_number=10_000_000 + ids[at],
            canvas=20_000 + ids[60 + at],
            sis=f"S{30_000 + ids[120 + at]}",
            org=400_000 + ids[180 + at],
            moodle=(50_000 + ids[240 + at], 60_000 + ids[300 + at]),
        )
        for at, (layout, place, first, last, login) in enumerate(lines)
    )


@dataclass(frozen=True)
class File:
    """What is handed in as one file."""

    data: bytes
    name: str
    when: datetime
    again: int = 0  # the count of files before it


@dataclass(frozen=True)
class Right:
    """What is right for a person's exercise: points, or why there are none."""

    exercise: str
    points: int = 0
    written: float = 0
    refused: str = ""


def saved(notebook: nbformat.NotebookNode) -> bytes:
    for at, cell in enumerate(notebook.cells):
        if re.fullmatch("[0-9a-f]{8}", cell.get("id", "")):  # made at random
            cell.id = f"own-{at}"
    return nbformat.writes(notebook).encode()


# How people save.


def without_ids(notebook):
    for cell in notebook.cells:
        cell.pop("id", None)
    notebook.nbformat_minor = 4
    return notebook


def with_changed_tests(notebook):
    for cell in notebook.cells:
        about = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and about.get("grade"):
            cell.source = "print('✓')"
    return notebook


def with_own_cells(notebook):
    new = nbformat.v4.new_code_cell
    for at in range(len(notebook.cells), 3, -4):
        notebook.cells.insert(at, new(f"trial_{at} = [number**2 for number in range({at})]"))
    return notebook


def without_a_test(notebook):
    tests = [c for c in notebook.cells if c.get("id", "").startswith("check-")]
    notebook.cells.remove(tests[-1])
    return notebook


HABITS = (
    *(lambda notebook: notebook,) * 4,
    *(as_colab_saves,) * 2,
    without_ids,
    with_changed_tests,
    with_own_cells,
    without_a_test,
)

# Answers.

KINDS = ("right", "own", "wrong", "error", "blank")  # "own": the source's solution
OFTEN = (4, 2, 3, 1, 1)
ALWAYS_RIGHT = (1, 1, 0, 0, 0)
ERRORS = ("raise NotImplementedError", "return (((", "nothing_of_that_name + 1")
LOOP = "while True:\n    pass"
LOOPS = {"ex03": "sides-that-give", "ex04": "training-work"}
NEITHER = ("typed in", "another student", "with the function from above")  # not for everybody
TEXTS = (
    "I would take 227, since nothing hangs over. The rest can't be compared, nor can the data.",
    "Es kommt darauf an: «gleich» heißt hier nicht dasselbe.\n\n- erstens\n- zweitens",
    "=SUM(A1:A9) is what I began with; then I counted, and it is the same but for the padding.",
    "It depends.",
    "我建议先数一遍，再测量。",
)


@functools.cache
def known(exercise: str) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Wrong and right answers that hold for every number, by item."""
    wrong, right = (
        {
            item: [body for what, body in bodies.items() if not what.startswith(NEITHER)]
            for item, bodies in answers.items()
        }
        for answers in exercises.answers(exercise)
    )
    return wrong, right


@functools.cache
def warm_up(exercise: str) -> exercises.Item:
    return next(exercises.numbered(exercises.sources()[exercise]))


@functools.cache
def typed_in(exercise: str, number: int) -> str:
    """The warm-up's values for a number, as somebody writes them who has worked them out."""
    item = exercises.with_number(warm_up(exercise), number)
    names = dict(item.before)
    exec(mine(item.solution).replace("print(", "str("), names)
    asked = re.match(r"(\w+) = \{", item.solution)[1]
    return f"{asked}.update({names[asked]!r})"


def drawn(
    rng: random.Random, exercise: str, number: int, weights: tuple[int, ...]
) -> tuple[dict[str, str], set[str]]:
    """An answer to each item that isn't left blank, and which of them are right."""
    (wrong, right), answers, good = known(exercise), {}, set()
    by_hand = warm_up(exercise).name
    for item, mistakes in wrong.items():
        typed = [typed_in(exercise, number)] if item == by_hand else []
        (kind,) = rng.choices(KINDS, weights)
        if kind == "right":
            answers[item] = rng.choice([*right[item], *typed])
        elif kind == "own":
            answers[item] = ""
        elif kind != "blank":
            answers[item] = rng.choice(mistakes if kind == "wrong" else ERRORS)
        if kind in ("right", "own"):
            good.add(item)
    return answers, good


def written_cell(notebook):
    return next(
        cell
        for cell in notebook.cells
        if cell.cell_type == "markdown" and cell.metadata.get("nbgrader", {}).get("grade")
    )


def work(rng: random.Random, one: Person, exercise: str, special: str) -> tuple[bytes, Right]:
    """A notebook with answers, and what is right for it."""
    notebook = released(exercise)
    if special == "blank":
        return saved(notebook), Right(exercise)
    number = (one.number + 7) % 60 if special == "number" else one.number
    weights = ALWAYS_RIGHT if special == "right" else OFTEN
    answers, good = drawn(rng, exercise, number, weights)
    if special == "loop":
        answers[LOOPS[exercise]] = LOOP
        good.discard(LOOPS[exercise])
    if special == "number":  # right for somebody else
        answers[warm_up(exercise).name] = typed_in(exercise, number)
        good.discard(warm_up(exercise).name)
    points = sum(cell_of(notebook, f"check-{item}").metadata.nbgrader.points for item in good)
    for item, body in answers.items():
        if body:
            answer(notebook, item, body)
        else:
            cell_of(notebook, item).source = solutions(exercise)[item]
    text, mark = rng.choice((*TEXTS, "")), rng.choice(MARKS)
    if text:
        written_cell(notebook).source = text
    handed = rng.choice(HABITS)(with_number(notebook, number))
    return saved(handed), Right(exercise, points, mark if text else 0)


def attack(rng: random.Random, one: Person, exercise: str, name: str) -> tuple[bytes, Right]:
    """An attack on the first exercise, and what it gets."""
    expected = hostile.TABLE[name]
    number = one.number + (7 if name == "tricks" else 0)  # it tries for another number's points
    notebook = with_number(hostile.notebook(expected, PLACES), number % 60)
    if expected.points is None:
        return saved(notebook), Right(exercise, refused=expected.why)
    return saved(notebook), Right(exercise, expected.points, rng.choice(MARKS))


def notebook_name(exercise: str) -> str:
    return exercises.sources()[exercise].name


def refused(rng: random.Random, one: Person, week: int, special: str) -> tuple[bytes, str, str]:
    """A file that can't be graded: what is in it, its name, and why."""
    if special == "misnamed":
        data, _ = work(rng, one, WEEKS[3 - week], "")
        return data, f"{WEEKS[week]}.ipynb", "under another name"
    if special == "PDF":
        name = notebook_name(WEEKS[week]).replace(".ipynb", ".pdf")
        return b"%PDF-1.7", name, "is no notebook"
    data, _ = work(rng, one, WEEKS[week], "")
    return data[: len(data) // 2], notebook_name(WEEKS[week]), "can't be read as a notebook"


def twice(rng: random.Random, one: Person, file: File, exercise: str, special: str) -> list[File]:
    """The file that counts, ``file``, and another one before or after it."""
    later = file.when + timedelta(days=1)
    if special == "later blank":
        return [file, File(saved(released(exercise)), file.name, later, 1)]
    before = File(work(rng, one, exercise, "")[0], file.name, file.when)
    if special == "later":
        return [before, File(file.data, file.name, later, 1)]
    copied = file.name.replace(".ipynb", " (1).ipynb")
    return [before, File(file.data, copied, file.when, 1)]


def handed_in(one: Person, week: int, special: str) -> tuple[list[File], Right]:
    """The files that a person hands in in a week, and what is right."""
    rng = random.Random(f"{SEED} {one.login} {week}")
    when = STARTS[week] + timedelta(minutes=rng.randrange(5000) * 2)
    # In the first week the second's, and the other way round.
    exercise = WEEKS[3 - week if special == "other exercise" else week]
    if special == "absent":
        return [], Right(exercise, refused="hands in nothing")
    if special in REFUSED:
        data, name, why = refused(rng, one, week, special)
        return [File(data, name, when)], Right(exercise, refused=why)
    make_one = attack if special in ATTACKS else work
    data, right = make_one(rng, one, exercise, special)
    file = File(data, notebook_name(exercise), when)
    return twice(rng, one, file, exercise, special) if special in TWICE else [file], right


# How platforms, and people without one, name what they hand over.


def by_moodle(one: Person) -> str:
    return re.sub(r"[&<>\"`|':\\/]", "", one.name.replace("_", " "))


def by_canvas(one: Person) -> str:
    kept = (c for c in f"{one.last}{one.first}".lower() if unicodedata.category(c)[0] in "LM")
    return "".join(kept)


def moodle_folders(one: Person, week: int, file: File) -> str:
    since_4_1 = week == 2
    folder = f"{by_moodle(one)}_{one.moodle[week - 1]}_assignsubmission_file"
    name = f"{'again_' * file.again}{file.name}"
    return f"moodle-folders/{folder}{'' if since_4_1 else '_'}/{name}"


def moodle_flat(one: Person, week: int, file: File) -> str:
    name = f"{'again_' * file.again}{file.name}"
    return f"moodle-flat.zip/{by_moodle(one)}_{one.moodle[week - 1]}_assignsubmission_file_{name}"


def canvas(one: Person, week: int, file: File) -> str:
    late = "_LATE" if file.when > STARTS[week] + timedelta(days=5) else ""
    again = file.name.replace(".ipynb", f"-{file.again}.ipynb") if file.again else file.name
    number = 1_000_000 * week + 10 * one.canvas + file.again
    return f"canvas.zip/{by_canvas(one)}{late}_{one.canvas}_{number}_{again}"


def brightspace(one: Person, week: int, file: File) -> str:
    exercise, day = 2 + week, 15 + 7 * (week - 1)
    when = f"{file.when:%b} {file.when.day}, {file.when:%Y} {int(f'{file.when:%I%M}')}"
    folder = f"{one.org}-{8800 + week} - {one.name} - {when} {file.when:%p}"
    archive = f"Exercise {exercise} Download Nov {day}, 2026 101 PM.zip"
    return f"brightspace/{archive}/{folder}/{file.name}"


def blackboard(one: Person, week: int, file: File) -> str:
    when = f"{file.when:%Y-%m-%d-%H-%M-%S}"
    return f"blackboard.zip/Exercise {2 + week}_{one.login}_attempt_{when}_{file.name}"


def github(one: Person, week: int, file: File) -> str:
    exercise, name = WEEKS[week], f"{'again_' * file.again}{file.name}"
    return f"github/{exercise}-submissions/{exercise}-{one.login}/{name}"


def named(one: Person, week: int, file: File) -> str:
    exercise, kind = re.match(r"(ex\d+).*?((?: \(1\))?\.\w+)$", file.name).groups()
    again = " again" if file.again and "(1)" not in kind else ""
    return f"named/{one.name.replace(' ', '_')}_{exercise}{again}{kind}"


def folders(one: Person, week: int, file: File) -> str:
    form = "NFD" if week == 1 else "NFC"  # macOS took names apart
    return f"folders/{unicodedata.normalize(form, one.name)}/{'again ' * file.again}{file.name}"


def short(file: File) -> str:
    """A file's name without the exercise, where the contents leave no doubt of it."""
    return re.sub(r"^ex\d+_\w+(?=.*\.ipynb$)", f"hw{'_new' * file.again}", file.name)


def exercise_folders(one: Person, week: int, file: File) -> str:
    return f"exercise-folders/{WEEKS[week]}/{one.name}/{short(file)}"


def zips(one: Person, week: int, file: File) -> str:
    return f"zips/{one.name}_{WEEKS[week]}{' (1)' * file.again}.zip/{short(file)}"


LAYOUTS = dict(
    zip(
        CLASS,
        (
            *(moodle_folders, moodle_flat, canvas, brightspace, blackboard, github),
            *(named, folders, exercise_folders, zips),
        ),
        strict=True,
    )
)
UNDATED = "blackboard.zip"  # its members have the date of the download


def given(one: Person) -> str:
    """The name that is found in the files, as ``who.csv`` has it."""
    namesakes = sum(other.name == one.name for other in people()) > 1
    names = {
        "moodle-folders": by_moodle(one) + (f" {one.moodle[0]}" if namesakes else ""),
        "moodle-flat": by_moodle(one),
        "canvas": f"{by_canvas(one)} {one.canvas}",
        "blackboard": one.login,
        "github": one.login,
        "named": one.name.replace(" ", "_"),
    }
    return unicodedata.normalize("NFC", names.get(one.layout, one.name))


def specials(week: int) -> dict[str, str]:
    """What is special about what somebody hands in in a week, by login."""
    rng = random.Random(f"{SEED} {week}")
    able = [one.login for one in people() if one.place in (2, 3, 4)]
    found = {one.login: "right" for one in people() if one.place == 0}
    found |= dict(zip(rng.sample(able, len(SPECIAL[week])), SPECIAL[week], strict=True))
    if week == 1:
        attackers = [one.login for one in people() if one.place == 5]
        return found | dict(zip(attackers, ATTACKS, strict=True))
    changed = [who for who, what in specials(1).items() if what == "other exercise"]
    return found | dict.fromkeys(changed, "other exercise")


@dataclass(frozen=True)
class Handed:
    """A file in its place, and what is right for whoever handed it in."""

    one: Person
    week: int
    path: str  # below the week's folder
    file: File

    @property
    def collected(self) -> str:
        """The path below its layout, as grading tells of it."""
        return self.path.partition("/")[2].replace(".zip/", "/")


@functools.cache
def term() -> tuple[list[Handed], list[tuple[Person, Right]]]:
    """All that is handed in, and all that is right."""
    files, right = [], []
    for week in WEEKS:
        special = specials(week)
        for one in people():
            handed, wanted = handed_in(one, week, special.get(one.login, ""))
            place = LAYOUTS[one.layout]
            files += [Handed(one, week, place(one, week, file), file) for file in handed]
            right.append((one, wanted))
    return files, right


def write(folder: Path, handed: Handed) -> None:
    """Put a file where its path says, into an archive if that is on the way."""
    when = STARTS[handed.week] if handed.path.startswith(UNDATED) else handed.file.when
    outer, packed, inner = handed.path.partition(".zip/")
    path = folder / f"week{handed.week}" / (f"{outer}.zip" if packed else outer)
    path.parent.mkdir(parents=True, exist_ok=True)
    if packed:
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo(inner, when.timetuple()[:6]), handed.file.data)
        return
    path.write_bytes(handed.file.data)
    os.utime(path, (when.timestamp(), when.timestamp()))


def sources(folder: Path) -> list[Path]:
    """What is graded, call by call."""
    paths = [folder / f"week{week}" / layout for week in WEEKS for layout in CLASS]
    return [path if path.exists() else path.with_suffix(".zip") for path in paths]


# The class as it is exported.

MOODLE = (
    *("First name", "Last name", "ID number", "Institution", "Department", "Email address"),
    *("Assignment: Exercise 3 (Real)", "Last downloaded from this course"),
)
CANVAS = (
    *("Student", "ID", "SIS User ID", "SIS Login ID", "Section"),
    *("Exercise 3 (98765)", "Exercise 4 (98766)", "Final Score"),
)
BRIGHTSPACE = (
    *("OrgDefinedId", "Username", "Last Name", "First Name", "Email"),
    *("Exercise 3 Points Grade <Numeric MaxPoints:14 Weight:10>", "End-of-Line Indicator"),
)


def exported() -> dict[str, tuple[tuple[str, ...], list[tuple]]]:
    """The columns and lines of each list of the class."""
    everybody = people()
    moodle = [
        (one.first, one.last, one.id_number, "", "", one.email, "-", "1795000000", one.number)
        for one in everybody
    ]
    possible = ("    Points Possible", "", "", "", "", "14", "14", "(read only)", "")
    canvas_ = [
        (
            *(", ".join(filter(None, (one.last, one.first))), one.canvas, one.sis, one.login),
            *("Section 1", "", "", "", one.number),
        )
        for one in everybody
    ]
    brightspace_ = [
        (
            *(f"#{one.org}", f"#{one.login}", one.last, one.first, one.email),
            *("", "#", one.number),
        )
        for one in everybody
    ]
    return {
        "class-moodle": ((*MOODLE, "number"), moodle),
        "class-canvas": ((*CANVAS, "number"), [possible, *canvas_]),
        "class-brightspace": ((*BRIGHTSPACE, "number"), brightspace_),
        "class-plain": (("student", "number"), [(one.name, one.number) for one in everybody]),
        "numbers": (("student", "number"), [(given(one), one.number) for one in everybody]),
    }


EXPECTED = ("student", "exercise", "layout", "name", "points", "written", "refused")


def make(folder: Path) -> None:
    """Write the class and its two weeks into an empty or new ``folder``."""
    if folder.exists() and any(folder.iterdir()):
        raise SystemExit(f"{folder} is not empty; name a new folder")
    files, right = term()
    for handed in reversed(files):  # an archive keeps no order of time
        write(folder, handed)
    expected = [
        (one.login, r.exercise, one.layout, given(one), r.points, f"{r.written:g}", r.refused)
        for one, r in right
    ]
    whose = [(f"week{one.week}/{one.path}", one.one.login, one.collected) for one in files]
    lists = exported() | {
        "expected": (EXPECTED, expected),
        "files": (("file", "student", "collected"), whose),
    }
    for name, (columns, lines) in lists.items():
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([columns, *lines])


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def students(folder: Path, grading: Path) -> dict[str, str]:
    """Under which name each login is graded."""
    who = {row["name"]: row["student"] for row in tables.read_table(grading / "who.csv")}
    names = {row["student"]: row["name"] for row in rows(folder / "expected.csv")}
    return {login: who.get(name, tidy(name)) for login, name in names.items()}


def answered(asked: str, whose: dict[str, str]) -> set[str]:
    """The logins of those whose files lie at a path that ``who.csv`` asks about."""
    at = re.sub(r" \[[0-9a-f]{8}\]$", "", asked.removeprefix("./"))
    return {login for path, login in whose.items() if path == at or path.startswith(f"{at}/")}


def answer_questions(folder: Path, grading: Path) -> None:
    """Put the right student where ``who.csv`` asks, and say how often."""
    student, who = students(folder, grading), tables.read_table(grading / "who.csv")
    whose = {row["collected"]: row["student"] for row in rows(folder / "files.csv")}
    asked = [row for row in who if row["name"].startswith("./")]
    wrongly = 0
    for row in asked:
        (login,) = answered(row["name"], whose)
        wrongly += row["student"] != student[login]
        row["student"] = student[login]
    names = Counter(one.name for one in people())
    known = {row["name"] for row in who}
    told = [
        {"name": one.email, "student": student[one.login]}
        for one in people()
        if names[one.name] > 1 and given(one) in known and one.email not in known
    ]
    tables.write_table(grading / "who.csv", ["name", "student"], [*who, *told])
    print(f"who.csv: {len(asked)} lines ask or asked, {wrongly} guessed wrongly")
    print(f"who.csv: {len(told)} lines say which line of the class list is a namesake's")


def give_points(folder: Path, grading: Path) -> None:
    """Fill in ``written.csv`` where nothing stands yet, and say how many lines."""
    student = students(folder, grading)
    marks = {
        (student[row["student"]], row["exercise"]): row["written"]
        for row in rows(folder / "expected.csv")
    }
    lines = tables.read_table(grading / "written.csv")
    empty = [line for line in lines if not line["points"]]
    for line in empty:
        line["points"] = marks.get((line["student"], line["exercise"]), "")
    if lines:
        tables.write_table(grading / "written.csv", list(lines[0]), lines)
    print(f"{len(empty)} lines of written.csv had no points")


def fault(right: dict[str, str], found: dict[str, str] | None) -> tuple[str, str] | None:
    """What is wrong with a line of ``grades.csv``, or that there is one or none."""
    if right["refused"]:
        said = f"should have no grade ({right['refused']})"
        return ("too many", f"{said}, has {found['points']} points") if found else None
    if not found:
        return "missing", "no grade"
    wanted = float(right["points"])
    if found["written answers to grade"] == "0":
        wanted += float(right["written"])
    if (points := float(found["points"])) == wanted:
        return None
    return "wrong" if points > wanted else "lost", f"{points:g} points, should be {wanted:g}"


def judge(folder: Path, grading: Path) -> list[tuple[str, str]]:
    """What is not right in the grading: a kind of fault, and a sentence, each."""
    student, faults = students(folder, grading), []
    grades = {
        (row["student"], row["exercise"]): row
        for row in tables.read_table(grading / "grades.csv", "student", "exercise", "points")
    }
    reasons = {row["student"]: row["why"] for row in tables.read_table(grading / "not_graded.csv")}
    for right in rows(folder / "expected.csv"):
        who = student[right["student"]]
        # A line counts once: two people under one name can't both have it.
        if not (found := fault(right, grades.pop((who, right["exercise"]), None))):
            continue
        kind, words = found
        if kind == "missing" and who in reasons:
            words += f": {reasons[who]}"
        place = f"{right['student']} ({who}), {right['exercise']}, {right['layout']}"
        faults.append((kind, f"{place}: {words}"))
    return faults + [("too many", f"{who}, {exercise}: nobody's") for who, exercise in grades]


def judge_returned(folder: Path, grading: Path) -> list[tuple[str, str]]:
    """What is not right in the tables for Moodle's gradebook, once nothing waits."""
    found = {
        (row["Email address"], exercise): float([*row.values()][-1])
        for exercise in WEEKS.values()
        for row in rows(grading / "for-moodle" / f"{exercise}-points.csv")
    }
    address = {one.login: one.email for one in people()}
    right = {
        (address[row["student"]], row["exercise"]): float(row["points"]) + float(row["written"])
        for row in rows(folder / "expected.csv")
        if not row["refused"]
    }
    return [
        ("returned", f"{who}, {exercise}: {found.get((who, exercise))} goes back, not {points}")
        for (who, exercise) in sorted({*found, *right})
        if found.get((who, exercise)) != (points := right.get((who, exercise)))
    ]


def grade(folder: Path, grading: Path) -> None:
    """What an instructor does, call by call."""
    tool = [sys.executable, str(exercises.ROOT / "tools" / "grading.py"), "--into", str(grading)]
    listed = ["--class", str(folder / "class-moodle.csv")]
    seconds = 0.0

    def call(*words: str) -> bool:
        nonlocal seconds
        started = time.monotonic()
        done = subprocess.run([*tool, *words], check=False)
        seconds += time.monotonic() - started
        return done.returncode == 0

    for source in sources(folder):
        if not call("grade", str(source), *listed):  # it asks
            answer_questions(folder, grading)
            call("grade", str(source), *listed)
    answer_questions(folder, grading)
    give_points(folder, grading)
    call("report")
    print(f"{len(sources(folder))} calls and what they asked took {seconds / 60:.1f} minutes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for command in ("make", "grade", "by-hand", "judge"):
        of = commands.add_parser(command)
        of.add_argument("folder", type=Path)
        if command != "make":
            of.add_argument("grading", type=Path)
    options = parser.parse_args()
    if options.command == "make":
        make(options.folder)
    elif options.command == "grade":
        grade(options.folder, options.grading)
    elif options.command == "by-hand":
        answer_questions(options.folder, options.grading)
        give_points(options.folder, options.grading)
    else:
        faults = judge(options.folder, options.grading)
        faults += judge_returned(options.folder, options.grading)
        for kind, words in faults:
            print(f"{kind}: {words}")
        count = Counter(kind for kind, _ in faults)
        wanted = [row for row in rows(options.folder / "expected.csv") if not row["refused"]]
        kinds = ("wrong", "lost", "missing", "too many", "returned")
        said = ", ".join(f"{count[kind]} {kind}" for kind in kinds)
        print(f"{len(wanted)} grades of {len(people())} people: {said}")
        sys.exit(bool(faults))


if __name__ == "__main__":
    main()
